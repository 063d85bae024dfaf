//! The permissions that each call needs.

use serde_json::{Value, json};

use super::{Account, ROLE, create, update, with};
use crate::iam::Requirement;

fn arn(resource: &str) -> String {
    format!("arn:aws:bedrock-agentcore:us-east-1:111122223333:{resource}")
}

fn actions(needed: &[Requirement]) -> Vec<&str> {
    needed.iter().map(|need| need.action.as_str()).collect()
}

#[test]
fn a_first_runtime_needs_its_parts_its_role_and_the_service_linked_role() {
    let mut account = Account::new();
    let input = with(create("server"), "tags", json!({"stack": "s"}));
    let needed = account.needs("CreateAgentRuntime", input.clone());
    assert_eq!(
        actions(&needed),
        [
            "bedrock-agentcore:CreateAgentRuntime",
            "bedrock-agentcore:CreateAgentRuntimeEndpoint",
            "bedrock-agentcore:CreateWorkloadIdentity",
            "bedrock-agentcore:TagResource",
            "iam:PassRole",
            "iam:CreateServiceLinkedRole",
        ]
    );
    assert_eq!(needed[0].resource, "*");
    assert_eq!(needed[0].context["aws:TagKeys"], ["stack"]);
    assert_eq!(needed[3].context["aws:RequestTag/stack"], ["s"]);
    assert_eq!(needed[4].resource, ROLE);
    assert_eq!(needed[4].context["iam:PassedToService"], ["bedrock-agentcore.amazonaws.com"]);
    assert_eq!(
        needed[5].resource,
        "arn:aws:iam::111122223333:role/aws-service-role/runtime-identity.bedrock-agentcore.amazonaws.com/\
         AWSServiceRoleForBedrockAgentCoreRuntimeIdentity"
    );
    let id = account.create(input);
    assert_eq!(needed[1].resource, arn(&format!("runtime/{id}")));
    assert_eq!(needed[2].resource, arn(&format!("workload-identity-directory/default/workload-identity/{id}")));
    let second = account.needs("CreateAgentRuntime", create("second"));
    assert_eq!(actions(&second).last(), Some(&"iam:PassRole"), "the service-linked role exists by now");
}

#[test]
fn a_vpc_needs_the_network() {
    let account = Account::new();
    let vpc: Value = json!({"networkMode": "VPC", "networkModeConfig": {"subnets": ["subnet-12345678"],
                                                                       "securityGroups": ["sg-12345678"]}});
    let needed = account.needs("CreateAgentRuntime", with(create("server"), "networkConfiguration", vpc));
    let linked: Vec<&str> =
        needed.iter().filter_map(|need| need.context.get("iam:AWSServiceName")).flatten().map(String::as_str).collect();
    assert_eq!(linked, ["runtime-identity.bedrock-agentcore.amazonaws.com", "network.bedrock-agentcore.amazonaws.com"]);
    let interface: Vec<&str> = needed
        .iter()
        .filter(|need| need.action == "ec2:CreateNetworkInterface")
        .map(|need| need.resource.as_str())
        .collect();
    assert_eq!(
        interface,
        [
            "arn:aws:ec2:us-east-1:111122223333:subnet/subnet-12345678",
            "arn:aws:ec2:us-east-1:111122223333:security-group/sg-12345678",
            "arn:aws:ec2:us-east-1:111122223333:network-interface/*",
        ]
    );
    assert!(actions(&needed).contains(&"ec2:DescribeVpcs"));
}

#[test]
fn changes_are_evaluated_with_the_tags_of_the_runtime() {
    let mut account = Account::new();
    let id = account.create(with(create("server"), "tags", json!({"stack": "s"})));
    let runtime = arn(&format!("runtime/{id}"));
    let needed = account.needs("UpdateAgentRuntime", update(&id));
    assert_eq!(
        actions(&needed),
        ["bedrock-agentcore:UpdateAgentRuntime", "bedrock-agentcore:UpdateAgentRuntimeEndpoint", "iam:PassRole"]
    );
    assert_eq!(
        (needed[0].resource.as_str(), &needed[0].context["aws:ResourceTag/stack"][0]),
        (&*runtime, &"s".to_owned())
    );

    assert_eq!(needed[1].resource, format!("{runtime}/runtime-endpoint/DEFAULT"));
    assert!(needed[1].context.is_empty(), "the endpoint has none of the runtime's tags");

    let delete = json!({"agentRuntimeId": id});
    let needed = account.needs("DeleteAgentRuntime", delete.clone());
    assert_eq!(
        actions(&needed),
        [
            "bedrock-agentcore:DeleteAgentRuntime",
            "bedrock-agentcore:DeleteAgentRuntimeEndpoint",
            "bedrock-agentcore:DeleteWorkloadIdentity"
        ]
    );
    assert_eq!(needed[0].context["aws:ResourceTag/stack"], ["s"]);
    account.pass(30);
    account.ok("DeleteAgentRuntime", delete.clone());
    assert!(
        !account.needs("DeleteAgentRuntime", delete.clone())[0].context.is_empty(),
        "being deleted, it has its tags"
    );
    account.pass(20);
    let gone = &account.needs("DeleteAgentRuntime", delete)[0];
    assert_eq!((gone.resource.as_str(), gone.context.is_empty()), (&*runtime, true));
}

#[test]
fn reads_lists_and_tags() {
    let mut account = Account::new();
    let id = account.create(with(create("server"), "tags", json!({"stack": "s"})));
    let runtime = arn(&format!("runtime/{id}"));
    let get = &account.needs("GetAgentRuntime", json!({"agentRuntimeId": id}))[0];
    assert_eq!((get.action.as_str(), get.resource.as_str()), ("bedrock-agentcore:GetAgentRuntime", &*runtime));
    let input = json!({"agentRuntimeId": id, "endpointName": "DEFAULT"});
    let endpoint = &account.needs("GetAgentRuntimeEndpoint", input)[0];
    assert_eq!(endpoint.resource, format!("{runtime}/runtime-endpoint/DEFAULT"));
    assert_eq!(account.needs("ListAgentRuntimes", json!({}))[0].resource, "*");
    let tag = &account.needs("TagResource", json!({"resourceArn": runtime, "tags": {"b": "2"}}))[0];
    assert_eq!((&tag.context["aws:ResourceTag/stack"][0], &tag.context["aws:TagKeys"][0]), (&"s".into(), &"b".into()));
    let untag = &account.needs("UntagResource", json!({"resourceArn": runtime, "tagKeys": ["stack"]}))[0];
    assert_eq!(untag.context["aws:TagKeys"], ["stack"]);
}
