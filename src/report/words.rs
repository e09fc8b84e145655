//! What reports say by themselves, in English and Swedish. What stands in the files and what the rules found is not translated.

use super::form::Lang;

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

/// English, Swedish.
const SWEDISH: &[(&str, &str)] = &[
    ("Report", "Rapport"),
    ("It ties out", "Det stämmer"),
    ("It ties out, with exceptions to look at", "Det stämmer, med undantag att titta på"),
    ("It does not tie out: nothing was written", "Det stämmer inte: inget skrevs"),
    ("Rolled back", "Återställt"),
    ("Not rolled back: nothing was written", "Inte återställt: inget skrevs"),
    (
        "{} comparisons were made: {} agree exactly, {} are within a stated tolerance or explained by a rule, {} prove nothing, and {} do not agree or were not run.",
        "{} jämförelser gjordes: {} stämmer exakt, {} ligger inom angiven tolerans eller förklaras av en regel, {} bevisar inget, och {} stämmer inte eller kördes inte.",
    ),
    (
        "{} of those that do not agree must hold for anything to be written.",
        "{} av dem som inte stämmer måste göra det för att något ska skrivas.",
    ),
    (
        "None of those that do not agree is one that must hold: they are told, and stop nothing.",
        "Ingen av dem som inte stämmer är en som måste göra det: de redovisas, och stoppar inget.",
    ),
    ("{} files were read; every line or value of them is accounted for.", "{} filer lästes; varje rad eller värde i dem är redovisat."),
    (
        "{} files were read; of some of them not every line or value is accounted for.",
        "{} filer lästes; i några av dem är inte varje rad eller värde redovisat.",
    ),
    (
        "{} differences in money stand: {} over and {} under, {} {} in all and not netted.",
        "{} beloppsdifferenser kvarstår: {} över och {} under, totalt {} {} utan kvittning.",
    ),
    ("No difference in money stands.", "Ingen beloppsdifferens kvarstår."),
    ("There are {} errors, {} warnings and {} notes.", "Det finns {} fel, {} varningar och {} noteringar."),
    (
        "Nothing was written to the database; the figures say what it would have held.",
        "Inget skrevs till databasen; siffrorna säger vad den skulle ha innehållit.",
    ),
    ("Contents", "Innehåll"),
    ("Scope", "Omfattning"),
    ("Job", "Jobb"),
    ("Run", "Körning"),
    ("Status", "Status"),
    ("Period", "Period"),
    ("Currency", "Valuta"),
    ("Tables", "Tabeller"),
    ("Sources", "Källor"),
    ("Run identity", "Körningens identitet"),
    ("Run by", "Kördes av"),
    ("Begun (UTC)", "Började (UTC)"),
    ("Ended (UTC)", "Slutade (UTC)"),
    ("Program", "Program"),
    ("Command", "Kommando"),
    ("Database", "Databas"),
    ("Files from", "Filer från"),
    ("Job file SHA-256", "Jobbfilens SHA-256"),
    ("Parameters", "Parametrar"),
    ("Pictures", "Bilder"),
    ("Electricity bills by month, against the configured value", "Elräkningar per månad, mot det konfigurerade värdet"),
    ("configured value", "konfigurerat värde"),
    ("tolerated difference", "tolererad differens"),
    ("Rent by tenant and month", "Hyra per hyresgäst och månad"),
    ("Coverage by month", "Täckning per månad"),
    ("What became of the lines and values of each source", "Vad som blev av varje källas rader och värden"),
    ("By month", "Per månad"),
    ("Differences", "Avvikelser"),
    (
        "Every comparison that is no exact match. Open one to see the figures it was computed from.",
        "Varje jämförelse som inte stämmer exakt. Öppna en för att se siffrorna bakom den.",
    ),
    ("There is none.", "Det finns ingen."),
    ("Passed on", "Lämnade utan åtgärd"),
    ("At most {} {} may stand, by the job file.", "Högst {} {} får kvarstå, enligt jobbfilen."),
    ("Checks", "Kontroller"),
    ("What each check computes", "Vad varje kontroll räknar ut"),
    ("declared in the job file", "angiven i jobbfilen"),
    ("asked of every run", "ställs i varje körning"),
    ("Formula", "Formel"),
    ("Files", "Filer"),
    ("Control totals", "Kontrollsummor"),
    ("Mapping and rules", "Mappning och regler"),
    ("Superseded versions", "Ersatta versioner"),
    ("Refused records", "Avvisade poster"),
    ("Changes of this run", "Körningens ändringar"),
    ("Rows", "Rader"),
    ("Findings", "Iakttagelser"),
    ("Around the run", "Runt körningen"),
    ("Assumptions and limitations", "Antaganden och begränsningar"),
    ("Assumptions", "Antaganden"),
    ("Limitations", "Begränsningar"),
    ("Sign-off", "Underskrift"),
    ("Preparer", "Upprättad av"),
    ("Reviewer", "Granskad av"),
    ("Name", "Namn"),
    ("Date", "Datum"),
    ("Signature", "Underskrift"),
    (
        "What is signed is the model that this page was written from, report.json. Its SHA-256:",
        "Det som undertecknas är modellen som sidan skrevs från, report.json. Dess SHA-256:",
    ),
    ("Check", "Kontroll"),
    ("Group", "Grupp"),
    ("Expected", "Väntat"),
    ("Actual", "Faktiskt"),
    ("Difference", "Differens"),
    ("Explanation", "Förklaring"),
    ("Tolerance", "Tolerans"),
    ("Why that tolerance", "Varför den toleransen"),
    ("Severity", "Allvar"),
    ("File", "Fil"),
    ("Source", "Källa"),
    ("Format", "Format"),
    ("Size", "Storlek"),
    ("Reason", "Orsak"),
    ("Read", "Lästa"),
    ("Loaded", "Laddade"),
    ("Superseded", "Ersatta"),
    ("Duplicate", "Dubbletter"),
    ("Ignored", "Ignorerade"),
    ("Rejected", "Avvisade"),
    ("Records", "Poster"),
    ("Foots", "Stämmer"),
    ("Encoding", "Teckenkodning"),
    ("Table", "Tabell"),
    ("Figure", "Siffra"),
    ("Stated by the files", "Enligt filerna"),
    ("What counts", "Det som räknas"),
    ("Read back", "Återläst"),
    ("Opening", "Ingående"),
    ("Added", "Tillkommet"),
    ("Corrected", "Rättat"),
    ("Removed", "Borttaget"),
    ("Closing", "Utgående"),
    ("Month", "Månad"),
    ("Version", "Version"),
    ("Counts instead", "Gäller i stället"),
    ("Came to", "Blev"),
    ("Counts", "Gäller"),
    ("Effect", "Effekt"),
    ("Step", "Steg"),
    ("Line", "Rad"),
    ("Code", "Kod"),
    ("Message", "Meddelande"),
    ("Worth", "Värde"),
    ("Text", "Text"),
    ("Set aside", "Undanlagd"),
    ("Key", "Nyckel"),
    ("Operation", "Operation"),
    ("Column", "Kolumn"),
    ("Before", "Före"),
    ("After", "Efter"),
    ("Place", "Plats"),
    ("Kind", "Slag"),
    ("Patterns", "Mönster"),
    ("Rules", "Regler"),
    ("What to do", "Vad göra"),
    ("yes", "ja"),
    ("no", "nej"),
    ("Legend", "Teckenförklaring"),
    ("recalculated and equal; the roll-forward foots", "omräknat och lika; rullningen stämmer"),
    ("does not agree", "stämmer inte"),
    ("not run, or not reached", "inte kört, eller inte nått"),
    (
        "Opening + added + corrected − removed = closing. The first three columns are what the files state, what counts of it, and the same rows read back from the database. The hash is a total over every compared value of every row, the same in any order.",
        "Ingående + tillkommet + rättat − borttaget = utgående. De första tre kolumnerna är vad filerna anger, vad som räknas av det, och samma rader återlästa från databasen. Hashen är en summa över varje jämfört värde i varje rad, lika i vilken ordning som helst.",
    ),
    (
        "File to row: read = loaded + superseded + duplicate + ignored + rejected, for each file. {} of {} files foot.",
        "Fil till rad: lästa = laddade + ersatta + dubbletter + ignorerade + avvisade, för varje fil. {} av {} filer stämmer.",
    ),
    (
        "Row to file: of {} rows {} name the file and line they come from, and {} were derived from other rows.",
        "Rad till fil: av {} rader anger {} filen och raden de kommer från, och {} är härledda ur andra rader.",
    ),
    (
        "The first {} of {} rows are here; all of them are in the tables that `tieout report --format csv,xlsx` writes.",
        "De första {} av {} raderna finns här; alla finns i tabellerna som `tieout report --format csv,xlsx` skriver.",
    ),
    (
        "Their worth is {} {} without sign; {} of them could not be valued.",
        "Deras värde är {} {} utan tecken; {} av dem kunde inte värderas.",
    ),
    (
        "Each is compared with the version that counts; the step is what the next version changed, and the steps of a month add up.",
        "Var och en jämförs med versionen som gäller; steget är vad nästa version ändrade, och stegen i en månad summerar.",
    ),
    (
        "New rows are counted here and listed under Rows; everything else is listed with what stood there before.",
        "Nya rader räknas här och listas under Rader; allt annat listas med vad som stod där före.",
    ),
    ("Schema steps", "Schemasteg"),
    ("Before the run", "Före körningen"),
    ("Since the last run", "Sedan förra körningen"),
    ("new", "nya"),
    ("gone", "borta"),
    ("still there", "kvar"),
    ("Programs and caches", "Program och cachar"),
    ("Backup", "Säkerhetskopia"),
    ("Search", "Sök"),
    ("All", "Alla"),
    ("rows", "rader"),
    ("of", "av"),
    ("Previous page", "Föregående sida"),
    ("Next page", "Nästa sida"),
    ("Page", "Sida"),
    ("Show where it comes from", "Visa varifrån det kommer"),
    ("Figures it was computed from", "Siffrorna det räknades av"),
    ("no figures are recorded for it", "inga siffror är antecknade för det"),
    ("Side", "Sida"),
    ("What", "Vad"),
    ("Value", "Värde"),
    ("Quoted line", "Citerad rad"),
    ("History", "Historik"),
    ("written once, not changed since", "skriven en gång, inte ändrad sedan dess"),
    ("derived from", "härlett ur"),
    ("no single file states it", "ingen enskild fil anger det"),
    ("Columns", "Kolumner"),
    (
        "Without JavaScript this page shows its conclusion, pictures, differences and totals; the searchable tables need it, and are also written by `tieout report --format csv`.",
        "Utan JavaScript visar sidan slutsats, bilder, avvikelser och summor; de sökbara tabellerna behöver det, och skrivs också av `tieout report --format csv`.",
    ),
    ("The first thousand rows are printed.", "De första tusen raderna skrivs ut."),
    ("the rest of it", "resten"),
    ("match", "stämmer"),
    ("within tolerance", "inom tolerans"),
    ("explained", "förklarad"),
    ("derived", "härledd"),
    ("difference", "avvikelse"),
    ("nothing to compare with", "inget att jämföra med"),
    ("nothing there", "saknas"),
    ("waived", "godtagen"),
    ("not run", "inte körd"),
    ("loaded", "laddad"),
    ("unchanged", "oförändrad"),
    ("superseded", "ersatt"),
    ("excluded", "utelämnad"),
    ("rejected", "avvisad"),
    ("duplicate", "dubblett"),
    ("ignored", "ignorerad"),
    ("committed", "skriven"),
    ("failed", "misslyckad"),
    ("error", "fel"),
    ("warning", "varning"),
    ("info", "notering"),
    ("Summary", "Sammanfattning"),
    (
        "Figures are exact decimals, with a point, and in {}. Texts from files are quoted as they are; marks that cannot be seen are written as ‹U+…›.",
        "Siffror är exakta decimaltal, med punkt, i {}. Texter ur filer citeras som de är; osynliga tecken skrivs som ‹U+…›.",
    ),
];

/// What the page's script says, and the states that it shows.
const SCRIPT: &[&str] = &[
    "Actual",
    "After",
    "All",
    "Before",
    "Column",
    "Encoding",
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
                    if file.file_name() != "words.rs" {
                        assert!(known.contains(literal), "{}: {literal} has no translation", file.path().display());
                        asked += 1;
                    }
                }
            }
        }
        assert!(asked > 50, "only {asked} texts were found");
    }
}
