//! The known `AWS::` types: their properties, their attributes, and the properties that can be set at creation only.
//!
//! Names and shapes are those of the public CloudFormation registry schemas.

use serde_json::{Map, Value};

use self::Shape::{Boolean, Document, Integer, List, Map as Members, Text, TextOrMap};
use crate::intrinsics::text;

/// The JSON shape of a property. Scalars written as text are accepted, as CloudFormation converts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A string.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list of anything.
    List,
    /// An object.
    Map,
    /// An object such as a policy document.
    Document,
    /// A string or an object: a local folder stands for `Code` until `sam` has uploaded it.
    TextOrMap,
}

/// One type.
#[derive(Debug)]
pub(crate) struct Definition {
    properties: &'static [(&'static str, Shape)],
    required: &'static [&'static str],
    create_only: &'static [&'static str],
    attributes: &'static [&'static str],
    /// The property that names the resource, if it has one.
    pub name_property: Option<&'static str>,
    /// True if the type needs `CAPABILITY_IAM`; a fixed name needs `CAPABILITY_NAMED_IAM`.
    pub is_iam: bool,
}

const PLAIN: Definition = Definition {
    properties: &[],
    required: &[],
    create_only: &[],
    attributes: &[],
    name_property: None,
    is_iam: false,
};

static ROLE: Definition = Definition {
    properties: &[
        ("AssumeRolePolicyDocument", Document),
        ("Description", Text),
        ("ManagedPolicyArns", List),
        ("MaxSessionDuration", Integer),
        ("Path", Text),
        ("PermissionsBoundary", Text),
        ("Policies", List),
        ("RoleName", Text),
        ("Tags", List),
    ],
    required: &["AssumeRolePolicyDocument"],
    create_only: &["Path", "RoleName"],
    attributes: &["Arn", "RoleId"],
    name_property: Some("RoleName"),
    is_iam: true,
};

static POLICY: Definition = Definition {
    properties: &[
        ("Groups", List),
        ("PolicyDocument", Document),
        ("PolicyName", Text),
        ("Roles", List),
        ("Users", List),
    ],
    required: &["PolicyDocument", "PolicyName"],
    attributes: &["Id"],
    is_iam: true,
    ..PLAIN
};

static ROLE_POLICY: Definition = Definition {
    properties: &[("PolicyDocument", Document), ("PolicyName", Text), ("RoleName", Text)],
    required: &["PolicyName", "RoleName"],
    create_only: &["PolicyName", "RoleName"],
    is_iam: true,
    ..PLAIN
};

static MANAGED_POLICY: Definition = Definition {
    properties: &[
        ("Description", Text),
        ("Groups", List),
        ("ManagedPolicyName", Text),
        ("Path", Text),
        ("PolicyDocument", Document),
        ("Roles", List),
        ("Users", List),
    ],
    required: &["PolicyDocument"],
    create_only: &["Description", "ManagedPolicyName", "Path"],
    attributes: &["PolicyArn"],
    name_property: Some("ManagedPolicyName"),
    is_iam: true,
};

static FUNCTION: Definition = Definition {
    properties: &[
        ("Architectures", List),
        ("Code", TextOrMap),
        ("CodeSigningConfigArn", Text),
        ("DeadLetterConfig", Members),
        ("Description", Text),
        ("Environment", Members),
        ("EphemeralStorage", Members),
        ("FileSystemConfigs", List),
        ("FunctionName", Text),
        ("Handler", Text),
        ("ImageConfig", Members),
        ("KmsKeyArn", Text),
        ("Layers", List),
        ("LoggingConfig", Members),
        ("MemorySize", Integer),
        ("PackageType", Text),
        ("RecursiveLoop", Text),
        ("ReservedConcurrentExecutions", Integer),
        ("Role", Text),
        ("Runtime", Text),
        ("RuntimeManagementConfig", Members),
        ("SnapStart", Members),
        ("Tags", List),
        ("Timeout", Integer),
        ("TracingConfig", Members),
        ("VpcConfig", Members),
    ],
    required: &["Code", "Role"],
    create_only: &["FunctionName", "PackageType"],
    attributes: &["Arn"],
    name_property: Some("FunctionName"),
    is_iam: false,
};

static EVENT_INVOKE_CONFIG: Definition = Definition {
    properties: &[
        ("DestinationConfig", Members),
        ("FunctionName", Text),
        ("MaximumEventAgeInSeconds", Integer),
        ("MaximumRetryAttempts", Integer),
        ("Qualifier", Text),
    ],
    required: &["FunctionName", "Qualifier"],
    create_only: &["FunctionName", "Qualifier"],
    ..PLAIN
};

static PERMISSION: Definition = Definition {
    properties: &[
        ("Action", Text),
        ("EventSourceToken", Text),
        ("FunctionName", Text),
        ("FunctionUrlAuthType", Text),
        ("InvokedViaFunctionUrl", Boolean),
        ("Principal", Text),
        ("PrincipalOrgID", Text),
        ("SourceAccount", Text),
        ("SourceArn", Text),
    ],
    required: &["Action", "FunctionName", "Principal"],
    create_only: &[
        "Action",
        "EventSourceToken",
        "FunctionName",
        "FunctionUrlAuthType",
        "InvokedViaFunctionUrl",
        "Principal",
        "PrincipalOrgID",
        "SourceAccount",
        "SourceArn",
    ],
    attributes: &["Id"],
    ..PLAIN
};

static EVENT_RULE: Definition = Definition {
    properties: &[
        ("Description", Text),
        ("EventBusName", Text),
        ("EventPattern", Document),
        ("Name", Text),
        ("RoleArn", Text),
        ("ScheduleExpression", Text),
        ("State", Text),
        ("Tags", List),
        ("Targets", List),
    ],
    create_only: &["Name"],
    attributes: &["Arn"],
    name_property: Some("Name"),
    ..PLAIN
};

static LOG_GROUP: Definition = Definition {
    properties: &[
        ("BearerTokenAuthenticationEnabled", Boolean),
        ("DataProtectionPolicy", Document),
        ("DeletionProtectionEnabled", Boolean),
        ("FieldIndexPolicies", List),
        ("KmsKeyId", Text),
        ("LogGroupClass", Text),
        ("LogGroupName", Text),
        ("ResourcePolicyDocument", Document),
        ("RetentionInDays", Integer),
        ("Tags", List),
    ],
    create_only: &["LogGroupName"],
    attributes: &["Arn"],
    name_property: Some("LogGroupName"),
    ..PLAIN
};

static ALARM: Definition = Definition {
    properties: &[
        ("ActionsEnabled", Boolean),
        ("AlarmActions", List),
        ("AlarmDescription", Text),
        ("AlarmName", Text),
        ("ComparisonOperator", Text),
        ("DatapointsToAlarm", Integer),
        ("Dimensions", List),
        ("EvaluationPeriods", Integer),
        ("ExtendedStatistic", Text),
        ("InsufficientDataActions", List),
        ("MetricName", Text),
        ("Metrics", List),
        ("Namespace", Text),
        ("OKActions", List),
        ("Period", Integer),
        ("Statistic", Text),
        ("Tags", List),
        ("Threshold", Integer),
        ("TreatMissingData", Text),
        ("Unit", Text),
    ],
    required: &["ComparisonOperator", "EvaluationPeriods"],
    create_only: &["AlarmName"],
    attributes: &["Arn"],
    name_property: Some("AlarmName"),
    ..PLAIN
};

static SECURITY_GROUP: Definition = Definition {
    properties: &[
        ("GroupDescription", Text),
        ("GroupName", Text),
        ("SecurityGroupEgress", List),
        ("SecurityGroupIngress", List),
        ("Tags", List),
        ("VpcId", Text),
    ],
    // The default VPC, which the registry's schema allows, is not known here.
    required: &["GroupDescription", "VpcId"],
    create_only: &["GroupDescription", "GroupName", "VpcId"],
    attributes: &["GroupId", "Id", "VpcId"],
    ..PLAIN
};

static VPC_ENDPOINT: Definition = Definition {
    properties: &[
        ("DnsOptions", Members),
        ("IpAddressType", Text),
        ("PolicyDocument", Document),
        ("PrivateDnsEnabled", Boolean),
        ("ResourceConfigurationArn", Text),
        ("RouteTableIds", List),
        ("SecurityGroupIds", List),
        ("ServiceName", Text),
        ("ServiceNetworkArn", Text),
        ("ServiceRegion", Text),
        ("SubnetIds", List),
        ("Tags", List),
        ("VpcEndpointType", Text),
        ("VpcId", Text),
    ],
    required: &["VpcId"],
    create_only: &[
        "ResourceConfigurationArn",
        "ServiceName",
        "ServiceNetworkArn",
        "ServiceRegion",
        "VpcEndpointType",
        "VpcId",
    ],
    attributes: &["CreationTimestamp", "DnsEntries", "Id", "NetworkInterfaceIds"],
    ..PLAIN
};

static WAIT_CONDITION_HANDLE: Definition = PLAIN;

/// The resource with which `cdk synth` records the constructs of a template.
static CDK_METADATA: Definition = Definition { properties: &[("Analytics", Text)], ..PLAIN };

static STACK: Definition = Definition {
    properties: &[
        ("NotificationARNs", List),
        ("Parameters", Members),
        ("Tags", List),
        ("TemplateURL", Text),
        ("TimeoutInMinutes", Integer),
    ],
    required: &["TemplateURL"],
    attributes: &["Outputs.*"],
    ..PLAIN
};

/// Returns the definition of a type, unless the emulator does not know it.
pub(crate) fn definition(type_name: &str) -> Option<&'static Definition> {
    Some(match type_name {
        "AWS::IAM::Role" => &ROLE,
        "AWS::IAM::RolePolicy" => &ROLE_POLICY,
        "AWS::IAM::Policy" => &POLICY,
        "AWS::IAM::ManagedPolicy" => &MANAGED_POLICY,
        "AWS::Lambda::Function" => &FUNCTION,
        "AWS::Lambda::EventInvokeConfig" => &EVENT_INVOKE_CONFIG,
        "AWS::Lambda::Permission" => &PERMISSION,
        "AWS::Events::Rule" => &EVENT_RULE,
        "AWS::Logs::LogGroup" => &LOG_GROUP,
        "AWS::CloudWatch::Alarm" => &ALARM,
        "AWS::EC2::SecurityGroup" => &SECURITY_GROUP,
        "AWS::EC2::VPCEndpoint" => &VPC_ENDPOINT,
        "AWS::CloudFormation::WaitConditionHandle" => &WAIT_CONDITION_HANDLE,
        "AWS::CDK::Metadata" => &CDK_METADATA,
        "AWS::CloudFormation::Stack" => &STACK,
        _ => return None,
    })
}

impl Definition {
    /// Returns true if `Fn::GetAtt` knows the attribute.
    pub(crate) fn has_attribute(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|known| match known.strip_suffix('*') {
            Some(prefix) => attribute.len() > prefix.len() && attribute.starts_with(prefix),
            None => *known == attribute,
        })
    }

    /// Returns true if the change from one set of properties to the other needs a new physical resource.
    pub(crate) fn replaces(&self, old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
        self.create_only.iter().any(|name| old.get(*name) != new.get(*name))
    }

    /// Checks names, presence and shapes.
    pub(crate) fn check(&self, properties: &Map<String, Value>) -> Result<(), String> {
        for (name, value) in properties {
            let Some((_, shape)) = self.properties.iter().find(|(known, _)| known == name) else {
                return Err(format!("Encountered unsupported property {name}"));
            };
            let fits = match shape {
                Text => text(value).is_some(),
                Integer => integer(value).is_some(),
                Boolean => matches!(text(value).as_deref(), Some("true" | "false")),
                List => value.is_array(),
                Members | Document => value.is_object(),
                TextOrMap => value.is_object() || value.is_string(),
            };
            if !fits {
                let expected = match shape {
                    Text => "of type String",
                    Integer => "of type Integer",
                    Boolean => "of type Boolean",
                    List => "of type List",
                    Members | Document | TextOrMap => "an object",
                };
                return Err(format!("Value of property {name} must be {expected}"));
            }
        }
        match self.required.iter().find(|name| !properties.contains_key(**name)) {
            Some(name) => Err(format!("Property {name} cannot be empty.")),
            None => Ok(()),
        }
    }
}

/// Reads a whole number, written as a number or as text.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    text(value)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(type_name: &str, properties: &Value) -> Result<(), String> {
        definition(type_name).expect("a known type").check(properties.as_object().expect("an object"))
    }

    #[test]
    fn unknown_missing_and_misshapen_properties_are_named() {
        assert_eq!(check("AWS::Logs::LogGroup", &json!({"RetentionInDays": "30"})), Ok(()));
        let unknown = check("AWS::Logs::LogGroup", &json!({"Retention": 1}));
        assert_eq!(unknown, Err("Encountered unsupported property Retention".to_owned()));
        let shape = check("AWS::Logs::LogGroup", &json!({"RetentionInDays": "x"}));
        assert_eq!(shape, Err("Value of property RetentionInDays must be of type Integer".to_owned()));
        let missing = check("AWS::Lambda::Function", &json!({"Code": "target/"}));
        assert_eq!(missing, Err("Property Role cannot be empty.".to_owned()));
    }

    #[test]
    fn outputs_of_nested_stacks_are_attributes() {
        let stack = definition("AWS::CloudFormation::Stack").expect("known");
        assert!(stack.has_attribute("Outputs.Arn") && !stack.has_attribute("Outputs.") && !stack.has_attribute("Arn"));
    }
}
