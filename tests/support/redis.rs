//! A throw-away Redis server of a test, on a free port in a temporary folder; it goes with the test process however that ends.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Runs the server until the pipe on its standard input closes, which the kernel does even after SIGKILL.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM PIPE
dir=$1
shift
redis-server --bind 127.0.0.1 --save '' --appendonly no --dir "$dir" "$@" >"$dir/log" 2>&1 </dev/null &
server=$!
cat
kill -9 $server
rm -rf "$dir"
"#;

pub(crate) struct Redis {
    pub(crate) port: u16,
    password: String,
    _watchdog: Child,
}

impl Redis {
    /// A server with a password, or an empty one for none, on a port of its own.
    pub(crate) fn start(password: &str) -> Self {
        let port = free_port().to_string();
        Self::with(password, &["--port", &port], port.parse().unwrap())
    }

    /// A server with settings of its own that listens for people on `port`.
    pub(crate) fn with(password: &str, settings: &[&str], port: u16) -> Self {
        let dir = TempDir::with_prefix("redis-").expect("a temporary folder").keep();
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", WATCHDOG, "redis-watchdog"]).arg(&dir).args(settings).args(["--requirepass", password]);
        let watchdog = watchdog.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sh starts");
        let redis = Self { port, password: password.to_owned(), _watchdog: watchdog };
        let tls = settings.contains(&"--tls-port");
        for _ in 0..500 {
            // Whether it takes connections; over TLS nothing more is asked here.
            let there = if tls { std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() } else { redis.ask("PING") == "PONG\n" };
            if there {
                return redis;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("redis-server does not start: `make test` installs it\n{}", std::fs::read_to_string(dir.join("log")).unwrap_or_default());
    }

    /// What the server says to commands, a line each.
    pub(crate) fn ask(&self, commands: &str) -> String {
        let mut cli = Command::new("redis-cli");
        cli.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]).env("REDISCLI_AUTH", &self.password);
        cli.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut cli = cli.spawn().expect("redis-cli is installed with the server");
        let mut input = cli.stdin.take().expect("piped");
        let commands = format!("{commands}\n");
        let writer = std::thread::spawn(move || input.write_all(commands.as_bytes()));
        let output = cli.wait_with_output().expect("redis-cli ends");
        writer.join().expect("no panic").expect("written");
        String::from_utf8_lossy(&output.stdout).into()
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}
