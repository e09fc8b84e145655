//! The system's Chromium, by way of playwright-core: a report is opened as a reader would, and what came of it is told. What
//! must come of it is in the tests.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Opens a report; pictures go into the folder, where one is named.
pub(crate) fn look(report: &Path, pictures: Option<&Path>) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let none = PathBuf::from("-");
    let output = Command::new("node")
        .arg(root.join("tests/report/look.mjs"))
        .args([modules(), &browser(), report, pictures.unwrap_or(&none)])
        .output()
        .expect("node starts; `sh tests/install` installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the report could not be looked at:\n{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{said}"))
}

/// A Chromium of the system. Without one the test fails: a page that nobody looked at is no page that is right.
fn browser() -> PathBuf {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let folders: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = named.or_else(|| names.iter().flat_map(|name| folders.iter().map(move |f| f.join(name))).find(|p| p.is_file()));
    found.expect("there is no Chromium here: `sh tests/install` installs one, or CHROMIUM names it")
}

/// The folder with playwright-core and axe-core, in the versions that tests/report/install names.
fn modules() -> &'static Path {
    static MODULES: OnceLock<PathBuf> = OnceLock::new();
    MODULES.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/install");
        let status = Command::new("sh").arg(script).arg(&folder).status().expect("sh starts");
        assert!(status.success(), "playwright-core and axe-core could not be installed into {}", folder.display());
        folder
    })
}
