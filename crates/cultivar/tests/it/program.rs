//! Runs `cultivar` in a directory of its own, and holds what it said against what was expected.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, LazyLock, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use cultivar_testkit::redact;
use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes so long, even on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_mins(4);
/// Enough dialogues that every split has some, few enough that collecting takes a second.
pub(crate) const SMALL_DEMO: [&str; 4] = ["demo", "--exit", "--dialogues", "150"];

/// A working directory with a data directory `data` in it.
pub(crate) struct Workplace {
    root: TempDir,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    /// One with a copy of a finished small demo.
    pub(crate) fn with_finished_demo() -> Self {
        let workplace = Self::new();
        copy_folder(&FINISHED.folder, &workplace.data(""));
        workplace
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.root.path().join("data").join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write(&self.path(name), text.as_bytes());
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command(self.root.path(), arguments)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments))
    }
}

fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cultivar"));
    command
        .args(arguments)
        .args(["--data-dir", "data"])
        .current_dir(root)
        .stdin(Stdio::null());
    command
}

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Nothing where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// The exit code and the last words: everything from the first warning or error on, without what differs every time.
    pub(crate) fn failure(&self) -> String {
        let code = self.code.map_or("a signal".to_owned(), |code| code.to_string());
        let lines: Vec<&str> = self.stderr.lines().collect();
        let is_trouble = |line: &&str| line.starts_with("error") || line.starts_with("warning");
        let first = lines.iter().position(is_trouble).unwrap_or(0);
        redact(&format!("{}\nexit {code}", lines[first..].join("\n")))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {:?}", self.stdout))
    }
}

/// A command under way.
pub(crate) struct Running {
    child: Child,
    said: Arc<(Mutex<Said>, Condvar)>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Said {
    stdout: String,
    stderr: String,
    open: usize,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new((
            Mutex::new(Said {
                open: 2,
                ..Said::default()
            }),
            Condvar::new(),
        ));
        let stdout = read_lines(child.stdout.take().unwrap(), &said, |said| &mut said.stdout);
        let stderr = read_lines(child.stderr.take().unwrap(), &said, |said| &mut said.stderr);
        Self {
            child,
            said,
            readers: vec![stdout, stderr],
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the command has said this. Returns false where it ended without saying it.
    pub(crate) fn says(&self, words: &str) -> bool {
        let (said, changed) = &*self.said;
        let until = Instant::now() + PATIENCE;
        let mut said = said.lock().unwrap();
        loop {
            if said.stderr.contains(words) || said.stdout.contains(words) {
                return true;
            }
            if said.open == 0 {
                return false;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it never said {words:?}, only: {}", said.stderr);
            said = changed.wait_timeout(said, left).unwrap().0;
        }
    }

    /// The rest of the line that begins with these words.
    pub(crate) fn end_of(&self, words: &str) -> String {
        assert!(self.says(words));
        let said = self.said.0.lock().unwrap();
        let line = said.stdout.lines().find_map(|line| line.strip_prefix(words));
        line.unwrap_or_default().to_owned()
    }

    pub(crate) fn said_so_far(&self) -> String {
        self.said.0.lock().unwrap().stderr.clone()
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let kill = format!("kill -INT {}", self.pid());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// `kill -9`. Returns false where the command had ended before.
    pub(crate) fn kill(&mut self) -> bool {
        let ended = self.child.try_wait().unwrap().is_some();
        self.child.kill().unwrap();
        !ended
    }

    pub(crate) fn end(mut self) -> Ran {
        let status = self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let mut said = self.said.0.lock().unwrap();
        Ran {
            code: status.code(),
            stdout: std::mem::take(&mut said.stdout),
            stderr: std::mem::take(&mut said.stderr),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(
    from: impl Read + Send + 'static,
    said: &Arc<(Mutex<Said>, Condvar)>,
    part: fn(&mut Said) -> &mut String,
) -> JoinHandle<()> {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut guard = said.0.lock().unwrap();
            part(&mut guard).push_str(&line);
            part(&mut guard).push('\n');
            said.1.notify_all();
        }
        said.0.lock().unwrap().open -= 1;
        said.1.notify_all();
    })
}

/// A small demo that ran to its end, made once per test run and never changed; other test runs wait for the lock.
struct Finished {
    folder: PathBuf,
    said: Ran,
    _lock: fs::File,
}

static FINISHED: LazyLock<Finished> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("finished-demo");
    fs::create_dir_all(&root).unwrap();
    let lock = fs::File::create(root.join("LOCK")).unwrap();
    lock.lock().unwrap();
    let folder = root.join("data");
    let _ = fs::remove_dir_all(&folder);
    let arguments = ["--train-seconds", "1", "--format", "json"];
    let said = Ran::of(command(&root, &SMALL_DEMO).args(arguments)).done();
    Finished {
        folder,
        said,
        _lock: lock,
    }
});

/// What the finished demo said, with `--format json`.
pub(crate) fn finished_demo() -> &'static Ran {
    &FINISHED.said
}

/// Copies a folder with everything in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_below(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files
}

/// The only file or folder of which the name begins so.
pub(crate) fn only_in(folder: &Path) -> PathBuf {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test damages files, which no atomic write does"
)]
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

/// Flips the lowest bit of a byte.
pub(crate) fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    write(path, &bytes);
}

/// Cuts a file off in its middle.
pub(crate) fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    write(path, &bytes[..bytes.len() / 2]);
}
