//! On which machine and at which commit something was measured or tried.

use std::{fs, path::Path, process::Command, thread};

/// Processor, cores, memory and system on one line; what the machine does not tell is left out.
pub(crate) fn describe() -> String {
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let memory = field("/proc/meminfo", "MemTotal").and_then(|total| total.strip_suffix(" kB")?.parse::<u64>().ok());
    let memory = memory.map_or(String::new(), |kib| format!(", {} GiB", kib.div_ceil(1 << 20)));
    format!("{processor}, {cores} cores{memory}, {}", std::env::consts::OS)
}

/// The commit that is checked out, with `-dirty` where tracked files differ from it.
pub(crate) fn commit(root: &Path) -> String {
    let described = Command::new("git")
        .args([
            "-c",
            "safe.directory=*",
            "describe",
            "--always",
            "--abbrev=40",
            "--exclude=*",
            "--dirty",
        ])
        .current_dir(root)
        .output();
    match described {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// The first value of a `name : value` line in a file.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
