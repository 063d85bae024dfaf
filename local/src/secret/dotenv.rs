//! Reads a .env file as python-dotenv does, with which most servers in Python read theirs.
//!
//! Values have to arrive exactly as they are, because credentials are among them: the crate dotenvy replaces `$NAME`,
//! also by a variable of this machine, and quotes a line that it cannot read.

use std::collections::BTreeMap;

use provisioner::sensitive::Sensitive;

/// One assignment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: Sensitive,
    /// The line on which it begins, counted from one.
    pub(super) line: usize,
}

/// Reads all assignments in their order.
///
/// # Errors
/// Says which line cannot be read, and quotes only names of it.
pub(super) fn parse(text: &str) -> Result<Vec<Assignment>, String> {
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1, values: BTreeMap::new() };
    let mut assignments = Vec::new();
    while !reader.rest.is_empty() {
        assignments.extend(reader.assignment()?);
    }
    Ok(assignments)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    /// The values read so far, for `${NAME}`.
    values: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    /// Reads one line, or several if a value in quotes has several. Returns `None` for an empty one and for a comment.
    fn assignment(&mut self) -> Result<Option<Assignment>, String> {
        self.skip_blanks();
        if self.rest.starts_with(['\n', '\r', '#']) || self.rest.is_empty() {
            self.end_line();
            return Ok(None);
        }
        let line = self.line;
        if let Some(rest) = self.rest.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])) {
            self.rest = rest;
            self.skip_blanks();
        }
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c)));
        let name = self.take(end.unwrap_or(self.rest.len()));
        self.skip_blanks();
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let Some(rest) = self.rest.strip_prefix('=').filter(|_| is_name) else {
            return Err(format!("line {line} is not NAME=value"));
        };
        self.rest = rest;
        self.skip_blanks();
        let value = match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(name, quote)?,
            _ => self.unquoted(),
        };
        let value = if value.expands { self.expanded(name, line, &value.text)? } else { value.text };
        self.values.insert(name.to_owned(), value.clone());
        Ok(Some(Assignment { name: name.to_owned(), value: Sensitive::new(value), line }))
    }

    /// Reads a value without quotes: up to a comment, which begins behind white space, or to the end of the line.
    fn unquoted(&mut self) -> Value {
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        let text = self.take(end);
        let comment = text.match_indices('#').map(|(at, _)| at);
        let mut comment = comment.filter(|at| text[..*at].is_empty() || text[..*at].ends_with([' ', '\t']));
        let text = text[..comment.next().unwrap_or(text.len())].trim_end();
        self.end_line();
        Value { text: text.to_owned(), expands: true }
    }

    /// Reads a value in quotes. Between `'` only `\\` and `\'` are sequences.
    fn quoted(&mut self, name: &str, quote: char) -> Result<Value, String> {
        let line = self.line;
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        let end = loop {
            match characters.next() {
                None => return Err(format!("the value of {name} on line {line} has a quote that is not closed")),
                Some((at, c)) if c == quote => break at + 1,
                Some((_, '\\')) => {
                    let Some((_, escaped)) = characters.next() else { continue };
                    match (escaped, quote) {
                        ('\\', _) => text.push('\\'),
                        (escaped, _) if escaped == quote => text.push(quote),
                        ('n', '"') => text.push('\n'),
                        ('r', '"') => text.push('\r'),
                        ('t', '"') => text.push('\t'),
                        (other, _) => text.extend(['\\', other]),
                    }
                }
                Some((_, c)) => text.push(c),
            }
        };
        let read = self.take(end);
        self.line += read.matches('\n').count();
        self.skip_blanks();
        if !(self.rest.is_empty() || self.rest.starts_with(['\n', '\r', '#'])) {
            return Err(format!("the value of {name} on line {line} goes on behind its closing quote"));
        }
        self.end_line();
        Ok(Value { text: text.replace("\r\n", "\n"), expands: quote == '"' })
    }

    /// Replaces `${NAME}` by a value further up in the file.
    fn expanded(&self, name: &str, line: usize, text: &str) -> Result<String, String> {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, reference)) = rest.split_once("${") {
            let Some((other, after)) = reference.split_once('}') else { break };
            let value = self.values.get(other).ok_or_else(|| {
                format!(
                    "the value of {name} on line {line} refers to a variable that no line above sets; write its value, or \
                     put the whole value into single quotes"
                )
            })?;
            expanded.extend([before, value]);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// Goes to the next line.
    fn end_line(&mut self) {
        self.line += 1;
        self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }
}

struct Value {
    text: String,
    /// True if `${NAME}` in it is replaced.
    expands: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, usize)> {
        let assignments = parse(text).expect("a file").into_iter();
        assignments.map(|it| (it.name, it.value.expose().to_owned(), it.line)).collect()
    }

    fn value(text: &str) -> String {
        let mut all = read(text);
        assert_eq!(all.len(), 1, "{text}");
        all.remove(0).1
    }

    #[test]
    fn every_form_of_a_value_is_read_exactly() {
        for (text, expected) in [
            ("A=b", "b"),
            ("A = b ", "b"),
            ("  export  A=b\r\n", "b"),
            ("export\tA=b", "b"),
            ("A=", ""),
            ("A=  # nothing", ""),
            ("A=b # a comment", "b"),
            ("A=b#c", "b#c"),
            ("A=b c  d", "b c  d"),
            ("A=pa$word$$1", "pa$word$$1"),
            ("A=a=b&c", "a=b&c"),
            (r"A=C:\new\table", r"C:\new\table"),
            ("A='b # c'", "b # c"),
            ("A='b' # c", "b"),
            (r"A='it\'s \\ \n'", r"it's \ \n"),
            (r#"A="b\n\t\"c\" \\ \d""#, "b\n\t\"c\" \\ \\d"),
            (r#"A='{"b": "c"}'"#, r#"{"b": "c"}"#),
            (r#"A={"b": "c"}"#, r#"{"b": "c"}"#),
            ("A='${B}'", "${B}"),
            ("A=${", "${"),
            ("A='größe 😀'", "größe 😀"),
            ("\u{feff}A=b", "b"),
            ("A='-----BEGIN-----\r\nx\r\n-----END-----\r\n'\r\n", "-----BEGIN-----\nx\n-----END-----\n"),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
        assert_eq!(read("exported=1")[0].0, "exported");
        assert_eq!(read("# A=b\n\n  # c\n\t\n"), []);
    }

    #[test]
    fn lines_are_counted_through_values_of_several_lines() {
        let text = "# first\nA=\"one\ntwo\" # c\n\nB=3\r\nA=4\nC=${A}-${B}";
        let expected = [("A", "one\ntwo", 2), ("B", "3", 5), ("A", "4", 6), ("C", "4-3", 7)];
        let read = read(text);
        let read: Vec<_> = read.iter().map(|(name, value, line)| (name.as_str(), value.as_str(), *line)).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_and_not_quoted() {
        for (text, expected) in [
            ("A=1\ncAnArY", "line 2 is not NAME=value"),
            ("A=1\n=cAnArY", "line 2 is not NAME=value"),
            ("1A=cAnArY", "line 1 is not NAME=value"),
            ("A B=cAnArY", "line 1 is not NAME=value"),
            ("A: cAnArY", "line 1 is not NAME=value"),
            ("\n\nA='cAnArY\nB=2\n", "the value of A on line 3 has a quote that is not closed"),
            ("A=\"cAnArY\\", "the value of A on line 1 has a quote that is not closed"),
            ("A='x'cAnArY", "the value of A on line 1 goes on behind its closing quote"),
            ("A=${cAnArY}", "the value of A on line 1 refers to a variable that no line above sets; write"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(!error.contains("cAnArY"), "{error}");
        }
    }
}
