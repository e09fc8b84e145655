//! Runs a program of the user's on a file: argv without a shell, a cleared environment, limits of time and output. What it
//! prints is read elsewhere.

use crate::error::io_words;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The most that a program may print about one file: 256 MiB.
const OUTPUT: u64 = 256 << 20;

/// Gives what the program printed, or why there is nothing to read.
pub fn run(command: &[String], folder: &Path, seconds: u64, input: &[u8]) -> Result<String, String> {
    let name = command.first().cloned().unwrap_or_default();
    let mut child = Command::new(&name)
        .args(&command[1..])
        .current_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("`{name}` cannot be started: {}", io_words(&e)))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        // A program may read its input late or not at all: all three are moved at once.
        scope.spawn(move || stdin.map(|mut pipe| pipe.write_all(input)));
        let said = scope.spawn(move || read(stdout, OUTPUT + 1));
        let complained = scope.spawn(move || read(stderr, 4096));
        let begin = Instant::now();
        let status = loop {
            match child.try_wait().map_err(|e| io_words(&e))? {
                Some(status) => break Ok(status),
                None if begin.elapsed() > Duration::from_secs(seconds) => {
                    break Err(format!("`{name}` was stopped: it took longer than {seconds} seconds"));
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        if status.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let said = said.join().unwrap_or_default();
        let complained = String::from_utf8_lossy(&complained.join().unwrap_or_default()).trim().to_owned();
        let status = status?;
        if !status.success() {
            let why = complained.lines().last().map_or(String::new(), |l| format!(": {l}"));
            return Err(format!("`{name}` ended with {status}{why}"));
        }
        if said.len() as u64 > OUTPUT {
            return Err(format!("`{name}` prints more than 256 MiB about one file"));
        }
        String::from_utf8(said).map_err(|_| format!("`{name}` prints something that is no UTF-8"))
    })
}

fn read(pipe: Option<impl Read>, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = pipe.map(|pipe| pipe.take(limit).read_to_end(&mut bytes));
    bytes
}
