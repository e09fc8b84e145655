//! `roll-forward`: what the last run left, and what was written since, must come to what is there now. A difference was made
//! by somebody else.

use crate::evidence::{Check, Operand, Proof, Side as Of, Status};
use crate::reconcile::rule::{Cells, Kind, Need, Recorded, Rule, Side, Template, World};
use tieout_parsers::{Decimal, exact_decimal};

/// The kind.
pub(super) const KIND: Kind = Kind {
    name: "roll-forward",
    about: "opening (the last run's closing) + added ± corrected ± settled = closing, for the sum of a column and its rows",
    settings: &["of"],
    make: |declared| {
        Ok(Box::new(RollForward {
            template: declared.check(),
            of: declared.side("of", "ElectricityBill.amount")?,
            rows: 0,
            sum: Some(Decimal::ZERO),
            movement: Some(Movement::default()),
        }))
    },
};

struct RollForward {
    template: Template,
    of: Side,
    rows: i64,
    /// `None` once it cannot be kept, or a text is no number.
    sum: Option<Decimal>,
    /// `None` once it cannot be kept.
    movement: Option<Movement>,
}

/// What a run wrote: rows and sum of what was added, of what was corrected, and of what was taken away.
#[derive(Clone, Copy, Default)]
struct Movement {
    added: (i64, Decimal),
    corrected: Decimal,
    deleted: (i64, Decimal),
    /// What somebody else had changed, and was settled: rows and sum.
    settled: (i64, Decimal),
}

impl RollForward {
    /// Adds a change; `None` where a value is no number, or the sums cannot be kept.
    fn moved(&self, mut movement: Movement, before: &Recorded, after: &Recorded) -> Option<Movement> {
        let (from, to) = (self.amount(before)?, self.amount(after)?);
        match (before.is_empty(), after.is_empty()) {
            (true, _) => movement.added = (movement.added.0 + 1, movement.added.1.checked_add(to)?),
            (_, true) => movement.deleted = (movement.deleted.0 + 1, movement.deleted.1.checked_add(from)?),
            _ => movement.corrected = movement.corrected.checked_add(to.checked_sub(from)?)?,
        }
        Some(movement)
    }

    /// The same of what somebody else changed.
    fn moved_by_others(&self, mut movement: Movement, then: &Recorded, met: &Recorded) -> Option<Movement> {
        let difference = self.amount(met)?.checked_sub(self.amount(then)?)?;
        let rows = i64::from(!met.is_empty()) - i64::from(!then.is_empty());
        movement.settled = (movement.settled.0 + rows, movement.settled.1.checked_add(difference)?);
        Some(movement)
    }

    /// What a row counts for; `None` where that is no number.
    fn amount(&self, row: &Recorded) -> Option<Decimal> {
        match row.get(&self.of.column) {
            Some(Some(text)) => exact_decimal(text),
            _ => Some(Decimal::ZERO),
        }
    }

    fn one(&self, what: &str, closing: Decimal, [added, corrected, deleted, settled]: [Decimal; 4], world: &World) -> Check {
        let group = format!("{}.{what}", self.of.table);
        let mut check = self.template.group(&group);
        let text = |d: Decimal| d.normalize().to_string();
        check.actual = Some(text(closing));
        let last = world.last.get(&(self.template.name.clone(), group)).and_then(|text| exact_decimal(text));
        let moved = added.checked_add(corrected).and_then(|m| m.checked_sub(deleted)?.checked_add(settled));
        let operands = |opening: Decimal| {
            let ours = [("opening", opening), ("added", added), ("corrected", corrected), ("taken away", -deleted)];
            let others = Some(("changed by somebody else, and settled", settled)).filter(|(_, value)| !value.is_zero());
            ours.into_iter().chain(others).map(|(label, value)| Operand::new(Of::Expected, label, text(value))).collect()
        };
        let (Some(opening), Some(moved)) = (last, moved) else {
            check.status = Status::Derived;
            check.proof = Some(Proof::Derived);
            check.expected.clone_from(&check.actual);
            check.difference = Some("0".into());
            check.explanation = Some("no run before this one recorded a closing balance, so there is no opening one".into());
            return check;
        };
        let Some((expected, difference)) = opening.checked_add(moved).and_then(|e| Some((e, closing.checked_sub(e)?))) else {
            return check;
        };
        check.expected = Some(text(expected));
        check.difference = Some(text(difference));
        check.operands = operands(opening);
        (check.status, check.proof, check.explanation) = if difference.is_zero() {
            (Status::Match, Some(Proof::Exact), None)
        } else if difference.abs() <= self.template.tolerance {
            (Status::WithinTolerance, Some(Proof::Unexplained), Some("changed by somebody else since the last run".into()))
        } else {
            (Status::Difference, Some(Proof::Unexplained), Some("changed by somebody else since the last run".into()))
        };
        check
    }
}

impl Rule for RollForward {
    fn needs(&self) -> Vec<Need> {
        vec![Need { table: self.of.table.clone(), columns: vec![self.of.column.clone()] }]
    }

    fn changes_of(&self) -> Option<&str> {
        Some(&self.of.table)
    }

    fn change(&mut self, before: &Recorded, after: &Recorded) {
        self.movement = self.movement.and_then(|movement| self.moved(movement, before, after));
    }

    fn settled(&mut self, then: &Recorded, met: &Recorded) {
        self.movement = self.movement.and_then(|movement| self.moved_by_others(movement, then, met));
    }

    fn row(&mut self, _need: usize, row: &Cells<'_>) {
        self.rows += 1;
        if let Some(text) = row.get(0) {
            self.sum = self.sum.and_then(|s| s.checked_add(exact_decimal(text)?));
        }
    }

    fn missing(&self, why: &str) -> Vec<Check> {
        vec![self.template.not_run("all rows", why)]
    }

    fn finish(self: Box<Self>, world: &World) -> Vec<Check> {
        let (Some(sum), Some(movement)) = (self.sum, self.movement) else {
            return vec![
                self.template
                    .not_run(&format!("{}.{}", self.of.table, self.of.column), "a value is no number, or the sum cannot be kept exactly"),
            ];
        };
        let Movement { added, corrected, deleted, settled } = movement;
        vec![
            self.one("rows", self.rows.into(), [added.0.into(), Decimal::ZERO, deleted.0.into(), settled.0.into()], world),
            self.one(&format!("sum({})", self.of.column), sum, [added.1, corrected, deleted.1, settled.1], world),
        ]
    }
}
