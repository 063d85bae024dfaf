//! The text of `Fn::Sub`, taken apart.

/// A piece of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Stays as it is.
    Text(String),
    /// `${Name}`, `${Resource.Attribute}` or `${AWS::Region}`: the part between the braces.
    Variable(String),
}

/// Takes a text apart. `${!Name}` is the literal `${Name}`; a dollar sign without a brace is itself.
pub(crate) fn segments(text: &str) -> Result<Vec<Segment>, String> {
    let mut found = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        literal.push_str(before);
        let (name, tail) =
            after.split_once('}').ok_or("Template error: a variable in Fn::Sub has no closing brace".to_owned())?;
        rest = tail;
        if let Some(escaped) = name.strip_prefix('!') {
            literal.push_str("${");
            literal.push_str(escaped);
            literal.push('}');
            continue;
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
        if name.is_empty() || !name.chars().all(allowed) {
            return Err("Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, \
                        underscores, periods, and colons"
                .to_owned());
        }
        if !literal.is_empty() {
            found.push(Segment::Text(std::mem::take(&mut literal)));
        }
        found.push(Segment::Variable(name.to_owned()));
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        found.push(Segment::Text(literal));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_variables_are_told_apart() {
        let found = segments("a${B}c${!D}$e").expect("well formed");
        let expected = [Segment::Text("a".into()), Segment::Variable("B".into()), Segment::Text("c${D}$e".into())];
        assert_eq!(found, expected);
    }

    #[test]
    fn odd_names_and_open_braces_are_refused() {
        assert!(segments("${a b}").is_err());
        assert!(segments("${}").is_err());
        assert!(segments("${open").is_err());
    }
}
