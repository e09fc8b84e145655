//! Directives: comment lines of a script that say what must hold around the statement behind them.

use super::Wrong;

/// A directive, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Its line, from 1.
    pub line: usize,
    /// What it says.
    pub says: Says,
}

/// What a directive says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// `kind: additive`.
    Kind(Kind),
    /// `unless: table t`, `if: table t`.
    Only(Condition),
    /// `expect: UPDATE systems 2`.
    Expect(Expectation),
    /// `keeps: count(*) from a -> count(*) from b`.
    Keeps(Keep),
}

/// What kind of step a script is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// It takes nothing away.
    Additive,
    /// It makes these tables anew, foreign keys off.
    Rebuild(Vec<String>),
    /// It cannot live in a transaction.
    OutsideTransaction,
}

/// The next statement runs only where an object stands, or where it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The object.
    pub object: Object,
    /// Whether it must stand; else it must not.
    pub stands: bool,
}

/// Something that a database has by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A table.
    Table(String),
    /// A table's column.
    Column(String, String),
    /// An index.
    Index(String),
    /// A view.
    View(String),
    /// A constraint of any table; PostgreSQL's.
    Constraint(String),
    /// A type; PostgreSQL's.
    Type(String),
    /// A trigger of any table.
    Trigger(String),
}

/// How many rows a statement must touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// `INSERT`, `UPDATE` or `DELETE`.
    pub verb: String,
    /// The table.
    pub table: String,
    /// How the number is compared.
    pub bound: Bound,
    /// The number.
    pub rows: usize,
}

/// How a number of rows is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// That many.
    Exactly,
    /// That many, or more.
    AtLeast,
    /// That many, or fewer.
    AtMost,
}

impl Expectation {
    /// Whether so many rows are as expected.
    pub fn holds(&self, rows: usize) -> bool {
        match self.bound {
            Bound::Exactly => rows == self.rows,
            Bound::AtLeast => rows >= self.rows,
            Bound::AtMost => rows <= self.rows,
        }
    }

    /// The number, as the directive writes it.
    pub fn words(&self) -> String {
        match self.bound {
            Bound::Exactly => self.rows.to_string(),
            Bound::AtLeast => format!(">= {}", self.rows),
            Bound::AtMost => format!("<= {}", self.rows),
        }
    }
}

/// Two queries, without their first word `select`: what the one gives before the step the other must give behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// Before.
    pub before: String,
    /// Behind.
    pub after: String,
}

const WORDS: [&str; 5] = ["kind", "unless", "if", "expect", "keeps"];

impl Directive {
    /// The directive of a line comment; `None` where it is a comment only. A directive in words that nobody knows is wrong,
    /// so that none is passed over in silence.
    pub fn read(comment: &str, line: usize) -> Result<Option<Directive>, Wrong> {
        let text = comment.trim_start_matches('-').trim();
        let Some((word, rest)) = text.split_once(':').filter(|(word, _)| WORDS.contains(word)) else { return Ok(None) };
        let rest = rest.trim();
        let says = match word {
            "kind" => kind(rest).map(Says::Kind),
            "unless" => object(rest).map(|object| Says::Only(Condition { object, stands: false })),
            "if" => object(rest).map(|object| Says::Only(Condition { object, stands: true })),
            "expect" => expectation(rest).map(Says::Expect),
            _ => keep(rest).map(Says::Keeps),
        };
        let says = says.ok_or_else(|| Wrong {
            line,
            message: format!("the directive `{text}` cannot be read"),
            hint: match word {
                "kind" => "write `-- kind: additive`, `-- kind: rebuild TABLE` or `-- kind: outside-transaction`",
                "unless" | "if" => {
                    "name a table, a `column TABLE.COLUMN`, an index, a view, a trigger, a constraint or a type: `-- unless: table systems`"
                }
                "expect" => "write what the statement does, the table and the rows: `-- expect: UPDATE systems 2`, or `>= 1`, `<= 10`",
                _ => "write two queries with `->` between: `-- keeps: count(*) from a -> count(*) from b`",
            }
            .into(),
        })?;
        Ok(Some(Directive { line, says }))
    }
}

fn kind(text: &str) -> Option<Kind> {
    let mut words = text.split([' ', ',']).filter(|w| !w.is_empty());
    let kind = match words.next()? {
        "additive" => Kind::Additive,
        "outside-transaction" => Kind::OutsideTransaction,
        "rebuild" => {
            let tables: Vec<String> = words.by_ref().map(unquoted).collect();
            Some(Kind::Rebuild(tables)).filter(|k| *k != Kind::Rebuild(Vec::new()))?
        }
        _ => return None,
    };
    words.next().is_none().then_some(kind)
}

fn object(text: &str) -> Option<Object> {
    let (kind, name) = text.split_once(char::is_whitespace)?;
    let name = name.trim();
    let parts = parts(name)?;
    let last = parts.last()?.clone();
    match kind {
        "table" => Some(Object::Table(last)),
        "index" => Some(Object::Index(last)),
        "view" => Some(Object::View(last)),
        "constraint" => Some(Object::Constraint(last)),
        "type" => Some(Object::Type(last)),
        "trigger" => Some(Object::Trigger(last)),
        "column" if parts.len() >= 2 => Some(Object::Column(parts[parts.len() - 2].clone(), last)),
        _ => None,
    }
}

/// The parts of a dotted name, of which each may stand in quotes.
fn parts(name: &str) -> Option<Vec<String>> {
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for c in name.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            c if c.is_whitespace() && !quoted => return None,
            c => part.push(c),
        }
    }
    parts.push(part);
    (!quoted && parts.iter().all(|p| !p.is_empty())).then_some(parts)
}

fn expectation(text: &str) -> Option<Expectation> {
    let (verb, rest) = text.split_once(char::is_whitespace)?;
    let verb = verb.to_uppercase();
    if !["INSERT", "UPDATE", "DELETE"].contains(&verb.as_str()) {
        return None;
    }
    let (before, number) = rest.trim().rsplit_once(char::is_whitespace)?;
    let rows = number.parse().ok()?;
    let before = before.trim();
    let (name, bound) = match (before.strip_suffix(">="), before.strip_suffix("<=")) {
        (Some(name), _) => (name, Bound::AtLeast),
        (_, Some(name)) => (name, Bound::AtMost),
        _ => (before, Bound::Exactly),
    };
    let table = parts(name.trim())?.pop()?;
    Some(Expectation { verb, table, bound, rows })
}

fn keep(text: &str) -> Option<Keep> {
    let (before, after) = text.split_once("->")?;
    let query = |text: &str| {
        let text = text.trim();
        let text = text.get(..7).filter(|t| t.eq_ignore_ascii_case("select ")).map_or(text, |_| &text[7..]);
        (!text.is_empty() && !text.contains(';')).then(|| text.to_owned())
    };
    Some(Keep { before: query(before)?, after: query(after)? })
}

fn unquoted(name: &str) -> String {
    name.trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_and_wrong_ones_refused() {
        let says = |text: &str| Directive::read(text, 1).unwrap().unwrap().says;
        assert_eq!(says("-- kind: rebuild systems, \"User\""), Says::Kind(Kind::Rebuild(vec!["systems".into(), "User".into()])));
        let column = Object::Column("finance_account".into(), "account_type".into());
        assert_eq!(says("--unless: column public.finance_account.account_type"), Says::Only(Condition { object: column, stands: false }));
        let expected = |bound| Says::Expect(Expectation { verb: "UPDATE".into(), table: "point_info".into(), bound, rows: 6 });
        assert_eq!(says("-- expect: UPDATE point_info 6"), expected(Bound::Exactly));
        assert_eq!(says("-- expect: update \"point_info\" >= 6"), expected(Bound::AtLeast));
        let keep = Keep { before: "count(*) from a".into(), after: "count(*) from \"user\"".into() };
        assert_eq!(says("-- keeps: select count(*) from a -> count(*) from \"user\""), Says::Keeps(keep));
        for wrong in ["-- kind: adding", "-- unless: tabel x", "-- expect: UPDATE systems", "-- keeps: count(*) from a", "-- kind: rebuild"]
        {
            assert!(Directive::read(wrong, 1).is_err(), "{wrong}");
        }
        for comment in ["-- Kind of odd: yes", "--> statement-breakpoint", "-- note: x", "----------"] {
            assert_eq!(Directive::read(comment, 1).unwrap(), None, "{comment}");
        }
    }
}
