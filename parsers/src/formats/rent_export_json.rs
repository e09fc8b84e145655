//! `rent-export-json`: a database's tenants and configuration in one file, as the app exported them.
//!
//! Wall-clock times stand for their day: `2025-08-01 00:00:00 +0200` is 1 August, and so the configuration of August.

use crate::amount::{Money, exact_decimal};
use crate::format::{Context, Format};
use crate::json::{self, JsonReader, Node, Object, Place, Value, pointer};
use crate::month::{Month, wall_day};
use crate::parsed::Parsed;
use crate::record::{ConfigEntry, Located, Record, Tenant};
use crate::text::Text;
use jiff::civil::Date;

/// The format, for the registry.
pub struct RentExportJson;

impl Format for RentExportJson {
    fn name(&self) -> &'static str {
        "rent-export-json"
    }

    fn about(&self) -> &'static str {
        "one file with tenants and rent_configs, as the app exports its database"
    }

    fn example(&self) -> &'static str {
        r#"{ "tenants": [{ "id": "c1", "name": "Adam", "email": "adam@example.org", "startDate": "2025-03-01 00:00:00 +0100" }],
  "rent_configs": [{ "key": "el", "value": "2424", "period": "2025-09-01 00:00:00 +0200" }], "rent_ledger": [] }"#
    }

    fn holds_tenants(&self) -> bool {
        true
    }

    fn claims(&self, name: &str, text: &str) -> bool {
        name.ends_with(".json") && text.contains("\"rent_configs\"")
    }

    fn parse(&self, text: &Text<'_>, _context: &Context<'_>, out: &mut Parsed) {
        json::read(text, out, |mut json, root| {
            let Some(mut export) = json.object(root, String::new()) else { return };
            for about in ["export_date", "database_version"] {
                json.set_aside(&mut export, about, "about the export");
            }
            let (tenants, configs) = (export.take("tenants"), export.take("rent_configs"));
            if tenants.is_none() && configs.is_none() {
                let message = "there are neither `tenants` nor `rent_configs`: this is no export".to_owned();
                json.wrong(None, "no-results", message, "check that it is the right file");
            }
            each(&mut json, tenants, tenant);
            each(&mut json, configs, config);
            let ledger = export.take("rent_ledger");
            each(&mut json, ledger, |json, row| {
                let hint = "import the ledger from the calculations; an export's ledger cannot be told from what was paid";
                json.wrong(Some(row), "unexpected-ledger", "the export holds ledger rows".to_owned(), hint);
                None
            });
            json.leave(export);
        });
    }
}

/// Reads each member of a list, which may be absent or null.
fn each<'a>(json: &mut JsonReader<'a, '_>, list: Option<Place<'a>>, read: impl Fn(&mut JsonReader<'a, '_>, Place<'a>) -> Option<Record>) {
    let Some((node, at)) = list else { return };
    match node.open() {
        Ok(Value::Null) => json.out.tally.used += 1,
        Ok(Value::Array(items)) => {
            json.out.tally.used += usize::from(items.is_empty());
            for (i, item) in items.into_iter().enumerate() {
                let place = (item, pointer(&at, &i.to_string()));
                let span = json.span(item, place.1.clone());
                if let Some(value) = read(json, place) {
                    json.out.records.push(Located { value, span });
                }
            }
        }
        _ => json.wrong(Some((node, at)), "wrong-type", "a list is expected here".to_owned(), "check that it is the right file"),
    }
}

fn tenant<'a>(json: &mut JsonReader<'a, '_>, (node, at): Place<'a>) -> Option<Record> {
    let mut object = json.object(node, at)?;
    let (id, email) = (object.take("id"), object.take("email"));
    let (id, email) = (json.optional_text(id), json.optional_text(email));
    let name = required_text(json, &mut object, "name", node);
    let (start, departure) = (day(json, &mut object, "startDate"), day(json, &mut object, "departureDate"));
    let adjustment = object.take("roomAdjustment");
    let room_adjustment = json.optional_number(adjustment).map(Money);
    for later in ["createdAt", "updatedAt", "created_at", "updated_at"] {
        json.set_aside(&mut object, later, "time of writing");
    }
    let house = house(json, &mut object);
    json.leave(object);
    Some(Record::Tenant(Tenant { id, name: name?, email, start, departure, room_adjustment, house: house? }))
}

fn config<'a>(json: &mut JsonReader<'a, '_>, (node, at): Place<'a>) -> Option<Record> {
    let mut object = json.object(node, at)?;
    let key = required_text(json, &mut object, "key", node);
    let value = required_text(json, &mut object, "value", node);
    let place = object.take("period");
    let period = json.optional_text(place.clone());
    json.set_aside(&mut object, "id", "the app's id");
    for later in ["created_at", "updated_at", "createdAt", "updatedAt"] {
        json.set_aside(&mut object, later, "time of writing");
    }
    let house = house(json, &mut object);
    json.leave(object);
    let month = period.as_deref().and_then(|p| Month::parse(p).or_else(|| wall_day(p).filter(|day| day.day() == 1).map(Month::of)));
    if month.is_none() {
        let found = period.map_or("there is no period".to_owned(), |p| format!("`{p}` is no month"));
        json.wrong(place, "impossible-date", found, "write it as `2025-08-01`");
    }
    let value = value.map(|value| exact_decimal(&value).map_or(value, |number| number.to_string()));
    Some(Record::Config(ConfigEntry { key: key?, period: month?, value: value?, house: house? }))
}

fn required_text<'a>(json: &mut JsonReader<'a, '_>, object: &mut Object<'a>, key: &str, node: Node<'a>) -> Option<String> {
    let Some(place) = object.take(key) else {
        let at = object.pointer.clone();
        json.wrong(Some((node, at)), "missing-value", format!("`{key}` is missing"), "every entry needs it");
        return None;
    };
    json.optional_text(Some(place))
}

/// The house that an entry says; `None` where it says one that is empty.
fn house<'a>(json: &mut JsonReader<'a, '_>, object: &mut Object<'a>) -> Option<Option<String>> {
    let place = object.take("house");
    let house = json.optional_text(place.clone());
    if house.as_ref().is_some_and(|house| house.trim().is_empty()) {
        json.wrong(place, "missing-value", "`house` is empty".to_owned(), "name the house, or leave `house` out");
        return None;
    }
    Some(house)
}

fn day<'a>(json: &mut JsonReader<'a, '_>, object: &mut Object<'a>, key: &str) -> Option<Date> {
    let place = object.take(key);
    let text = json.optional_text(place.clone())?;
    let day = wall_day(&text);
    if day.is_none() {
        json.wrong(place, "impossible-date", format!("there is no such day as {text}"), "write it as `2025-02-28`, or null");
    }
    day
}
