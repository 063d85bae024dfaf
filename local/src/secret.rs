//! `local secret`: splits a server's .env file into the secret's JSON and the plain configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use provisioner::sensitive::Sensitive;
use serde_json::{Map, Value};

use dotenv::Assignment;
use kind::{Kind, Overrides};

mod dotenv;
mod kind;

/// The maximum size of a secret's value (Secrets Manager API reference, SecretString).
const SECRET_BYTES_MAX: usize = 65_536;
/// The maximum size of a template parameter's value (CloudFormation user guide, quotas).
const PARAMETER_BYTES_MAX: usize = 4096;
/// Stands for a value that is not shown.
const HIDDEN: &str = "****";
/// The length from which a credential is looked for in settings.
const COPY_CHARS_MIN: usize = 6;

/// Arguments of `local secret`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The .env file to read.
    #[arg(long, value_name = "FILE")]
    from_env: PathBuf,
    /// Write the secret's JSON, with its values, to a new file that only you may read.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A variable that belongs into the secret, whatever its name says. `*` stands for any characters.
    #[arg(long = "secret", value_name = "NAME")]
    secret: Vec<String>,
    /// A variable that is a setting, whatever its name says. `*` stands for any characters.
    #[arg(long = "plain", value_name = "NAME")]
    plain: Vec<String>,
}

/// Reads the file and prints the two parts. Values of the secret are not printed.
///
/// # Errors
/// The file cannot be read or split, or the new file cannot be written. No sentence quotes a value.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let path = arguments.from_env.display();
    let bytes = fs::read(&arguments.from_env).map_err(|error| format!("{path} cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{path} is not UTF-8 text; store it as such"))?;
    let assignments = dotenv::parse(&text).map_err(|problem| format!("{path}: {problem}"))?;
    let overrides = Overrides { secret: &arguments.secret, plain: &arguments.plain };
    let parts = Parts::of(assignments, &overrides).map_err(|problem| format!("{path}: {problem}"))?;
    let written = arguments.output.as_deref().map(|output| parts.write_secret(output)).transpose()?;
    for note in &parts.notes {
        eprintln!("note: {note}");
    }
    println!("{}", parts.report(written));
    Ok(())
}

/// The variables of a file, by their place.
#[derive(Debug, Default)]
struct Parts {
    secret: BTreeMap<String, Sensitive>,
    plain: BTreeMap<String, Sensitive>,
    /// Sentences about variables that are in neither part, or twice in the file.
    notes: Vec<String>,
}

impl Parts {
    fn of(assignments: Vec<Assignment>, overrides: &Overrides<'_>) -> Result<Self, String> {
        let mut parts = Self::default();
        let mut last: BTreeMap<String, Assignment> = BTreeMap::new();
        for assignment in assignments {
            let (name, line) = (assignment.name.clone(), assignment.line);
            if let Some(former) = last.insert(name.clone(), assignment) {
                parts.notes.push(format!("{name} on line {line} replaces the value of line {}", former.line));
            }
        }
        let names: BTreeSet<String> = last.keys().cloned().collect();
        if let Some(pattern) = overrides.useless(&names) {
            return Err(format!("no variable is named {pattern}; correct --secret or --plain"));
        }
        let mut credentials = Vec::new();
        for (name, Assignment { value, line, .. }) in last {
            if value.expose().is_empty() {
                parts.notes.push(format!("{name} on line {line} has no value, and was left out"));
                continue;
            }
            if !overrides.is_plain(&name) && kind::is_credential(&name, &value) {
                credentials.push(value.clone());
            }
            match overrides.kind(&name, &value, &names)? {
                Kind::Secret => drop(parts.secret.insert(name, value)),
                Kind::Plain => drop(parts.plain.insert(name, value)),
                Kind::LeftOut(reason) => {
                    parts.notes.push(format!("{name} was left out, because {reason}; --secret or --plain keeps it"));
                }
            }
        }
        parts.move_copies(&credentials, overrides);
        let bytes = json(&parts.plain, Sensitive::expose).to_string().len();
        if bytes > PARAMETER_BYTES_MAX {
            parts.notes.push(format!(
                "the plain configuration has {bytes} bytes, where a parameter takes at most {PARAMETER_BYTES_MAX}; leave \
                 settings out that are the server's defaults"
            ));
        }
        Ok(parts)
    }

    /// Moves settings that contain a credential, for example by `${API_TOKEN}`, to the secret.
    fn move_copies(&mut self, credentials: &[Sensitive], overrides: &Overrides<'_>) {
        let contains = |value: &Sensitive| {
            let long = |it: &&Sensitive| it.expose().chars().count() >= COPY_CHARS_MIN;
            credentials.iter().filter(long).any(|it| value.expose().contains(it.expose()))
        };
        let is_copy = |name: &String, value: &Sensitive| contains(value) && !overrides.is_plain(name);
        let moved: Vec<String> =
            self.plain.iter().filter(|(name, value)| is_copy(name, value)).map(|(name, _)| name.clone()).collect();
        for name in moved {
            self.notes
                .push(format!("{name} contains the value of a credential, and is in the secret; --plain keeps it"));
            self.secret.extend(self.plain.remove_entry(&name));
        }
    }

    /// Writes the secret's JSON to a file that does not exist yet, for its owner only. Returns the path.
    fn write_secret<'p>(&self, path: &'p Path) -> Result<&'p Path, String> {
        let shown = path.display();
        let json = Sensitive::new(json(&self.secret, Sensitive::expose).to_string());
        let bytes = json.expose().len();
        if bytes > SECRET_BYTES_MAX {
            return Err(format!(
                "the secret has {bytes} bytes, where Secrets Manager takes at most {SECRET_BYTES_MAX}"
            ));
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| format!("{shown} cannot be created: {error}"))?;
        file.write_all(json.expose().as_bytes()).map_err(|error| format!("{shown} cannot be written: {error}"))?;
        Ok(path)
    }

    /// Returns the text for standard output.
    fn report(&self, written: Option<&Path>) -> String {
        let place = match written {
            None => "its values are hidden, --output FILE writes them".to_owned(),
            Some(path) => format!("its values are in {}", path.display()),
        };
        let secret = json(&self.secret, |_| HIDDEN);
        let plain = json(&self.plain, Sensitive::expose);
        format!("Secret ({place})\n{secret:#}\n\nPlain configuration, for ExtraEnvironment\n{plain}")
    }
}

fn json<'a>(variables: &'a BTreeMap<String, Sensitive>, show: impl Fn(&'a Sensitive) -> &'a str) -> Value {
    let members = variables.iter().map(|(name, value)| (name.clone(), Value::from(show(value))));
    Value::Object(members.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// The file of a server that reads its OAuth client from the secret named in `SECRET_NAME`.
    const FILE: &str = "\
# OAuth2 credentials for MCP servers
AUTH_SERVER_TOKEN_URL=https://auth.example.com/oauth2/token
export MCP_CLIENT_ID=content-engine
MCP_CLIENT_SECRET=\"cAnArY-$ecret\"
DATABASE=postgres://reader:cAnArY-pw@db.example.com/x
EMPTY=

# AWS credentials, for this machine
AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
AWS_SECRET_ACCESS_KEY=cAnArY-aws
LOG_LEVEL=info
LOG_LEVEL=debug
";

    fn parts(text: &str, secret: &[&str], plain: &[&str]) -> Result<Parts, String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (secret, plain) = (owned(secret), owned(plain));
        Parts::of(dotenv::parse(text)?, &Overrides { secret: &secret, plain: &plain })
    }

    #[test]
    fn credentials_and_settings_are_apart_and_no_credential_is_shown() {
        let parts = parts(FILE, &[], &[]).expect("parts");
        let report = parts.report(None);
        let (secret, plain) = report.split_once("\n\nPlain configuration, for ExtraEnvironment\n").expect("two parts");
        let (title, secret) = secret.split_once('\n').expect("a title");
        assert_eq!(title, "Secret (its values are hidden, --output FILE writes them)");
        let secret: BTreeMap<String, String> = serde_json::from_str(secret).expect("JSON");
        assert_eq!(secret.keys().collect::<Vec<_>>(), ["DATABASE", "MCP_CLIENT_ID", "MCP_CLIENT_SECRET"]);
        assert!(secret.values().all(|value| value == HIDDEN), "{secret:?}");
        let expected = r#"{"AUTH_SERVER_TOKEN_URL":"https://auth.example.com/oauth2/token","LOG_LEVEL":"debug"}"#;
        assert_eq!(plain, expected);
        let notes = parts.notes.join("\n");
        for note in [
            "LOG_LEVEL on line 12 replaces the value of line 11",
            "EMPTY on line 6 has no value, and was left out",
            "AWS_SECRET_ACCESS_KEY was left out, because the container has the credentials of its role",
        ] {
            assert!(notes.contains(note), "{notes}");
        }
        for text in [notes, report.clone(), format!("{parts:?}")] {
            assert!(!text.contains("cAnArY") && !text.contains("AKIA"), "{text}");
        }
    }

    #[test]
    fn a_setting_that_contains_a_credential_is_not_shown() {
        let file = "AWS_REGION=us-east-1\nQUEUE=us-east-1-jobs\nAPI_TOKEN=abc-123-def\nARGUMENTS=-t ${API_TOKEN}\n\
            AWS_SESSION_TOKEN=left-out-token\nCOPY=left-out-token\nKEPT=${API_TOKEN}\n";
        let parts = parts(file, &[], &["KEPT"]).expect("parts");
        assert_eq!(parts.secret.keys().collect::<Vec<_>>(), ["API_TOKEN", "ARGUMENTS", "COPY"]);
        assert_eq!(parts.plain.keys().collect::<Vec<_>>(), ["KEPT", "QUEUE"]);
        assert!(parts.notes.iter().any(|note| note.starts_with("ARGUMENTS contains the value of a credential")));
    }

    #[test]
    fn names_are_overridden() {
        let parts = parts(FILE, &["LOG_*"], &["MCP_CLIENT_ID", "DATABASE"]).expect("parts");
        assert_eq!(parts.secret.keys().collect::<Vec<_>>(), ["LOG_LEVEL", "MCP_CLIENT_SECRET"]);
        assert_eq!(parts.plain.keys().collect::<Vec<_>>(), ["AUTH_SERVER_TOKEN_URL", "DATABASE", "MCP_CLIENT_ID"]);
        let unknown = self::parts(FILE, &["MCP_SECRET"], &[]).expect_err("it is misspelt");
        assert_eq!(unknown, "no variable is named MCP_SECRET; correct --secret or --plain");
    }

    #[test]
    fn values_are_written_to_a_new_file_of_the_owners_only() {
        let folder = std::env::temp_dir().join(format!("agentcore-local-secret-{}", std::process::id()));
        fs::create_dir(&folder).expect("a folder");
        let path = folder.join("secret.json");
        let parts = parts(FILE, &[], &[]).expect("parts");
        let report = parts.report(Some(parts.write_secret(&path).expect("it is new")));
        assert!(report.starts_with(&format!("Secret (its values are in {})\n", path.display())), "{report}");
        assert!(!report.contains("cAnArY"), "{report}");
        let mode = fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let written: BTreeMap<String, String> = serde_json::from_slice(&fs::read(&path).expect("it")).expect("JSON");
        assert_eq!(written["MCP_CLIENT_SECRET"], "cAnArY-$ecret");
        assert_eq!(written.len(), 3);
        // Neither a file nor what a link leads to is overwritten.
        let again = parts.write_secret(&path).expect_err("it exists");
        assert!(again.contains("cannot be created"), "{again}");
        let link = folder.join("link.json");
        std::os::unix::fs::symlink(folder.join("elsewhere"), &link).expect("a link");
        assert!(parts.write_secret(&link).is_err());
        let large = self::parts(&format!("KEY={}", "x".repeat(70_000)), &[], &[]).expect("parts");
        let refusal = large.write_secret(&folder.join("large.json")).expect_err("it is too large");
        assert!(
            refusal.starts_with("the secret has 70010 bytes, where Secrets Manager takes at most 65536"),
            "{refusal}"
        );
        let settings = self::parts(&format!("A={}", "x".repeat(5000)), &[], &[]).expect("parts");
        assert!(settings.notes[0].starts_with("the plain configuration has 5008 bytes"), "{:?}", settings.notes);
        fs::remove_dir_all(&folder).expect("the folder");
    }

    #[test]
    fn what_cannot_be_read_is_said_without_a_value() {
        let arguments = |from_env: &Path| Arguments {
            from_env: from_env.to_owned(),
            output: None,
            secret: Vec::new(),
            plain: Vec::new(),
        };
        let path = std::env::temp_dir().join(format!("agentcore-local-env-{}", std::process::id()));
        let missing = run(&arguments(&path)).expect_err("it is missing");
        assert!(missing.contains("cannot be read"), "{missing}");
        for (content, expected) in [
            (&b"A=\xff\xfe"[..], "is not UTF-8 text"),
            (b"A='cAnArY", ": the value of A on line 1 has a quote that is not closed"),
        ] {
            fs::write(&path, content).expect("a file");
            let error = run(&arguments(&path)).expect_err(expected);
            assert!(error.contains(expected) && !error.contains("cAnArY"), "{error}");
        }
        fs::remove_file(&path).expect("the file");
    }
}
