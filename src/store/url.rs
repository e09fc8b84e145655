//! Which database: `sqlite:PATH`, `postgres://…`, or what other tools call the same (`foreign`). Passwords are kept, and never
//! shown.

use super::foreign;
use crate::error::{Result, Stop};
use std::fmt;
use std::path::{Path, PathBuf};

/// What an address looks like.
pub(super) const HINT: &str = "write `sqlite:PATH` or `postgres://user@host/database`";

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
        if let Some(path) = foreign::sqlite(url, folder) {
            return path.map(Target::Sqlite);
        }
        if let Some(translated) = foreign::postgres(url) {
            let rest = url.split_once("//").map_or("", |(_, rest)| rest);
            // What libpq cannot read it quotes in its complaint, password and all: so it never sees such a URL.
            let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
            let authority = authority.rsplit_once('@').map_or("", |(user, _)| user);
            let escapes = rest.split('%').skip(1).all(|e| e.len() >= 2 && e.bytes().take(2).all(|b| b.is_ascii_hexdigit()));
            if authority.contains(['@', '/']) || query.contains('@') || rest.contains(char::is_whitespace) || !escapes {
                let hint = "in a password `@` is written %40, `/` %2F, `?` %3F, `%` %25 and a blank %20";
                return Err(Stop::usage("this URL cannot be read: user and password must be percent-encoded", hint));
            }
            return translated.map(Target::Postgres);
        }
        // Only what can be no secret is repeated.
        let harmless = !url.contains(['@', ':', '=', ' ']);
        let shown = if harmless { format!("`{url}`") } else { "this".to_owned() };
        Err(Stop::usage(format!("{shown} names no database that tieout knows"), HINT))
    }
}

impl Target {
    /// A text without the password of this database, however it is written there.
    pub fn redact(&self, text: &str) -> String {
        let Target::Postgres(url) = self else { return text.to_owned() };
        let mut secrets: Vec<String> = passwords(url).flat_map(|p| [percent_decoded(p), p.to_owned()]).collect();
        secrets.extend(std::env::var("PGPASSWORD"));
        // The longer first: one may be a part of another.
        secrets.sort_by_key(|s| std::cmp::Reverse(s.len()));
        secrets.iter().filter(|s| !s.is_empty()).fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }
}

/// The passwords and other secrets of a URL, as they stand there.
fn passwords(url: &str) -> impl Iterator<Item = &str> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let user = base.split_once("://").map_or(base, |(_, rest)| rest).rsplit_once('@').map_or("", |(user, _)| user);
    let parameters = query.split('&').filter_map(|p| p.split_once('=')).filter(|(key, _)| is_secret(key));
    user.split_once(':').map(|(_, password)| password).into_iter().chain(parameters.map(|(_, password)| password))
}

/// Whether a parameter of libpq is a secret.
pub(super) fn is_secret(parameter: &str) -> bool {
    let parameter = parameter.to_lowercase();
    ["password", "secret", "scram_"].iter().any(|word| parameter.contains(word))
}

pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let escape = behind.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match escape.filter(|_| *first == b'%') {
            Some(byte) => (bytes.push(byte), rest = &behind[2..]),
            None => (bytes.push(*first), rest = behind),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What to do about a connection that did not come about, by what libpq said.
pub(super) fn connection_hint(said: &str) -> &'static str {
    let known = [
        (
            "certificate verify failed",
            "the server's certificate is not signed by the authority in sslrootcert: ask its operator for the right file",
        ),
        ("root certificate file", "name the file with the certificate of the server's authority: sslrootcert=FILE"),
        ("does not match host name", "the certificate is for another name than the one in the address: connect by a name that it bears"),
        ("does not support SSL", "the server is not set up for TLS: ask its operator, before you do without"),
        ("password authentication failed", "check user and password; in an address `@` in a password is written %40, `/` %2F"),
        ("no password supplied", "the server wants a password: in the address, in PGPASSWORD, or in ~/.pgpass"),
        ("no pg_hba.conf entry", "the server lets nobody in this way: it may want TLS (sslmode=verify-full), or another user or address"),
    ];
    let hint = known.iter().find(|(words, _)| said.contains(words));
    hint.map_or("check the database's address and that it is running", |(_, hint)| hint)
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
            Some((key, _)) if is_secret(key) => format!("{key}=***"),
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
    fn a_password_is_found_in_other_texts() {
        let target = Target::parse("postgres://anna:he%2Fm%40lig@db/hyra?sslpassword=nyckel", Path::new(".")).unwrap();
        assert_eq!(target.redact("he/m@lig or he%2Fm%40lig, nyckel; anna"), "*** or ***, ***; anna");
        assert_eq!(Target::parse("postgres://db/hyra", Path::new(".")).unwrap().redact("db"), "db");
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://anna:hemlig@db/hyra", "postgres://anna:***@db/hyra"),
            ("postgres://anna:he%2Fm%40lig@db/hyra", "postgres://anna:***@db/hyra"),
            ("postgres://db/hyra?PASSWORD=hemlig", "postgres://db/hyra?PASSWORD=***"),
            ("postgresql://db/hyra?user=anna&password=hemlig", "postgresql://db/hyra?user=anna&password=***"),
            ("jdbc:postgresql://db/hyra?user=anna&password=hemlig", "postgresql://db/hyra?user=anna&password=***"),
            ("postgresql+psycopg2://anna:hemlig@db/hyra", "postgresql://anna:***@db/hyra"),
            ("postgres://anna@%2Ftmp%2Fsock/hyra", "postgres://anna@%2Ftmp%2Fsock/hyra"),
        ] {
            let target = Target::parse(url, Path::new(".")).unwrap();
            assert_eq!(target.to_string(), shown);
            assert_eq!(format!("{target:?}"), shown);
        }
        for url in [
            "mysql://anna:hemlig@db",
            "postgres://anna:hem%lig@db",
            "postgres://anna:hem@lig@db",
            "postgres://anna:hem lig@db",
            "postgres://anna:hem?lig@db",
            "host=db password=hemlig",
            "jdbc:mysql://db/x?password=hemlig",
            "postgresql+psycopg2://anna:hem lig@db",
            "jdbc:postgresql://db/x?user=a&password=hem@lig",
            "file:dev.db?password=hemlig",
            "sqlite://anna:hemlig@db",
        ] {
            let wrong = Target::parse(url, Path::new(".")).unwrap_err();
            assert!(!wrong.message.contains("hem") && !wrong.hint.contains("hem"), "{url}: {}", wrong.message);
        }
    }
}
