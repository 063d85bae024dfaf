//! Members that an update does not keep: those that a property governs and the template drops, and those that belong to
//! a choice which the template reverts.

use serde_json::{Value, json};

use super::{
    Resource, Subject, changed, gateway, gateway_of, provider, provider_of, runtime, runtime_of, scene, target,
    target_of, with_secret, world,
};
use crate::world::{IMAGE, World};

/// Updates a resource, and returns the document of a Get after that.
async fn updated(world: &mut World, subject: &Subject, resource: &Resource<'_>, id: &str, changes: Value) -> Value {
    let updated = world.send(subject.update(id, changes)).await.success();
    assert_eq!(updated.physical_id(), id);
    resource.shown(world)
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().expect("a map").keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_runtimes_governed_members_go_when_the_template_drops_them() {
    let (subject, mut world) = (runtime(), world());
    let id = world.send(subject.create()).await.success().physical_id();
    let resource = runtime_of(&id);
    resource.plant(&world, 0, |_| ()).await;
    let changes = json!({"Description": null, "EnvironmentVariables": null, "RequestHeaders": null,
        "AllowedAudience": null, "AllowedScopes": null, "MaxLifetime": null, "IdleRuntimeSessionTimeout": null});
    let shown = updated(&mut world, &subject, &resource, &id, changes).await;
    for gone in ["description", "environmentVariables", "requestHeaderConfiguration"] {
        assert_eq!(shown.get(gone), None, "{gone}");
    }
    let authorizer = &shown["authorizerConfiguration"]["customJWTAuthorizer"];
    let kept = [
        "allowedClients",
        "allowedWorkloadConfiguration",
        "certificateConfigurations",
        "discoveryUrl",
        "futureMember",
        "privateEndpoint",
        "privateEndpointOverrides",
    ];
    assert_eq!(names(authorizer), kept);
    let lifecycle = &shown["lifecycleConfiguration"];
    assert_eq!((&lifecycle["idleRuntimeSessionTimeout"], &lifecycle["maxLifetime"]), (&json!(900), &json!(28_800)));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn nothing_of_an_old_choice_of_a_runtime_is_kept() {
    let (subject, mut world) = (runtime(), world());
    let id = world.send(subject.create()).await.success().physical_id();
    let resource = runtime_of(&id);
    resource.plant(&world, 1, |_| ()).await;
    let changes = json!({"NetworkMode": null, "Subnets": null, "SecurityGroups": null, "ServerProtocol": "HTTP",
        "InboundAuth": null, "Issuer": null, "AllowedAudience": null, "AllowedClients": null, "AllowedScopes": null});
    let shown = updated(&mut world, &subject, &resource, &id, changes).await;
    assert_eq!(shown["networkConfiguration"], json!({"networkMode": "PUBLIC"}));
    assert_eq!(shown["protocolConfiguration"], json!({"serverProtocol": "HTTP"}));
    assert_eq!(shown.get("authorizerConfiguration"), None);
    assert_eq!(shown["allowedPorts"].as_array().map(Vec::len), Some(1), "what goes with none of these stays");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn rules_for_claims_that_others_wrote_stay_and_ours_follow_the_template() {
    let theirs = json!({"inboundTokenClaimName": "groups", "inboundTokenClaimValueType": "STRING_ARRAY",
        "authorizingClaimMatchValue": {"claimMatchOperator": "CONTAINS", "claimMatchValue": {"matchValueString": "mcp"}}});
    for (subject, find) in [(runtime(), runtime_of as fn(&str) -> _), (gateway(), gateway_of)] {
        let mut world = world();
        let properties = changed(&subject.properties, json!({"ClientClaimName": "azp"}));
        let subject = Subject { properties, ..subject };
        let id = world.send(subject.create()).await.success().physical_id();
        let resource: Resource<'static> = find(&id);
        let claims = |shown: &Value| shown["authorizerConfiguration"]["customJWTAuthorizer"]["customClaims"].clone();
        resource
            .change(&world, |input| {
                let claims = &mut input["authorizerConfiguration"]["customJWTAuthorizer"]["customClaims"];
                claims.as_array_mut().expect("ours").push(theirs.clone());
            })
            .await;
        let called = world.call_count();
        let shown = updated(&mut world, &subject, &resource, &id, json!({"Tags": {"a": "b"}})).await;
        assert!(!world.calls_since(called).contains(&resource.kind.update));
        assert_eq!(claims(&shown).as_array().map(Vec::len), Some(2));
        let shown =
            updated(&mut world, &subject, &resource, &id, json!({"AllowedClients": null, "ClientClaimName": null}))
                .await;
        assert_eq!(claims(&shown), json!([theirs]));
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateways_governed_members_go_when_the_template_drops_them() {
    let (subject, mut world) = (gateway(), world());
    let id = world.send(subject.create()).await.success().physical_id();
    let resource = gateway_of(&id);
    resource.plant(&world, 0, |_| ()).await;
    let changes = json!({"Description": null, "Instructions": null, "ExceptionLevel": null, "AllowedAudience": null,
        "AllowedScopes": null});
    let shown = updated(&mut world, &subject, &resource, &id, changes).await;
    for gone in ["description", "exceptionLevel"] {
        assert_eq!(shown.get(gone), None, "{gone}");
    }
    let mcp = &shown["protocolConfiguration"]["mcp"];
    let kept = [
        "disableMcpListToolsPagination",
        "futureMember",
        "searchType",
        "sessionConfiguration",
        "streamingConfiguration",
        "supportedVersions",
    ];
    assert_eq!(names(mcp), kept);
    let authorizer = &shown["authorizerConfiguration"]["customJWTAuthorizer"];
    for gone in ["advertisedScopeMapping", "allowedAudience", "allowedScopes"] {
        assert_eq!(authorizer.get(gone), None, "{gone}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_mapping_of_a_scope_goes_with_the_scope_and_the_others_stay() {
    for (subject, find) in [(runtime(), runtime_of as fn(&str) -> _), (gateway(), gateway_of)] {
        let mut world = world();
        let properties = changed(&subject.properties, json!({"AllowedScopes": "mcp/read,mcp/write"}));
        let subject = Subject { properties, ..subject };
        let id = world.send(subject.create()).await.success().physical_id();
        let resource: Resource<'static> = find(&id);
        let mapping =
            |shown: &Value| shown["authorizerConfiguration"]["customJWTAuthorizer"]["advertisedScopeMapping"].clone();
        let theirs = json!({"mcp/read": "read", "mcp/write": "write"});
        resource
            .change(&world, |input| {
                input["authorizerConfiguration"]["customJWTAuthorizer"]["advertisedScopeMapping"] = theirs.clone();
            })
            .await;
        let shown = updated(&mut world, &subject, &resource, &id, json!({"AllowedAudience": "other"})).await;
        assert_eq!(mapping(&shown), theirs);
        let shown = updated(&mut world, &subject, &resource, &id, json!({"AllowedScopes": "mcp/read"})).await;
        assert_eq!(mapping(&shown), json!({"mcp/read": "read"}));
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_targets_governed_members_go_and_nothing_of_an_old_choice_is_kept() {
    let mut scene = scene().await;
    scene.world.aws.with(|world| world.objects.put("s3://tools/list.json", br#"{"tools":[]}"#.to_vec()));
    scene.world.aws.with(|world| world.objects.put("s3://other/list.json", br#"{"tools":[]}"#.to_vec()));
    let provider = crate::gateway_target::create_provider(&scene.world, "idp");
    let oauth = json!({"OutboundAuth": "OAUTH", "CredentialProviderArn": provider, "Scopes": "mcp/read",
        "ToolSchemaS3Uri": "s3://tools/list.json", "GrantType": "AUTHORIZATION_CODE",
        "Endpoint": "https://mcp.example.com/mcp"});
    let subject = target(&scene, oauth.clone());
    let id = scene.world.send(subject.create()).await.success().physical_id();
    let resource = target_of(&id);
    resource
        .plant(&scene.world, 0, |input| {
            let server = &mut input["targetConfiguration"]["mcp"]["mcpServer"];
            server["mcpToolSchema"]["s3"]["bucketOwnerAccountId"] = json!("111122223333");
        })
        .await;
    let oauth_of = |shown: &Value| {
        shown["credentialProviderConfigurations"][0]["credentialProvider"]["oauthCredentialProvider"].clone()
    };
    assert!(oauth_of(&resource.shown(&scene.world)).get("defaultReturnUrl").is_some());
    // Another grant, another schema.
    let changes = json!({"GrantType": "CLIENT_CREDENTIALS", "ToolSchemaS3Uri": "s3://other/list.json",
        "AllowedResponseHeaders": null});
    let shown = updated(&mut scene.world, &subject, &resource, &id, changes).await;
    assert_eq!(names(&oauth_of(&shown)), ["grantType", "providerArn", "scopes"]);
    let server = &shown["targetConfiguration"]["mcp"]["mcpServer"];
    assert_eq!(server["mcpToolSchema"], json!({"s3": {"uri": "s3://other/list.json"}}));
    assert_eq!(names(server), ["endpoint", "futureMember", "listingMode", "mcpToolSchema", "resourcePriority"]);
    assert_eq!(shown["metadataConfiguration"].get("allowedResponseHeaders"), None);
    // Another way to authorize, and no schema.
    let mut none: Value = oauth.as_object().expect("a map").keys().map(|name| (name.clone(), Value::Null)).collect();
    none["Endpoint"] = json!(scene.runtime.attribute("McpUrl"));
    let shown = updated(&mut scene.world, &subject, &resource, &id, none).await;
    let iam = json!([{"credentialProviderType": "GATEWAY_IAM_ROLE", "credentialProvider":
        {"iamCredentialProvider": {"service": "bedrock-agentcore", "region": "us-east-1"}}}]);
    assert_eq!(shown["credentialProviderConfigurations"], iam);
    assert_eq!(shown["targetConfiguration"]["mcp"]["mcpServer"].get("mcpToolSchema"), None);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_providers_governed_members_follow_the_template() {
    let (subject, mut world) = (provider(), world());
    let id = world.send(subject.create()).await.success().physical_id();
    let resource = provider_of(&id);
    resource.plant(&world, 0, with_secret).await;
    let shown =
        updated(&mut world, &subject, &resource, &id, json!({"ClientAuthenticationMethod": "CLIENT_SECRET_POST"}))
            .await;
    let config = &shown["oauth2ProviderConfigOutput"]["customOauth2ProviderConfig"];
    assert_eq!(config["clientAuthenticationMethod"], "CLIENT_SECRET_POST");
    let kept = [
        "certificateConfigurations",
        "clientAuthenticationMethod",
        "clientId",
        "futureMember",
        "oauthDiscovery",
        "onBehalfOfTokenExchangeConfig",
        "privateEndpoint",
        "privateEndpointOverrides",
        "privateKeyJwtConfig",
    ];
    assert_eq!(names(config), kept);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn another_image_keeps_no_variables_of_others() {
    // The template owns all environment variables.
    let (subject, mut world) = (runtime(), world());
    let id = world.send(subject.create()).await.success().physical_id();
    let resource = runtime_of(&id);
    resource.change(&world, |input| input["environmentVariables"]["THEIRS"] = json!("x")).await;
    let shown = updated(&mut world, &subject, &resource, &id, json!({"ContainerUri": format!("{IMAGE}23")})).await;
    assert_eq!(shown["environmentVariables"], json!({"MODE": "one"}));
}
