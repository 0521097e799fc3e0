//! What is counted of attempts, and that there is a limit to how many kinds of them there are.

#[cfg(test)]
mod counting;
#[cfg(test)]
mod sample;
