//! Tells the credentials among the variables of a server from its settings.

use std::collections::BTreeSet;

use provisioner::sensitive::{Sensitive, looks_like_credential};
use provisioner::text::matches_pattern;

/// Words at the end of a name that tell that its value is a credential.
const TELLING: [&str; 16] = [
    "CREDENTIAL",
    "CREDENTIALS",
    "KEY",
    "KEYS",
    "PASS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PAT",
    "PWD",
    "SECRET",
    "SECRETS",
    "SIGNATURE",
    "TOKEN",
    "TOKENS",
    "APIKEY",
];
/// Words behind such a word that do not change its meaning. So do digits.
const SUFFIXES: [&str; 15] = [
    "B64",
    "BASE",
    "BASE64",
    "DEV",
    "JSON",
    "LIVE",
    "NEW",
    "OLD",
    "PEM",
    "PRIMARY",
    "PROD",
    "SECONDARY",
    "STAGING",
    "TEST",
    "VALUE",
];
/// The length from which such a word counts at the end of a longer one, as in `PGPASSWORD`.
const GLUED_CHARS_MIN: usize = 5;
/// Words at the end of the name of whom a credential belongs to.
const OWNERS: [&str; 5] = ["EMAIL", "ID", "LOGIN", "USER", "USERNAME"];
/// Variables that no container needs from a .env file, and why.
const LEFT_OUT: [(&str, &str); 6] = [
    ("AWS_ACCESS_KEY_ID", OF_ROLE),
    ("AWS_PROFILE", OF_ROLE),
    ("AWS_REGION", OF_TEMPLATE),
    ("AWS_SECRET_ACCESS_KEY", OF_ROLE),
    ("AWS_SESSION_TOKEN", OF_ROLE),
    ("SECRET_NAME", OF_TEMPLATE),
];
const OF_ROLE: &str = "the container has the credentials of its role";
const OF_TEMPLATE: &str = "the template sets it";

/// The place of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The secret.
    Secret,
    /// The plain configuration.
    Plain,
    /// Neither, for this reason.
    LeftOut(&'static str),
}

/// The names that the command line decides about, with `*` for any characters.
#[derive(Debug, Default)]
pub(super) struct Overrides<'a> {
    pub(super) secret: &'a [String],
    pub(super) plain: &'a [String],
}

impl Overrides<'_> {
    /// Returns the place of a variable, of which `names` are all in the file.
    ///
    /// # Errors
    /// The command line says both.
    pub(super) fn kind(&self, name: &str, value: &Sensitive, names: &BTreeSet<String>) -> Result<Kind, String> {
        let given = |patterns: &[String]| patterns.iter().any(|pattern| matches_pattern(pattern, name));
        match (given(self.secret), given(self.plain)) {
            (true, true) => Err(format!("{name} is given by --secret and by --plain; remove one of them")),
            (true, false) => Ok(Kind::Secret),
            (false, true) => Ok(Kind::Plain),
            (false, false) => Ok(by_itself(name, value, names)),
        }
    }

    /// Returns true if the command line says that a variable is a setting.
    pub(super) fn is_plain(&self, name: &str) -> bool {
        self.plain.iter().any(|pattern| matches_pattern(pattern, name))
    }

    /// Returns a pattern that no name matches, which is usually misspelt.
    pub(super) fn useless(&self, names: &BTreeSet<String>) -> Option<&str> {
        let mut patterns = self.secret.iter().chain(self.plain);
        patterns.find(|pattern| !names.iter().any(|name| matches_pattern(pattern, name))).map(String::as_str)
    }
}

/// Returns true for a credential itself, by its name or its shape.
pub(super) fn is_credential(name: &str, value: &Sensitive) -> bool {
    is_telling(name) || looks_like_credential(value.expose())
}

fn by_itself(name: &str, value: &Sensitive, names: &BTreeSet<String>) -> Kind {
    if let Some((_, reason)) = LEFT_OUT.iter().find(|(known, _)| *known == name) {
        return Kind::LeftOut(reason);
    }
    if is_credential(name, value) || belongs_to_secret(name, names) { Kind::Secret } else { Kind::Plain }
}

/// Returns the name's words in capitals, without suffixes.
fn words(name: &str) -> Vec<String> {
    let words = name.split(['_', '-', '.']).filter(|word| !word.is_empty()).map(str::to_ascii_uppercase);
    let mut words: Vec<_> = words.collect();
    let is_suffix = |word: &String| SUFFIXES.contains(&word.as_str()) || word.bytes().all(|it| it.is_ascii_digit());
    while words.len() > 1 && words.last().is_some_and(is_suffix) {
        words.pop();
    }
    words
}

fn is_telling(name: &str) -> bool {
    let tells = |word: &String| {
        TELLING.iter().any(|telling| word == telling || telling.len() >= GLUED_CHARS_MIN && word.ends_with(telling))
    };
    words(name).last().is_some_and(tells)
}

/// Returns true for `MCP_CLIENT_ID` in a file that has `MCP_CLIENT_SECRET`: servers read both from one place.
fn belongs_to_secret(name: &str, names: &BTreeSet<String>) -> bool {
    let words = words(name);
    let Some((last, owner)) = words.split_last() else { return false };
    OWNERS.contains(&last.as_str())
        && names.iter().any(|other| {
            let others = self::words(other);
            is_telling(other) && others.split_last().is_some_and(|(_, its)| its == owner && !owner.is_empty())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str, value: &str, others: &[&str]) -> Kind {
        let names = others.iter().chain([&name]).map(|name| (*name).to_owned()).collect();
        Overrides::default().kind(name, &Sensitive::new(value), &names).expect("a kind")
    }

    #[test]
    fn credentials_are_told_by_their_names_their_neighbours_and_their_shapes() {
        for name in [
            "MCP_CLIENT_SECRET",
            "API_KEY",
            "api-key",
            "OPENAI_API_KEY_2",
            "DB_PASSWORD",
            "TOKEN",
            "SIGNING_KEY_B64",
            "PGPASSWORD",
            "clientSecret",
            "ACCESSTOKEN",
            "SECRET_KEY_BASE",
            "API_KEY_PROD",
            "DB_PASSWORD_OLD",
        ] {
            assert_eq!(kind(name, "x", &[]), Kind::Secret, "{name}");
        }
        for name in [
            "AUTH_SERVER_TOKEN_URL",
            "KEY_ID",
            "FINANCE_MCP_URL",
            "SECRET_ROTATION_DAYS",
            "MONKEY",
            "MCP_CLIENT_ID",
            "USER",
        ] {
            assert_eq!(kind(name, "x", &[]), Kind::Plain, "{name}");
        }
        assert_eq!(kind("MCP_CLIENT_ID", "x", &["MCP_CLIENT_SECRET"]), Kind::Secret);
        assert_eq!(kind("DB_USER", "x", &["DB_PASSWORD"]), Kind::Secret);
        assert_eq!(kind("MCP_CLIENT_ID", "x", &["OTHER_CLIENT_SECRET"]), Kind::Plain);
        assert_eq!(kind("USER", "x", &["PASSWORD"]), Kind::Plain);
        for value in ["postgres://user:password@db.example.com/x", "Bearer abcdef0123456789", "AKIAIOSFODNN7EXAMPLE"] {
            assert_eq!(kind("ANYTHING", value, &[]), Kind::Secret, "{value}");
        }
        assert_eq!(kind("AWS_SECRET_ACCESS_KEY", "x", &[]), Kind::LeftOut(OF_ROLE));
        assert_eq!(kind("AWS_REGION", "x", &[]), Kind::LeftOut(OF_TEMPLATE));
    }

    #[test]
    fn the_command_line_decides_with_wildcards() {
        let (secret, plain) = (["TENANT".to_owned(), "*_ID".to_owned()], ["PUBLIC_*".to_owned(), "AWS_*".to_owned()]);
        let overrides = Overrides { secret: &secret, plain: &plain };
        let names = BTreeSet::new();
        let kind = |name| overrides.kind(name, &Sensitive::new("x"), &names);
        assert_eq!(kind("TENANT"), Ok(Kind::Secret));
        assert_eq!(kind("CLIENT_ID"), Ok(Kind::Secret));
        assert_eq!(kind("PUBLIC_KEY"), Ok(Kind::Plain));
        assert_eq!(kind("AWS_PROFILE"), Ok(Kind::Plain));
        assert_eq!(kind("TENANT_X"), Ok(Kind::Plain));
        let both = kind("PUBLIC_ID").expect_err("both");
        assert_eq!(both, "PUBLIC_ID is given by --secret and by --plain; remove one of them");
        let all = ["CLIENT_ID", "TENANT", "PUBLIC_KEY"].map(str::to_owned).into();
        assert_eq!(overrides.useless(&all), Some("AWS_*"));
    }
}
