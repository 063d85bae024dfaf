//! Policy statements that template.yaml and provisioner.yaml share: equal Sids grant the same, on the names of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cloudformation::{TemplateSource, template_properties};
use serde_json::{Map, Value};

/// The effect, actions, resources and conditions of a statement, one line each.
type Grant = BTreeSet<String>;

/// Returns a line of a grant as it reads without the names that are a template's own.
fn without_names(line: &str) -> String {
    const NAMES: [(&str, &str); 14] = [
        ("zscaler-mcp/${Guid}/credentials-??????", "<secret>"),
        ("zscaler-mcp/${Guid}/credentials", "<secret>"),
        ("${SecretPrefix}*", "<secret>"),
        ("mcp-${Guid}-", "<name>-"),
        ("${NamePrefix}-", "<name>-"),
        ("${NamePrefix}_", "${Name}-"),
        ("${SecretKmsKeyArns}", "${SecretKmsKeyArn}"),
        ("${GatewayKmsKeyArns}", "${GatewayKmsKeyArn}"),
        ("${ToolSchemaArns}", "arn:${AWS::Partition}:s3:::${Object}"),
        ("${ExecutionRole.Arn}", "<role>"),
        ("${GatewayRole.Arn}", "<role>"),
        ("arn:${AWS::Partition}:iam::${AWS::AccountId}:role${RolePath}*", "<role>"),
        // Only a pattern needs another operator.
        ("StringEquals ${AWS::StackId}", "is <stack>"),
        (
            "StringLike arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/${StackNamePattern}/*",
            "is <stack>",
        ),
    ];
    NAMES.iter().fold(line.to_owned(), |line, (name, neutral)| line.replace(name, neutral))
}

/// Returns the strings that a value may come to. References are written as `${…}`, as in `Fn::Sub`.
fn strings(value: &Value) -> Vec<String> {
    let members = match value {
        Value::String(text) => return vec![text.clone()],
        Value::Array(items) => return items.iter().flat_map(strings).collect(),
        Value::Object(members) => members,
        value => panic!("{value} is not a value of a statement that this test reads"),
    };
    match members.iter().next().map(|(function, argument)| (function.as_str(), argument)) {
        Some(("Ref", Value::String(name))) if name == "AWS::NoValue" => vec![],
        Some(("Ref", Value::String(name))) => vec![format!("${{{name}}}")],
        Some(("Fn::GetAtt", Value::Array(path))) => {
            vec![format!("${{{}}}", path.iter().flat_map(strings).collect::<Vec<_>>().join("."))]
        }
        Some(("Fn::Sub", Value::String(text))) => vec![text.clone()],
        // The names of variables have one meaning in all statements of a template.
        Some(("Fn::Sub", Value::Array(arguments))) => strings(&arguments[0]),
        Some(("Fn::If", Value::Array(arguments))) => arguments[1..].iter().flat_map(strings).collect(),
        _ => panic!("{value} is not a function that this test reads"),
    }
}

fn grant(statement: &Map<String, Value>) -> Grant {
    let mut grant = Grant::new();
    for (element, value) in statement {
        match element.as_str() {
            "Sid" => {}
            "Effect" | "Action" | "Resource" => {
                grant.extend(strings(value).iter().map(|text| without_names(&format!("{element} {text}"))));
            }
            "Condition" => {
                for (operator, keys) in value.as_object().expect("operators") {
                    for (key, values) in keys.as_object().expect("condition keys") {
                        let condition = |text: &String| without_names(&format!("Condition {key} {operator} {text}"));
                        grant.extend(strings(values).iter().map(condition));
                    }
                }
            }
            element => panic!("{element} is not an element of a statement that this test reads"),
        }
    }
    grant
}

/// Adds the grants below a part of a policy by their Sids. Statements that share a Sid may differ in their resources.
fn collect(value: &Value, grants: &mut BTreeMap<String, Grant>) {
    match value {
        Value::Object(members) if members.contains_key("Effect") => {
            let sid = members.get("Sid").and_then(Value::as_str).unwrap_or_else(|| panic!("{value} has no Sid"));
            let added = grant(members);
            let known = grants.entry(sid.to_owned()).or_insert_with(|| added.clone());
            let other = known.symmetric_difference(&added).find(|line| !line.starts_with("Resource "));
            assert_eq!(other, None, "statements with the Sid {sid} differ");
            known.extend(added);
        }
        Value::Object(members) => members.values().for_each(|member| collect(member, grants)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, grants)),
        _ => {}
    }
}

/// Reads the grants of the function's role by Sid. All managed policies of both templates are this role's.
fn grants(path: &str) -> BTreeMap<String, Grant> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a readable file");
    let resources = template_properties(&TemplateSource::Uploaded(text)).expect("a template");
    let mut grants = BTreeMap::new();
    collect(&resources["FunctionRole"]["Policies"], &mut grants);
    for policy in resources.values().filter_map(|properties| properties.get("PolicyDocument")) {
        collect(policy, &mut grants);
    }
    grants
}

/// The lines of a shared Sid that only one of the templates has, and the reason.
struct Difference {
    sid: &'static str,
    template: &'static [&'static str],
    provisioner: &'static [&'static str],
    reason: &'static str,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        sid: "CallGateway",
        template: &[
            "Resource arn:${AWS::Partition}:bedrock-agentcore:${AWS::Region}:${AWS::AccountId}:gateway/${ExistingGatewayId}",
        ],
        provisioner: &[],
        reason: "template.yaml knows the gateway that it attaches to; provisioner.yaml has a statement for these",
    },
    Difference {
        sid: "GetTokens",
        template: &[
            "Resource ${GatewayOAuthProviderArn}",
            "Resource arn:${AWS::Partition}:bedrock-agentcore:${AWS::Region}:${AWS::AccountId}:workload-identity-directory/default/workload-identity/${ExistingGatewayId}",
        ],
        provisioner: &[
            "Resource arn:${AWS::Partition}:bedrock-agentcore:${AWS::Region}:${AWS::AccountId}:workload-identity-directory/default/workload-identity/*",
        ],
        reason: "provisioner.yaml knows no existing gateway and admits any identity, and has UseExistingProviders",
    },
    Difference {
        sid: "KeepProviderSecret",
        template: &[],
        provisioner: &["Action secretsmanager:GetSecretValue"],
        reason: "template.yaml reads the secret in ReadProviderSecret, which serves existing providers, too",
    },
    Difference {
        sid: "ManageProvider",
        template: &["Action bedrock-agentcore:CreateOauth2CredentialProvider"],
        provisioner: &[],
        reason: "provisioner.yaml demands a tag for the create, in CreateProvider",
    },
    Difference {
        sid: "ManageTargetsOfExistingGateways",
        template: &[
            "Action bedrock-agentcore:GetGateway",
            "Action bedrock-agentcore:GetGatewayTarget",
            "Action bedrock-agentcore:ListGatewayTargets",
            "Resource arn:${AWS::Partition}:bedrock-agentcore:${AWS::Region}:${AWS::AccountId}:gateway/${ExistingGatewayId}",
        ],
        provisioner: &["Action bedrock-agentcore:InvokeGateway", "Resource ${GatewayArns}"],
        reason: "template.yaml calls the gateway in CallGateway, and provisioner.yaml reads any gateway in ReadGateway",
    },
    Difference {
        sid: "ReadExistingSecrets",
        template: &[
            "Resource ${ExistingSecretName}",
            "Resource arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${ExistingSecretName}",
            "Resource arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${ExistingSecretName}-??????",
        ],
        provisioner: &["Action secretsmanager:DescribeSecret", "Resource ${ReadableSecretArns}"],
        reason: "provisioner.yaml lists all kinds of secrets in one parameter, also those that AgentCore describes",
    },
    Difference {
        sid: "ReadGateway",
        template: &[
            "Resource arn:${AWS::Partition}:bedrock-agentcore:${AWS::Region}:${AWS::AccountId}:gateway/<name>-*",
        ],
        provisioner: &["Resource arn:${AWS::Partition}:bedrock-agentcore:${AWS::Region}:${AWS::AccountId}:gateway/*"],
        reason: "provisioner.yaml sees that a target which was denied on a foreign gateway does not exist",
    },
    Difference {
        sid: "ReadStatus",
        template: &["Resource ${AWS::StackId}"],
        provisioner: &[
            "Resource arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/${StackNamePattern}/*",
        ],
        reason: "template.yaml has one stack, and provisioner.yaml those that its pattern matches",
    },
];

#[test]
fn statements_with_equal_sids_grant_the_same() {
    let (template, provisioner) = (grants("template.yaml"), grants("provisioner.yaml"));
    let shared = template.iter().filter_map(|(sid, grant)| Some((sid.as_str(), grant, provisioner.get(sid)?)));
    let shared: Vec<_> = shared.collect();
    assert!(shared.len() >= 30, "the templates share {} statements", shared.len());
    for difference in DIFFERENCES {
        let Difference { sid, reason, .. } = difference;
        assert!(shared.iter().any(|(shared, ..)| shared == sid), "{sid} is no longer shared: drop “{reason}”");
    }
    for (sid, template, provisioner) in shared {
        let expected = DIFFERENCES.iter().find(|difference| difference.sid == sid);
        let (only_template, only_provisioner) =
            expected.map_or_else(Default::default, |it| (it.template, it.provisioner));
        let only = |one: &Grant, other: &Grant| one.difference(other).cloned().collect::<Vec<_>>();
        assert_eq!(only(template, provisioner), only_template, "{sid} grants in template.yaml alone");
        assert_eq!(only(provisioner, template), only_provisioner, "{sid} grants in provisioner.yaml alone");
    }
}
