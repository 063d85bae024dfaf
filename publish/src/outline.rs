//! YAML text as lines, with the blocks of its indentation. This is enough to change a few members of a template and to
//! leave everything else, comments included, as it was written.

use std::ops::Range;

/// A text of block mappings.
#[derive(Debug)]
pub(crate) struct Outline {
    lines: Vec<String>,
}

/// The lines of one member: its key and all that belongs to it.
pub(crate) type Block = Range<usize>;

impl Outline {
    pub(crate) fn new(text: &str) -> Self {
        Self { lines: text.lines().map(str::to_owned).collect() }
    }

    /// Finds the member at a path of keys.
    pub(crate) fn find(&self, path: &[&str]) -> Option<Block> {
        path.iter().try_fold(None, |parent, key| {
            let members = self.members(parent);
            members.into_iter().find(|(name, _)| name == key).map(|(_, block)| Some(block))
        })?
    }

    /// Returns the members of the mapping in a block, or of the whole text.
    pub(crate) fn members(&self, parent: Option<Block>) -> Vec<(&str, Block)> {
        let inside = parent.map_or(0..self.lines.len(), |block| block.start + 1..block.end);
        let meaningful = || inside.clone().filter(|&line| self.is_meaningful(line));
        let Some(indentation) = meaningful().next().map(|line| self.indentation(line)) else { return Vec::new() };
        let mut members: Vec<(&str, Block)> = Vec::new();
        for line in meaningful() {
            if self.indentation(line) == indentation
                && let Some(key) = key(&self.lines[line])
            {
                members.push((key, line..line + 1));
            } else if let Some((_, block)) = members.last_mut() {
                block.end = line + 1;
            }
        }
        members
    }

    /// Returns the text of a member that is in the same line as its key.
    pub(crate) fn value(&self, block: &Block) -> &str {
        let line = &self.lines[block.start];
        let value = line.split_once(": ").map_or("", |(_, value)| value);
        value.split_once(" #").map_or(value, |(value, _)| value).trim()
    }

    /// Replaces a block by lines, with the block's indentation.
    pub(crate) fn replace(&mut self, block: Block, lines: &[String]) {
        let indentation = " ".repeat(self.indentation(block.start));
        let lines: Vec<String> = lines.iter().map(|line| format!("{indentation}{line}")).collect();
        self.lines.splice(block, lines);
    }

    /// Removes a block.
    pub(crate) fn remove(&mut self, block: Block) {
        self.lines.drain(block);
    }

    /// Returns the whole text.
    pub(crate) fn into_text(self) -> String {
        self.lines.into_iter().map(|line| line + "\n").collect()
    }

    fn is_meaningful(&self, line: usize) -> bool {
        let text = self.lines[line].trim_start();
        !text.is_empty() && !text.starts_with('#')
    }

    fn indentation(&self, line: usize) -> usize {
        let text = &self.lines[line];
        text.len() - text.trim_start_matches(' ').len()
    }
}

/// Returns the key of a line: `Type` for `Type: x` and `Type:`. Keys may hold colons:
/// `AWS::CloudFormation::Interface:`.
fn key(line: &str) -> Option<&str> {
    let line = line.trim();
    let end = line.find(": ").or_else(|| line.strip_suffix(':').map(str::len))?;
    (!line.starts_with("- ")).then(|| line[..end].trim_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# A comment
A::B:
  C: one # of them
  D:
    - x: 1

    - y: 2
  # of E
  E: >-
    folded: text
F: {g: h}
";

    #[test]
    fn blocks_follow_indentation_and_leave_comments_to_what_follows() {
        let outline = Outline::new(TEXT);
        let names: Vec<&str> = outline.members(None).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["A::B", "F"]);
        assert_eq!(outline.find(&["A::B", "D"]), Some(3..7));
        assert_eq!(outline.find(&["A::B", "E"]), Some(8..10));
        assert_eq!(outline.find(&["A::B", "folded"]), None);
        assert_eq!(outline.find(&["F", "g"]), None, "a flow mapping is a value");
        assert_eq!(outline.value(&(2..3)), "one");
    }

    #[test]
    fn untouched_blocks_stay_as_they_are() {
        let mut outline = Outline::new(TEXT);
        let block = outline.find(&["A::B", "D"]).expect("is there");
        outline.replace(block, &["D:".to_owned(), "  z: 3".to_owned()]);
        let block = outline.find(&["F"]).expect("is there");
        outline.remove(block);
        let expected = TEXT.replace("    - x: 1\n\n    - y: 2\n", "    z: 3\n").replace("F: {g: h}\n", "");
        assert_eq!(outline.into_text(), expected);
    }
}
