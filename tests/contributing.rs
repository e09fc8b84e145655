//! CONTRIBUTING.md's worked example, followed to the letter: a new format in one file, one line, one folder and a fuzz target.

use std::path::Path;
use std::process::Command;

/// The fenced block behind a marker comment, `<!-- kind: path -->`, with its path.
fn blocks(kind: &str) -> Vec<(String, String)> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CONTRIBUTING.md")).unwrap();
    let parts: Vec<&str> = page.split(&format!("<!-- {kind}: ")).skip(1).map(|p| p.split("\n```\n").next().unwrap()).collect();
    parts
        .iter()
        .map(|part| {
            let (path, rest) = part.split_once(" -->\n```").unwrap();
            (path.to_owned(), rest.split_once('\n').unwrap().1.to_owned() + "\n")
        })
        .collect()
}

#[test]
fn a_newcomer_adds_a_format_in_one_file_one_line_one_folder_and_a_fuzz_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    for tree in ["parsers", "fixtures/formats", "fuzz/src", "fuzz/fuzz_targets"] {
        for entry in walkdir::WalkDir::new(root.join(tree)) {
            let entry = entry.unwrap();
            let to = dir.path().join(entry.path().strip_prefix(root).unwrap());
            if entry.file_type().is_dir() {
                std::fs::create_dir_all(to).unwrap();
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    std::fs::write(dir.path().join("Cargo.toml"), manifest.split("\n[package]").next().unwrap().replace(", \"benches\"", "")).unwrap();
    std::fs::copy(root.join("Cargo.lock"), dir.path().join("Cargo.lock")).unwrap();

    let (files, lines, ends) = (blocks("file"), blocks("line"), blocks("end"));
    assert_eq!((files.len(), lines.len(), ends.len()), (4, 1, 1));
    for (path, content) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let (path, line) = &lines[0];
    let list = std::fs::read_to_string(dir.path().join(path)).unwrap();
    let with_line = list.replacen("formats! {\n", &format!("formats! {{\n{line}"), 1);
    assert_ne!(list, with_line);
    std::fs::write(dir.path().join(path), with_line).unwrap();

    // The fuzzer is not built here: that the target is like the others and named in the manifest is what can be seen.
    let (path, end) = &ends[0];
    let manifest = std::fs::read_to_string(root.join(path)).unwrap() + end;
    std::fs::write(dir.path().join(path), &manifest).unwrap();
    let bins: toml::Table = toml::from_str(&manifest).unwrap();
    for bin in bins["bin"].as_array().unwrap() {
        let target = std::fs::read_to_string(dir.path().join("fuzz").join(bin["path"].as_str().unwrap())).unwrap();
        assert!(target.contains("\n#![no_main]\nlibfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::"), "{target}");
    }

    // Registries may be out of reach; everything needed is there, since these tests were built.
    let cargo = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--test", "formats"])
        .env("CARGO_TARGET_DIR", root.join("target/newcomer"))
        .env_remove("BLESS")
        .current_dir(dir.path())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&cargo.stdout), String::from_utf8_lossy(&cargo.stderr));
    assert!(cargo.status.success() && said.contains("8 passed"), "{said}");
    assert!(!said.contains("warning"), "{said}");
}
