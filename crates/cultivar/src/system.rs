//! The system: clock, randomness, environment, limits. Nothing else reads them.

use std::time::UNIX_EPOCH;

use cultivar_record::{Ambient, Timestamp};
use rustix::process::{Resource, getrlimit, setrlimit};

/// The wall clock and the kernel's randomness.
pub(crate) struct System;

impl Ambient for System {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "the one place that draws randomness; without any, no key or salt may be made, so the process ends"
    )]
    fn entropy(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the kernel gives randomness");
        bytes
    }
}

/// A variable of the environment; a value that is no text counts as unset.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Lets this process open as many files as it may: a server has one for each client, and the usual limit of a shell is 1,024.
pub(crate) fn open_all_files_that_may_be() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it may not be raised, it is as it was.
    let _ = setrlimit(Resource::Nofile, limit);
}
