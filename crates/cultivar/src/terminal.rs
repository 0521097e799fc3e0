//! The terminal: the one module that prints. Results on stdout, talk on stderr; readable without colour.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use clap::error::ErrorKind;
use cultivar_cli::{Color, Format, Global};
use miette::Diagnostic;
use serde::Serialize;
use serde_json::json;

use crate::{
    failure::{Exit, Failure},
    system,
};

/// Says a usage error of the command line, or the help that was asked for.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done.into(),
        _ => Exit::Usage.into(),
    }
}

/// How loud to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Loudness {
    Quiet,
    Normal,
    Verbose,
}

/// What to print and how.
#[derive(Clone)]
pub(crate) struct Terminal {
    format: Format,
    loudness: Loudness,
    has_colour: bool,
    /// Whether stderr is a terminal on which a line can be drawn again.
    is_live: bool,
    /// The live line under way, empty where there is none.
    live: Arc<Mutex<String>>,
}

const BOLD: &str = "1";
const RED: &str = "31";
const YELLOW: &str = "33";

impl Terminal {
    /// A terminal as the options and the environment want it (<https://no-color.org>).
    pub(crate) fn new(global: &Global) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let has_colour = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && system::variable("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let loudness = match (global.quiet, global.verbose) {
            (true, _) => Loudness::Quiet,
            (_, true) => Loudness::Verbose,
            _ => Loudness::Normal,
        };
        Self {
            format: global.format,
            loudness,
            has_colour,
            is_live: is_terminal,
            live: Arc::default(),
        }
    }

    /// Whether results are for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether a line can be drawn again.
    pub(crate) const fn is_live(&self) -> bool {
        self.is_live
    }

    /// Whether to say more.
    pub(crate) fn is_verbose(&self) -> bool {
        self.loudness == Loudness::Verbose
    }

    /// A result that is a list: a line each, or for people the word that there is none.
    pub(crate) fn list(&self, lines: &[String], values: &impl Serialize, none: &str) {
        if lines.is_empty() && !self.is_json() {
            self.say(none);
        } else {
            self.result(&lines.join("\n"), values);
        }
    }

    /// A result: text for people, the value for programs.
    pub(crate) fn result(&self, text: &str, value: &impl Serialize) {
        match self.format {
            Format::Text => self.out(text),
            Format::Json => self.out(&serde_json::to_string(value).unwrap_or_default()),
        }
    }

    /// A line of data on stdout.
    pub(crate) fn out(&self, text: &str) {
        self.end_live();
        // A reader that has gone is no failure of ours.
        let _ = writeln!(io::stdout(), "{}", text.trim_end_matches('\n'));
    }

    /// A piece of data on stdout, at once.
    pub(crate) fn piece(&self, text: &str) {
        self.end_live();
        let mut stdout = io::stdout();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }

    /// Asks for a line.
    pub(crate) fn prompt(&self, text: &str) {
        let _ = write!(io::stderr(), "{}", self.colour(BOLD, text)).and_then(|()| io::stderr().flush());
    }

    /// A line of talk.
    pub(crate) fn say(&self, text: &str) {
        if self.loudness >= Loudness::Normal {
            self.err(text);
        }
    }

    /// A heading of talk.
    pub(crate) fn heading(&self, text: &str) {
        self.say(&self.colour(BOLD, text));
    }

    /// Draws the live line again.
    pub(crate) fn live(&self, text: &str) {
        if self.loudness < Loudness::Normal {
            return;
        }
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = write!(io::stderr(), "\r\x1b[2K{text}").and_then(|()| io::stderr().flush());
        text.clone_into(&mut live);
    }

    /// Clears the live line: what follows says how it ended.
    fn end_live(&self) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if !live.is_empty() {
            let _ = write!(io::stderr(), "\r\x1b[2K");
            live.clear();
        }
    }

    /// Something is wrong that does not end the program.
    pub(crate) fn warning(&self, error: &dyn Diagnostic) {
        self.diagnostic("warning", YELLOW, error);
    }

    /// Why the program ends.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.diagnostic("error", RED, failure.diagnostic.as_ref());
    }

    fn diagnostic(&self, kind: &str, colour: &str, error: &dyn Diagnostic) {
        let code = error.code().map(|code| code.to_string()).unwrap_or_default();
        let help = error.help().map(|help| help.to_string());
        if self.is_json() {
            self.err(&json!({ kind: { "code": code, "message": error.to_string(), "help": help } }).to_string());
            return;
        }
        self.err(&format!("{}: {error}", self.colour(colour, &format!("{kind}[{code}]"))));
        if let Some(help) = help {
            self.err(&format!("help: {help}"));
        }
    }

    fn err(&self, text: &str) {
        self.end_live();
        let _ = writeln!(io::stderr(), "{text}");
    }

    fn colour(&self, colour: &str, text: &str) -> String {
        if self.has_colour {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
