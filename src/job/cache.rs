//! Declared caches (`[[cache]]`): keys of a Redis server that a run makes outdated, read and typed. Nothing connects here.

use super::When;
use super::hooks::{MINUTE, duration};
use super::read::Place;
use crate::error::Result;
use serde::Deserialize;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;

/// A cache of which some keys are taken away after a run.
#[derive(Clone, PartialEq, Eq)]
pub struct Cache {
    /// Where the server is.
    pub server: Server,
    /// Which keys, as Redis' own patterns.
    pub patterns: Vec<String>,
    /// When: after a commit, after a run that failed.
    pub when: Vec<When>,
    /// How long all of it may take.
    pub timeout: Duration,
    /// Whether a run may begin only where the server answers.
    pub required: bool,
}

/// Where a server is. It may hold a password, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Server {
    /// At this address.
    At(String),
    /// At the address that this variable of the environment holds.
    InEnvironment(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCache {
    url: Option<Spanned<String>>,
    url_env: Option<Spanned<String>>,
    patterns: Spanned<Vec<String>>,
    when: Option<Spanned<Vec<String>>>,
    timeout: Option<Spanned<String>>,
    #[serde(default)]
    required: bool,
}

impl Place<'_> {
    pub(super) fn cache(&self, raw: RawCache) -> Result<Cache> {
        let at = raw.patterns.span();
        let server = self.server(raw.url, raw.url_env, &at)?;
        let patterns = raw.patterns.into_inner();
        let all = patterns.iter().find(|p| p.trim().chars().all(|c| c == '*'));
        if patterns.is_empty() || all.is_some() {
            let message = all.map_or("the cache names no keys".to_owned(), |p| format!("`{p}` is every key of the server"));
            let hint = "name the keys that the tables feed, such as patterns = [\"rent:*\"]; `\\*` is the character itself";
            return Err(self.stop(at, message, hint));
        }
        let when = match raw.when {
            None => vec![When::AfterCommit, When::AfterRollback],
            Some(words) => {
                let moment = |word: &String| [When::AfterCommit, When::AfterRollback].into_iter().find(|w| w.word() == word);
                let known: Option<Vec<When>> = words.get_ref().iter().map(moment).collect();
                known.filter(|w| !w.is_empty()).ok_or_else(|| {
                    self.stop(words.span(), "this is no list of moments", "write \"after-commit\", \"after-rollback\", or both")
                })?
            }
        };
        let timeout = match &raw.timeout {
            None => MINUTE,
            Some(text) => duration(text.get_ref()).ok_or_else(|| {
                let message = format!("`{}` is no time from a second to a day", text.get_ref());
                self.stop(text.span(), message, "write it like \"30s\" or \"5min\"")
            })?,
        };
        Ok(Cache { server, patterns, when, timeout, required: raw.required })
    }

    fn server(&self, url: Option<Spanned<String>>, url_env: Option<Spanned<String>>, at: &Range<usize>) -> Result<Server> {
        let hint = "write url = \"redis://host:6379/0\", or url_env = \"REDIS_URL\" where the address holds a password";
        match (url, url_env) {
            (Some(url), None) if is_address(url.get_ref()) => Ok(Server::At(url.into_inner())),
            (Some(url), None) => Err(self.stop(url.span(), "this is no address of a Redis server", hint)),
            (None, Some(name)) if name.get_ref().chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.get_ref().is_empty() => {
                Ok(Server::InEnvironment(name.into_inner()))
            }
            (None, Some(name)) => Err(self.stop(name.span(), "this is no name of a variable", hint)),
            (Some(_), Some(name)) => Err(self.stop(name.span(), "the cache has two addresses", "keep `url` or `url_env`")),
            (None, None) => Err(self.stop(at.clone(), "the cache has no address", hint)),
        }
    }
}

/// Whether a text is the address of a Redis server, as far as that can be seen.
fn is_address(url: &str) -> bool {
    redis::IntoConnectionInfo::into_connection_info(url).is_ok()
}
