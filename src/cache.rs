//! Takes outdated keys out of a Redis cache: looked for piece by piece (SCAN) and let go without blocking the server (UNLINK),
//! never `KEYS` or `FLUSHALL`. When that is done is not decided here. An address may hold a password, and is never shown as it
//! stands.

use crate::job::{Cache, Server};
use redis::{Client, Connection, RedisError, cmd};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// So many keys the server looks at for each piece.
const PIECE: usize = 1000;

/// What became of a cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheOutcome {
    /// When, as the job file says it.
    pub when: String,
    /// The server and the number of its database, `localhost:6379/0`.
    pub server: String,
    /// The patterns, with the number of keys that are gone.
    pub patterns: Vec<PatternOutcome>,
    /// Why not all of it was done.
    pub error: Option<String>,
    /// How long it took, `0.012`.
    pub seconds: String,
}

/// What became of the keys of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatternOutcome {
    /// The pattern.
    pub pattern: String,
    /// How many keys were taken away.
    pub keys: u64,
}

/// What was done with a cache.
pub struct Cleared {
    /// The server, without user and password.
    pub server: String,
    /// Each pattern, in the job's order, as far as it got.
    pub patterns: Vec<PatternOutcome>,
    /// Why it did not get to the end.
    pub error: Option<String>,
}

/// Takes the keys of a cache away.
pub fn clear(cache: &Cache) -> Cleared {
    let mut cleared = Cleared { server: server(cache), patterns: Vec::new(), error: None };
    let begin = Instant::now();
    let result = connect(cache).and_then(|mut connection| {
        cache.patterns.iter().try_for_each(|pattern| {
            cleared.patterns.push(PatternOutcome { pattern: pattern.clone(), keys: 0 });
            let Some(now) = cleared.patterns.last_mut() else { return Ok(()) };
            unlink(&mut connection, pattern, &mut now.keys, cache.timeout, begin).map_err(|e| words(&e, cache))
        })
    });
    cleared.error = result.err();
    cleared
}

/// Asks whether the server of a cache answers; why not.
pub fn answers(cache: &Cache) -> Result<(), String> {
    let mut connection = connect(cache)?;
    let pong: Result<String, RedisError> = cmd("PING").query(&mut connection);
    pong.map(drop).map_err(|e| words(&e, cache))
}

fn unlink(connection: &mut Connection, pattern: &str, gone: &mut u64, time: Duration, begin: Instant) -> Result<(), RedisError> {
    let mut cursor = 0_u64;
    loop {
        // No reply may take longer than what is left of the whole.
        let left = time.saturating_sub(begin.elapsed()).max(Duration::from_millis(1));
        connection.set_read_timeout(Some(left))?;
        connection.set_write_timeout(Some(left))?;
        let scan: (u64, Vec<Vec<u8>>) = cmd("SCAN").arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(PIECE).query(connection)?;
        for keys in scan.1.chunks(PIECE) {
            let n: u64 = cmd("UNLINK").arg(keys).query(connection)?;
            *gone += n;
        }
        cursor = scan.0;
        if cursor == 0 {
            return Ok(());
        }
    }
}

fn connect(cache: &Cache) -> Result<Connection, String> {
    let url = address(cache)?;
    let client = Client::open(url.as_str()).map_err(|_| "its address is none of a Redis server".to_owned())?;
    let connection = client.get_connection_with_timeout(cache.timeout).map_err(|e| words(&e, cache))?;
    connection.set_read_timeout(Some(cache.timeout)).map_err(|e| words(&e, cache))?;
    Ok(connection)
}

fn address(cache: &Cache) -> Result<String, String> {
    match &cache.server {
        Server::At(url) => Ok(url.clone()),
        Server::InEnvironment(name) => std::env::var(name).map_err(|_| format!("the variable {name} is not set")),
    }
}

/// The server and the number of its database; the variable's name, where its address cannot be read.
pub fn server(cache: &Cache) -> String {
    let client = address(cache).ok().and_then(|url| Client::open(url).ok());
    match (client, &cache.server) {
        (Some(client), _) => {
            let info = client.get_connection_info();
            format!("{}/{}", info.addr(), info.redis_settings().db())
        }
        (None, Server::InEnvironment(name)) => format!("${name}"),
        (None, Server::At(_)) => "an address that cannot be read".to_owned(),
    }
}

/// A text without the password of a cache, however it is written there.
pub fn redact(cache: &Cache, text: &str) -> String {
    let Ok(url) = address(cache) else { return text.to_owned() };
    let read = Client::open(url.as_str()).ok().and_then(|c| c.get_connection_info().redis_settings().password().map(str::to_owned));
    let authority = url.split_once("://").map_or("", |(_, rest)| rest).rsplit_once('@').map_or("", |(user, _)| user);
    let stands = authority.split_once(':').map(|(_, password)| password.to_owned());
    let mut secrets: Vec<String> = [read, stands].into_iter().flatten().filter(|s| !s.is_empty()).collect();
    secrets.sort_by_key(|s| std::cmp::Reverse(s.len()));
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
}

/// What went wrong, in words, without a password.
fn words(error: &RedisError, cache: &Cache) -> String {
    if error.is_timeout() {
        return format!("it did not answer within {} seconds", cache.timeout.as_secs());
    }
    let said = error.to_string();
    redact(cache, said.split(" (os error").next().unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_and_redacted_without_its_password() {
        let at = |url: &str| Cache {
            server: Server::At(url.to_owned()),
            patterns: Vec::new(),
            when: Vec::new(),
            timeout: Duration::from_secs(1),
            required: false,
        };
        for (url, shown) in [
            ("redis://localhost", "localhost:6379/0"),
            ("redis://:he%2Fmlig@cache:6380/3", "cache:6380/3"),
            ("rediss://anna:hemlig@cache/1", "cache:6379/1"),
            ("redis+unix:///run/redis.sock?db=2&pass=hemlig", "/run/redis.sock/2"),
        ] {
            assert_eq!(server(&at(url)), shown);
        }
        assert_eq!(redact(&at("redis://:he%2Fmlig@cache"), "he/mlig, he%2Fmlig, cache"), "***, ***, cache");
        assert_eq!(redact(&at("redis+unix:///run/redis.sock?pass=hemlig"), "hemlig"), "***");
    }
}
