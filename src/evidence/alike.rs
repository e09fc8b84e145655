//! Checks of which there are very many alike: an archive of a hundred thousand calculations has four of each. The first thousand
//! of a name and status are kept whole. Behind them those that match are packed, to what is recorded of each, and so are those within
//! their tolerance where another check proves the same figures; the others are kept without the figures that they were computed from.

use super::{Check, Severity, Status};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

/// How many checks of one name and status are kept whole.
pub(super) const KEPT: usize = 1000;
/// How many checks a block has; the last one has fewer.
const BLOCK: usize = 8192;
/// How many blocks wait until they are packed, on all cores.
const WAITING: usize = 8;

/// Checks that match, each like a thousand others that are kept: counted by name, and packed until they are recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alike {
    /// How many there are of each name.
    pub counts: BTreeMap<String, usize>,
    /// All that are packed, also those that are within their tolerance.
    #[serde(skip)]
    pub blocks: Vec<Block>,
    /// Name and group of those that are within their tolerance.
    #[serde(skip)]
    pub tolerated: BTreeSet<(String, String)>,
    /// The run that has recorded them already.
    #[serde(skip)]
    pub recorded: Option<i64>,
}

/// Packed checks: in gzip a line each, a JSON list of name, group, expected, actual, difference, status, severity, explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// How many.
    pub checks: usize,
    /// The lines.
    pub lines: Vec<u8>,
}

/// What stands in a line.
type Line<S> = (S, S, Option<S>, Option<S>, Option<S>, Status, Severity, Option<S>);

impl Alike {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many match.
    pub fn count(&self) -> usize {
        self.counts.values().sum()
    }
}

impl Block {
    fn pack(checks: usize, lines: &str) -> io::Result<Block> {
        let mut packing = GzEncoder::new(Vec::with_capacity(lines.len() / 8), Compression::fast());
        packing.write_all(lines.as_bytes())?;
        Ok(Block { checks, lines: packing.finish()? })
    }

    /// The checks, as far as they are recorded.
    pub fn each(&self, mut each: impl FnMut(Check)) -> io::Result<()> {
        let mut lines = String::new();
        // Nobody but us writes blocks; still, one that was tampered with must not fill the memory.
        GzDecoder::new(self.lines.as_slice()).take(1 << 30).read_to_string(&mut lines)?;
        for line in lines.lines() {
            let (name, group, expected, actual, difference, status, severity, explanation) = serde_json::from_str::<Line<String>>(line)?;
            each(Check { expected, actual, difference, status, explanation, ..Check::new(name, group, severity) });
        }
        Ok(())
    }
}

/// What is kept of checks.
pub struct Kept {
    /// Those that are kept, in their order.
    pub checks: Vec<Check>,
    /// The others.
    pub alike: Alike,
    /// How many of them are within their tolerance, by name.
    pub tolerated: BTreeMap<String, usize>,
}

/// Takes checks one by one, and keeps of each what is to be kept.
#[derive(Default)]
pub struct Checks {
    kept: Vec<Check>,
    seen: Vec<(String, Status, usize)>,
    alike: Alike,
    tolerated: BTreeMap<String, usize>,
    lines: String,
    count: usize,
    waiting: Vec<(usize, String)>,
}

impl Checks {
    /// Takes one more. Of one that is within its tolerance `proved` says whether another check proves its figures. `whole` gives a
    /// check that is kept whole with the figures that it was computed from.
    pub fn push(&mut self, check: Check, proved: bool, whole: impl FnOnce(Check) -> Check) -> io::Result<()> {
        if self.number(&check) <= KEPT {
            self.kept.push(whole(check));
            return Ok(());
        }
        let tolerated = check.status == Status::WithinTolerance && proved && !check.money && check.severity != Severity::Error;
        if check.status != Status::Match && !tolerated {
            self.kept.push(Check { operands: Vec::new(), ..check });
            return Ok(());
        }
        self.pack(&check)?;
        let counts = if tolerated { &mut self.tolerated } else { &mut self.alike.counts };
        match counts.get_mut(&check.name) {
            Some(count) => *count += 1,
            None => drop(counts.insert(check.name.clone(), 1)),
        }
        if tolerated {
            self.alike.tolerated.insert((check.name, check.group));
        }
        Ok(())
    }

    /// Takes over what was taken apart from these, behind them; it has other names.
    pub fn append(&mut self, mut other: Checks) -> io::Result<()> {
        self.close();
        self.pack_waiting()?;
        other.close();
        self.alike.blocks.extend(other.alike.blocks);
        self.waiting = other.waiting;
        self.kept.extend(other.kept);
        self.seen.extend(other.seen);
        self.alike.counts.extend(other.alike.counts);
        self.alike.tolerated.extend(other.alike.tolerated);
        self.tolerated.extend(other.tolerated);
        Ok(())
    }

    /// What is kept.
    pub fn finish(mut self) -> io::Result<Kept> {
        self.close();
        self.pack_waiting()?;
        Ok(Kept { checks: self.kept, alike: self.alike, tolerated: self.tolerated })
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
        let line: Line<&str> = (
            &c.name,
            &c.group,
            c.expected.as_deref(),
            c.actual.as_deref(),
            c.difference.as_deref(),
            c.status,
            c.severity,
            c.explanation.as_deref(),
        );
        self.lines.push_str(&serde_json::to_string(&line)?);
        self.lines.push('\n');
        self.count += 1;
        if self.count == BLOCK {
            self.close();
            if self.waiting.len() == WAITING {
                self.pack_waiting()?;
            }
        }
        Ok(())
    }

    /// The block that is being filled is full.
    fn close(&mut self) {
        if self.count > 0 {
            let next = String::with_capacity(self.lines.len());
            self.waiting.push((std::mem::take(&mut self.count), std::mem::replace(&mut self.lines, next)));
        }
    }

    fn pack_waiting(&mut self) -> io::Result<()> {
        let packed: io::Result<Vec<Block>> =
            std::mem::take(&mut self.waiting).into_par_iter().map(|(checks, lines)| Block::pack(checks, &lines)).collect();
        self.alike.blocks.extend(packed?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Operand, Side};
    use super::*;

    fn operands() -> Vec<Operand> {
        vec![Operand::new(Side::Actual, "a", "1")]
    }

    fn packed(alike: &Alike) -> Vec<Check> {
        let mut packed = Vec::new();
        alike.blocks.iter().for_each(|block| block.each(|check| packed.push(check)).unwrap());
        packed
    }

    #[test]
    fn of_many_alike_those_that_match_are_packed_and_none_is_lost() {
        let mut checks = Checks::default();
        for n in 0..3 * KEPT {
            let status = if n % 3 == 0 { Status::Difference } else { Status::Match };
            let why = Some(format!("line\n\"{n}\""));
            let check = Check { status, explanation: why, ..Check::new("sums", format!("{n}, å"), Severity::Warning) };
            checks.push(check, true, |check| Check { operands: operands(), ..check }).unwrap();
        }
        checks.push(Check::new("others", "a", Severity::Error), true, |check| check).unwrap();
        let Kept { checks, alike, tolerated } = checks.finish().unwrap();
        let with = |status| checks.iter().filter(|c| c.name == "sums" && c.status == status && c.operands.len() == 1).count();
        assert_eq!((with(Status::Match), with(Status::Difference), checks.len()), (KEPT, KEPT, 2 * KEPT + 1));
        assert_eq!((alike.count(), serde_json::to_string(&alike).unwrap().as_str()), (KEPT, "{\"sums\":1000}"));
        let packed = packed(&alike);
        let last =
            Check {
                status: Status::Match, explanation: Some("line\n\"2999\"".into()), ..Check::new("sums", "2999, å", Severity::Warning)
            };
        assert!(packed.len() == KEPT && packed.last() == Some(&last) && tolerated.is_empty());
    }

    #[test]
    fn what_is_within_its_tolerance_is_packed_only_where_its_figures_are_proved_and_it_cannot_fail() {
        let mut checks = Checks::default();
        let mut take = |severity, money, proved, count: usize| {
            for n in 0..count {
                let check = Check { status: Status::WithinTolerance, money, ..Check::new("sums", n.to_string(), severity) };
                checks.push(check, proved, |check| check).unwrap();
            }
        };
        take(Severity::Warning, false, true, KEPT);
        take(Severity::Warning, false, false, 2);
        take(Severity::Error, false, true, 3);
        take(Severity::Warning, true, true, 4);
        take(Severity::Warning, false, true, 5);
        let Kept { checks, alike, tolerated } = checks.finish().unwrap();
        assert_eq!((checks.len(), alike.count(), tolerated), (KEPT + 9, 0, [("sums".to_owned(), 5)].into()));
        assert_eq!((packed(&alike).len(), alike.tolerated.len(), alike.is_empty()), (5, 5, true));
    }

    #[test]
    fn of_two_that_have_one_name_none_is_lost() {
        let mut checks = Checks::default();
        for n in 0..KEPT + 4 {
            let group = (n / 2).to_string();
            checks
                .push(Check { status: Status::WithinTolerance, ..Check::new("sums", group, Severity::Warning) }, true, |check| check)
                .unwrap();
        }
        assert_eq!(checks.finish().unwrap().tolerated, [("sums".to_owned(), 4)].into());
    }

    #[test]
    fn many_blocks_keep_their_order() {
        let mut checks = Checks::default();
        let count = KEPT + WAITING * BLOCK + 3;
        for n in 0..count {
            checks.push(Check { status: Status::Match, ..Check::new("a", n.to_string(), Severity::Error) }, false, |check| check).unwrap();
        }
        let alike = checks.finish().unwrap().alike;
        let groups: Vec<String> = packed(&alike).into_iter().map(|c| c.group).collect();
        assert!(groups.iter().map(String::as_str).eq((KEPT..count).map(|n| n.to_string()).collect::<Vec<_>>().iter().map(String::as_str)));
        assert_eq!(alike.blocks.iter().map(|b| b.checks).collect::<Vec<_>>(), [vec![BLOCK; WAITING], vec![3]].concat());
    }

    #[test]
    fn few_checks_stay_as_they_are() {
        let mut checks = Checks::default();
        let check = Check { status: Status::Match, ..Check::new("sums", "a", Severity::Error) };
        checks.push(check.clone(), false, |check| check).unwrap();
        let Kept { checks, alike, .. } = checks.finish().unwrap();
        assert!(checks == [check] && alike.is_empty() && alike.blocks.is_empty());
    }
}
