//! What holds for every text.

#[cfg(test)]
mod coffee;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod report;
