//! What a server may send, and what of it fits into an answer.

use emulator::container::{Behaviour, Start};
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use serde_json::json;

use super::{COGNITO, bearer, behave, jwt, probe, runtime};
use crate::world::World;

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_with_a_long_name_passes() {
    for character in ["x", "é", "\u{1}", "\""] {
        let mut world = World::new();
        let (server_name, server_version) = (character.repeat(3000), character.repeat(2000));
        behave(&world, Behaviour { server_name, server_version, ..Behaviour::default() });
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({})).await.success();
        for name in ["ServerName", "ServerVersion"] {
            let shown = answer.attribute(name);
            assert!(shown.starts_with(character) && shown.ends_with('…'), "{name}: {shown:?}");
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_report_fits_whatever_the_container_printed() {
    for character in ["x", "é", "\u{1}", "\"", "😀"] {
        let mut world = World::new();
        let words = [character.repeat(900), character.repeat(900), character.repeat(900)].join("\n");
        behave(&world, Behaviour { start: Start::Crash(words), ..Behaviour::default() });
        let runtime = runtime(&mut world, json!({})).await;
        let answer = probe(&mut world, &runtime, json!({"Mode": "Report"})).await.success();
        assert_eq!(answer.attribute("Result"), "FAILED:CONTAINER_DID_NOT_START");
        assert!(answer.attribute("Detail").contains(character), "{}", answer.attribute("Detail"));
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_calls_itself_by_a_secret_is_masked() {
    // No canary: the MCP SDK logs the name at a level that the function does not have.
    let secret = "hunter2-hunter2";
    let mut world = World::new();
    let provider = Provider::new(ClaimStyle::Cognito, COGNITO).with_client("app", Client::new(secret));
    world.aws.with(|world| world.identity_providers.add(provider));
    behave(&world, Behaviour { server_name: format!("I am {secret}"), ..Behaviour::default() });
    let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
    let answer = probe(&mut world, &runtime, bearer(COGNITO, json!({"ClientSecret": secret}))).await.success();
    assert_eq!(answer.attribute("ServerName"), "I am ****");
}
