//! Runs a program of the user's: argv without a shell, a cleared environment, limits of time and output. What it prints is
//! read elsewhere.

use crate::error::io_words;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The most that a program may print about one file: 256 MiB.
const OUTPUT: usize = 256 << 20;

/// So much is kept of what a program that reads a file complains of.
const COMPLAINTS: usize = 64 << 10;

/// How long outputs are waited for once everything that may write to them was killed.
const REST: Duration = Duration::from_secs(1);

/// A program to run, and what it may have.
pub struct Program<'a> {
    /// The program and its arguments.
    pub command: &'a [String],
    /// Where it runs; a program with a `/` in its name lies below it.
    pub folder: &'a Path,
    /// Its environment, besides `PATH`.
    pub environment: Vec<(String, String)>,
    /// What it reads on standard input.
    pub input: Box<dyn Read + Send + 'a>,
    /// So many bytes of its output and of its complaints are kept; more is read and dropped.
    pub kept: (usize, usize),
    /// How long it may take.
    pub time: Duration,
    /// Whether it is the head of a process group of its own, so that a stop ends what it has started, too.
    pub group: bool,
    /// Asked now and then whether it is to be stopped.
    pub stop: &'a dyn Fn() -> bool,
}

/// A program that has ended.
pub struct Ended {
    /// How.
    pub how: How,
    /// The first of what it printed.
    pub stdout: Vec<u8>,
    /// The first of what it complained of.
    pub stderr: Vec<u8>,
    /// How long it took.
    pub took: Duration,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// By itself, or by a signal from elsewhere.
    Exited(ExitStatus),
    /// It took too long, or something that it started kept its outputs open for too long.
    TimedOut,
    /// It was to be stopped.
    Stopped,
    /// It cannot be started: why.
    NotStarted(String),
}

impl Program<'_> {
    /// Runs it to its end.
    pub fn run(mut self) -> Ended {
        let begin = Instant::now();
        let mut child = match self.start() {
            Ok(child) => child,
            Err(error) => {
                let how = How::NotStarted(io_words(&error));
                return Ended { how, stdout: Vec::new(), stderr: Vec::new(), took: begin.elapsed() };
            }
        };
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut input = std::mem::replace(&mut self.input, Box::new(std::io::empty()));
        std::thread::scope(|scope| {
            // A program may read its input late or not at all: all three are moved at once.
            scope.spawn(move || stdin.map(|mut pipe| std::io::copy(&mut input, &mut pipe)));
            let outputs = [Kept::of(stdout, self.kept.0), Kept::of(stderr, self.kept.1)];
            let how = self.wait(&mut child, &outputs, begin);
            let [stdout, stderr] = outputs.map(Kept::take);
            Ended { how, stdout, stderr, took: begin.elapsed() }
        })
    }

    fn start(&self) -> std::io::Result<Child> {
        let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { self.folder };
        let name = self.command.first().map(String::as_str).unwrap_or_default();
        // Which folder a relative name starts from is not the same everywhere.
        let program = if name.contains('/') { std::path::absolute(folder)?.join(name) } else { PathBuf::from(name) };
        let mut command = Command::new(program);
        command
            .args(self.command.iter().skip(1))
            .current_dir(folder)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.group {
            command.process_group(0);
        }
        command.spawn()
    }

    /// Waits for the program and for the end of its outputs: before that nobody knows that they are whole.
    fn wait(&self, child: &mut Child, outputs: &[Kept; 2], begin: Instant) -> How {
        let mut ended = None;
        loop {
            if ended.is_none() {
                match child.try_wait() {
                    Ok(status) => ended = status,
                    Err(error) => return How::NotStarted(io_words(&error)),
                }
            }
            if let Some(status) = ended.filter(|_| outputs.iter().all(Kept::is_whole)) {
                return How::Exited(status);
            }
            let stopped = (self.stop)();
            if stopped || begin.elapsed() > self.time {
                self.kill(child, ended.is_some());
                return if stopped { How::Stopped } else { How::TimedOut };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn kill(&self, child: &mut Child, ended: bool) {
        if self.group {
            let group = rustix::process::Pid::from_child(child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        if !ended {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a program prints, read beside it. The reader is left alone in the end where something else keeps the pipe open.
struct Kept {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Kept {
    fn of(pipe: Option<impl Read + Send + 'static>, most: usize) -> Kept {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let Some(mut pipe) = pipe else { return };
            let mut block = vec![0; 64 << 10];
            loop {
                match pipe.read(&mut block) {
                    Ok(0) => return,
                    Ok(n) => {
                        let mut kept = into.lock().unwrap_or_else(PoisonError::into_inner);
                        let room = most.saturating_sub(kept.len()).min(n);
                        kept.extend_from_slice(&block[..room]);
                    }
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        });
        Kept { bytes, reader }
    }

    fn is_whole(&self) -> bool {
        self.reader.is_finished()
    }

    fn take(self) -> Vec<u8> {
        let begin = Instant::now();
        while !self.is_whole() && begin.elapsed() < REST {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Lets a program read a file. Gives what it printed, or why there is nothing to read.
pub fn run(command: &[String], folder: &Path, seconds: u64, input: &[u8]) -> Result<String, String> {
    let name = command.first().cloned().unwrap_or_default();
    let program = Program {
        command,
        folder,
        environment: vec![("LC_ALL".to_owned(), "C.UTF-8".to_owned())],
        input: Box::new(input),
        kept: (OUTPUT + 1, COMPLAINTS),
        time: Duration::from_secs(seconds),
        // In the group of ours a Ctrl-C reaches it as well.
        group: false,
        stop: &|| false,
    };
    let ended = program.run();
    let status = match ended.how {
        How::Exited(status) => status,
        How::NotStarted(why) => return Err(format!("`{name}` cannot be started: {why}")),
        How::TimedOut | How::Stopped => return Err(format!("`{name}` was stopped: it took longer than {seconds} seconds")),
    };
    if !status.success() {
        let complained = String::from_utf8_lossy(&ended.stderr);
        let why = complained.trim().lines().last().map_or(String::new(), |l| format!(": {l}"));
        return Err(format!("`{name}` ended with {status}{why}"));
    }
    if ended.stdout.len() > OUTPUT {
        return Err(format!("`{name}` prints more than 256 MiB about one file"));
    }
    String::from_utf8(ended.stdout).map_err(|_| format!("`{name}` prints something that is no UTF-8"))
}
