//! Checks of which there are very many alike: an archive of a hundred thousand calculations has four of each. The first thousand
//! of a name and status are kept whole. Behind them those that match are packed, to what is recorded of each; the others are kept
//! without the figures that they were computed from.

use super::{Check, Status};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};

/// How many checks of one name and status are kept whole.
pub(super) const KEPT: usize = 1000;

/// Checks that match, each like a thousand others that are kept: counted by name, and packed until they are recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alike {
    /// How many there are of each name.
    pub counts: BTreeMap<String, usize>,
    #[serde(skip)]
    packed: Vec<u8>,
    /// The run that has recorded them already, behind so many others.
    #[serde(skip)]
    pub recorded: Option<(i64, usize)>,
}

impl Alike {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.counts.values().sum()
    }

    /// What is recorded of each: name, group, expected, actual, difference, status, severity, explanation.
    pub fn each(&self) -> impl Iterator<Item = io::Result<Vec<Option<String>>>> {
        let lines = BufReader::new(DeflateDecoder::new(self.packed.as_slice())).lines();
        lines.map(|line| Ok(serde_json::from_str(&line?)?))
    }
}

/// Takes checks one by one, and keeps of each what is to be kept.
pub struct Checks {
    kept: Vec<Check>,
    seen: Vec<(String, Status, usize)>,
    counts: BTreeMap<String, usize>,
    packing: DeflateEncoder<Vec<u8>>,
}

impl Default for Checks {
    fn default() -> Checks {
        let packing = DeflateEncoder::new(Vec::new(), Compression::fast());
        Checks { kept: Vec::new(), seen: Vec::new(), counts: BTreeMap::new(), packing }
    }
}

impl Checks {
    /// Takes one more.
    pub fn push(&mut self, mut check: Check) {
        if self.number(&check) > KEPT {
            if check.status == Status::Match && self.pack(&check).is_ok() {
                *self.counts.entry(check.name).or_default() += 1;
                return;
            }
            check.operands = Vec::new();
        }
        self.kept.push(check);
    }

    /// Those that are kept, in their order, and the others.
    pub fn finish(self) -> io::Result<(Vec<Check>, Alike)> {
        Ok((self.kept, Alike { counts: self.counts, packed: self.packing.finish()?, recorded: None }))
    }

    /// The how many-th it is of its name and status.
    fn number(&mut self, check: &Check) -> usize {
        let at = self.seen.iter().position(|(name, status, _)| *name == check.name && *status == check.status);
        let at = at.unwrap_or_else(|| {
            self.seen.push((check.name.clone(), check.status, 0));
            self.seen.len() - 1
        });
        self.seen[at].2 += 1;
        self.seen[at].2
    }

    fn pack(&mut self, c: &Check) -> io::Result<()> {
        let line = (&c.name, &c.group, &c.expected, &c.actual, &c.difference, c.status, c.severity, &c.explanation);
        let line = serde_json::to_string(&line)?;
        writeln!(self.packing, "{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Operand, Severity, Side};
    use super::*;

    #[test]
    fn of_many_alike_those_that_match_are_packed_and_none_is_lost() {
        let mut checks = Checks::default();
        for n in 0..3 * KEPT {
            let status = if n % 3 == 0 { Status::Difference } else { Status::Match };
            let operands = vec![Operand::new(Side::Actual, "a", "1")];
            let why = Some(format!("line\n\"{n}\""));
            checks.push(Check { status, operands, explanation: why, ..Check::new("sums", format!("{n}, å"), Severity::Warning) });
        }
        checks.push(Check::new("others", "a", Severity::Error));
        let (kept, alike) = checks.finish().unwrap();
        let with = |status| kept.iter().filter(|c| c.name == "sums" && c.status == status && c.operands.len() == 1).count();
        assert_eq!((with(Status::Match), with(Status::Difference), kept.len()), (KEPT, KEPT, 2 * KEPT + 1));
        assert_eq!((alike.count(), serde_json::to_string(&alike).unwrap().as_str()), (KEPT, "{\"sums\":1000}"));
        let packed: Vec<_> = alike.each().collect::<io::Result<_>>().unwrap();
        let some = |text: &str| Some(text.to_owned());
        let last = vec![some("sums"), some("2999, å"), None, None, None, some("match"), some("warning"), some("line\n\"2999\"")];
        assert_eq!((packed.len(), packed.last()), (KEPT, Some(&last)));
    }

    #[test]
    fn few_checks_stay_as_they_are() {
        let mut checks = Checks::default();
        let check = Check { status: Status::Match, ..Check::new("sums", "a", Severity::Error) };
        checks.push(check.clone());
        let (kept, alike) = checks.finish().unwrap();
        assert!(kept == [check] && alike.is_empty() && alike.each().count() == 0);
    }
}
