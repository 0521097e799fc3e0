//! Near-duplicates of whole texts.

#[cfg(test)]
mod near_duplicates;
