//! Names for tables and columns: ASCII, small letters, harmless in SQL.

/// Words that databases keep to themselves.
const KEPT: [&str; 36] = [
    "all",
    "and",
    "as",
    "asc",
    "by",
    "case",
    "check",
    "column",
    "default",
    "desc",
    "distinct",
    "else",
    "end",
    "from",
    "group",
    "having",
    "in",
    "index",
    "into",
    "is",
    "join",
    "like",
    "limit",
    "not",
    "null",
    "on",
    "or",
    "order",
    "primary",
    "references",
    "select",
    "table",
    "to",
    "user",
    "values",
    "where",
];

/// The longest name: PostgreSQL cuts names at 63 bytes.
const LONGEST: usize = 48;

/// A name like `title`: `Bokföringsdag` is `bokforingsdag`, `readOn` `read_on`; `otherwise` where nothing is left of it.
pub(super) fn name(title: &str, otherwise: &str) -> String {
    let mut name = String::new();
    // How long the word is, and whether it goes on in small letters: a capital then begins another.
    let (mut word, mut small) = (0, false);
    for c in title.chars() {
        if c.is_uppercase() && word > 1 && small {
            name.push('_');
            word = 0;
        }
        small = c.is_lowercase();
        match plain(c) {
            "" if name.is_empty() || name.ends_with('_') => {}
            "" => {
                name.push('_');
                word = 0;
            }
            letters => {
                name.push_str(letters);
                word += 1;
            }
        }
    }
    name.truncate(LONGEST);
    let name = name.trim_matches('_');
    match name.chars().next() {
        None => otherwise.to_owned(),
        Some('0'..='9') => format!("{}_{name}", otherwise.split('_').next().unwrap_or(otherwise)),
        _ if KEPT.contains(&name) => format!("{name}_"),
        _ => name.to_owned(),
    }
}

/// A name that none of `taken` is.
pub(super) fn free(wanted: String, taken: &[String]) -> String {
    let is_taken = |name: &str| taken.iter().any(|t| t.eq_ignore_ascii_case(name));
    if !is_taken(&wanted) {
        return wanted;
    }
    (2..).map(|n| format!("{wanted}_{n}")).find(|name| !is_taken(name)).unwrap_or(wanted)
}

/// A letter without its marks, in small ASCII; nothing for anything else.
fn plain(c: char) -> &'static str {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
    let small = c.to_lowercase().next().unwrap_or(c);
    if let Some(at) = LETTERS.find(small) {
        return &LETTERS[at..=at];
    }
    match small {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ð' | 'ď' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'ì' | 'í' | 'î' | 'ï' | 'ī' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => "o",
        'œ' => "oe",
        'ř' => "r",
        'ś' | 'š' | 'ş' => "s",
        'ß' => "ss",
        'ť' => "t",
        'þ' => "th",
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_harmless() {
        for (title, want) in [
            ("Bokföringsdag", "bokforingsdag"),
            ("Belopp (kr)", "belopp_kr"),
            ("  Ränte-År ", "rante_ar"),
            ("readOn", "read_on"),
            ("kWh", "kwh"),
            ("IBAN", "iban"),
            ("KONTO NR", "konto_nr"),
            ("meter/read_at", "meter_read_at"),
            ("order", "order_"),
            ("2025", "column_2025"),
            ("###", "column_3"),
            ("\"; drop table x; --", "drop_table_x"),
        ] {
            assert_eq!(name(title, "column_3"), want, "{title}");
        }
        assert_eq!(free("Bank".into(), &["bank".into(), "bank_2".into()]), "Bank_3");
    }
}
