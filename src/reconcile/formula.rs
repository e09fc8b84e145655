//! Formulas over the columns of a row: numbers, columns, `+ - * /`, brackets, `min`, `max`, `abs`, and rounding. Exact
//! decimals; what cannot be computed (a division by zero, a text that is no number) gives a reason instead.

use rust_decimal::RoundingStrategy::{self, AwayFromZero, MidpointAwayFromZero, MidpointNearestEven, ToPositiveInfinity, ToZero};
use tieout_parsers::{Decimal, exact_decimal};

/// A formula, read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Formula {
    /// A number.
    Number(Decimal),
    /// A column, by its place among the formula's columns.
    Column(usize),
    /// An operation on two.
    Pair(char, Box<Formula>, Box<Formula>),
    /// A function.
    Call(Function, Vec<Formula>),
}

/// A function of formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// Without sign.
    Abs,
    /// The first that is not empty or zero.
    Or,
    /// To so many decimals (0 when not said) by a rule.
    Round(RoundingStrategy),
}

/// The rounding rules by name.
const ROUNDING: [(&str, RoundingStrategy); 5] = [
    ("round", MidpointAwayFromZero),
    ("round_even", MidpointNearestEven),
    ("ceiling", ToPositiveInfinity),
    ("round_up", AwayFromZero),
    ("cut", ToZero),
];

impl Formula {
    /// Reads a formula; gives the columns it names, in the order of their places.
    pub(super) fn read(text: &str) -> Result<(Formula, Vec<String>), String> {
        let mut reader = Reader { rest: text, columns: Vec::new(), depth: 0 };
        let formula = reader.sum()?;
        if !reader.rest.trim().is_empty() {
            return Err(format!("`{}` is not understood", reader.rest.trim()));
        }
        Ok((formula, reader.columns))
    }

    /// Its value, given the columns' texts; an empty column is zero.
    pub(super) fn value<'v>(&self, columns: &impl Fn(usize) -> Option<&'v str>) -> Result<Decimal, String> {
        let big = || "the result has more digits than can be kept".to_owned();
        match self {
            Formula::Number(number) => Ok(*number),
            Formula::Column(n) => match columns(*n) {
                None => Ok(Decimal::ZERO),
                Some(text) => exact_decimal(text).ok_or_else(|| format!("`{text}` is no number")),
            },
            Formula::Pair(operator, a, b) => {
                let (a, b) = (a.value(columns)?, b.value(columns)?);
                match operator {
                    '+' => a.checked_add(b).ok_or_else(big),
                    '-' => a.checked_sub(b).ok_or_else(big),
                    '*' => a.checked_mul(b).ok_or_else(big),
                    _ if b.is_zero() => Err("there is a division by zero".into()),
                    _ => a.checked_div(b).ok_or_else(big),
                }
            }
            Formula::Call(function, arguments) => {
                let values: Vec<Decimal> = arguments.iter().map(|a| a.value(columns)).collect::<Result<_, _>>()?;
                let first = values.first().copied().unwrap_or_default();
                Ok(match function {
                    Function::Min => values.into_iter().min().unwrap_or_default(),
                    Function::Max => values.into_iter().max().unwrap_or_default(),
                    Function::Abs => first.abs(),
                    Function::Or => values.into_iter().find(|v| !v.is_zero()).unwrap_or_default(),
                    Function::Round(rule) => {
                        let digits = values.get(1).map_or(0, |d| d.normalize().to_string().parse().unwrap_or(0));
                        first.round_dp_with_strategy(digits, *rule)
                    }
                })
            }
        }
    }
}

/// How deeply brackets may be nested.
const DEPTH: usize = 50;

struct Reader<'t> {
    rest: &'t str,
    columns: Vec<String>,
    depth: usize,
}

impl Reader<'_> {
    fn sum(&mut self) -> Result<Formula, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("it has too many brackets".into());
        }
        let mut left = self.product()?;
        while let Some(operator) = self.one_of(&['+', '-']) {
            left = Formula::Pair(operator, left.into(), self.product()?.into());
        }
        self.depth -= 1;
        Ok(left)
    }

    fn product(&mut self) -> Result<Formula, String> {
        let mut left = self.factor()?;
        while let Some(operator) = self.one_of(&['*', '/']) {
            left = Formula::Pair(operator, left.into(), self.factor()?.into());
        }
        Ok(left)
    }

    fn factor(&mut self) -> Result<Formula, String> {
        if self.one_of(&['-']).is_some() {
            self.depth += 1;
            if self.depth > DEPTH {
                return Err("it has too many signs".into());
            }
            let factor = self.factor()?;
            self.depth -= 1;
            return Ok(Formula::Pair('-', Formula::Number(Decimal::ZERO).into(), factor.into()));
        }
        if self.one_of(&['(']).is_some() {
            let inner = self.sum()?;
            return self.one_of(&[')']).map(|_| inner).ok_or_else(|| "a bracket is not closed".to_owned());
        }
        self.rest = self.rest.trim_start();
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let end = self.rest.find(|c| !word(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        if token.is_empty() {
            let found = self.rest.chars().next().map_or("it ends".to_owned(), |c| format!("there is `{c}`"));
            return Err(format!("{found} where a number or a column should be"));
        }
        if token.starts_with(|c: char| c.is_ascii_digit()) {
            return exact_decimal(token).map(Formula::Number).ok_or_else(|| format!("`{token}` is no number"));
        }
        if self.one_of(&['(']).is_some() {
            return self.call(token);
        }
        let at = self.columns.iter().position(|c| c == token).unwrap_or_else(|| {
            self.columns.push(token.to_owned());
            self.columns.len() - 1
        });
        Ok(Formula::Column(at))
    }

    fn call(&mut self, name: &str) -> Result<Formula, String> {
        let rounding = ROUNDING.iter().find(|r| r.0 == name).map(|r| (Function::Round(r.1), 1..=2));
        let (function, takes) = match name {
            "min" => (Function::Min, 1..=20),
            "max" => (Function::Max, 1..=20),
            "or" => (Function::Or, 1..=20),
            "abs" => (Function::Abs, 1..=1),
            _ => rounding.ok_or_else(|| {
                format!("there is no function `{name}`; known are min, max, or, abs, round, round_even, ceiling, round_up, cut")
            })?,
        };
        let mut arguments = vec![self.sum()?];
        while self.one_of(&[',']).is_some() {
            arguments.push(self.sum()?);
        }
        if self.one_of(&[')']).is_none() {
            return Err(format!("the bracket of `{name}` is not closed"));
        }
        if !takes.contains(&arguments.len()) {
            return Err(format!("`{name}` takes {} to {} values, not {}", takes.start(), takes.end(), arguments.len()));
        }
        Ok(Formula::Call(function, arguments))
    }

    fn one_of(&mut self, characters: &[char]) -> Option<char> {
        self.rest = self.rest.trim_start();
        let found = self.rest.chars().next().filter(|c| characters.contains(c))?;
        self.rest = &self.rest[found.len_utf8()..];
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, columns: &[(&str, &'static str)]) -> Result<String, String> {
        let (formula, names) = Formula::read(text)?;
        let get = |n: usize| columns.iter().find(|c| c.0 == names[n]).map(|c| c.1);
        formula.value(&get).map(|v| v.normalize().to_string())
    }

    #[test]
    fn formulas_compute_exactly_and_in_order() {
        let row = [("quantity", "3"), ("price", "19.90"), ("vat", "0.25")];
        assert_eq!(value("quantity * price", &row), Ok("59.7".into()));
        assert_eq!(value("round(quantity * price * (1 + vat), 2)", &row), Ok("74.63".into()));
        assert_eq!(value("round_even(0.125, 2) + cut(1.999) + ceiling(1.001)", &row), Ok("3.12".into()));
        assert_eq!(value("-2 - -3 * 2", &row), Ok("4".into()));
        assert_eq!(value("or(missing, 375) + max(1, 2, min(5, 3)) + abs(-1)", &row), Ok("379".into()));
        assert_eq!(value("0.1 + 0.2", &row), Ok("0.3".into()));
    }

    #[test]
    fn what_is_no_formula_says_why() {
        for (text, why) in [
            ("1 +", "it ends where"),
            ("(1", "a bracket is not closed"),
            ("1 2", "`2` is not understood"),
            ("sin(1)", "there is no function `sin`"),
            ("abs(1, 2)", "`abs` takes 1 to 1 values"),
            ("1 / 0", "division by zero"),
            ("79228162514264337593543950335 * 10", "more digits"),
            ("1..2", "`1..2` is no number"),
        ] {
            let said = value(text, &[]).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
        assert!(value(&"(".repeat(10_000), &[]).is_err());
        assert!(value(&"-".repeat(100_000), &[]).is_err());
    }
}
