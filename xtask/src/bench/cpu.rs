//! What a tree of processes has used: processor time and memory, as `/proc` tells them.
//!
//! Times are `utime + stime` of every living process of the tree, and of its children that ended and were waited for. They come in
//! clock ticks (10 ms): a figure per request needs many requests.

use std::{collections::HashMap, fs, process::Command, time::Duration};

/// Clock ticks per second where `getconf` is missing: every Linux of today.
const TICKS_PER_SECOND: u64 = 100;

/// One process, from `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    ticks: u64,
}

/// Resident memory of a tree, in KiB. Pages that its processes share are counted for each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// `VmRSS`: now.
    pub(super) now_kib: u64,
    /// `VmHWM`: the most that there ever was.
    pub(super) peak_kib: u64,
}

/// Turns clock ticks into time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    ticks_per_second: u64,
}

impl Clock {
    pub(super) fn of_this_machine() -> Self {
        let said = Command::new("getconf").arg("CLK_TCK").output().ok();
        let ticks = said.and_then(|said| String::from_utf8_lossy(&said.stdout).trim().parse().ok());
        Self {
            ticks_per_second: ticks.filter(|ticks| *ticks > 0).unwrap_or(TICKS_PER_SECOND),
        }
    }

    /// Processor time that the tree below a process has used so far.
    pub(super) fn used(self, root: u32) -> Duration {
        let all = processes();
        let ticks: u64 = tree(root, &all)
            .iter()
            .filter_map(|id| all.get(id))
            .map(|stat| stat.ticks)
            .sum();
        Duration::from_millis(ticks * 1_000 / self.ticks_per_second)
    }
}

/// Resident memory of the tree below a process.
pub(super) fn memory(root: u32) -> Memory {
    let statuses = descendants(root)
        .into_iter()
        .filter_map(|id| fs::read_to_string(format!("/proc/{id}/status")).ok());
    statuses.fold(Memory::default(), |sum, status| Memory {
        now_kib: sum.now_kib + kib(&status, "VmRSS:"),
        peak_kib: sum.peak_kib + kib(&status, "VmHWM:"),
    })
}

/// A process and all that descend from it, parents first.
pub(super) fn descendants(root: u32) -> Vec<u32> {
    tree(root, &processes())
}

fn processes() -> HashMap<u32, Stat> {
    let Ok(folder) = fs::read_dir("/proc") else {
        return HashMap::new();
    };
    let ids = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| Some((id, stat(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)?)))
        .collect()
}

fn tree(root: u32, all: &HashMap<u32, Stat>) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        let children = all.iter().filter(|(_, stat)| stat.parent == parent);
        found.extend(children.map(|(id, _)| *id));
        next += 1;
    }
    found
}

/// Reads `/proc/PID/stat`, see `proc_pid_stat(5)`: the name in brackets may itself hold spaces and brackets.
fn stat(text: &str) -> Option<Stat> {
    let (_, after) = text.rsplit_once(')')?;
    let mut fields = after.split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    // `utime`, `stime`, `cutime`, `cstime` are the fields 14 to 17; the parent was the fourth.
    let times = fields.skip(9).take(4).map(str::parse::<u64>);
    let ticks = times.sum::<Result<u64, _>>().ok()?;
    Some(Stat { parent, ticks })
}

/// A value of `/proc/PID/status` in KiB; 0 where it is not there.
fn kib(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    let number = value.and_then(|value| value.trim().strip_suffix("kB")?.trim().parse().ok());
    number.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "42 (a (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 8 0 12345 6789 10";

    #[test]
    fn reads_a_stat_line_whose_name_has_brackets() {
        assert_eq!(stat(STAT), Some(Stat { parent: 7, ticks: 124 }));
        assert_eq!(stat("42 (a) S 7 42"), Some(Stat { parent: 7, ticks: 0 }));
        assert_eq!(stat("nonsense"), None);
    }

    #[test]
    fn a_tree_is_all_that_descends_from_its_root() {
        let of = |parent| Stat { parent, ticks: 1 };
        let all = HashMap::from([(2, of(1)), (3, of(2)), (4, of(3)), (5, of(1)), (6, of(5))]);
        assert_eq!(tree(2, &all), [2, 3, 4]);
        assert_eq!(tree(6, &all), [6]);
    }

    #[test]
    fn reads_memory_in_kib() {
        let status = "Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(
            (kib(status, "VmRSS:"), kib(status, "VmHWM:"), kib(status, "VmSwap:")),
            (1024, 2048, 0)
        );
    }

    #[test]
    fn this_process_has_memory_and_uses_time() {
        let own = std::process::id();
        let Memory { now_kib, peak_kib } = memory(own);
        assert!(now_kib > 0 && peak_kib >= now_kib, "{now_kib} {peak_kib}");
        let clock = Clock::of_this_machine();
        let before = clock.used(own);
        let mut sum = 0_u64;
        while clock.used(own) < before + Duration::from_millis(20) {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(sum > 0);
    }
}
