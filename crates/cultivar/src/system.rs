//! The system: clock, randomness, environment, limits. Nothing else reads them.

use std::{cell::RefCell, time::UNIX_EPOCH};

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

    fn entropy(&self) -> [u8; 32] {
        DRAWN.with_borrow_mut(Drawn::next)
    }
}

/// Pieces of the kernel's randomness that one draw gives: a call for each costs more than all else of a salt.
const PIECES: usize = 64;

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { pieces: [[0; 32]; PIECES], left: 0 }) };
}

/// The kernel's randomness, drawn ahead. Each piece is handed out once and kept nowhere.
struct Drawn {
    pieces: [[u8; 32]; PIECES],
    left: usize,
}

impl Drawn {
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "the one place that draws randomness; without any, no key or salt may be made, so the process ends"
    )]
    fn next(&mut self) -> [u8; 32] {
        loop {
            if let Some(piece) = self.left.checked_sub(1).and_then(|at| self.pieces.get_mut(at)) {
                self.left -= 1;
                return std::mem::take(piece);
            }
            getrandom::fill(self.pieces.as_flattened_mut()).expect("the kernel gives randomness");
            self.left = PIECES;
        }
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

/// Keeps to small pages of memory: a server asks for many small pieces on several threads, and half of its memory would be the
/// unused rest of huge pages.
pub(crate) fn keep_to_small_pages() {
    // Where that cannot be said, it only takes more memory.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
