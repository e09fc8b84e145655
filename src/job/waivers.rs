//! Waivers (`[[waiver]]`): differences that somebody answers for.

use super::checks::At;
use super::read::Place;
use crate::error::Result;
use serde::Deserialize;
use tieout_parsers::Date;
use toml::Spanned;

/// A difference that somebody answers for, as long as its figures stay the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The check's name.
    pub check: String,
    /// The group in it.
    pub group: String,
    /// The hash of the two figures, as the report states it.
    pub hash: String,
    /// Why the difference may stand.
    pub reason: String,
    /// Who says so.
    pub by: String,
    /// Since when.
    pub on: Date,
    /// The last day on which it holds; `None` = as long as the figures do.
    pub until: Option<Date>,
    /// Where it stands.
    pub at: At,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWaiver {
    check: Spanned<String>,
    group: String,
    hash: Spanned<String>,
    reason: Spanned<String>,
    by: String,
    on: Spanned<toml::value::Datetime>,
    until: Option<Spanned<toml::value::Datetime>>,
}

impl Place<'_> {
    pub(super) fn waiver(&self, raw: RawWaiver) -> Result<Waiver> {
        let day = |day: &Spanned<toml::value::Datetime>| {
            let text = day.get_ref().date.map(|d| d.to_string()).unwrap_or_default();
            text.parse().map_err(|_| self.stop(day.span(), "this is no day", "write it as 2026-01-31, without quotation marks"))
        };
        if raw.reason.get_ref().trim().is_empty() || raw.by.trim().is_empty() {
            return Err(self.stop(
                raw.reason.span(),
                "a waiver needs a reason and a name",
                "say why the difference may stand, and who says so",
            ));
        }
        let hash = raw.hash.get_ref().to_lowercase();
        if hash.len() != 16 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(self.stop(raw.hash.span(), "this is no hash of a difference", "the report states it beside each difference"));
        }
        let (on, until) = (day(&raw.on)?, raw.until.as_ref().map(day).transpose()?);
        let at = self.at(raw.check.span());
        Ok(Waiver { check: raw.check.into_inner(), group: raw.group, hash, reason: raw.reason.into_inner(), by: raw.by, on, until, at })
    }
}
