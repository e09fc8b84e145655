//! Verifies evidence bundles without any database: the digests in it, the chain, the sources, signatures, and the report against
//! what was sealed.

use super::bundle::{MANIFEST, Manifest, SUMS, lines_of, marks_of};
use super::chain::{self, Chained, Records, Sealed};
use super::{Head, Part, Verified, head, kept_part, sign};
use crate::digest::sha256_of;
use crate::error::{Result, Stop, io_words};
use crate::evidence::{Finding, Severity, Subject};
use crate::report::Outcome;
use crate::store::Mark;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// A bundle that is read.
struct Bundle {
    zip: zip::ZipArchive<File>,
    manifest: Manifest,
    shown: String,
}

impl Bundle {
    fn open(path: &Path) -> Result<Bundle> {
        let shown = path.display().to_string();
        let file =
            File::open(path).map_err(|e| Stop::usage(format!("cannot read {shown}: {}", io_words(&e)), "name an evidence bundle"))?;
        let no_bundle = || Stop::usage(format!("{shown} is no evidence bundle"), "`tieout report RUN --bundle FILE.zip` makes one");
        let mut zip = zip::ZipArchive::new(file).map_err(|_| no_bundle())?;
        let json = zip.by_name(MANIFEST).map_err(|_| no_bundle()).map(std::io::read_to_string)?.map_err(|_| no_bundle())?;
        let manifest = serde_json::from_str(&json).map_err(|_| no_bundle())?;
        Ok(Bundle { zip, manifest, shown })
    }

    fn names(&mut self) -> BTreeSet<String> {
        (0..self.zip.len()).filter_map(|i| self.zip.by_index(i).ok().and_then(|file| file.name().ok().map(|n| n.into_owned()))).collect()
    }

    fn sum(&mut self, name: &str) -> std::io::Result<String> {
        sha256_of(&mut self.zip.by_name(name)?).map(|(sum, _)| sum)
    }

    fn text(&mut self, name: &str) -> std::io::Result<String> {
        std::io::read_to_string(self.zip.by_name(name)?)
    }
}

impl Records for Bundle {
    fn runs(&mut self) -> Result<Vec<Sealed>> {
        let runs = self.manifest.runs.iter();
        Ok(runs
            .map(|r| Sealed { id: r.id, job: r.job.clone(), previous: Some(r.previous.clone()), digest: Some(r.digest.clone()) })
            .collect())
    }

    fn lines(&mut self, run: i64, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        let name = lines_of(run);
        let broken =
            |why: String| Stop::new(Subject::Check, format!("{}: {name} cannot be read: {why}", self.shown), "the bundle is damaged");
        let member = match self.zip.by_name(&name) {
            Ok(member) => member,
            Err(zip::result::ZipError::FileNotFound) => return Ok(()),
            Err(e) => return Err(broken(e.to_string())),
        };
        for line in BufReader::new(member).lines() {
            each(&line.map_err(|e| broken(io_words(&e)))?)?;
        }
        Ok(())
    }

    fn marks(&mut self, run: i64) -> Result<Vec<Mark>> {
        Ok(self.text(&marks_of(run)).map(|text| Mark::read(&text)).unwrap_or_default())
    }
}

/// Verifies a bundle, without any database.
pub fn verify_bundle(path: &Path, kept: Option<&Head>) -> Result<Verified> {
    let mut bundle = Bundle::open(path)?;
    let (mut parts, mut findings) = (Vec::new(), Vec::new());
    parts.push(sums(&mut bundle, &mut findings));
    let chained = chain::check(&mut bundle)?;
    parts.push(super::chain_part(&chained).ran());
    parts.push(kept_part(kept, &chained.runs, &mut findings));
    findings.extend(chained.findings.iter().cloned());
    parts.push(sign::check(&bundle.manifest.signatures.clone(), &chained.runs, &mut findings));
    parts.push(sources(&mut bundle, &mut findings)?);
    parts.push(totals(&mut bundle, &mut findings)?);
    let why = "a bundle has no tables to read back; `tieout verify --database URL` does";
    parts.push(Part::not_run("rows", why));
    let Chained { runs, .. } = chained;
    Ok(Verified::judged(bundle.shown.clone(), head(&runs), parts, findings))
}

fn error(code: &str, message: String) -> Finding {
    Finding::new(Severity::Error, Subject::Check, code, message, "ask whoever made the bundle for another")
}

/// Every file of the bundle against the list of digests in it.
fn sums(bundle: &mut Bundle, findings: &mut Vec<Finding>) -> Part {
    let mut part = Part::of("bundle");
    let listed: BTreeMap<String, String> = bundle
        .text(SUMS)
        .unwrap_or_default()
        .lines()
        .filter_map(|l| l.split_once("  "))
        .map(|(sum, name)| (name.to_owned(), sum.to_owned()))
        .collect();
    let mut names = bundle.names();
    names.remove(SUMS);
    for name in names.iter().cloned().chain(listed.keys().filter(|n| !names.contains(*n)).cloned()).collect::<Vec<_>>() {
        part.count += 1;
        let message = match (listed.get(&name), bundle.sum(&name)) {
            (Some(sum), Ok(now)) if *sum == now => continue,
            (None, _) => format!("{name} is not in {SUMS}: it was put into the bundle afterwards"),
            (Some(_), Err(_)) => format!("{name} is missing in the bundle, or damaged"),
            (Some(sum), Ok(now)) => format!("{name} is not as it was packed: its SHA-256 is {now}, and was {sum}"),
        };
        part.failed += 1;
        findings.push(error("bundle-changed", message));
    }
    part.ran()
}

/// The sources in the bundle against what the chain says of them.
fn sources(bundle: &mut Bundle, findings: &mut Vec<Finding>) -> Result<Part> {
    let mut part = Part::of("files");
    let mut recorded = BTreeMap::new();
    let run = bundle.manifest.run;
    bundle.lines(run, &mut |line| {
        if line.starts_with("[\"file\",")
            && let Ok(fields) = serde_json::from_str::<Vec<Option<String>>>(line)
            && let (Some(Some(path)), Some(Some(sha256))) = (fields.get(3), fields.get(4))
        {
            recorded.insert(path.clone(), sha256.clone());
        }
        Ok(())
    })?;
    for (path, sha256) in recorded {
        let name = format!("sources/{path}");
        let why = bundle.manifest.sources.iter().find(|s| s.path == path).and_then(|s| s.why.clone());
        match bundle.sum(&name) {
            Ok(now) if now == sha256 => part.count += 1,
            Ok(now) => {
                (part.count, part.failed) = (part.count + 1, part.failed + 1);
                let message = format!("the file is not the one that was imported: its SHA-256 is {now}, and was {sha256}");
                findings.push(error("file-changed", message).about(&path));
            }
            Err(_) if why.is_some() => part.notes.push(format!("{path} was not packed: {}", why.unwrap_or_default())),
            Err(_) => {
                part.failed += 1;
                findings.push(error("file-missing", format!("the file, whose SHA-256 was {sha256}, is not in the bundle")).about(&path));
            }
        }
    }
    Ok(if part.count + part.failed > 0 { part.ran() } else { part })
}

/// What the sealed report says was written, against the change log; and the report that people read against the sealed one.
fn totals(bundle: &mut Bundle, findings: &mut Vec<Finding>) -> Result<Part> {
    let run = bundle.manifest.run;
    let mut counted: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut sealed: Option<Outcome> = None;
    bundle.lines(run, &mut |line| {
        let kind = line.split('"').nth(1).unwrap_or_default();
        if !matches!(kind, "run" | "change" | "packed") {
            return Ok(());
        }
        let mut fields: Vec<Option<String>> = serde_json::from_str(line).unwrap_or_default();
        if kind == "run" {
            sealed = fields.pop().flatten().and_then(|json| serde_json::from_str(&json).ok());
        } else if let [_, _, Some(table), _, Some(what), ..] = fields.as_slice() {
            // A change says what was done to its row, a block how many new rows it has.
            let (operation, rows) = if kind == "packed" { ("insert", what.parse().unwrap_or_default()) } else { (what.as_str(), 1) };
            *counted.entry((table.clone(), operation.to_owned())).or_default() += rows;
        }
        Ok(())
    })?;
    let mut part = Part::of("totals");
    let Some(sealed) = sealed else {
        return Ok(Part::not_run("totals", "the sealed report cannot be read"));
    };
    for (table, counts) in sealed.tables.iter().filter(|_| sealed.run.command != "rollback") {
        for (operation, stated) in [("insert", counts.inserted), ("update", counts.updated), ("delete", counts.deleted)] {
            let found = counted.get(&(table.clone(), operation.to_owned())).copied().unwrap_or_default();
            part.count += 1;
            if found != stated {
                part.failed += 1;
                findings.push(error(
                    "totals-differ",
                    format!("{table}: the report states {stated} rows of {operation}, the change log has {found}"),
                ));
            }
        }
    }
    let shown = bundle.text("report/report.json").ok().and_then(|json| serde_json::from_str::<Outcome>(&json).ok());
    part.count += 1;
    let same = shown.is_some_and(|r| {
        let counted = r.alike.counts == sealed.alike.counts && r.tolerated == sealed.tolerated;
        r.run.status == sealed.run.status
            && r.sources == sealed.sources
            && r.tables == sealed.tables
            && r.checks == sealed.checks
            && counted
    });
    if !same {
        part.failed += 1;
        findings.push(error("report-differs", "report/report.json does not say what the sealed report says".to_owned()));
    }
    Ok(part.ran())
}
