//! The recorded streams and refusals, read as a stranger would.

mod fixtures;
