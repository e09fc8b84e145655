//! `sql`: a query of the user's, which must give no rows. It is run so that nothing it does stays.

use crate::error::Result;
use crate::evidence::{Check, Operand, Side, Status};
use crate::reconcile::rule::{Cells, Declared, Kind, Need, OPERANDS, Rule, Template, World};
use crate::script::{Grammar, Script};
use std::collections::BTreeMap;

/// The kind.
pub(super) const KIND: Kind = Kind {
    name: "sql",
    about: "a query of yours that must give no rows",
    settings: &["query"],
    make: |declared| Ok(Box::new(Sql::new(declared)?)),
};

struct Sql {
    template: Template,
    /// The query for either database, or for each.
    query: BTreeMap<String, String>,
    rows: u64,
    operands: Vec<Operand>,
}

impl Sql {
    fn new(declared: &Declared<'_>) -> Result<Sql> {
        let hint = "write query = \"select …\", or query = { sqlite = \"…\", postgres = \"…\" }";
        let query = match declared.text("query") {
            Ok(Some(text)) => BTreeMap::from([("sqlite".to_owned(), text.to_owned()), ("postgres".to_owned(), text.to_owned())]),
            Ok(None) => return Err(declared.at("query").stop("there is no query", hint)),
            Err(_) => declared.map("query")?,
        };
        for (backend, text) in &query {
            one_statement(text, Grammar::of(backend)).map_err(|why| declared.at("query").stop(why, "write one query"))?;
        }
        if let Some(wrong) = query.keys().find(|k| !["sqlite", "postgres"].contains(&k.as_str())) {
            return Err(declared.at("query").stop(format!("there is no database `{wrong}`"), hint));
        }
        Ok(Sql { template: declared.check(), query, rows: 0, operands: Vec::new() })
    }
}

/// A second statement behind the first would be run, or left out, in silence.
fn one_statement(text: &str, grammar: Grammar) -> std::result::Result<(), String> {
    let script = Script::read(text, grammar).map_err(|wrong| format!("the query cannot be read: {}", wrong.message))?;
    if script.statements.len() > 1 { Err("there is more than one statement".to_owned()) } else { Ok(()) }
}

impl Rule for Sql {
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }

    fn query(&self, postgres: bool) -> Option<&str> {
        // Without one for this database the answer is no pass either.
        Some(self.query.get(if postgres { "postgres" } else { "sqlite" }).map_or("", String::as_str))
    }

    fn row(&mut self, _need: usize, row: &Cells<'_>) {
        self.rows += 1;
        if self.operands.len() < OPERANDS {
            let words: Vec<&str> = row.row.iter().map(|t| t.unwrap_or("NULL")).collect();
            self.operands.push(Operand::new(Side::Actual, format!("row {}", self.rows), words.join(", ")));
        }
    }

    fn missing(&self, why: &str) -> Vec<Check> {
        vec![self.template.not_run("all rows", why)]
    }

    fn finish(self: Box<Self>, _world: &World) -> Vec<Check> {
        let mut check = self.template.group("all rows");
        check.expected = Some("0".into());
        check.actual = Some(self.rows.to_string());
        check.difference = Some(self.rows.to_string());
        check.status = if self.rows == 0 { Status::Match } else { Status::Difference };
        let first = self.operands.first().map(|o| o.value.clone()).unwrap_or_default();
        check.explanation = (self.rows > 0).then(|| format!("the query gives {} rows, the first is: {first}", self.rows));
        check.operands = self.operands;
        vec![check]
    }
}
