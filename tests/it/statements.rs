//! Policy statements that template.yaml and provisioner.yaml share: equal Sids grant the same, on the names of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The resources of both templates that hold permissions of the function.
const HOLDERS: [&str; 8] = [
    "FunctionPermissions",
    "FunctionRole",
    "RuntimePermissions",
    "GatewayPermissions",
    "ProviderPermissions",
    "IdentityPermissions",
    "PrivateEndpointPermissions",
    "TargetPermissions",
];

/// Returns a resource's ARN as it reads without the names that are a template's own.
fn without_names(arn: &str) -> String {
    const NAMES: [(&str, &str); 6] = [
        ("zscaler-mcp/${Guid}/credentials-??????", "<secret>"),
        ("zscaler-mcp/${Guid}/credentials", "<secret>"),
        ("${SecretPrefix}*", "<secret>"),
        ("mcp-${Guid}-", "<name>-"),
        ("${NamePrefix}-", "<name>-"),
        ("${NamePrefix}_", "${Name}-"),
    ];
    NAMES.iter().fold(arn.to_owned(), |arn, (name, neutral)| arn.replace(name, neutral))
}

/// A Sid's grant, or the union of grants if alternatives share the Sid.
#[derive(Debug, Default, PartialEq, Eq)]
struct Statement {
    effects: BTreeSet<String>,
    actions: BTreeSet<String>,
    /// ARNs that are spelled out. References to a template's own parameters and resources are left out.
    resources: BTreeSet<String>,
    condition_keys: BTreeSet<String>,
}

impl Statement {
    /// Adds what one line below a key of the statement says.
    fn add(&mut self, key: &str, line: &str) {
        let words = line.split([' ', ',', '[', ']']).filter(|word| !word.is_empty() && !word.ends_with(':'));
        // Text between quotes, with what follows it.
        let mut quoted: Vec<_> = line.split('"').collect();
        quoted.push("");
        let quoted = quoted.windows(2).skip(1).step_by(2);
        match key {
            "Effect" => self.effects.extend(words.map(str::to_owned)),
            "Action" => self.actions.extend(words.filter(|word| word.contains(':')).map(str::to_owned)),
            "Resource" => {
                let arns = quoted.map(|pair| pair[0]).filter(|text| text.starts_with("arn:") || *text == "*");
                self.resources.extend(arns.map(without_names));
            }
            "Condition" => {
                let keys = quoted.filter(|pair| pair[1].starts_with(':')).map(|pair| pair[0]);
                self.condition_keys.extend(keys.map(str::to_owned));
            }
            key => panic!("{key} is not a key of a statement that this test reads"),
        }
    }
}

/// Reads the function's statements, by Sid. A text is enough, because cfn-lint has checked that the template is valid and
/// every statement begins with its Sid.
fn statements(path: &str) -> BTreeMap<String, Statement> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a readable file");
    let mut statements: BTreeMap<String, Statement> = BTreeMap::new();
    let mut holds = false;
    let mut open: Option<(&str, usize)> = None;
    let mut key = "";
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let indent = line.len() - line.trim_start().len();
        if let Some(name) = line.trim_start().strip_suffix(':').filter(|_| indent == 2) {
            holds = HOLDERS.contains(&name);
        }
        if let Some((before, sid)) = line.split_once("Sid: ").filter(|_| holds) {
            open = Some((sid, before.len()));
            continue;
        }
        let Some((sid, depth)) = open.filter(|(_, depth)| indent >= *depth) else {
            open = None;
            continue;
        };
        if indent == depth {
            key = line.trim_start().split(':').next().unwrap_or_default();
        }
        statements.entry(sid.to_owned()).or_default().add(key, line);
    }
    statements
}

/// Sids whose actions differ, and why they ought to.
const OTHER_ACTIONS: [(&str, &str); 3] = [
    ("ChangeOwnSecret", "template.yaml lets its one secret be tagged by name, in ReadRestoreTagSecret"),
    (
        "KeepProviderSecret",
        "template.yaml reads the secret in ReadProviderSecret, which serves existing providers, too",
    ),
    ("ManageProvider", "provisioner.yaml demands a tag for the create, in CreateProvider"),
];

/// Sids whose resources differ by more than names, and why they ought to.
const OTHER_RESOURCES: [(&str, &str); 4] = [
    ("CallGateway", "template.yaml knows the gateway that it attaches to; provisioner.yaml has a statement for these"),
    ("GetTokens", "template.yaml knows the gateway that it attaches to; provisioner.yaml admits any identity instead"),
    ("ReadGateway", "provisioner.yaml sees that a target which was denied on a foreign gateway is not there"),
    ("ReadStatus", "template.yaml has one stack, and provisioner.yaml those that its pattern matches"),
];

/// Asserts that `part` is the same in both, but for `exceptions`, each of which has to be one.
fn expect_same<T: PartialEq + std::fmt::Debug>(
    shared: &[(&str, &Statement, &Statement)],
    part: impl Fn(&Statement) -> &T,
    exceptions: &[(&str, &str)],
) {
    for (sid, _) in exceptions {
        assert!(shared.iter().any(|(shared, ..)| shared == sid), "{sid} is not shared any longer: drop the exception");
    }
    for (sid, template, provisioner) in shared {
        let (template, provisioner) = (part(template), part(provisioner));
        match exceptions.iter().find(|(exception, _)| exception == sid) {
            None => assert_eq!(template, provisioner, "{sid} in template.yaml and in provisioner.yaml"),
            Some((_, reason)) => assert_ne!(template, provisioner, "{sid} is the same: drop the exception, {reason}"),
        }
    }
}

#[test]
fn statements_with_equal_sids_grant_the_same() {
    let (template, provisioner) = (statements("template.yaml"), statements("provisioner.yaml"));
    let shared = template.iter().filter_map(|(sid, statement)| Some((sid.as_str(), statement, provisioner.get(sid)?)));
    let shared: Vec<_> = shared.collect();
    assert!(shared.len() >= 20, "the templates share {} statements", shared.len());
    for (sid, statement) in template.iter().chain(&provisioner) {
        assert!(!statement.actions.is_empty(), "{sid} has no actions that this test can read");
    }
    expect_same(&shared, |statement| &statement.effects, &[]);
    expect_same(&shared, |statement| &statement.actions, &OTHER_ACTIONS);
    expect_same(&shared, |statement| &statement.resources, &OTHER_RESOURCES);
    expect_same(&shared, |statement| &statement.condition_keys, &[]);
}
