//! A server under measurement: started with its talk in a file, waited for, and ended with all that it started.

use std::{
    ffi::OsStr,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{cpu, load::Load, run_load};

/// How long a server may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often something is looked at that is waited for.
const GLANCE: Duration = Duration::from_millis(100);

/// A command for a foreign program, or ours, that is ended when this one ends in any way at all; where `setpriv` is missing, it is
/// ended when this one ends in good order.
pub(super) fn tied(program: impl AsRef<OsStr>) -> Command {
    let there = Command::new("setpriv")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !there.is_ok_and(|status| status.success()) {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}

/// A running server. It is ended when this goes out of scope.
pub(super) struct Process {
    child: Child,
    /// Where its stdout and stderr go.
    log: PathBuf,
    /// The signal that ends it in good order.
    signal: &'static str,
}

impl Process {
    /// Starts a server; what it says goes to a file in the folder.
    pub(super) fn start(command: &mut Command, name: &str, folder: &Path) -> Result<Self, String> {
        let log = folder.join(format!("{name}.log"));
        let said = |error: std::io::Error| format!("{name}: {}: {error}", log.display());
        let file = File::create(&log).map_err(said)?;
        let child = command
            .stdin(Stdio::piped())
            .stdout(file.try_clone().map_err(said)?)
            .stderr(file)
            .spawn()
            .map_err(|error| format!("{name}: {}: {error}", command.get_program().to_string_lossy()))?;
        Ok(Self {
            child,
            log,
            signal: "-TERM",
        })
    }

    /// The same, ended as a person ends it: by an interrupt.
    pub(super) fn ended_by_interrupt(self) -> Self {
        // `self` has a `Drop`, so that no field can be moved out of it.
        let mut process = self;
        process.signal = "-INT";
        process
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the address that it says; why it says none, otherwise.
    pub(super) fn address(&mut self, patience: Duration) -> Result<SocketAddr, String> {
        self.wait(patience, |said| {
            let url = said.lines().find_map(crate::conformance::program::address)?;
            url.trim_start_matches("http://")
                .replace("localhost", "127.0.0.1")
                .parse()
                .ok()
        })
    }

    /// Waits until it answers a request as it should.
    pub(super) fn until_it_answers(&mut self, load: &Load, patience: Duration) -> Result<(), String> {
        let one = Load {
            callers: 1,
            requests: 1,
            seconds: 1.0,
            ..load.clone()
        };
        let mut last = String::new();
        let answered = self.wait(patience, |_| {
            let met = run_load(&one).ok()?;
            last = met.errors.keys().next().cloned().unwrap_or_default();
            (met.answered == 1).then_some(())
        });
        answered.map_err(|why| {
            if last.is_empty() {
                why
            } else {
                format!("{why}; asked, it gave: {last}")
            }
        })
    }

    /// Looks again and again, until there is something, the process has ended, or patience has.
    fn wait<T>(&mut self, patience: Duration, mut look: impl FnMut(&str) -> Option<T>) -> Result<T, String> {
        let until = Instant::now() + patience;
        loop {
            let said = fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(found) = look(&said) {
                return Ok(found);
            }
            let last = said
                .lines()
                .map(str::trim)
                .rfind(|line| !line.is_empty())
                .unwrap_or("it says nothing");
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("it ended with {status}: {last}"));
            }
            if Instant::now() > until {
                return Err(format!("not ready after {} s: {last}", patience.as_secs()));
            }
            thread::sleep(GLANCE);
        }
    }
}

impl Drop for Process {
    /// Ends the whole tree: servers start workers, and not each of them ends those.
    fn drop(&mut self) {
        let tree = cpu::descendants(self.id());
        signal(self.signal, tree.get(..1).unwrap_or_default());
        let until = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            thread::sleep(GLANCE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let alive = |id: &u32| Path::new(&format!("/proc/{id}")).exists();
        let left: Vec<u32> = tree.into_iter().skip(1).filter(alive).collect();
        signal("-KILL", &left);
    }
}

fn signal(signal: &str, ids: &[u32]) {
    if !ids.is_empty() {
        let ids = ids.iter().map(u32::to_string);
        let _ = Command::new("kill")
            .arg(signal)
            .args(ids)
            .stderr(Stdio::null())
            .status();
    }
}

/// An address of this machine on which nobody listens right now.
pub(super) fn free_address() -> Result<SocketAddr, String> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = TcpListener::bind(any).and_then(|listener| listener.local_addr());
    address.map_err(|error| format!("no free port: {error}"))
}
