//! Declared checks (`[[check]]`) and control totals (`[[expect]]`), read and typed.

use super::read::Place;
use super::{Expect, SumCheck};
use crate::error::Result;
use crate::evidence::Severity;
use serde::Deserialize;
use std::collections::BTreeMap;
use tieout_parsers::{Decimal, exact_decimal};
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCheck {
    name: Spanned<String>,
    kind: Spanned<String>,
    of: Spanned<String>,
    by: String,
    equals: Spanned<String>,
    tolerance: Option<Spanned<RawNumber>>,
    because: Option<String>,
    severity: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpect {
    table: Spanned<String>,
    rows: Option<u64>,
    #[serde(default)]
    sum: BTreeMap<String, Spanned<RawNumber>>,
    #[serde(default)]
    filled: BTreeMap<String, u64>,
    #[serde(default)]
    distinct: BTreeMap<String, u64>,
}

/// An exact number: a whole one, or a text. A TOML float would not be exact.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a number in quotation marks, such as \"0.50\", or a whole number")]
enum RawNumber {
    Whole(i64),
    Text(String),
}

impl Place<'_> {
    pub(super) fn check(&self, raw: RawCheck) -> Result<SumCheck> {
        if raw.kind.get_ref() != "sum" {
            return Err(self.stop(
                raw.kind.span(),
                format!("there is no check kind `{}`", raw.kind.get_ref()),
                "this version knows the kind \"sum\"",
            ));
        }
        let of = raw.of.get_ref().split_once('.').filter(|(t, c)| !t.is_empty() && !c.is_empty());
        let of =
            of.ok_or_else(|| self.stop(raw.of.span(), "`of` names a table and a column", "write it like \"ElectricityBill.amount\""))?;
        let equals = raw.equals.get_ref().strip_suffix(']').and_then(|e| e.split_once('['));
        let equals = equals.ok_or_else(|| {
            self.stop(raw.equals.span(), "`equals` names a configuration table and a key", "write it like \"RentConfig[el]\"")
        })?;
        let tolerance = raw.tolerance.map_or(Ok(Decimal::ZERO), |t| self.number(&t))?;
        if tolerance.is_sign_negative() && !tolerance.is_zero() {
            return Err(self.stop(raw.name.span(), "a tolerance is not negative", "write how far the sums may be apart"));
        }
        let because = raw.because.filter(|b| !b.trim().is_empty());
        if !tolerance.is_zero() && because.is_none() {
            return Err(self.stop(raw.name.span(), "a tolerance needs a reason", "say `because = \"…\"`: an auditor will ask"));
        }
        let owned = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
        let words = [("error", Severity::Error), ("warning", Severity::Warning), ("info", Severity::Info)];
        let severity = match raw.severity {
            None => Severity::Error,
            Some(word) => words.iter().find(|(w, _)| w == word.get_ref()).map(|w| w.1).ok_or_else(|| {
                self.stop(word.span(), format!("`{}` is no severity", word.get_ref()), "write \"error\", \"warning\" or \"info\"")
            })?,
        };
        let (of, equals) = (owned(of), owned(equals));
        Ok(SumCheck { name: raw.name.into_inner(), of, by: raw.by, equals, tolerance, because, severity })
    }

    pub(super) fn expect(&self, raw: RawExpect) -> Result<Expect> {
        let sum_is_empty = raw.sum.is_empty();
        let sum = raw.sum.into_iter().map(|(column, n)| Ok((column, self.number(&n)?))).collect::<Result<_>>()?;
        if raw.rows.is_none() && sum_is_empty && raw.filled.is_empty() && raw.distinct.is_empty() {
            return Err(self.stop(raw.table.span(), "this [[expect]] expects nothing", "state `rows`, `sum`, `filled` or `distinct`"));
        }
        let pairs = |map: BTreeMap<String, u64>| map.into_iter().collect();
        Ok(Expect { table: raw.table.into_inner(), rows: raw.rows, sum, filled: pairs(raw.filled), distinct: pairs(raw.distinct) })
    }

    fn number(&self, raw: &Spanned<RawNumber>) -> Result<Decimal> {
        let number = match raw.get_ref() {
            RawNumber::Whole(n) => Some(Decimal::from(*n)),
            RawNumber::Text(text) => exact_decimal(text),
        };
        number.ok_or_else(|| self.stop(raw.span(), "this is no number", "write it like \"0.50\""))
    }
}
