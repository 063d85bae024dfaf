//! The layout of the templates: where a reader finds what belongs together, and lines that fit.

use std::fs;
use std::path::Path;

/// The most characters of a line.
const WIDTH: usize = 120;
/// A word of this length cannot be broken: a pattern, or an ARN with pseudo parameters.
const UNBREAKABLE: usize = 60;
/// Begins a section of a template, such as Parameters.
const SECTION: &str = "# ====";
/// Begins a topic of a section, such as the gateway.
const TOPIC: &str = "  # ---- ";
/// Topics of outputs that no parameter belongs to.
const LAST: [&str; 1] = ["Commands"];

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the path and the text of each template.
fn templates() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples =
        fs::read_dir(root.join("examples")).expect("the examples").map(|entry| entry.expect("an entry").path());
    let examples = examples.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let own = ["template.yaml", "provisioner.yaml"].map(|name| root.join(name));
    own.into_iter().chain(examples).map(|path| (path.display().to_string(), read(&path))).collect()
}

/// Returns the topics of each section, each without what follows its colon, once per section.
fn topics(template: &str) -> Vec<(&str, Vec<&str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in template.lines() {
        if let Some(rest) = line.strip_prefix(SECTION) {
            sections.push((rest.trim_start_matches('=').trim(), Vec::new()));
        } else if let (Some(topic), Some((_, topics))) = (line.strip_prefix(TOPIC), sections.last_mut()) {
            let topic = topic.split(':').next().expect("a part");
            if topics.last() != Some(&topic) {
                topics.push(topic);
            }
        }
    }
    sections
}

#[test]
fn a_line_fits_unless_a_word_of_it_cannot_be_broken() {
    let mut wide = Vec::new();
    for (path, text) in templates() {
        for (index, line) in text.lines().enumerate() {
            let unbreakable = line.split_whitespace().any(|word| word.chars().count() >= UNBREAKABLE);
            if line.chars().count() > WIDTH && !unbreakable {
                wide.push(format!("{path}:{}: {line}", index + 1));
            }
        }
    }
    assert!(wide.is_empty(), "more than {WIDTH} characters:\n{}", wide.join("\n"));
}

#[test]
fn every_section_has_its_topics_in_the_order_of_the_parameters() {
    for (path, text) in templates().into_iter().take(2) {
        let sections = topics(&text);
        let (_, order) = sections.iter().find(|(section, _)| *section == "Parameters").expect("parameters");
        assert!(order.len() > 3, "{path}: {order:?}");
        for section in ["Conditions", "Resources"] {
            let found = sections.iter().find(|(name, _)| *name == section);
            assert!(found.is_some_and(|(_, topics)| topics.len() > 1), "{path}: {section} has no topics");
        }
        for (section, topics) in &sections {
            let places = topics.iter().map(|topic| {
                let place = order.iter().chain(&LAST).position(|known| known == topic);
                place.unwrap_or_else(|| panic!("{path}: {section}: no parameter has the topic `{topic}`"))
            });
            assert!(
                places.is_sorted_by(|first, second| first < second),
                "{path}: {section}: {topics:?}, not as {order:?}"
            );
        }
    }
}
