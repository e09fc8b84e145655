//! Room adjustments that a calculation and the list of tenants state differently.

use super::{Said, figure};
use crate::assemble::{Calculation, People, Standing};
use crate::evidence::Finding;

/// A warning for each person of a calculation that counts whose adjustment is not the one in the list. Where either says
/// nothing, there is nothing to compare.
pub(super) fn adjustments(calculations: &[Calculation<'_>], people: &People) -> Said {
    let mut findings = Vec::new();
    for calculation in calculations.iter().filter(|c| c.standing == Standing::Current) {
        for roommate in &calculation.rent.roommates {
            let listed = people.by_name(calculation.house, &roommate.name).and_then(|p| p.tenant.room_adjustment);
            let (Some(stated), Some(listed)) = (roommate.room_adjustment, listed) else { continue };
            if stated.0 == listed.0 {
                continue;
            }
            let message =
                format!("the room adjustment of {} is {} here and {} among the tenants", roommate.name, figure(stated.0), figure(listed.0));
            let hint = "find out which is right; a calculation made before the adjustment changed may keep its own";
            findings.push(Finding::warning("adjustment-differs", message, hint).at(calculation.path, &roommate.span()));
        }
    }
    (Vec::new(), findings)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{calculation, rent};
    use super::*;
    use crate::assemble::Person;
    use tieout_parsers::{Money, Tenant};

    #[test]
    fn only_two_statements_can_differ() {
        let people = |adjustment: Option<i64>| {
            let room_adjustment = adjustment.map(|a| Money(a.into()));
            let tenant = Tenant { id: None, name: "Adam".into(), email: None, start: None, departure: None, room_adjustment, house: None };
            People::of([Person { id: "a".into(), tenant }])
        };
        let rent = rent("2025-02", None, &[], &[("Adam", "", "-1400", "4526")]);
        let calculations = [calculation("2025_02_v1.json", &rent, Standing::Current)];
        let said = |people: &People| adjustments(&calculations, people).1.len();
        assert_eq!((said(&people(Some(-1400))), said(&people(None)), said(&people(Some(-1500)))), (0, 0, 1));
    }
}
