//! The rules of the house: imports run one way, every file says what it is for, money never is a binary float.

use std::path::{Path, PathBuf};

/// The modules from left to right; each may use those before it, none those behind it.
const ORDER: [&str; 25] = [
    "digest",
    "evidence",
    "error",
    "table",
    "script",
    "job",
    "exec",
    "cache",
    "unpack",
    "discover",
    "parse",
    "guess",
    "assemble",
    "reconcile",
    "store",
    "backup",
    "quarantine",
    "load",
    "undo",
    "migrate",
    "preflight",
    "report",
    "pipeline",
    "audit",
    "cli",
];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["src", "parsers/src", "tests", "fuzz/src", "fuzz/fuzz_targets", "benches"]
        .into_iter()
        .flat_map(|dir| walkdir::WalkDir::new(root.join(dir)));
    let files = files.map(|e| e.unwrap().into_path()).filter(|p| p.extension().is_some_and(|e| e == "rs"));
    let read: Vec<_> = files.map(|p| (p.strip_prefix(root).unwrap().to_owned(), std::fs::read_to_string(&p).unwrap())).collect();
    assert!(read.len() > 40, "the walk found too little");
    read
}

/// The text before a file's own tests.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap()
}

#[test]
fn imports_run_one_way() {
    let rank = |module: &str| ORDER.iter().position(|m| *m == module);
    let mut edges = 0;
    for (path, text) in sources().iter().filter(|(p, _)| p.starts_with("src")) {
        let module = path.iter().nth(1).unwrap().to_str().unwrap().trim_end_matches(".rs");
        if ["main", "lib"].contains(&module) {
            continue;
        }
        let own = rank(module).unwrap_or_else(|| panic!("{module} has no place in the order"));
        for used in product(text).split("crate::").skip(1) {
            let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let used_rank = rank(&used).unwrap_or_else(|| panic!("{}: crate::{used} has no place in the order", path.display()));
            assert!(used_rank <= own, "{}: {module} uses {used}, which is to its right", path.display());
            edges += 1;
        }
    }
    assert!(edges > 100, "only {edges} imports were seen");
}

#[test]
fn parsers_know_no_files_no_database_no_clock() {
    for (path, text) in sources().iter().filter(|(p, _)| p.starts_with("parsers")) {
        for word in ["std::fs", "std::env", "std::net", "std::process", "diesel", "Timestamp::now", "Zoned::now", "SystemTime", "println!"]
        {
            assert!(!product(text).contains(word), "{} knows {word}", path.display());
        }
    }
}

#[test]
fn every_file_says_what_lives_in_it_and_can_be_read_in_one_sitting() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{} does not open with //!", path.display());
        let lines = product(&text).lines().count();
        assert!(lines <= 350, "{} has {lines} lines", path.display());
    }
}

#[test]
fn money_never_is_a_binary_float() {
    for (path, text) in sources().iter().filter(|(p, _)| !p.starts_with("tests")) {
        for (n, line) in product(text).lines().enumerate() {
            let code = line.split("//").next().unwrap();
            let float = code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| ["f32", "f64", "as_f64", "to_f64"].contains(&w));
            assert!(!float, "{}:{}: {line}", path.display(), n + 1);
        }
    }
}

#[test]
fn every_format_is_fuzzed() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for format in tieout_parsers::registry().all() {
        let name = format.name();
        let target = std::fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs")));
        let target = target.unwrap_or_else(|_| panic!("the format {name} has no fuzz target; see CONTRIBUTING.md"));
        assert!(target.contains("fuzz_target!") && target.contains(&format!("`{name}`")), "fuzz_targets/{name}.rs is another's");
        let bin = format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n");
        assert!(manifest.contains(&bin), "fuzz/Cargo.toml does not name the target {name}");
    }
}

#[test]
fn sql_quotes_names_by_the_one_function() {
    // `script` reads the SQL of others, and speaks none.
    let speaks_none = |p: &Path| p.starts_with("src") && !p.starts_with("src/store") && !p.starts_with("src/script");
    for (path, text) in sources().iter().filter(|(p, _)| speaks_none(p)) {
        for word in ["SELECT ", "INSERT ", "UPDATE ", "DELETE "] {
            assert!(!product(text).contains(word), "{} speaks SQL outside the store: {word}", path.display());
        }
    }
}

#[test]
fn every_kind_of_check_is_explained_and_tried() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [page, tests] = ["docs/checks.md", "tests/checks.rs"].map(|file| std::fs::read_to_string(root.join(file)).unwrap());
    let mut names: Vec<&str> = tieout::reconcile::KINDS.iter().map(|kind| kind.name).collect();
    for kind in tieout::reconcile::KINDS {
        assert!(!kind.about.is_empty() && page.contains(&format!("| `{}` |", kind.name)), "docs/checks.md does not know {}", kind.name);
        assert!(
            kind.settings.iter().all(|s| page.contains(&format!("`{s}`"))),
            "docs/checks.md does not know all settings of {}",
            kind.name
        );
        assert!(tests.contains(&format!("kind = \"{}\"", kind.name)), "tests/checks.rs does not try {}", kind.name);
    }
    names.dedup();
    assert_eq!(names.len(), tieout::reconcile::KINDS.len());
}
