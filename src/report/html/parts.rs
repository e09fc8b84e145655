//! The sections of the page that stand there without its script, and the places of the tables that it builds.

use super::Rows;
use super::escape::{escaped, long};
use super::safety::safety;
use super::{cards, charts, data, sample};
use crate::evidence::Severity;
use crate::report::conclude::{Verdict, sentences, verdict};
use crate::report::form::Lang;
use crate::report::{HookStatus, Outcome};
use std::fmt::Write;

/// A section: closed, only its heading is seen.
pub(super) struct Section {
    pub(super) id: &'static str,
    pub(super) title: String,
    count: Option<usize>,
    open: bool,
    body: String,
}

impl Section {
    pub(super) fn html(&self) -> String {
        let count = self.count.map_or(String::new(), |n| format!("<span class=\"count\">{n}</span>"));
        let open = if self.open { " open" } else { "" };
        format!("<details id=\"{}\"{open}><summary><h2>{}</h2>{count}</summary>\n{}</details>\n", self.id, escaped(&self.title), self.body)
    }
}

/// The conclusion, in words.
pub(super) fn conclusion(outcome: &Outcome, lang: Lang) -> String {
    let verdict = verdict(outcome);
    let class = match verdict {
        Verdict::Fails => "fails",
        Verdict::Exceptions => "exceptions",
        Verdict::TiesOut => "",
    };
    let run = &outcome.run;
    let number = run.id.map_or(String::new(), |id| format!(" {id}"));
    let what = format!("{} · {}{number} · {} · {}", run.job, lang.say("Run"), lang.say(run.status.word()), run.database);
    let said: String = sentences(outcome, lang).iter().map(|s| format!("<p>{}</p>", escaped(s))).collect();
    let title = lang.say(crate::report::conclude::title(outcome));
    format!("<div class=\"verdict {class}\"><h1>{}</h1><p class=\"what\">{}</p>{said}</div>", escaped(title), escaped(&what))
}

/// All sections, in the order of a reader's questions.
pub(super) fn all(outcome: &Outcome, lang: Lang, rows: &[Rows], digest: &str) -> Vec<Section> {
    let place = |id: &str| format!("<div id=\"{id}\"></div>\n");
    let (account, say) = (&outcome.account, |english| lang.say(english));
    let mut sections = Vec::new();
    let mut add = |id, title: &'static str, count: Option<usize>, open, body: String| {
        if count != Some(0) || id == "differences" {
            sections.push(Section { id, title: lang.say(title).to_owned(), count, open, body });
        }
    };
    add("scope", "Scope", None, true, scope(outcome, lang));
    let differing = data::differences(outcome);
    add("differences", "Differences", Some(differing.len()), true, cards::differences(outcome, lang, &differing));
    let pictures = charts::all(outcome, lang);
    let figures = pictures.iter().map(|(title, svg)| {
        let title = escaped(title);
        format!("<figure><figcaption>{title}</figcaption><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\">{svg}</div></figure>\n")
    });
    add("pictures", "Pictures", Some(pictures.len()), true, figures.collect());
    add("totals", "Control totals", Some(account.controls.len()), true, totals(outcome, lang));
    let alike = lang.fill("{} more comparisons match, each like a thousand that are listed: all of them are in the tables that `tieout report --format csv,xlsx` writes.", &[&outcome.alike.count().to_string()]);
    let alike = if outcome.alike.is_empty() { String::new() } else { paragraph(&alike) };
    add("checks", "Checks", Some(outcome.comparisons()), outcome.checks.len() <= 50, alike + &place("g-checks") + &formulas(outcome, lang));
    add("files", "Files", Some(outcome.sources.len()), outcome.sources.len() <= 50, conservation(outcome, lang, rows) + &place("g-files"));
    add("rules", "Mapping and rules", Some(account.mapping.len()), false, mapping(outcome, lang));
    let words =
        say("Each is compared with the version that counts; the step is what the next version changed, and the steps of a month add up.");
    add("superseded", "Superseded versions", Some(account.superseded.len()), false, paragraph(words) + &place("g-superseded"));
    let rejects = &account.rejects;
    let worth = lang.fill(
        "Their worth is {} {} without sign; {} of them could not be valued.",
        &[&rejects.worth, &outcome.run.currency, &rejects.unvalued.to_string()],
    );
    add("rejects", "Refused records", Some(rejects.count), true, paragraph(&worth) + &place("g-rejects"));
    let changed = account.changes.counts.values().flat_map(|c| c.values()).sum();
    add(
        "changes",
        "Changes of this run",
        Some(changed),
        false,
        changes(outcome, lang) + &if account.changes.listed.is_empty() { String::new() } else { place("g-changes") },
    );
    for (n, rows) in rows.iter().enumerate() {
        let id = ["rows-a", "rows-b", "rows-c", "rows-d", "rows-e", "rows-f", "rows-g", "rows-h"].get(n).copied().unwrap_or("rows-more");
        let told = rows.of.map_or(String::new(), |of| {
            paragraph(&lang.fill(
                "The first {} of {} rows are here; all of them are in the tables that `tieout report --format csv,xlsx` writes.",
                &[&rows.grid.count.to_string(), &of.to_string()],
            ))
        });
        let title = format!("{}: {}", say("Rows"), rows.table);
        let count = Some(rows.of.unwrap_or(rows.grid.count));
        if rows.grid.count > 0 {
            sections.push(Section { id, title, count, open: false, body: told + &place(&rows.grid.id) });
        }
    }
    let mut add = |id, title: &'static str, count: Option<usize>, open, body: String| {
        if count != Some(0) {
            sections.push(Section { id, title: lang.say(title).to_owned(), count, open, body });
        }
    };
    add("sample", "Sample", Some(outcome.account.sample.rows.len()), false, sample::sample(outcome, lang));
    let errors = outcome.findings.iter().any(|f| f.severity == Severity::Error);
    add("findings", "Findings", Some(outcome.findings.len()), errors || outcome.findings.len() <= 50, place("g-findings"));
    let safety = safety(outcome, lang);
    add("safety", "Backup and rehearsal", Some(safety.len()).filter(|n| *n == 0), true, safety);
    add("around", "Around the run", None, false, around(outcome, lang));
    add("limits", "Assumptions and limitations", None, true, limits(outcome, lang));
    add("signoff", "Sign-off", None, true, sample::signatures(outcome, lang) + &sign_off(lang, digest));
    sections
}

pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escaped(text))
}

pub(super) fn pairs<'a>(list: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs = list.into_iter().filter(|(_, value)| !value.is_empty());
    let all: String = pairs.map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(&value))).collect();
    format!("<dl>{all}</dl>\n")
}

/// A table; a column is one of figures where its heading begins with `#`.
pub(super) fn table(caption: &str, heads: &[&str], rows: impl Iterator<Item = Vec<String>>, lang: Lang) -> String {
    let mut out = format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table><caption>{0}</caption><thead><tr>",
        escaped(caption)
    );
    let class = |n: usize| if heads[n].starts_with('#') { " class=\"n\"" } else { "" };
    for (n, head) in heads.iter().enumerate() {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", class(n), escaped(head.trim_start_matches('#')));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for (n, cell) in row.iter().enumerate() {
            let _ = write!(out, "<td{}>{}</td>", class(n), long(cell, lang));
        }
        out.push_str("</tr>");
    }
    out + "</tbody></table></div>\n"
}

pub(super) fn list<'a>(items: impl Iterator<Item = &'a str>, lang: Lang) -> String {
    let items: String = items.map(|item| format!("<li>{}</li>", long(item, lang))).collect();
    format!("<ul>{items}</ul>\n")
}

fn scope(outcome: &Outcome, lang: Lang) -> String {
    let (run, account, say) = (&outcome.run, &outcome.account, |english| lang.say(english));
    let period = account.from.as_ref().zip(account.to.as_ref()).map_or(String::new(), |(from, to)| format!("{from} – {to}"));
    let sources: Vec<&str> = account.mapping.iter().map(|m| m.source.as_str()).collect();
    let tables: Vec<&str> = outcome.tables.keys().map(String::as_str).collect();
    let parameters: Vec<String> = account.parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let number = run.id.map_or(String::new(), |id| id.to_string());
    let none = say("none: it is the first of the chain");
    let previous = run.previous.as_deref().map_or("", |digest| if digest == crate::store::FIRST { none } else { digest }).to_owned();
    pairs([
        (say("Job"), run.job.clone()),
        (say("Period"), period),
        (say("Currency"), run.currency.clone()),
        (say("Sources"), sources.join(", ")),
        (say("Tables"), tables.join(", ")),
    ]) + &format!("<h3>{}</h3>\n", escaped(say("Run identity")))
        + &pairs([
            (say("Run"), number),
            (say("Run by"), account.by.clone()),
            (say("Begun (UTC)"), run.started_at.clone()),
            (say("Ended (UTC)"), run.finished_at.clone()),
            (say("Program"), format!("tieout {}", run.version)),
            (say("Command"), run.command.clone()),
            (say("Database"), run.database.clone()),
            (say("Files from"), run.root.clone()),
            (say("Job file SHA-256"), run.job_sha256.clone()),
            (say("Parameters"), parameters.join(", ")),
            (say("Digest of the run"), run.digest.clone().unwrap_or_default()),
            (say("Digest of the run before"), previous),
        ])
}

fn totals(outcome: &Outcome, lang: Lang) -> String {
    let say = |english| lang.say(english);
    let figures = [
        say("Stated by the files"),
        say("What counts"),
        say("Read back"),
        say("Opening"),
        say("Added"),
        say("Corrected"),
        say("Removed"),
        say("Closing"),
    ];
    let figures = figures.map(|name| format!("#{name}"));
    let heads: Vec<&str> =
        [say("Table"), say("Figure")].into_iter().chain(figures.iter().map(String::as_str)).chain([say("Foots")]).collect();
    let rows = outcome.account.controls.iter().map(|c| {
        let text = |t: &Option<String>| t.clone().unwrap_or_else(|| "–".to_owned());
        let stages = [&c.stated, &c.counted, &c.read_back, &c.opening, &c.added, &c.corrected, &c.removed, &c.closing].map(text);
        let mark = match c.foots {
            Some(true) => "✓",
            Some(false) => "✗",
            None => "–",
        };
        [c.table.clone(), c.figure.clone()].into_iter().chain(stages).chain([mark.to_owned()]).collect()
    });
    let words = say(
        "Opening + added + corrected − removed = closing. The first three columns are what the files state, what counts of it, and the same rows read back from the database. The hash is a total over every compared value of every row, the same in any order.",
    );
    let legend = format!(
        "{}: ✓ {} · ✗ {} · – {}",
        say("Legend"),
        say("recalculated and equal; the roll-forward foots"),
        say("does not agree"),
        say("not run, or not reached")
    );
    paragraph(words) + &table(say("Control totals"), &heads, rows, lang) + &paragraph(&legend)
}

fn formulas(outcome: &Outcome, lang: Lang) -> String {
    let say = |english| lang.say(english);
    let rows = outcome.account.formulas.iter().map(|f| {
        let check = outcome.checks.iter().find(|c| c.name == f.check);
        let tolerance = check.and_then(|c| c.tolerance.clone()).unwrap_or_default();
        let because = check.and_then(|c| c.because.clone()).unwrap_or_default();
        let whose = if f.declared { say("declared in the job file") } else { say("asked of every run") }.to_owned();
        vec![f.check.clone(), f.formula.clone(), tolerance, because, whose]
    });
    let tolerance = format!("#{}", say("Tolerance"));
    table(
        say("What each check computes"),
        &[say("Check"), say("Formula"), &tolerance, say("Why that tolerance"), say("Source")],
        rows,
        lang,
    )
}

fn conservation(outcome: &Outcome, lang: Lang, rows: &[Rows]) -> String {
    let balanced = outcome.sources.iter().filter(|s| s.balances()).count();
    let mut out = paragraph(&lang.fill(
        "File to row: read = loaded + superseded + duplicate + ignored + rejected, for each file. {} of {} files foot.",
        &[&balanced.to_string(), &outcome.sources.len().to_string()],
    ));
    if !rows.is_empty() {
        let sum = |f: fn(&Rows) -> usize| rows.iter().map(f).sum::<usize>().to_string();
        let figures = [sum(|r| r.grid.count), sum(|r| r.placed), sum(|r| r.derived)];
        out.push_str(&paragraph(&lang.fill(
            "Row to file: of {} rows {} name the file and line they come from, and {} were derived from other rows.",
            &figures.each_ref().map(String::as_str),
        )));
    }
    out
}

fn mapping(outcome: &Outcome, lang: Lang) -> String {
    let say = |english| lang.say(english);
    let rows = outcome.account.mapping.iter();
    let rows = rows.map(|m| vec![m.source.clone(), m.format.clone(), m.files.join(", "), m.tables.join(", "), m.rules.join("; ")]);
    table(say("Mapping and rules"), &[say("Source"), say("Format"), say("Patterns"), say("Tables"), say("Rules")], rows, lang)
}

fn changes(outcome: &Outcome, lang: Lang) -> String {
    let say = |english| lang.say(english);
    let count = format!("#{}", say("Rows"));
    let counts = outcome.account.changes.counts.iter();
    let rows = counts.flat_map(|(table, by)| by.iter().map(|(operation, n)| vec![table.clone(), operation.clone(), n.to_string()]));
    let words = say("New rows are counted here and listed under Rows; everything else is listed with what stood there before.");
    paragraph(words) + &table(say("Changes of this run"), &[say("Table"), say("Operation"), &count], rows, lang)
}

fn around(outcome: &Outcome, lang: Lang) -> String {
    let say = |english| lang.say(english);
    let mut out = String::new();
    if let Some(since) = &outcome.since_last {
        let counts = [(since.new.len(), say("new")), (since.gone.len(), say("gone")), (since.still.len(), say("still there"))];
        let words: Vec<String> = counts.iter().map(|(n, word)| format!("{n} {word}")).collect();
        out.push_str(&paragraph(&format!("{} ({}): {}", say("Since the last run"), since.run, words.join(", "))));
    }
    if !outcome.migrations.is_empty() {
        let rows = outcome.migrations.iter().map(|s| vec![s.name.clone(), s.status.clone(), s.sha256.clone()]);
        out.push_str(&table(say("Schema steps"), &[say("Name"), say("Status"), "SHA-256"], rows, lang));
    }
    if !outcome.preflight.is_empty() {
        let rows = outcome.preflight.iter().map(|i| vec![i.name.clone(), i.status.words().to_owned(), i.detail.clone()]);
        out.push_str(&table(say("Before the run"), &[say("What"), say("Status"), say("Explanation")], rows, lang));
    }
    let hooks = outcome.hooks.iter().map(|h| {
        let said = if h.status == HookStatus::Ok { String::new() } else { h.last_lines(5).join(" / ") };
        vec![h.when.clone(), h.run.join(" "), h.words(), said]
    });
    let caches = outcome.caches.iter().map(|c| {
        let keys: usize = c.patterns.iter().map(|p| p.keys as usize).sum();
        vec![c.when.clone(), c.server.clone(), keys.to_string(), c.error.clone().unwrap_or_default()]
    });
    if !outcome.hooks.is_empty() || !outcome.caches.is_empty() {
        let heads = [say("Before the run"), say("What"), say("Status"), say("Text")];
        out.push_str(&table(say("Programs and caches"), &heads, hooks.chain(caches), lang));
    }
    out
}

fn limits(outcome: &Outcome, lang: Lang) -> String {
    let say = |english| lang.say(english);
    let mut out = String::new();
    for (title, items) in [(say("Assumptions"), &outcome.assumptions), (say("Limitations"), &outcome.account.limitations)] {
        if !items.is_empty() {
            let _ = writeln!(out, "<h3>{}</h3>", escaped(title));
            out.push_str(&list(items.iter().map(String::as_str), lang));
        }
    }
    out
}

fn sign_off(lang: Lang, digest: &str) -> String {
    let say = |english| lang.say(english);
    let mut out = paragraph(say("What is signed is the model that this page was written from, report.json. Its SHA-256:"));
    let _ = writeln!(out, "<pre id=\"digest\">{}</pre><div class=\"sign\">", escaped(digest));
    for who in [say("Preparer"), say("Reviewer")] {
        let _ = write!(out, "<div><h3>{}</h3>", escaped(who));
        for line in [say("Name"), say("Date"), say("Signature")] {
            let _ = write!(out, "<p>{}</p>", escaped(line));
        }
        out.push_str("</div>");
    }
    out + "</div>\n"
}
