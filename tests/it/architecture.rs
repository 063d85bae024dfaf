//! The direction of imports: no module imports, directly or over others, a module that imports it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A path of names, such as `["resource", "runtime"]`. The crate root has none.
type Module = Vec<String>;

/// The source folders of the crates.
const CRATES: [&str; 6] = ["src", "cloudformation/src", "emulator/src", "harness/src", "local/src", "publish/src"];

#[test]
fn imports_go_one_way() {
    for folder in CRATES {
        let imports = imports(folder);
        assert!(imports.len() > 5, "{folder} has modules");
        let circle = circle(imports);
        assert!(circle.is_empty(), "{folder}: these modules import each other, or stand between such: {circle:?}");
    }
}

#[test]
fn resource_types_do_not_import_each_other_and_nothing_below_imports_them() {
    let imports = imports("src");
    let shared = ["lifecycle", "named_type"];
    let kind = |module: &Module| match module.as_slice() {
        [resource, kind, ..] if resource == "resource" && !shared.contains(&kind.as_str()) => Some(kind.clone()),
        _ => None,
    };
    let kinds: BTreeSet<String> = imports.keys().filter_map(kind).collect();
    assert!(kinds.len() > 5, "the resource types: {kinds:?}");
    for (module, imported) in &imports {
        let allowed = match module.first().map(String::as_str) {
            None | Some("handler" | "rotation") => continue,
            Some("resource") if module.len() == 1 => continue,
            _ => kind(module),
        };
        let others: Vec<_> = imported.iter().filter(|it| kind(it).is_some_and(|it| Some(it) != allowed)).collect();
        assert!(others.is_empty(), "{module:?} imports {others:?}");
    }
}

#[test]
fn a_cycle_of_imports_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let edge = |from: &str, to: &[&str]| (module(from), to.iter().map(|name| module(name)).collect());
    let open = BTreeMap::from([edge("a", &["b", "c"]), edge("b", &["c"]), edge("c", &[])]);
    assert!(circle(open).is_empty());
    let closed = BTreeMap::from([edge("a", &["b"]), edge("b", &["c"]), edge("c", &["b"])]);
    assert_eq!(circle(closed).into_keys().collect::<Vec<_>>(), [module("b"), module("c")]);
    let source = "use crate::a::{self, b::{C, D as E}};\nuse super::f;\nmod x;\nmod y;\npub(crate) use x::{G, H};\n\
                  fn g() { crate::h::i(y::J); k::l() }\n";
    let children = BTreeSet::from(["x".to_owned(), "y".to_owned()]);
    let found: BTreeSet<String> = paths(source, &module("m"), &children).iter().map(|path| path.join("::")).collect();
    let expected = ["a", "a::b::C", "a::b::D", "f", "h::i", "m::x::G", "m::x::H", "m::y::J"];
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
}

/// Returns the imports of every module of a crate.
fn imports(folder: &str) -> BTreeMap<Module, BTreeSet<Module>> {
    let files = modules(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let mut imports: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, file) in &files {
        let source = fs::read_to_string(file).expect("a source file");
        let children = files.keys().filter_map(|file| file.strip_prefix(module.as_slice())?.first().cloned()).collect();
        let imported = paths(&production(&source), module, &children);
        let imported = imported.iter().map(|path| deepest(path, &files));
        imports.entry(module.clone()).or_default().extend(imported.filter(|it| it != module));
    }
    imports
}

/// Finds the source files below a folder by the path of their module. Modules of tests may import what they test, and a
/// program imports the library next to it by the library's name.
fn modules(folder: &Path) -> BTreeMap<Module, PathBuf> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let module = path.with_extension("");
            let names = module.strip_prefix(folder).expect("below the folder").iter();
            let module: Module = names.map(|name| name.to_string_lossy().into_owned()).collect();
            if module.iter().any(|name| name == "tests") {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if path.ends_with("main.rs") && path.with_file_name("lib.rs").exists() {
                // Nothing imports it.
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let is_root = matches!(module.as_slice(), [name] if name == "lib" || name == "main");
                found.insert(if is_root { Module::new() } else { module }, path);
            }
        }
    }
    found
}

/// Returns the source without comments and without its tests, which stand at its end.
fn production(source: &str) -> String {
    let code = source.split("#[cfg(test)]\nmod test").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Returns every path below the crate root that `module` names: in `use` declarations and, if it begins with `crate` or
/// with one of the module's `children`, anywhere.
fn paths(code: &str, module: &Module, children: &BTreeSet<String>) -> Vec<Module> {
    let mut found = Vec::new();
    for (start, keyword) in code.match_indices("use ") {
        let is_declaration = code[..start].chars().next_back().is_none_or(char::is_whitespace);
        let Some(tree) = code[start + keyword.len()..].split(';').next().filter(|_| is_declaration) else { continue };
        expand("", tree, &mut found);
    }
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let anywhere = code.split(|c| !is_path(c)).filter(|path| {
        let first = path.split_once("::").map(|(first, _)| first);
        first.is_some_and(|first| first == "crate" || children.contains(first)) && !path.ends_with("::")
    });
    found.extend(anywhere.map(str::to_owned));
    found.iter().filter_map(|path| absolute(path, module, children)).collect()
}

/// Expands a `use` tree into its paths.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((path, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return found.push(format!("{prefix}{path}").trim_end_matches("::self").to_owned());
    };
    let prefix = format!("{prefix}{}", path.trim());
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &group[start..at], found);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !group[start..].trim().is_empty() {
        expand(&prefix, &group[start..], found);
    }
}

/// Resolves `crate`, `self`, `super` and the names of children. Returns `None` for a path of another crate.
fn absolute(path: &str, module: &Module, children: &BTreeSet<String>) -> Option<Module> {
    let mut names = path.split("::").map(str::trim).peekable();
    let mut base = match names.next()? {
        "crate" => Module::new(),
        "self" => module.clone(),
        "super" => module.split_last()?.1.to_vec(),
        child if children.contains(child) => [module.as_slice(), &[child.to_owned()]].concat(),
        _ => return None,
    };
    while names.next_if_eq(&"super").is_some() {
        base.pop();
    }
    base.extend(names.map(str::to_owned));
    Some(base)
}

/// Returns the longest beginning of a path that is a module.
fn deepest(path: &Module, files: &BTreeMap<Module, PathBuf>) -> Module {
    let known = |length: &usize| files.contains_key(&path[..*length]);
    path[..(0..=path.len()).rev().find(known).unwrap_or_default()].to_vec()
}

/// Removes every module that imports none of the others, or that none of them imports, until none is left to remove.
fn circle(mut imports: BTreeMap<Module, BTreeSet<Module>>) -> BTreeMap<Module, BTreeSet<Module>> {
    loop {
        let left: BTreeSet<Module> = imports.keys().cloned().collect();
        let imported: BTreeSet<Module> = imports.values().flatten().cloned().collect();
        imports.retain(|module, others| {
            others.retain(|other| left.contains(other));
            !others.is_empty() && imported.contains(module)
        });
        if imports.len() == left.len() {
            return imports;
        }
    }
}
