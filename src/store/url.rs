//! Which database: `sqlite:PATH` or `postgres://…`. Passwords are kept, and never shown.

use crate::error::{Result, Stop};
use std::fmt;
use std::path::{Path, PathBuf};

/// A database to connect to. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A libpq connection URL.
    Postgres(String),
}

impl Target {
    /// Reads a URL; a relative SQLite path is relative to `folder`.
    pub fn parse(url: &str, folder: &Path) -> Result<Target> {
        let hint = "write `sqlite:PATH` or `postgres://user@host/database`";
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(Stop::usage("an SQLite database needs a file", hint));
            }
            return Ok(Target::Sqlite(folder.join(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Target::Postgres(url.to_owned()));
        }
        let shown = if url.contains('@') { "this URL".to_owned() } else { format!("`{url}`") };
        Err(Stop::usage(format!("{shown} names no database that tieout knows"), hint))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Target::Postgres(url) => f.write_str(&redacted(url)),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The URL with `***` for the password, in the authority and among the parameters.
fn redacted(url: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(b, q)| (b, Some(q)));
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
    // A password may hold `/` or `@` unescaped: what ends it is the last `@`.
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => format!("{user}@{host}"),
        },
        None => rest.to_owned(),
    };
    let query = query.map_or(String::new(), |q| {
        let hide = |p: &str| match p.split_once('=') {
            Some((key @ ("password" | "sslpassword"), _)) => format!("{key}=***"),
            _ => p.to_owned(),
        };
        format!("?{}", q.split('&').map(hide).collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{rest}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://anna:hemlig@db/hyra", "postgres://anna:***@db/hyra"),
            ("postgres://anna:he/m@lig@db/hyra", "postgres://anna:***@db/hyra"),
            ("postgresql://db/hyra?user=anna&password=hemlig", "postgresql://db/hyra?user=anna&password=***"),
            ("postgres://anna@%2Ftmp%2Fsock/hyra", "postgres://anna@%2Ftmp%2Fsock/hyra"),
        ] {
            let target = Target::parse(url, Path::new(".")).unwrap();
            assert_eq!(target.to_string(), shown);
            assert_eq!(format!("{target:?}"), shown);
        }
        let wrong = Target::parse("mysql://anna:hemlig@db", Path::new(".")).unwrap_err();
        assert!(!wrong.message.contains("hemlig"));
    }
}
