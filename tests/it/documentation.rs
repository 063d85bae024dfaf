//! README.md and docs/: tables that name every parameter and output of the templates, and links that lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cloudformation::{TemplateSource, template_summary};
use regex::Regex;

const DOCUMENTED: [(&str, &str); 2] =
    [("template.yaml", "docs/reference.md"), ("provisioner.yaml", "docs/provisioner.md")];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a readable file")
}

/// Returns the text next to each name in the tables below the heading: `` | `A`, `B` | beside | … ``.
fn rows<'a>(page: &'a str, heading: &str) -> BTreeMap<&'a str, &'a str> {
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    rows.flat_map(|(names, rest)| {
        let beside = rest.split(" | ").next().unwrap_or_default();
        names.split('`').skip(1).step_by(2).map(move |name| (name, beside))
    })
    .collect()
}

#[test]
fn every_parameter_is_documented_with_its_default() {
    for (template, page) in DOCUMENTED {
        let declared = template_summary(&TemplateSource::Uploaded(read(template))).expect("a template");
        let declared: BTreeMap<_, _> = declared
            .into_iter()
            .map(|(name, parameter)| {
                let default = parameter
                    .default
                    .map(|text| if text.is_empty() { "empty".to_owned() } else { format!("`{text}`") });
                (name, default.unwrap_or_else(|| "–".to_owned()))
            })
            .collect();
        let page = read(page);
        let documented: BTreeMap<_, _> = rows(&page, "Parameters")
            .into_iter()
            .map(|(name, default)| (name.to_owned(), default.to_owned()))
            .collect();
        assert_eq!(documented, declared, "{template}");
    }
}

#[test]
fn every_output_is_documented() {
    for (template, page) in DOCUMENTED {
        let template = read(template);
        let (_, outputs) = template.split_once("\nOutputs:\n").expect("the last section");
        let is_name =
            |line: &&str| line.starts_with("  ") && line.as_bytes().get(2).is_some_and(u8::is_ascii_uppercase);
        let declared: BTreeSet<_> =
            outputs.lines().filter(is_name).map(|line| line.trim().trim_end_matches(':')).collect();
        let page = read(page);
        let documented: BTreeSet<_> = rows(&page, "Outputs").into_keys().collect();
        assert_eq!(documented, declared);
    }
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    for page in pages() {
        let text = read(&page);
        let folder = Path::new(&page).parent().expect("a folder");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("https://") || target.contains('…') {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if path.is_empty() { PathBuf::from(&page) } else { folder.join(path) };
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).exists(), "{page}: {target}");
            let known = || anchors(&read(path.to_str().expect("plain text")));
            assert!(anchor.is_empty() || known().contains(anchor), "{page}: {target}");
        }
    }
}

/// Returns the anchors that GitHub gives to headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let heading = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
    };
    text.lines().filter(|line| line.starts_with('#')).map(heading).collect()
}

/// The threat model names the test behind each promise.
#[test]
fn every_test_that_the_security_page_names_exists() {
    let page = read("docs/security.md");
    let promises = page.split("## Promises").nth(1).and_then(|rest| rest.split("## ").next()).expect("the promises");
    let named: Vec<_> = promises.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() > 2).collect();
    assert!(named.len() > 30, "{named:?}");
    let sources = sources(&["src", "tests/it", "publish"]);
    let missing: Vec<_> = named.into_iter().filter(|name| !sources.contains(&format!("fn {name}"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Every option that a page gives to one of the programs is one that the program has.
#[test]
fn every_option_in_a_command_exists() {
    let command = Regex::new(r"-p (local|publish) -- ([^`|>&)\n]*)").expect("a pattern");
    let option = Regex::new("(?:^| )--([a-z][a-z-]*)").expect("a pattern");
    let quoted = Regex::new("'[^']*'").expect("a pattern");
    let programs = BTreeMap::from(["local", "publish"].map(|program| (program, sources(&[&format!("{program}/src")]))));
    let mut options = 0;
    for page in pages() {
        let text = read(&page).replace("\\\n", " ");
        for command in command.captures_iter(&text) {
            let sources = &programs[&command[1]];
            let arguments = quoted.replace_all(&command[2], "");
            for option in option.captures_iter(&arguments) {
                options += 1;
                let (name, field) =
                    (format!("long = \"{}\"", &option[1]), format!(" {}: ", option[1].replace('-', "_")));
                assert!(sources.contains(&name) || sources.contains(&field), "{page}: {}", &command[0]);
            }
        }
    }
    assert!(options > 25, "the pages give {options} options");
}

/// Returns the paths of all pages.
fn pages() -> Vec<String> {
    let docs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).expect("the folder");
    let docs = docs.map(|page| format!("docs/{}", page.expect("a page").file_name().to_string_lossy()));
    docs.chain(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(str::to_owned)).collect()
}

/// Returns the text of all source files below the folders.
fn sources(folders: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    let mut open: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push_str(&fs::read_to_string(path).expect("a source file"));
            }
        }
    }
    sources
}

/// The first column of these pages quotes sentences, with `…` for what a sentence fills in. A clause of fewer than six words
/// may hold a value, such as a status.
#[test]
fn every_quoted_sentence_exists() {
    let code = Regex::new("`` ?(.+?) ?``|`([^`]+)`").expect("a pattern");
    let clause = Regex::new(r#"…|<[^>]*>|`[^`]*`|[;:,()"]|\d+"#).expect("a pattern");
    let sources = sources(&["src", "emulator/src", "local/src"]).replace("\\\"", "\"");
    let sources = Regex::new(r"\\\n\s*").expect("a pattern").replace_all(&sources, "").into_owned()
        + &read("template.yaml").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut clauses = 0;
    let mut missing = Vec::new();
    for page in ["docs/troubleshooting.md", "docs/rotation.md", "docs/gateway.md"] {
        let text = read(page);
        let columns = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
        for quote in columns.flat_map(|column| code.captures_iter(column)) {
            let sentence = quote.get(1).or(quote.get(2)).expect("a sentence").as_str();
            let long = clause.split(sentence).map(|clause| clause.trim_matches([' ', '.']));
            for clause in long.filter(|clause| clause.split(' ').count() >= 6) {
                clauses += 1;
                if !sources.contains(clause) {
                    missing.push(format!("{page}: {clause}"));
                }
            }
        }
    }
    assert!(clauses > 40, "the pages quote {clauses} clauses");
    assert!(missing.is_empty(), "{missing:#?}");
}
