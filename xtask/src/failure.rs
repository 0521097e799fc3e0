//! Why a task could not be carried out. What a task finds is no failure: it is the task's output.

use std::{
    fmt::{self, Display},
    io::{self, Write},
};

/// A task that could not be carried out: where it stuck, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    place: String,
    reason: String,
}

impl Failure {
    /// A failure at a path, a command or a program, with its reason.
    pub(crate) fn new(place: impl Display, reason: impl Display) -> Self {
        Self {
            place: place.to_string(),
            reason: reason.to_string(),
        }
    }

    /// Makes a failure at this place out of any error.
    pub(crate) fn at<E: Display>(place: impl Display) -> impl FnOnce(E) -> Self {
        move |error| Self::new(place, error)
    }
}

impl Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.reason)
    }
}

/// Says a failure on stderr; where that is closed, nobody listens.
pub(crate) fn report(failure: &Failure) {
    let _ = writeln!(io::stderr().lock(), "error: {failure}");
}
