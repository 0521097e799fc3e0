//! What the policies say, as statements about every question. The cases that a lawyer can read are `tests/cases/*.md`.

#[cfg(test)]
mod statements;
