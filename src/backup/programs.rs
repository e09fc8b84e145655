//! PostgreSQL's own programs: finding those that suit the server, and running them without a secret on their command line.

use super::{folder, go_on};
use crate::error::{Result, Stop, io_words};
use crate::exec::{Ended, How, Program};
use crate::store::{BEGIN, Target, session_name};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::NamedTempFile;

/// No database takes longer.
const MOST: Duration = Duration::from_secs(7 * 86_400);

/// So much is kept of what a program says.
const KEPT: usize = 64 << 10;

/// How long a dump waits for a table that somebody has locked.
const LOCKED: &str = "--lock-wait-timeout=30s";

/// The programs for one server.
pub(super) struct Programs {
    dump: PathBuf,
    restore: PathBuf,
    psql: PathBuf,
}

/// What a restore leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// Nothing: the database gets its owners and grants back.
    Nothing,
    /// Owners, grants, and what reaches other servers: for a copy that is only looked at.
    Ownership,
}

impl Programs {
    /// Those of the server's version or the next above it: older ones cannot read the server, and what newer ones write the
    /// server may not understand.
    pub(super) fn of(server: u32) -> Result<Programs> {
        let dump = find("pg_dump", server)?;
        Ok(Programs { restore: find("pg_restore", dump.1)?.0, psql: find("psql", server)?.0, dump: dump.0 })
    }

    /// Dumps the state of `target` that goes by the name `snapshot` into the file, which is there and empty.
    pub(super) fn dump(&self, target: &Target, snapshot: &str, into: &Path, stop: &dyn Fn() -> bool) -> Result<()> {
        let access = Access::to(target)?;
        let file = into.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let snapshot = format!("--snapshot={snapshot}");
        let arguments =
            ["--format=custom", "--no-password", LOCKED, &snapshot, &format!("--file={file}"), &format!("--dbname={}", access.url)];
        let ended = run(&self.dump, &arguments, &folder::parent(into), &access, Box::new(std::io::empty()), stop);
        succeeded("pg_dump", &ended, target, stop)
    }

    /// Restores a dump in one transaction that begins with the statements of `before`. What ends it is the last thing that
    /// pg_restore writes, so that nothing is committed where that breaks off.
    pub(super) fn pour(&self, archive: &Path, target: &Target, before: &str, leave: Leave, stop: &dyn Fn() -> bool) -> Result<()> {
        let access = Access::to(target)?;
        let archive = std::path::absolute(archive).map_err(|e| folder::cannot("read", archive, &e))?;
        let mut complaints = tempfile::tempfile().map_err(|e| folder::cannot("write into", &std::env::temp_dir(), &e))?;
        let pipe = complaints.try_clone().map_err(|e| folder::cannot("write into", &std::env::temp_dir(), &e))?;
        let mut reading = Command::new(&self.restore);
        reading.args(["--single-transaction", "--exit-on-error", "--file=-"]);
        if leave == Leave::Ownership {
            reading.args(["--no-owner", "--no-privileges", "--no-tablespaces", "--no-publications", "--no-subscriptions"]);
        }
        reading.arg(archive).env_clear().envs(environment()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(pipe);
        let failed = |e: std::io::Error| Stop::database(format!("pg_restore cannot be started: {}", io_words(&e)), "");
        let mut reading = reading.spawn().map_err(failed)?;
        let script: Box<dyn Read + Send> = match reading.stdout.take() {
            Some(output) => Box::new(std::io::Cursor::new(format!("{BEGIN}{before}\n")).chain(output)),
            None => Box::new(std::io::empty()),
        };
        let arguments =
            ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--no-password", "--file=-", &format!("--dbname={}", access.url)];
        let ended = run(&self.psql, &arguments, Path::new("/"), &access, script, stop);
        // Without its reader it ends by itself.
        let read = reading.wait().map_err(failed)?;
        let mut said = String::new();
        let _ = complaints.rewind().and_then(|()| complaints.read_to_string(&mut said));
        succeeded("psql", &ended, target, stop)?;
        if !read.success() {
            let message = format!("pg_restore cannot read the dump: {}", target.redact(&last_words(said.as_bytes())));
            return Err(Stop::database(message, "the file is damaged, or was written by a newer version; nothing was changed by it"));
        }
        Ok(())
    }
}

/// The connection of a program, and where its secrets are instead of on its command line, which every user may read.
struct Access {
    url: String,
    environment: Vec<(String, String)>,
    /// What the environment has no variable for.
    _service: Option<NamedTempFile>,
}

impl Access {
    fn to(target: &Target) -> Result<Access> {
        let Some(bare) = target.bare() else {
            return Err(Stop::database(format!("{target} is no PostgreSQL database"), ""));
        };
        let (mut url, mut environment) = (bare.url, environment());
        environment.extend(bare.password.map(|password| ("PGPASSWORD".to_owned(), password)));
        let mut service = None;
        if !bare.others.is_empty() {
            if url.contains("service=") || bare.others.iter().any(|(_, value)| value.contains(['\n', '\r'])) {
                let hint = "put the secrets into the service file, and only `service` into the URL";
                return Err(Stop::usage("this URL has both a service and secrets of its own", hint));
            }
            let lines: String = bare.others.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
            let mut file = NamedTempFile::new().map_err(|e| folder::cannot("write into", &std::env::temp_dir(), &e))?;
            write!(file, "[tieout]\n{lines}").map_err(|e| folder::cannot("write into", &std::env::temp_dir(), &e))?;
            environment.push(("PGSERVICEFILE".to_owned(), file.path().display().to_string()));
            url.push_str(if url.contains('?') { "&service=tieout" } else { "?service=tieout" });
            service = Some(file);
        }
        Ok(Access { url, environment, _service: service })
    }
}

/// What libpq looks at in our own environment, so that a program connects as we do; and messages in English.
fn environment() -> Vec<(String, String)> {
    let wanted = |name: &str| name.starts_with("PG") || name.starts_with("KRB5") || ["HOME", "USER", "LOGNAME", "PATH"].contains(&name);
    let ours = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let own = [("LC_ALL".to_owned(), "C.UTF-8".to_owned()), ("PGAPPNAME".to_owned(), session_name("backup"))];
    ours.filter(|(name, _)| wanted(name) && name != "PGAPPNAME").chain(own).collect()
}

fn run(program: &Path, arguments: &[&str], folder: &Path, access: &Access, input: Box<dyn Read + Send>, stop: &dyn Fn() -> bool) -> Ended {
    let command: Vec<String> = std::iter::once(program.display().to_string()).chain(arguments.iter().map(|a| (*a).to_owned())).collect();
    let environment = access.environment.clone();
    Program { command: &command, folder, environment, input, kept: (KEPT, KEPT), time: MOST, group: true, stop }.run()
}

fn succeeded(name: &str, ended: &Ended, target: &Target, stop: &dyn Fn() -> bool) -> Result<()> {
    let said = target.redact(&last_words(&ended.stderr));
    let (message, hint) = match &ended.how {
        How::Exited(status) if status.success() => return Ok(()),
        How::Exited(_) => {
            go_on(stop)?;
            (format!("{name} failed: {said}"), "mend what it says; nothing was changed")
        }
        How::TimedOut => (format!("{name} does not end"), "look at what the server waits for"),
        How::Stopped => return Err(Stop::interrupted()),
        How::NotStarted(why) => (format!("{name} cannot be started: {why}"), "look at PostgreSQL's client programs"),
    };
    Err(Stop::database(message, hint))
}

/// The first error that a program spoke of, else its last line.
fn last_words(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let error = text.lines().position(|line| ["ERROR:", "FATAL:", "error:"].iter().any(|word| line.contains(word)));
    let found: Vec<&str> = match error {
        Some(at) => text.lines().skip(at).take(3).collect(),
        None => text.trim().lines().last().into_iter().collect(),
    };
    found.join(" ").trim().to_owned()
}

/// The program of the lowest version that is at least `version`, on `PATH` or where Debian keeps them; with its version.
fn find(name: &str, version: u32) -> Result<(PathBuf, u32)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let found = std::env::split_paths(&path).chain(debian).map(|dir| dir.join(name)).filter(|p| p.is_absolute() && p.is_file());
    let mut versions: Vec<(u32, PathBuf)> = found.filter_map(|program| Some((major(&program)?, program))).collect();
    // Stable: of two alike, the one on the path.
    versions.sort_by_key(|(major, _)| *major);
    let newest = versions.last().map(|(major, _)| *major);
    versions.into_iter().find(|(major, _)| *major >= version).map(|(major, program)| (program, major)).ok_or_else(|| {
        let there = newest.map_or("there is none".to_owned(), |newest| format!("the newest here is of version {newest}"));
        Stop::database(
            format!("a backup needs PostgreSQL's `{name}` of version {version} or later, and {there}"),
            format!("install PostgreSQL's client programs (Debian: postgresql-client-{version})"),
        )
    })
}

/// The major version that a program says it has.
fn major(program: &Path) -> Option<u32> {
    let command = [program.to_str()?.to_owned(), "--version".to_owned()];
    let (environment, input) = (environment(), Box::new(std::io::empty()));
    let time = Duration::from_secs(10);
    let ended =
        Program { command: &command, folder: Path::new("/"), environment, input, kept: (KEPT, KEPT), time, group: true, stop: &|| false }
            .run();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let number: String = said.split("(PostgreSQL) ").nth(1)?.chars().take_while(char::is_ascii_digit).collect();
    number.parse().ok()
}
