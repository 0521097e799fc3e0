//! What the policies say, as cases that a lawyer can read (`tests/cases/*.md`), and as statements about every question.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod statements;
