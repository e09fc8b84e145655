//! Addresses of databases as other tools write them (Prisma, SQLAlchemy, Django, JDBC), turned into what SQLite and libpq
//! read. A setting that has no counterpart is left out where that changes nothing about which rows are read and written, and
//! refused by its name where it does. Values are never repeated: one of them may be a password.

use crate::error::{Result, Stop};
use std::path::{Path, PathBuf};

/// Settings of pools, caches and drivers: what they say has nothing to do with one connection of ours.
const DROPPED: [&str; 24] = [
    "connection_limit",
    "pool_timeout",
    "pool_size",
    "max_overflow",
    "socket_timeout",
    "statement_cache_size",
    "single_use_connections",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
    "async_fallback",
    "server_version",
    "logintimeout",
    "sockettimeout",
    "tcpkeepalive",
    "preparethreshold",
    "preparedstatementcachequeries",
    "preparedstatementcachesizemib",
    "rewritebatchedinserts",
    "defaultrowfetchsize",
    "binarytransfer",
    "stringtype",
    "applicationname",
    "loggerlevel",
    "assumeminserverversion",
];

/// Settings of SQLite's that change nothing about the file.
const DROPPED_OF_FILES: [&str; 9] = [
    "connection_limit",
    "pool_timeout",
    "socket_timeout",
    "check_same_thread",
    "timeout",
    "uri",
    "isolation_level",
    "cached_statements",
    "busy_timeout",
];

/// Files in which operating systems keep the certificates that they trust.
const TRUSTED: [&str; 4] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// The path of an SQLite database, where the address is of one. A relative path starts from `folder`.
pub(super) fn sqlite(url: &str, folder: &Path) -> Option<Result<PathBuf>> {
    let url = url.strip_prefix("jdbc:").unwrap_or(url);
    let (scheme, rest) = url.split_once(':')?;
    let (dialect, driver) = scheme.split_once('+').map_or((scheme, None), |(dialect, driver)| (dialect, Some(driver)));
    if !["sqlite", "sqlite3", "file"].contains(&dialect) {
        return None;
    }
    let (path, settings) = rest.split_once('?').unwrap_or((rest, ""));
    if path.trim_matches('/').is_empty() || path.contains(":memory:") || path.contains('@') {
        return Some(Err(Stop::usage("an SQLite database needs a file, and no user", super::url::HINT)));
    }
    for (name, value) in settings.split('&').filter_map(|s| s.split_once('=')) {
        let harmless = matches!((name, value), ("mode", "rw" | "rwc") | ("cache", "shared" | "private"));
        if !harmless && !DROPPED_OF_FILES.contains(&name) {
            let message = format!("`{name}` as this address sets it is nothing that tieout carries out on an SQLite file");
            return Some(Err(Stop::usage(message, "remove it from the address, or write `sqlite:PATH`")));
        }
    }
    Some(match (dialect, path.strip_prefix("//")) {
        // Prisma starts from the folder of schema.prisma, which is `prisma` unless somebody moved it.
        ("file", None) => one_of(folder.join(path), folder.join("prisma").join(path)),
        ("file", Some(path)) => Ok(PathBuf::from(path)),
        (_, None) => Ok(folder.join(path)),
        (_, Some(path)) => match path.strip_prefix('/') {
            None => Ok(folder.join(path)),
            // SQLAlchemy: behind three slashes the path is relative, behind four it is not.
            Some(path) if driver.is_some() || path.starts_with('/') => Ok(folder.join(path)),
            // For others three slashes are a path from the root.
            Some(relative) => one_of(folder.join(relative), PathBuf::from(path)),
        },
    })
}

/// The one of two readings of an address that is there: the file, else a place for it.
fn one_of(first: PathBuf, second: PathBuf) -> Result<PathBuf> {
    let room = |path: &Path| path.parent().is_some_and(|p| p.as_os_str().is_empty() || p.parent().is_some() && p.is_dir());
    match (first.is_file(), second.is_file(), room(&first), room(&second)) {
        (true, false, ..) | (false, false, _, false) => Ok(first),
        (false, true, ..) | (false, false, false, true) => Ok(second),
        // A new database of Prisma's, or of SQLAlchemy's, where the other reading has a folder by chance.
        _ => Err(Stop::usage(
            format!("this address may mean {} or {}", first.display(), second.display()),
            "write `sqlite:PATH`; a path that begins with `/` starts from the root",
        )),
    }
}

/// The same address as libpq reads it, where it is one of PostgreSQL.
pub(super) fn postgres(url: &str) -> Option<Result<String>> {
    let (jdbc, url) = url.strip_prefix("jdbc:").map_or((false, url), |url| (true, url));
    let (scheme, rest) = url.split_once(':')?;
    let dialect = scheme.split_once('+').map_or(scheme, |(dialect, _)| dialect);
    if !["postgres", "postgresql", "postgis"].contains(&dialect) {
        return None;
    }
    let rest = match rest.strip_prefix("//") {
        Some(rest) => rest.to_owned(),
        None if jdbc => format!("/{}", rest.trim_start_matches('/')),
        None => return None,
    };
    let (base, settings) = rest.split_once('?').unwrap_or((&rest, ""));
    let settings = match translated(settings, jdbc) {
        Ok(settings) if settings.is_empty() => String::new(),
        Ok(settings) => format!("?{}", settings.join("&")),
        Err(stop) => return Some(Err(stop)),
    };
    // What stood there is kept where nothing else is meant, so that it is recognised in reports.
    let scheme = if scheme == "postgres" { scheme } else { "postgresql" };
    Some(Ok(format!("{scheme}://{base}{settings}")))
}

/// The settings of an address, each as libpq calls it.
fn translated(settings: &str, jdbc: bool) -> Result<Vec<String>> {
    let given: Vec<(&str, &str)> = settings.split('&').filter(|s| !s.is_empty()).map(|s| s.split_once('=').unwrap_or((s, ""))).collect();
    let has = |name: &str| given.iter().any(|(n, _)| *n == name);
    let prisma = ["schema", "sslaccept", "connection_limit", "pool_timeout", "pgbouncer"].into_iter().any(has);
    let mut out: Vec<(&str, String)> = Vec::new();
    let mut options: Vec<String> = Vec::new();
    let mut strict = false;
    for (name, value) in &given {
        match (*name, *value) {
            ("options", value) => options.push(value.to_owned()),
            ("schema", schema) => options.push(search_path(&format!("\"{}\"", super::url::percent_decoded(schema).replace('"', "\"\"")))),
            ("currentSchema", schemas) => options.push(search_path(&super::url::percent_decoded(schemas))),
            ("pgbouncer", "true") => {
                let hint = "a pooler gives each transaction another session, and the lock of a run belongs to a session: use the \
                            address of the server itself (Prisma's `directUrl`)";
                return Err(Stop::usage("this is the address of a connection pooler (`pgbouncer=true`)", hint));
            }
            ("pgbouncer", _) | ("sslaccept", "accept_invalid_certs") | ("targetServerType", "any") => {}
            ("sslaccept", "strict") => strict = true,
            ("ssl", "true" | "") if jdbc => strict = true,
            ("ssl", "true" | "") => out.push(("sslmode", "require".into())),
            ("ssl", "false") => out.push(("sslmode", "disable".into())),
            ("ssl", mode) => out.push(("sslmode", mode.to_owned())),
            ("sslcert", file) if prisma && !has("sslkey") => out.push(("sslrootcert", file.to_owned())),
            ("targetServerType", "primary" | "master") => out.push(("target_session_attrs", "primary".into())),
            ("connectTimeout", seconds) => out.push(("connect_timeout", seconds.to_owned())),
            ("sslidentity" | "sslfactory" | "targetServerType" | "sslaccept", _) => {
                let message = format!("`{name}` as this address sets it cannot be carried over to PostgreSQL's own client");
                let hint = "say it as libpq does: sslmode, sslrootcert, sslcert, sslkey, target_session_attrs";
                return Err(Stop::usage(message, hint));
            }
            (name, _) if DROPPED.contains(&name.to_lowercase().as_str()) => {}
            (name, value) => out.push((name, value.to_owned())),
        }
    }
    if strict {
        out.retain(|(name, value)| *name != "sslmode" || value.starts_with("verify-"));
        if out.iter().all(|(name, _)| *name != "sslmode") {
            out.push(("sslmode", "verify-full".into()));
        }
        if prisma && out.iter().all(|(name, _)| *name != "sslrootcert") {
            out.push(("sslrootcert", "system".into()));
        }
    }
    trust_the_system(&mut out);
    if !options.is_empty() {
        out.push(("options", options.join("%20")));
    }
    Ok(out.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
}

/// `sslrootcert=system` means the certificates that TLS was built with, and ours is built without any: the operating system's
/// are named instead, and as strictly as libpq would take the word.
fn trust_the_system(settings: &mut Vec<(&str, String)>) {
    let mode = settings.iter().find(|(name, _)| *name == "sslmode").map(|(_, mode)| mode.clone());
    let own = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
    let file = TRUSTED.iter().find(|file| Path::new(file).is_file());
    if let Some((_, root)) = settings.iter_mut().find(|(name, root)| *name == "sslrootcert" && root == "system")
        && let Some(file) = file
        && !own
        && mode.as_deref().is_none_or(|mode| mode == "verify-full")
    {
        *root = (*file).to_owned();
        if mode.is_none() {
            settings.push(("sslmode", "verify-full".into()));
        }
    }
}

/// The command line option of a session that sets its search path, as it stands in an address.
fn search_path(schemas: &str) -> String {
    let mut out = String::from("-csearch_path%3D");
    for byte in schemas.bytes() {
        match byte {
            // Options are parted by blanks: one within is escaped.
            b' ' | b'\\' => out.push_str(&format!("%5C%{byte:02X}")),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_other_tools_mean_the_same_database() {
        for (theirs, ours) in [
            ("postgres://a:b@db/x", "postgres://a:b@db/x"),
            ("postgresql://a@db/x?schema=public", "postgresql://a@db/x?options=-csearch_path%3D%22public%22"),
            (
                "postgresql://a@db/x?connection_limit=5&schema=My%20App&pool_timeout=2&sslmode=require",
                "postgresql://a@db/x?sslmode=require&options=-csearch_path%3D%22My%5C%20App%22",
            ),
            (
                "postgresql://a@db/x?options=-cwork_mem%3D1MB&schema=s",
                "postgresql://a@db/x?options=-cwork_mem%3D1MB%20-csearch_path%3D%22s%22",
            ),
            ("postgresql+psycopg2://a:b@db:5433/x", "postgresql://a:b@db:5433/x"),
            ("postgresql+asyncpg://a@db/x?ssl=require&prepared_statement_cache_size=0", "postgresql://a@db/x?sslmode=require"),
            ("postgresql+psycopg://a@db/x", "postgresql://a@db/x"),
            ("postgresql+pg8000://a@db/x", "postgresql://a@db/x"),
            ("postgis://a@db/x", "postgresql://a@db/x"),
            ("jdbc:postgresql://db:5432/x?user=a&password=b", "postgresql://db:5432/x?user=a&password=b"),
            (
                "jdbc:postgresql:x?currentSchema=app,public&reWriteBatchedInserts=true",
                "postgresql:///x?options=-csearch_path%3Dapp%2Cpublic",
            ),
            (
                "jdbc:postgresql://db/x?ssl=true&targetServerType=primary",
                "postgresql://db/x?target_session_attrs=primary&sslmode=verify-full",
            ),
            (
                "postgresql://a@db/x?sslaccept=strict&sslcert=ca.pem&sslmode=require",
                "postgresql://a@db/x?sslrootcert=ca.pem&sslmode=verify-full",
            ),
            ("postgresql://a@db/x?sslcert=me.crt&sslkey=me.key", "postgresql://a@db/x?sslcert=me.crt&sslkey=me.key"),
        ] {
            assert_eq!(postgres(theirs).unwrap().unwrap(), ours, "{theirs}");
        }
        for (theirs, name) in [
            ("postgresql://a:hemlig@db/x?pgbouncer=true", "pgbouncer"),
            ("postgresql://a:hemlig@db/x?sslidentity=me.p12", "sslidentity"),
            ("jdbc:postgresql://db/x?password=hemlig&targetServerType=secondary", "targetServerType"),
        ] {
            let stop = postgres(theirs).unwrap().unwrap_err();
            assert!(stop.message.contains(name) && !format!("{}{}", stop.message, stop.hint).contains("hemlig"), "{}", stop.message);
        }
        assert!(["mysql://db/x", "postgres+foo", "postgres:x", "x"].iter().all(|url| postgres(url).is_none()));
    }

    #[test]
    fn what_the_system_trusts_is_trusted_strictly_or_not_at_all() {
        let url = postgres("postgresql://db/x?sslrootcert=system").unwrap().unwrap();
        let there = TRUSTED.iter().find(|file| Path::new(file).is_file());
        match there.filter(|_| std::env::var_os("SSL_CERT_FILE").is_none() && std::env::var_os("SSL_CERT_DIR").is_none()) {
            Some(file) => assert_eq!(url, format!("postgresql://db/x?sslrootcert={file}&sslmode=verify-full")),
            None => assert_eq!(url, "postgresql://db/x?sslrootcert=system"),
        }
        let weak = "postgresql://db/x?sslrootcert=system&sslmode=require";
        assert_eq!(postgres(weak).unwrap().unwrap(), weak, "libpq refuses it, and says why");
    }

    #[test]
    fn paths_are_read_as_the_tool_that_wrote_them_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let here = |path: &str| dir.path().join(path);
        let read = |url: &str| sqlite(url, dir.path()).unwrap();
        for (url, path) in [
            ("sqlite:a.db", here("a.db")),
            ("sqlite://a.db", here("a.db")),
            ("sqlite:///a.db", here("a.db")),
            ("sqlite:////var/a.db", PathBuf::from("/var/a.db")),
            ("sqlite+aiosqlite:///var/a.db?timeout=5", here("var/a.db")),
            ("sqlite+pysqlite:////var/a.db", PathBuf::from("/var/a.db")),
            ("sqlite3:a.db", here("a.db")),
            ("jdbc:sqlite:a.db", here("a.db")),
            ("file:./dev.db?connection_limit=1", here("./dev.db")),
            ("file:///var/a.db", PathBuf::from("/var/a.db")),
            ("sqlite:/var/a.db", PathBuf::from("/var/a.db")),
        ] {
            assert_eq!(read(url).unwrap(), path, "{url}");
        }
        std::fs::create_dir(here("prisma")).unwrap();
        std::fs::write(here("prisma/dev.db"), "").unwrap();
        assert_eq!(read("file:./dev.db").unwrap(), here("prisma/./dev.db"), "where Prisma would look");
        std::fs::write(here("dev.db"), "").unwrap();
        assert!(read("file:./dev.db").unwrap_err().message.contains("may mean"));
        let absolute = here("dev.db");
        assert_eq!(read(&format!("sqlite://{}", absolute.display())).unwrap(), absolute, "three slashes and a path from the root");
        for url in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite://anna:hemlig@db", "file:dev.db?mode=ro", "file:a?mode=memory"] {
            let stop = read(url).unwrap_err();
            assert!(!format!("{}{}", stop.message, stop.hint).contains("hemlig"), "{url}: {}", stop.message);
        }
    }
}
