//! What reports say by themselves, in English and Swedish. What stands in the files and what the rules found is not translated.

use super::form::Lang;
use super::swedish::SWEDISH;

impl Lang {
    /// A text in this language; English ones are their own key.
    pub fn say(self, english: &'static str) -> &'static str {
        match self {
            Lang::En => english,
            Lang::Sv => SWEDISH.iter().find(|(en, _)| *en == english).map_or(english, |(_, sv)| sv),
        }
    }

    /// The same, for headings and states that are told apart elsewhere.
    pub(super) fn word(self, english: &'static str) -> &'static str {
        self.say(english)
    }

    /// A state in this language.
    pub(super) fn word_of(self, english: &str) -> &str {
        match self {
            Lang::En => english,
            Lang::Sv => SWEDISH.iter().find(|(en, _)| *en == english).map_or(english, |(_, sv)| sv),
        }
    }

    /// A text with figures for its `{}`, in their order.
    pub fn fill(self, english: &'static str, figures: &[&str]) -> String {
        let mut parts = self.say(english).split("{}");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for (part, figure) in parts.zip(figures) {
            out.push_str(figure);
            out.push_str(part);
        }
        out
    }

    /// The language as HTML names it.
    pub fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Sv => "sv",
        }
    }
}

/// What the page's script says, and the states that it shows.
const SCRIPT: &[&str] = &[
    "Actual",
    "After",
    "All",
    "Before",
    "Column",
    "Encoding",
    "Format",
    "Expected",
    "Figures it was computed from",
    "Formula",
    "History",
    "Ignored",
    "Kind",
    "Message",
    "Next page",
    "Page",
    "Place",
    "Previous page",
    "Records",
    "Run",
    "Search",
    "Show where it comes from",
    "Side",
    "Tolerance",
    "Value",
    "What",
    "What to do",
    "Why that tolerance",
    "derived",
    "derived from",
    "difference",
    "error",
    "excluded",
    "explained",
    "info",
    "loaded",
    "match",
    "no figures are recorded for it",
    "no single file states it",
    "not run",
    "nothing there",
    "nothing to compare with",
    "of",
    "rejected",
    "rows",
    "superseded",
    "unchanged",
    "waived",
    "warning",
    "within tolerance",
    "written once, not changed since",
];

/// What the page's script says.
pub(super) fn of_script() -> impl Iterator<Item = &'static str> {
    SCRIPT.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_text_has_one_translation_with_the_same_figures() {
        let mut seen = BTreeSet::new();
        for (english, swedish) in SWEDISH {
            assert!(seen.insert(english), "{english} stands here twice");
            assert_eq!(english.matches("{}").count(), swedish.matches("{}").count(), "{english}");
        }
    }

    #[test]
    fn what_the_renderings_say_is_translated() {
        let known: BTreeSet<&str> = SWEDISH.iter().map(|(en, _)| *en).collect();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report");
        let mut asked = 0;
        for file in
            walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|f| f.path().extension().is_some_and(|e| e == "rs"))
        {
            let text = std::fs::read_to_string(file.path()).unwrap();
            for call in ["say(\"", "fill(\"", "fill(\n"] {
                for part in text.split(call).skip(1) {
                    let literal = part.trim_start().trim_start_matches('"').split('"').next().unwrap();
                    if !["words.rs", "swedish.rs"].contains(&file.file_name().to_str().unwrap()) {
                        assert!(known.contains(literal), "{}: {literal} has no translation", file.path().display());
                        asked += 1;
                    }
                }
            }
        }
        assert!(asked > 50, "only {asked} texts were found");
    }
}
