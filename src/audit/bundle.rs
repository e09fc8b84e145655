//! Packs evidence bundles: one ZIP file with the chain's lines, the sources, the report and a manifest, which anybody can check with
//! `sha256sum` and `jq`. How we check one is in `unbundle`.

use crate::digest::{Hashing, sha256_of};
use crate::discover::located_again;
use crate::error::{Result, Stop, io_words};
use crate::report::{Outcome, Style, report_file, text};
use crate::store::{Signature, Store};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;

/// What stands in a bundle's `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The bundle's own version.
    pub bundle: u32,
    /// The run that it is about.
    pub run: i64,
    /// Its job.
    pub job: String,
    /// The database, without password.
    pub database: String,
    /// Every run up to it.
    pub runs: Vec<ManifestRun>,
    /// Every source file of the run.
    pub sources: Vec<ManifestSource>,
    /// Signatures of these runs.
    pub signatures: Vec<Signature>,
}

/// A run in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestRun {
    /// Number.
    pub id: i64,
    /// Job.
    pub job: String,
    /// The digest of the run before.
    pub previous: String,
    /// Its own.
    pub digest: String,
}

/// A source file in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSource {
    /// Path below the root.
    pub path: String,
    /// SHA-256, as it was imported.
    pub sha256: String,
    /// What became of it.
    pub status: String,
    /// Its name in the bundle; `None` where it could not be taken in.
    pub name: Option<String>,
    /// Why not.
    pub why: Option<String>,
}

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const SUMS: &str = "SHA256SUMS";

pub(super) fn lines_of(run: i64) -> String {
    format!("chain/{run:06}.lines")
}

pub(super) fn marks_of(run: i64) -> String {
    format!("chain/{run:06}.marks")
}

/// A bundle that is being written, and the digest of each file in it.
struct Packing {
    zip: zip::ZipWriter<BufWriter<File>>,
    sums: BTreeMap<String, String>,
}

impl Packing {
    fn add(&mut self, name: &str, from: &mut dyn Read) -> std::io::Result<()> {
        self.zip.start_file(name, SimpleFileOptions::default().large_file(true))?;
        let mut from = Hashing::new(from);
        std::io::copy(&mut from, &mut self.zip)?;
        self.sums.insert(name.to_owned(), from.finish()?);
        Ok(())
    }
}

/// Packs a run, or the latest, into a bundle; what could not be taken in is in the manifest. Every run up to it is in the chain.
pub fn pack(store: &mut Store, run: i64, root: Option<&Path>, to: &Path) -> Result<Manifest> {
    let cannot = |e: std::io::Error| Stop::usage(format!("cannot write {}: {}", to.display(), io_words(&e)), "choose another place");
    let file = File::create_new(to).map_err(cannot)?;
    let mut packing = Packing { zip: zip::ZipWriter::new(BufWriter::new(file)), sums: BTreeMap::new() };
    store.begin_snapshot()?;
    let packed = fill(store, run, root, &mut packing, &cannot);
    store.rollback();
    let finished = packed.and_then(|manifest| {
        let sums: String = packing.sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        packing.add(SUMS, &mut sums.as_bytes()).map_err(cannot)?;
        let file = packing.zip.finish().map_err(|e| cannot(e.into()))?;
        file.into_inner().map_err(|e| cannot(e.into_error()))?.sync_all().map_err(cannot)?;
        Ok(manifest)
    });
    finished.inspect_err(|_| {
        let _ = std::fs::remove_file(to);
    })
}

fn fill(
    store: &mut Store,
    run: i64,
    root: Option<&Path>,
    packing: &mut Packing,
    cannot: &dyn Fn(std::io::Error) -> Stop,
) -> Result<Manifest> {
    let recorded: Vec<_> = store.recorded_runs()?.into_iter().filter(|r| r.id <= run).collect();
    let Some(of) = recorded.last().filter(|r| r.id == run && r.digest.is_some()) else {
        return Err(Stop::usage(format!("there is no sealed run {run}"), "`tieout history` lists the runs"));
    };
    let mut manifest = Manifest {
        bundle: 1,
        run,
        job: of.job.clone(),
        database: String::new(),
        runs: Vec::new(),
        sources: Vec::new(),
        signatures: Vec::new(),
    };
    for r in &recorded {
        manifest.runs.push(ManifestRun {
            id: r.id,
            job: r.job.clone(),
            previous: r.previous.clone().unwrap_or_default(),
            digest: r.digest.clone().unwrap_or_default(),
        });
        let mut lines = tempfile::tempfile().map(BufWriter::new).map_err(cannot)?;
        store.lines(r.id, |line| lines.write_all(line.as_bytes()).and_then(|()| lines.write_all(b"\n")).map_err(cannot))?;
        let mut lines = lines.into_inner().map_err(|e| cannot(e.into_error()))?;
        std::io::Seek::rewind(&mut lines).and_then(|()| packing.add(&lines_of(r.id), &mut lines)).map_err(cannot)?;
        let marks: String = store.marks(r.id)?.iter().map(|mark| mark.text() + "\n").collect();
        packing.add(&marks_of(r.id), &mut marks.as_bytes()).map_err(cannot)?;
    }
    manifest.signatures = store.signatures(None)?.into_iter().filter(|s| s.run <= run).collect();
    for file in store.files_of_run(Some(run))? {
        let name = format!("sources/{}", file.path);
        let why = match root.and_then(|root| located_again(root, &file.path)) {
            None => Some("the file is not found".to_owned()),
            Some(location) => {
                let digest = location.open(|bytes| sha256_of(bytes)).and_then(|digest| digest).map_err(cannot)?;
                if digest.0 == file.sha256 && !packing.sums.contains_key(&name) {
                    location.open(|bytes| packing.add(&name, bytes)).and_then(|added| added).map_err(cannot)?;
                }
                (digest.0 != file.sha256).then(|| format!("the file is another now: its SHA-256 is {}", digest.0))
            }
        };
        let name = why.is_none().then_some(name);
        manifest.sources.push(ManifestSource { path: file.path, sha256: file.sha256, status: file.status, name, why });
    }
    if let Some((_, json)) = store.report_of(Some(run))? {
        let mut outcome: Outcome =
            serde_json::from_str(&json).map_err(|e| Stop::database(format!("the report cannot be read: {e}"), ""))?;
        manifest.database.clone_from(&outcome.run.database);
        (outcome.run.previous, outcome.run.digest) = (of.previous.clone(), of.digest.clone());
        report(&outcome, packing).map_err(cannot)?;
    }
    let json = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
    packing.add(MANIFEST, &mut json.as_bytes()).map_err(cannot)?;
    Ok(manifest)
}

/// The report as the database has it, and whatever else lies in its folder.
fn report(outcome: &Outcome, packing: &mut Packing) -> std::io::Result<()> {
    let json = serde_json::to_string_pretty(outcome).unwrap_or_default() + "\n";
    packing.add("report/report.json", &mut json.as_bytes())?;
    packing.add("report/report.txt", &mut text(outcome, Style::plain()).as_bytes())?;
    let Some(folder) = outcome.report.as_ref().and_then(|file| Path::new(file).parent()) else { return Ok(()) };
    // The folder may have been taken by another run since: then it is left out.
    let theirs = std::fs::read(folder.join("report.json")).ok().and_then(|json| serde_json::from_slice::<Outcome>(&json).ok());
    if theirs.is_none_or(|theirs| theirs.run.digest != outcome.run.digest) || !report_file(folder).is_file() {
        return Ok(());
    }
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(std::result::Result::ok) {
        let name = entry.path().strip_prefix(folder).ok().and_then(|p| p.to_str()).map(|p| format!("report/{p}"));
        if let Some(name) = name.filter(|name| entry.file_type().is_file() && !packing.sums.contains_key(name)) {
            packing.add(&name, &mut File::open(entry.path())?)?;
        }
    }
    Ok(())
}
