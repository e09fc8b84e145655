//! The two tables of the domain that come as CSV, told apart by their header: configuration and tenants. Either may be of one
//! house, or have a column `house`.

use crate::amount::{Money, exact_decimal, is_plausible};
use crate::delimited::{Row, Wrong};
use crate::diagnostic::nearest;
use crate::month::{Month, wall_day};
use crate::record::{CONFIG_KEYS, ConfigEntry, Record, Tenant};
use jiff::civil::Date;

/// A kind of table: its columns, all of which must be there, and how a row becomes a record.
pub(crate) struct Shape {
    columns: &'static [&'static str],
    pub(crate) read: fn(&Row<'_>) -> Result<Record, Wrong>,
}

/// A column that either table may have besides: of which house each row is.
const HOUSE: &str = "house";

const SHAPES: [Shape; 2] = [
    Shape { columns: &["key", "period", "value"], read: config },
    Shape { columns: &["id", "name", "email", "start_date", "departure_date", "room_adjustment"], read: tenant },
];

/// Whether a header has all columns of one of the tables.
pub(crate) fn knows(header: &[&str]) -> bool {
    SHAPES.iter().any(|s| s.columns.iter().all(|c| header.contains(c)))
}

/// Which table a header is of.
pub(crate) fn find_shape(row: &Row<'_>) -> Result<&'static Shape, Wrong> {
    let header: Vec<&str> = row.record.iter().map(str::trim).collect();
    let Some(shape) = SHAPES.iter().find(|s| s.columns.iter().all(|c| header.contains(c))) else {
        let known: Vec<String> = SHAPES.iter().map(|s| s.columns.join(",")).collect();
        let near =
            header.iter().find_map(|h| nearest(h, SHAPES.iter().flat_map(|s| s.columns).copied()).filter(|n| n != h).map(|n| (h, n)));
        let hint = match near {
            Some((wrong, near)) => format!("did you mean `{near}` by `{wrong}`? The first line must be {}", known.join(" or ")),
            None => format!("the first line must be {}", known.join(" or ")),
        };
        return Err(Wrong { field: 0, code: "unknown-header", message: "the first line names no table that is known".into(), hint });
    };
    for (field, name) in header.iter().enumerate() {
        let problem = if !shape.columns.contains(name) && *name != HOUSE {
            format!("the column `{name}` is unknown here")
        } else if header[..field].contains(name) {
            format!("the column `{name}` stands here a second time")
        } else {
            continue;
        };
        let hint = match nearest(name, shape.columns.iter().copied()).filter(|near| near != name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are: {}", shape.columns.join(", ")),
        };
        return Err(Wrong { field, code: "unknown-header", message: problem, hint });
    }
    Ok(shape)
}

fn config(row: &Row<'_>) -> Result<Record, Wrong> {
    let key = row.filled("key")?.to_owned();
    let period = row.filled("period")?;
    let period = Month::parse(period).ok_or_else(|| {
        row.wrong("period", "impossible-date", format!("`{period}` is no month"), "write it as `2025-02` or `2025-02-01`")
    })?;
    let value = row.filled("value")?;
    let value = match exact_decimal(value).filter(|n| is_plausible(*n)) {
        Some(number) => number.to_string(),
        None if CONFIG_KEYS.contains(&key.as_str()) => {
            return Err(row.wrong(
                "value",
                "unreadable-amount",
                format!("`{value}` is no number, and `{key}` needs one"),
                "write it with digits and a decimal point: `5935.98`",
            ));
        }
        None => value.to_owned(),
    };
    Ok(Record::Config(ConfigEntry { key, period, value, house: house(row)? }))
}

fn tenant(row: &Row<'_>) -> Result<Record, Wrong> {
    let start = date(row, "start_date")?;
    let departure = date(row, "departure_date")?;
    if let (Some(start), Some(departure)) = (start, departure)
        && departure < start
    {
        return Err(row.wrong(
            "departure_date",
            "impossible-date",
            format!("moved out on {departure}, before moving in on {start}"),
            "correct one of the two dates",
        ));
    }
    let room_adjustment = match row.get("room_adjustment") {
        "" => None,
        text => Some(Money(exact_decimal(text).ok_or_else(|| {
            row.wrong(
                "room_adjustment",
                "unreadable-amount",
                format!("`{text}` is no number"),
                "write it with digits and a decimal point: `-1400`",
            )
        })?)),
    };
    let optional = |column| Some(row.get(column)).filter(|t| !t.is_empty()).map(str::to_owned);
    Ok(Record::Tenant(Tenant {
        id: optional("id"),
        name: row.filled("name")?.to_owned(),
        email: optional("email"),
        start,
        departure,
        room_adjustment,
        house: house(row)?,
    }))
}

/// The house of a row, where the table has a column for it.
fn house(row: &Row<'_>) -> Result<Option<String>, Wrong> {
    if row.header.iter().any(|h| h == HOUSE) { row.filled(HOUSE).map(|house| Some(house.to_owned())) } else { Ok(None) }
}

/// A date, or a wall-clock time whose day counts.
fn date(row: &Row<'_>, column: &str) -> Result<Option<Date>, Wrong> {
    let text = row.get(column);
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || {
        row.wrong(
            column,
            "impossible-date",
            format!("`{text}` is no day of the years 1900 to 2199"),
            "write it as `2025-02-28`, or leave it empty",
        )
    };
    wall_day(text).map(Some).ok_or_else(wrong)
}
