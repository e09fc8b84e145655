//! `on_reject` and `budget` of a source: whether records that are refused stop the run, or go into quarantine.

use super::read::Place;
use super::{Budget, DeclaredTable, Holds};
use crate::error::Result;
use serde::Deserialize;
use tieout_parsers::{FieldKind, Format, exact_decimal, nearest};
use toml::Spanned;

/// The most that a quarantine takes of a source: beyond that it is the wrong format.
const MOST: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBudget {
    rows: usize,
    amount: Option<Spanned<String>>,
    of: Option<Spanned<String>>,
    #[serde(default)]
    unvalued: usize,
    because: String,
}

impl Place<'_> {
    /// What a source says about records that are refused.
    pub(super) fn budget(
        &self,
        format: &dyn Format,
        table: Option<&DeclaredTable>,
        on_reject: Option<Spanned<String>>,
        budget: Option<Spanned<RawBudget>>,
    ) -> Result<Option<Budget>> {
        let example = "write budget = { rows = 5, amount = \"1000\", because = \"…\" }";
        let Some(word) = on_reject.filter(|w| w.get_ref() != "stop") else {
            return match budget {
                None => Ok(None),
                Some(budget) => Err(self.stop(
                    budget.span(),
                    "there is a budget, but what is refused stops the run",
                    "write on_reject = \"quarantine\"",
                )),
            };
        };
        if word.get_ref() != "quarantine" {
            return Err(self.stop(word.span(), format!("`{}` is not known here", word.get_ref()), "write \"stop\" or \"quarantine\""));
        }
        if !format.rejects_records() {
            let message = format!("a file of the format `{}` hangs together: no part of it can go into quarantine", format.name());
            return Err(self.stop(word.span(), message, "write \"stop\""));
        }
        let Some(budget) = budget else {
            return Err(self.stop(word.span(), "a quarantine needs a budget", example));
        };
        let span = budget.span();
        let raw = budget.into_inner();
        if raw.rows == 0 || raw.rows > MOST {
            return Err(self.stop(span, format!("a budget is of 1 to {MOST} rows"), example));
        }
        let amount = match &raw.amount {
            None => None,
            Some(text) => Some(exact_decimal(text.get_ref()).ok_or_else(|| {
                self.stop(
                    text.span(),
                    format!("`{}` is no amount", text.get_ref()),
                    "write it as a number in quotation marks, such as \"1000.50\"",
                )
            })?),
        };
        let of = self.column_of_worth(table, raw.of)?;
        if let (Some(amount), None) = (&raw.amount, &of) {
            return Err(self.stop(amount.span(), "it is not said which column the amount is of", "add of = \"COLUMN\" to the budget"));
        }
        Ok(Some(Budget { rows: raw.rows, amount, of, unvalued: raw.unvalued, because: raw.because }))
    }

    /// The column named, else the only one with decimals; of bills, the amount.
    fn column_of_worth(&self, table: Option<&DeclaredTable>, named: Option<Spanned<String>>) -> Result<Option<String>> {
        let Some(table) = table else { return Ok(Some("amount".to_owned())) };
        let decimal = |holds| matches!(holds, Holds::Value(FieldKind::Decimal { .. } | FieldKind::Integer));
        let mut numbers = table.columns.iter().filter(|c| decimal(c.holds)).map(|c| c.name.as_str());
        let Some(named) = named else {
            let mut money = table.columns.iter().filter(|c| matches!(c.holds, Holds::Value(FieldKind::Decimal { .. })));
            return Ok(money.next().filter(|_| money.next().is_none()).map(|c| c.name.clone()));
        };
        if numbers.clone().any(|n| n == named.get_ref()) {
            return Ok(Some(named.into_inner()));
        }
        let hint = match nearest(named.get_ref(), numbers.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("columns of numbers are: {}", numbers.by_ref().collect::<Vec<_>>().join(", ")),
        };
        Err(self.stop(named.span(), format!("the table {} has no column of numbers `{}`", table.table.name, named.get_ref()), hint))
    }
}
