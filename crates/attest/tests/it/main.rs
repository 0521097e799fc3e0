//! What people signed, from outside: every field altered in turn, and everybody who cannot sign.

#[cfg(test)]
mod approvals;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod people;
