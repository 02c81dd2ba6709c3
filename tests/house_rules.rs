//! Rules of the house that no lint knows, held against the sources: every memory ordering has its
//! reason beside it, and `unsafe` is where `docs/architecture.md` says.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's; helpers of tests are tests"
)]
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ORDERINGS: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];
/// How far above an access its reason may begin: enough for a comment and the start of a statement.
const REASON_LINES: usize = 10;

#[test]
fn every_memory_ordering_has_its_reason_beside_it() {
    let mut accesses_count = 0;
    for (path, text) in sources() {
        let missing = orderings_without_reason(&text);
        assert!(missing.is_empty(), "{path}: lines {missing:?}");
        accesses_count += code_of(&text)
            .filter(|(_, line)| names_ordering(line))
            .count();
    }
    assert!(accesses_count > 40, "the scanner sees the accesses");
}

#[test]
fn no_module_has_a_fence_of_its_own() {
    for (path, text) in sources() {
        let fences: Vec<_> = code_of(&text)
            .filter(|(_, line)| line.contains("fence(") || line.contains("fence,"))
            .collect();
        assert!(fences.is_empty(), "{path}: {fences:?}");
    }
}

#[test]
fn threads_are_named_by_their_door_alone() {
    for (path, text) in sources() {
        let named: Vec<_> = code_of(&text)
            .filter(|(_, line)| line.contains("std::thread") && !line.contains("thread::Result"))
            .collect();
        let is_door = path.starts_with("src/sync/") || !path.starts_with("src/");
        assert!(is_door || named.is_empty(), "{path}: {named:?}");
    }
}

#[test]
fn unsafe_code_is_where_the_architecture_says() {
    let document = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let section = document.split("### Where unsafe code is").nth(1).unwrap();
    let section = section.split("\n#").next().unwrap();
    let listed: BTreeSet<String> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(path, _)| path.to_owned())
        .collect();
    let unsafe_files: BTreeSet<String> = sources()
        .into_iter()
        .filter(|(_, text)| has_unsafe(text))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(listed, unsafe_files);
}

#[test]
fn unsafe_code_is_forbidden_wherever_there_is_none() {
    let sources = sources();
    for (path, text) in &sources {
        // `events!` is expanded there.
        if has_unsafe(text) || path == "src/game/events.rs" {
            continue;
        }
        // What is forbidden in the root of a module is in all of it.
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let is_root = path.ends_with("/mod.rs") || path.ends_with("/lib.rs");
        let holds_unsafe = |(other, text): &(String, String)| {
            Path::new(other).starts_with(directory) && has_unsafe(text)
        };
        if is_root && sources.iter().any(holds_unsafe) {
            continue;
        }
        let is_forbidden = sources.iter().any(|(other, text)| {
            let root = other
                .strip_suffix("/mod.rs")
                .or(other.strip_suffix("/lib.rs"));
            let covers =
                other == path || root.is_some_and(|root| Path::new(path).starts_with(root));
            covers && text.lines().any(|line| line == "#![forbid(unsafe_code)]")
        });
        assert!(is_forbidden, "{path} neither needs nor forbids `unsafe`");
    }
}

#[test]
fn the_scanner_sees_what_it_is_to_see() {
    let bare = "fn is_over(&self) -> bool {\n    self.over.load(Ordering::Acquire)\n}\n";
    assert_eq!(orderings_without_reason(bare), [2]);
    let reasoned = "fn is_over(&self) -> bool {\n    // ORDERING: acquire pairs with `end`.\n    \
                    self.over.load(Ordering::Acquire)\n}\n";
    assert_eq!(orderings_without_reason(reasoned), [0; 0]);
    // A reason does not reach into the next function, nor over an empty line.
    let next =
        format!("{reasoned}fn end(&self) {{\n    self.over.store(true, Ordering::Release);\n}}");
    assert_eq!(orderings_without_reason(&next), [6]);
    let apart = reasoned.replace("`end`.\n", "`end`.\n\n");
    assert_eq!(orderings_without_reason(&apart), [4]);
    // Orders of things that are compared, comments and tests are left alone.
    let alone =
        "a.cmp(&b) == Ordering::Less;\n// Ordering::Release\n#[cfg(test)]\nx(Ordering::SeqCst)";
    assert_eq!(orderings_without_reason(alone), [0; 0]);
    assert!(has_unsafe("    let x = unsafe { y() };"));
    assert!(!has_unsafe(
        "#![forbid(unsafe_code)]\n// unsafe\nfn unshare_unsafely() {}"
    ));
}

/// The numbers of the lines that name a memory ordering without a reason.
fn orderings_without_reason(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let has_reason = |line: usize| {
        lines[..line]
            .iter()
            .rev()
            .take(REASON_LINES)
            .map(|above| above.trim_start())
            .take_while(|above| !above.is_empty() && !above.contains("fn "))
            .any(|above| above.starts_with("// ORDERING: "))
    };
    code_of(text)
        .filter(|(line, code)| names_ordering(code) && !has_reason(*line))
        .map(|(line, _)| line + 1)
        .collect()
}

fn names_ordering(code: &str) -> bool {
    let mut named = code.split("Ordering::").skip(1);
    named.any(|rest| ORDERINGS.iter().any(|ordering| rest.starts_with(ordering)))
}

fn has_unsafe(text: &str) -> bool {
    code_of(text).any(|(_, line)| {
        line.split(|character: char| !character.is_alphanumeric() && character != '_')
            .any(|word| word == "unsafe")
    })
}

/// The lines of code with their indices, without comments, and without the tests at the end.
fn code_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| {
            !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test")
        })
        .map(|(index, line)| (index, line.split("//").next().unwrap_or_default()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source of the library and of the program, with its path from the root.
fn sources() -> Vec<(String, String)> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for directory in ["src", "cli/src"] {
        collect(&root().join(directory), &mut found);
    }
    assert!(found.len() > 100, "the sources are there");
    found.sort();
    let sources = found.into_iter().map(|path| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy();
        (name.into_owned(), fs::read_to_string(&path).unwrap())
    });
    sources.collect()
}
