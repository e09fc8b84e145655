//! What else a URL is asked for: another database of the same server, the URL without its secrets, and whose database it is.

use super::url::{is_secret, percent_decoded};
use super::{Store, Target};
use crate::error::{Result, Stop};

/// A URL that may be shown to everybody who can list processes, and what was taken out of it.
pub struct Bare {
    /// The URL of libpq without secrets.
    pub url: String,
    /// The password.
    pub password: Option<String>,
    /// Other secrets, by the name of their parameter.
    pub others: Vec<(String, String)>,
}

impl Target {
    /// The URL parted from its secrets, for the command line of another program; `None` for SQLite.
    pub fn bare(&self) -> Option<Bare> {
        let Target::Postgres(url) = self else { return None };
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
        let (mut password, mut others) = (None, Vec::new());
        let rest = match rest.rsplit_once('@') {
            Some((user, host)) => {
                let (user, secret) = user.split_once(':').map_or((user, None), |(user, secret)| (user, Some(secret)));
                password = secret.map(percent_decoded);
                format!("{user}@{host}")
            }
            None => rest.to_owned(),
        };
        let mut kept = Vec::new();
        for parameter in query.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name == "password" {
                password = Some(percent_decoded(value));
            } else if is_secret(name) {
                others.push((name.to_owned(), percent_decoded(value)));
            } else {
                kept.push(parameter);
            }
        }
        Some(Bare { url: with_query(&format!("{scheme}://{rest}"), &kept), password, others })
    }

    /// Another database of the same server, reached in the same way; an SQLite file has none beside it.
    pub(super) fn beside(&self, database: &str) -> Target {
        let Target::Postgres(url) = self else { return self.clone() };
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
        let server = rest.split_once('/').map_or(rest, |(server, _)| server);
        let kept: Vec<&str> = query.split('&').filter(|p| !p.is_empty() && !p.starts_with("dbname=")).collect();
        Target::Postgres(with_query(&format!("{scheme}://{server}/{database}"), &kept))
    }

    /// Where the server listens, `host:port`, as far as the URL says it.
    fn server(url: &str) -> String {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
        let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port),
            _ => (host, ""),
        };
        let said = |name: &str, in_url: &str, variable: &str, else_: &str| {
            let parameter = query.split('&').filter_map(|p| p.split_once('=')).find(|(key, _)| *key == name).map(|(_, v)| v);
            let found = parameter.unwrap_or(in_url);
            let found = if found.is_empty() { std::env::var(variable).unwrap_or_default() } else { percent_decoded(found) };
            if found.is_empty() { else_.to_owned() } else { found }
        };
        format!("{}:{}", said("host", host, "PGHOST", "localhost"), said("port", port, "PGPORT", "5432"))
    }
}

impl Store {
    /// Whose database this is, without user and password: `sqlite:/srv/rent.db`, `postgres://db:5432/rent`. By this a backup
    /// knows its database again.
    pub fn identity(&mut self, target: &Target) -> Result<String> {
        match target {
            Target::Sqlite(path) => {
                let whole = path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.clone());
                Ok(format!("sqlite:{}", whole.display()))
            }
            Target::Postgres(url) => {
                let name = self.select(&["current_database()"], "", &[])?.into_iter().flatten().next().flatten();
                let name = name.ok_or_else(|| Stop::database("the server does not say which database this is", ""))?;
                Ok(format!("postgres://{}/{name}", Target::server(url)))
            }
        }
    }
}

fn with_query(base: &str, parameters: &[&str]) -> String {
    if parameters.is_empty() { base.to_owned() } else { format!("{base}?{}", parameters.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn target(url: &str) -> Target {
        Target::parse(url, Path::new(".")).unwrap()
    }

    #[test]
    fn no_secret_is_left_in_a_bare_url() {
        for (url, bare, password, others) in [
            ("postgres://anna:he%2Fm@db/hyra", "postgres://anna@db/hyra", Some("he/m"), 0),
            ("postgres://anna@db/hyra?password=hem&sslmode=require", "postgres://anna@db/hyra?sslmode=require", Some("hem"), 0),
            ("postgres://db/hyra?sslpassword=k%20ey&host=x", "postgres://db/hyra?host=x", None, 1),
            ("postgresql:///hyra", "postgresql:///hyra", None, 0),
        ] {
            let parted = target(url).bare().unwrap();
            assert_eq!((parted.url.as_str(), parted.password.as_deref(), parted.others.len()), (bare, password, others));
        }
    }

    #[test]
    fn another_database_is_reached_in_the_same_way() {
        for (url, other) in [
            ("postgres://anna:hem@db:5433/hyra?sslmode=require", "postgres://anna:hem@db:5433/x?sslmode=require"),
            ("postgres://anna@%2Ftmp%2Fsock", "postgres://anna@%2Ftmp%2Fsock/x"),
            ("postgres:///?host=/tmp&dbname=hyra", "postgres:///x?host=/tmp"),
        ] {
            assert!(target(url).beside("x") == Target::Postgres(other.into()), "{url}");
        }
    }

    #[test]
    fn a_server_is_known_by_host_and_port() {
        assert_eq!(Target::server("postgres://anna:hem@db/hyra"), "db:5432");
        assert_eq!(Target::server("postgres://anna@%2Ftmp%2Fsock:5433/hyra?user=x"), "/tmp/sock:5433");
        assert_eq!(Target::server("postgres:///hyra?host=db&port=7"), "db:7");
    }
}
