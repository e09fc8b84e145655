//! The throw-away PostgreSQL cluster of a test process: started when first asked for, gone with the
//! process however that ends. What tests do inside a database is in `database.rs`.

use std::{
    env, fs,
    io::Read,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use postgres::{Client, Config, NoTls};
use tempfile::TempDir;

/// Starts the server, waits until the test process closes the pipe on its standard input (the
/// kernel does so even after SIGKILL), then stops the server and removes the folder. The server's
/// time zone is an odd one, since no result may depend on it.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM PIPE
bin=$1 dir=$2 data=$2/data
{
    "$bin/initdb" --pgdata="$data" --username=tieout --auth=trust --no-sync \
        --encoding=UTF8 --locale=C.UTF-8 &&
    cat >>"$data/postgresql.conf" <<END &&
listen_addresses = ''
unix_socket_directories = '$dir'
max_connections = 300
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = '128MB'
timezone = '<-07>7'
END
    { [ -z "$3" ] || eval "$3"; } &&
    "$bin/pg_ctl" start --wait --pgdata="$data" --log="$dir/log"
} >"$dir/setup" 2>&1 </dev/null
if [ $? -eq 0 ]; then echo ready; else cat "$dir/setup" "$dir/log"; fi
exec >/dev/null
cat
"$bin/pg_ctl" stop --wait --pgdata="$data" --mode=immediate
rm -rf "$dir"
"#;

/// A cluster; stopped and removed when it is dropped, or with the process.
pub(crate) struct Cluster {
    /// The folder of its socket, and of what its setup puts there.
    pub(crate) socket: PathBuf,
    /// Its standard input is the pipe, open as long as the process: a static is never dropped.
    _watchdog: Child,
}

/// The URL of a new, empty database.
pub(crate) fn fresh_database() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(1);
    let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let sql = format!("CREATE DATABASE {name} TEMPLATE template0");
    let made = connect(&url("postgres")).batch_execute(&sql);
    made.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
    url(&name)
}

/// Gives a database's memory back. What hinders it is no test's concern.
pub(crate) fn drop_database(url: &str) {
    let name = url.rsplit('/').next().unwrap_or_default();
    let sql = format!("DROP DATABASE {name} WITH (FORCE)");
    let _ = open(&self::url("postgres")).and_then(|mut client| client.batch_execute(&sql));
}

pub(crate) fn connect(url: &str) -> Client {
    open(url).unwrap_or_else(|error| panic!("{error:?}: {url}"))
}

/// In UTC, since what a test reads must not depend on the server's zone.
fn open(url: &str) -> Result<Client, postgres::Error> {
    let mut config: Config = url.parse()?;
    config.options("-c TimeZone=UTC").connect(NoTls)
}

fn url(database: &str) -> String {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    let socket = &CLUSTER.get_or_init(|| start("")).socket;
    let host = socket.display().to_string().replace('/', "%2F");
    format!("postgres://tieout@{host}/{database}")
}

/// Starts a cluster, with lines of a shell between `initdb` and the start: `$dir` is its folder, `$data` the cluster's.
pub(crate) fn start(setup: &str) -> Cluster {
    let bin = programs().expect("PostgreSQL's server is not installed: `make test` installs it");
    let dir = TempDir::with_prefix_in("tieout-", room()).expect("a temporary folder");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", WATCHDOG, "tieout-watchdog"])
        .args([&bin, dir.path()])
        .arg(setup)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    drop_root(&mut shell, dir.path());
    let mut watchdog = shell.spawn().expect("sh starts");
    let socket = dir.keep();
    let mut answer = String::new();
    let output = watchdog.stdout.as_mut().expect("standard output is piped");
    output.read_to_string(&mut answer).expect("sh answers");
    assert_eq!(answer, "ready\n", "{} did not start", bin.display());
    Cluster { socket, _watchdog: watchdog }
}

/// Memory if there is plenty, where making a database takes a tenth of the time. Never `TMPDIR`: a
/// socket's path must stay under a hundred bytes.
fn room() -> &'static str {
    let df = Command::new("df").args(["--output=avail", "/dev/shm"]).output();
    let df = df.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let free = df.ok().and_then(|text| text.lines().last()?.trim().parse::<u64>().ok());
    if free.is_some_and(|kilobytes| kilobytes > 1_000_000) { "/dev/shm" } else { "/tmp" }
}

/// One of PostgreSQL's own programs.
pub(crate) fn program(name: &str) -> PathBuf {
    programs().expect("PostgreSQL's programs are not installed: `make test` installs them").join(name)
}

/// The folder of `initdb`: Debian's newest, else what `pg_config` says, else where `PATH` leads.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<u32> = versions.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    let debian = versions.iter().map(|v| format!("/usr/lib/postgresql/{v}/bin").into());
    let config = Command::new("pg_config").arg("--bindir").output().ok();
    let config = config.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let path = env::var_os("PATH").unwrap_or_default();
    debian.chain(config).chain(env::split_paths(&path)).find(|bin: &PathBuf| bin.join("initdb").is_file())
}

/// PostgreSQL refuses to run as root: then the server, and the folder, belong to an ordinary user.
fn drop_root(shell: &mut Command, dir: &Path) {
    let user = fs::metadata(dir).expect("the folder is ours").uid();
    if user != 0 {
        return;
    }
    let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd is readable");
    let ids = |name: &&str| {
        let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let user = lines.find(|fields| fields[0] == *name)?;
        Some((user.get(2)?.parse().ok()?, user.get(3)?.parse().ok()?))
    };
    let found = ["postgres", "nobody"].iter().find_map(ids);
    let (uid, gid) = found.expect("a user named postgres or nobody");
    chown(dir, Some(uid), Some(gid)).expect("root may give a folder away");
    shell.uid(uid).gid(gid);
}
