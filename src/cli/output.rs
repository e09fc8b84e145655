//! Printing: results on standard output, everything else on standard error, progress on terminals alone.

use super::{Color, Global};
use crate::error::Stop;
use crate::evidence::Subject;
use crate::pipeline::Progress;
use crate::report::{Outcome, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{BufWriter, IsTerminal, Write, stderr, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How this process prints.
pub(super) struct Output {
    color: Color,
    quiet: bool,
    verbose: bool,
    progress: bool,
    json: bool,
    /// Set when standard output could not take all of it.
    failed: AtomicBool,
}

impl Output {
    pub(super) fn new(global: &Global) -> Output {
        let progress = !global.no_progress && !global.quiet && stderr().is_terminal();
        Output {
            color: global.color,
            quiet: global.quiet,
            verbose: global.verbose,
            progress,
            json: global.json,
            failed: AtomicBool::new(false),
        }
    }

    /// For what is printed before the options are known.
    pub(super) fn plain() -> Output {
        Output { color: Color::Never, quiet: false, verbose: false, progress: false, json: true, failed: AtomicBool::new(false) }
    }

    /// Prints a result. Whoever reads may close the pipe early: that is no error, but a full disk is.
    pub(super) fn result(&self, text: &str) {
        self.results(|out| out.write_all(text.as_bytes()));
    }

    /// Prints a result as it is made, piece by piece; ends early where nobody reads on.
    pub(super) fn results(&self, print: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) {
        let mut out = BufWriter::new(stdout().lock());
        match print(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => self.failed.store(true, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Prints a JSON document.
    pub(super) fn document(&self, document: &impl serde::Serialize) {
        self.results(|out| {
            serde_json::to_writer_pretty(&mut *out, document)?;
            out.write_all(b"\n")
        });
    }

    /// The exit code, unless the output was lost.
    pub(super) fn ended(&self, code: i32) -> i32 {
        if code == 0 && self.failed.load(Ordering::Relaxed) {
            self.error("standard output could not be written", "the disk may be full; the outcome is kept in the database and the report");
            return Subject::Usage.exit_code();
        }
        code
    }

    /// Prints a result that `--quiet` leaves out.
    pub(super) fn unless_quiet(&self, text: &str) {
        if !self.quiet {
            self.result(text);
        }
    }

    /// Prints what is beside the result.
    #[allow(clippy::unused_self, reason = "printing belongs to this type")]
    pub(super) fn aside(&self, text: &str) {
        let _ = stderr().lock().write_all(text.as_bytes());
    }

    /// Prints why a command stopped, as JSON too where that is asked for; gives its exit code.
    pub(super) fn stop(&self, command: &str, job: &str, stop: &Stop) -> i32 {
        if self.json {
            let mut outcome = Outcome::begin(job.to_owned(), command);
            outcome.stop(stop);
            self.document(&outcome);
        }
        self.error(&stop.message, &stop.hint);
        stop.subject.exit_code()
    }

    /// Prints what is wrong, and what to do.
    pub(super) fn error(&self, message: &str, hint: &str) {
        let red = self.colored(stderr().is_terminal());
        let error = if red { "\x1b[1;31merror\x1b[0m" } else { "error" };
        let hint = if hint.is_empty() { String::new() } else { format!("  → {hint}\n") };
        self.aside(&format!("{error}: {message}\n{hint}"));
    }

    /// How to render a report on standard output.
    pub(super) fn style(&self) -> Style {
        Style { color: self.colored(stdout().is_terminal()), verbose: self.verbose }
    }

    fn colored(&self, terminal: bool) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                terminal
                    && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
                    && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
            }
        }
    }

    /// A progress display, drawn only on a terminal.
    pub(super) fn progress(&self) -> Bar {
        let target = if self.progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Bar(ProgressBar::with_draw_target(None, target))
    }
}

/// A progress bar on standard error.
pub(super) struct Bar(ProgressBar);

impl Progress for Bar {
    fn phase(&self, name: &str, parts: usize) {
        self.begin(name, parts as u64, "{human_pos}/{human_len}");
    }

    fn bytes(&self, name: &str, bytes: u64) {
        self.begin(name, bytes, "{bytes}/{total_bytes}");
    }

    fn done_of(&self, parts: u64) {
        self.0.inc(parts);
    }

    fn done(&self) {
        self.0.finish_and_clear();
    }
}

impl Bar {
    fn begin(&self, name: &str, parts: u64, figures: &str) {
        let template = format!("{{msg}} {{wide_bar}} {figures}, {{eta}} left");
        let template = if parts > 0 { template.as_str() } else { "{spinner} {msg} {elapsed}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
        self.0.set_message(name.to_owned());
        self.0.set_position(0);
        match parts {
            0 => self.0.unset_length(),
            parts => self.0.set_length(parts),
        }
        self.0.reset_eta();
        if !self.0.is_hidden() {
            self.0.enable_steady_tick(Duration::from_millis(100));
        }
    }
}
