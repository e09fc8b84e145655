//! The kinds of faults in words, and what would show each.

use super::kinds::{Change, Kind, Place};
use std::fmt;

impl Kind {
    /// What somebody would have to have, apart from the changed file, to see such a fault before a first import.
    pub(crate) fn evidence(self) -> &'static str {
        use Kind::*;
        match self {
            Amount(Place::Bill, _) | Dropped(Place::Bill) | BillAMonthOff => {
                "an `el` of that month, to the krona, that does not come from the bills; or the total of all bills"
            }
            Doubled(Place::Bill) => "nothing: a line twice is one bill",
            BillInOtherSection | SectionRenamed => "totals by provider: the sum of a month is the same whoever sent the bill",
            Amount(Place::Config, _) | Dropped(Place::Config) | Doubled(Place::Config) | ConfigAMonthOff => {
                "a second statement of that value: a calculation's constant, or bills for an `el`; or a total of the configuration"
            }
            Amount(Place::Constant, _) | Dropped(Place::Constant) => "shares recomputed from the constants, to the krona",
            Doubled(Place::Constant) => "nothing: JSON does not allow it",
            Amount(Place::Share, _) => "shares recomputed from constants and days, to the krona; or the total of the ledger",
            Dropped(Place::Share) | Doubled(Place::Share) => "the number of shares, or their sum against the total",
            Amount(Place::Tenant, _) | Dropped(Place::Tenant) | Doubled(Place::Tenant) => {
                "the number of tenants, or calculations that name them"
            }
            FileNameAMonthOff | RenamedInCalculation => "who lived there in which month, and one calculation for every month",
            RenamedInTenants => "calculations that name the tenant",
            StartMoved | DepartureMoved => "days in a calculation that say when somebody came or went",
            DaysChanged => "shares recomputed from the days; the days that two residencies leave",
            AdjustmentInCalculation => "shares recomputed from the adjustment; the tenant's own adjustment",
            AdjustmentInTenants => "calculations that state the adjustment",
            SupersededRemoved | HighestRemoved | HighestTruncated | DoubledAsNext => "how many versions there should be",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Bill => "bill",
            Place::Config => "config value",
            Place::Constant => "constant",
            Place::Share => "share",
            Place::Tenant => "tenant",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Kind::*;
        let words = match self {
            Amount(place, change) => {
                let change = match change {
                    Change::Oere => "± 1 öre",
                    Change::Krona => "± 1 kr",
                    Change::Ten => "± 10 kr",
                    Change::Digits => "two digits swapped",
                    Change::Sign => "sign flipped",
                    Change::Point => "decimal point moved",
                };
                return write!(f, "{place}: {change}");
            }
            Dropped(place) => return write!(f, "{place}: dropped"),
            Doubled(place) => return write!(f, "{place}: doubled"),
            BillAMonthOff => "bill: a month off",
            FileNameAMonthOff => "file name: a month off",
            ConfigAMonthOff => "config value: a month off",
            BillInOtherSection => "bill: in the other section",
            SectionRenamed => "section: renamed",
            RenamedInCalculation => "tenant: renamed in a calculation",
            RenamedInTenants => "tenant: renamed in the list",
            StartMoved => "tenant: start moved by days",
            DepartureMoved => "tenant: departure moved by days",
            DaysChanged => "days: changed",
            AdjustmentInCalculation => "adjustment: changed in a calculation",
            AdjustmentInTenants => "adjustment: changed in the list",
            SupersededRemoved => "version: a superseded one removed",
            HighestRemoved => "version: the highest removed",
            HighestTruncated => "version: the highest truncated",
            DoubledAsNext => "version: doubled under the next number",
        };
        f.write_str(words)
    }
}
