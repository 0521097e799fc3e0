//! The recorded streams and refusals, read as a stranger would.

#[cfg(test)]
mod fixtures;
