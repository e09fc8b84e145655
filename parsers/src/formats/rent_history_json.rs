//! `rent-history-json`: one calculation of a month's rent a file, `YYYY_MM_vN.json`.
//!
//! Every part but `final_results` may be absent, null or empty. Numbers go from their text to a decimal. Which month the
//! name means, which version counts and who lives there is decided later, where all files are known.

use crate::amount::Money;
use crate::diagnostic::{Severity, Span};
use crate::format::{Context, Format};
use crate::json::{self, JsonReader, Node, Place, Value, pointer};
use crate::month::Month;
use crate::parsed::Parsed;
use crate::record::{At, CONFIG_KEYS, Constant, Located, Record, RentCalculation, Roommate, Share};
use crate::text::Text;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use std::borrow::Cow;

/// The format, for the registry.
pub struct RentHistoryJson;

impl Format for RentHistoryJson {
    fn name(&self) -> &'static str {
        "rent-history-json"
    }

    fn about(&self) -> &'static str {
        "one rent calculation a file, YYYY_MM_vN.json, with metadata, constants, roommates and final_results"
    }

    fn example(&self) -> &'static str {
        r#"{ "metadata": { "calculation_date": "2025-03-10T11:53:13+01:00", "title": "March 2025" },
  "constants": { "year": 2025, "month": 2, "kallhyra": 24530, "el": 5945, "bredband": 380 },
  "roommates": { "Rasmus": {}, "Adam": { "days": 15.5, "room_adjustment": -1400 } },
  "final_results": { "Rasmus": 9052, "Adam": 4526 } }"#
    }

    fn claims(&self, name: &str, text: &str) -> bool {
        label(name).is_ok() || (name.ends_with(".json") && text.contains("\"final_results\""))
    }

    fn parse(&self, text: &Text<'_>, context: &Context<'_>, out: &mut Parsed) {
        json::read(text, out, |json, root| {
            let mut reader = Reader { json, timezone: context.timezone };
            if let Some(calculation) = reader.calculation(root, context.file_name()) {
                let (value, span) = (Record::RentCalculation(calculation), text.span(root.offset(text.as_str())));
                reader.json.out.records.push(Located { value, span });
            }
        });
    }
}

/// Month and version of a file name; what is wrong with it otherwise.
fn label(name: &str) -> Result<(Month, u32), String> {
    let parts = || {
        let (month, version) = name.strip_suffix(".json")?.split_once("_v")?;
        let (year, month) = month.split_once('_')?;
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        (year.len() == 4 && month.len() == 2 && digits(year) && digits(month) && digits(version)).then_some((year, month, version))
    };
    let (year, month, version) = parts().ok_or_else(|| format!("`{name}` says neither month nor version"))?;
    let parsed = Month::new(year.parse().unwrap_or(0), month.parse().unwrap_or(0));
    let parsed = parsed.ok_or_else(|| format!("`{name}`: there is no such month as {year}-{month}"))?;
    Ok((parsed, version.parse().map_err(|_| format!("`{name}`: the version {version} is too large"))?))
}

struct Reader<'a, 'o> {
    json: JsonReader<'a, 'o>,
    timezone: &'a TimeZone,
}

impl<'a> Reader<'a, '_> {
    fn calculation(&mut self, root: Node<'a>, file_name: &str) -> Option<RentCalculation> {
        let named = label(file_name);
        if let Err(message) = &named {
            let span = Span { line: 1, column: 1, pointer: None };
            self.json.out.note(
                Severity::Error,
                "file-name",
                self.json.text,
                span,
                message,
                "name it like `2025_02_v10.json`: year, month, version",
            );
        }
        let mut root = self.json.object(root, String::new())?;
        let metadata = root.take("metadata");
        let (calculated_at, stated_version, title) = self.metadata(metadata);
        let constants = root.take("constants");
        let (config_month, constants) = self.constants(constants);
        let people = root.take("roommates");
        let roommates = self.roommates(people);
        let results = root.take("final_results");
        let shares = self.shares(results);
        self.json.leave(root);
        let (label, version) = named.ok()?;
        if let Some((stated, span)) = stated_version.filter(|(stated, _)| *stated != Decimal::from(version)) {
            let message = format!("the file's name says version {version}, its metadata version {stated}");
            self.json.out.note(
                Severity::Warning,
                "version-differs",
                self.json.text,
                span,
                message,
                "the name counts; rename the file if it is the name that is wrong",
            );
        }
        let mut calculation = RentCalculation { label, version, calculated_at, title, config_month, constants, roommates, shares };
        // All calculations of an archive are in memory at once.
        calculation.constants.shrink_to_fit();
        calculation.roommates.shrink_to_fit();
        calculation.shares.shrink_to_fit();
        Some(calculation)
    }

    fn metadata(&mut self, node: Option<Place<'a>>) -> (Option<Timestamp>, Option<(Decimal, Span)>, Option<String>) {
        let Some(mut metadata) = self.json.optional_object(node) else { return (None, None, None) };
        let date = metadata.take("calculation_date");
        let calculated_at = self.json.optional_text(date.clone()).and_then(|text| {
            let parsed = text
                .parse::<Timestamp>()
                .or_else(|_| text.parse::<DateTime>().and_then(|wall| self.timezone.to_ambiguous_timestamp(wall).unambiguous()));
            let parsed = parsed.ok().filter(|t| (1900..2200).contains(&t.to_zoned(TimeZone::UTC).year()));
            if parsed.is_none() {
                self.json.wrong(
                    date,
                    "impossible-date",
                    format!("`{text}` is no point in time"),
                    "write it as `2025-03-10T11:53:13+01:00`",
                );
            }
            parsed
        });
        let version = metadata.take("version");
        let stated_version = self.json.optional_number(version.clone()).zip(version.map(|(node, pointer)| self.json.span(node, pointer)));
        let title = metadata.take("title");
        let title = self.json.optional_text(title).filter(|t| !t.trim().is_empty());
        self.json.set_aside(&mut metadata, "ruby_version", "metadata.ruby_version");
        self.json.leave(metadata);
        (calculated_at, stated_version, title)
    }

    fn constants(&mut self, node: Option<Place<'a>>) -> (Option<Month>, Vec<Constant>) {
        let Some(mut object) = self.json.optional_object(node) else { return (None, Vec::new()) };
        let (year, month) = (object.take("year"), object.take("month"));
        let place = month.clone().or(year.clone());
        let numbers = (self.json.optional_number(year), self.json.optional_number(month));
        let config_month = match numbers {
            (None, None) => None,
            (Some(year), Some(month)) => {
                let whole = |d: Decimal| d.is_integer().then(|| i64::try_from(d).ok()).flatten();
                let found = whole(year).zip(whole(month)).and_then(|(y, m)| Month::new(y, m));
                if found.is_none() {
                    self.json.wrong(
                        place,
                        "impossible-date",
                        format!("there is no such month as {month} of the year {year}"),
                        "correct `year` and `month` of the constants",
                    );
                }
                found
            }
            _ => {
                let span = place.map_or_else(Span::default, |(node, pointer)| self.json.span(node, pointer));
                let message = "the constants name a year without a month, or a month without a year; the file's name counts";
                self.json.out.note(Severity::Warning, "half-a-month", self.json.text, span, message, "give both or neither");
                None
            }
        };
        let mut constants = Vec::new();
        for (key, node) in std::mem::take(&mut object.members) {
            let pointer = pointer(&object.pointer, &key);
            // `drift` is all running costs in one sum; the label check knows it.
            let known = CONFIG_KEYS.contains(&&*key) || key == "drift";
            if !known && !matches!(node.open(), Ok(Value::Number(_) | Value::Null)) {
                object.members.push((key, node));
                continue;
            }
            let span = self.json.span(node, pointer.clone());
            let Some(value) = self.json.optional_number(Some((node, pointer))) else { continue };
            if !known {
                let message = format!("the constant `{key}` ({value}) is not part of the rent formula and is not loaded");
                self.json.out.note(
                    Severity::Warning,
                    "unknown-constant",
                    self.json.text,
                    span,
                    message,
                    "find out what it means; if it is a cost, the total and the configuration lack it",
                );
                continue;
            }
            let key = CONFIG_KEYS.into_iter().find(|known| *known == key).map_or_else(|| Cow::Owned(key.into_owned()), Cow::Borrowed);
            constants.push(Constant { key, value, at: At::of(&span) });
        }
        self.json.leave(object);
        (config_month, constants)
    }

    fn roommates(&mut self, node: Option<Place<'a>>) -> Vec<Roommate> {
        let Some(mut object) = self.json.optional_object(node) else { return Vec::new() };
        let mut roommates = Vec::new();
        for (name, node) in std::mem::take(&mut object.members) {
            let pointer = pointer(&object.pointer, &name);
            let span = self.json.span(node, pointer.clone());
            let mut days = None;
            let mut room_adjustment = None;
            if let Some(mut person) = self.json.optional_object(Some((node, pointer))) {
                let place = person.take("days");
                days = self.json.optional_number(place.clone());
                if let Some(n) = days.filter(|n| n.is_sign_negative() || *n > Decimal::from(31)) {
                    self.json.wrong(
                        place,
                        "impossible-days",
                        format!("{name} cannot have stayed {n} days in a month"),
                        "days are between 0 and 31; halves are allowed",
                    );
                }
                let place = person.take("room_adjustment");
                room_adjustment = self.json.optional_number(place).map(Money);
                self.json.leave(person);
            }
            roommates.push(Roommate { name: name.into_owned(), days, room_adjustment, at: At::of(&span) });
        }
        roommates
    }

    fn shares(&mut self, node: Option<Place<'a>>) -> Vec<Share> {
        let hint = "a calculation without results cannot be loaded; restore the file, or exclude it with a reason";
        let place = node.clone();
        let Some(mut object) = self.json.optional_object(node) else {
            self.json.wrong(place, "no-results", "there is no `final_results`: nobody's rent is stated".into(), hint);
            return Vec::new();
        };
        let mut shares = Vec::new();
        for (name, node) in std::mem::take(&mut object.members) {
            let pointer = pointer(&object.pointer, &name);
            let span = self.json.span(node, pointer.clone());
            match self.json.optional_number(Some((node, pointer.clone()))) {
                Some(amount) => shares.push(Share { name: name.into_owned(), amount: Money(amount), at: At::of(&span) }),
                None if matches!(node.open(), Ok(Value::Null)) => {
                    self.json.wrong(
                        Some((node, pointer)),
                        "no-results",
                        format!("the rent of {name} is null"),
                        "state the amount, 0 where nothing is due",
                    );
                }
                None => {}
            }
        }
        if shares.is_empty() && !self.json.out.is_rejected() {
            self.json.wrong(place, "no-results", "`final_results` is empty: nobody's rent is stated".into(), hint);
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_month_and_version() {
        assert_eq!(label("2025_02_v10.json"), Ok((Month::new(2025, 2).unwrap(), 10)));
        for bad in
            ["2025_13_v1.json", "2025_2_v1.json", "2025_02.json", "2025_02_v.json", "2025_02_v1.json.bak", "2025_02_v99999999999.json"]
        {
            assert!(label(bad).is_err(), "{bad}");
        }
    }
}
