//! Updates of template.yaml that are rolled back in a world that has changed meanwhile. The rollback has to succeed
//! anyway, because a stack in `UPDATE_ROLLBACK_FAILED` accepts no further update.

use emulator::container::{Behaviour, Start};
use emulator::stacks::StackStatus;

use crate::deployment::Deployment;

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_has_broken_meanwhile_does_not_break_the_rollback() {
    let mut deployment = Deployment::new(&[]);
    let created = deployment.create().await;
    deployment.expect(&created, StackStatus::CreateComplete);
    let behaviour = Behaviour { start: Start::Crash("the upstream is down".to_owned()), ..Behaviour::zscaler() };
    deployment.aws.with(|world| world.containers.behave(behaviour));
    deployment.set(&[("EnableWriteTools", "true"), ("WriteToolsAllowlist", "zpa_create_*")]);
    let stack = deployment.update().await;
    deployment.expect(&stack, StackStatus::UpdateRollbackComplete);
    let failed: Vec<_> = deployment.reasons().into_iter().filter(|it| it.contains("UPDATE_FAILED")).collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert!(failed[0].contains("container did not start") && failed[0].contains("the upstream is down"), "{failed:?}");
    assert_eq!(deployment.environment()["ZSCALER_MCP_WRITE_ENABLED"], "false");
    // The stack accepts updates, and they are strict again.
    deployment.aws.with(|world| world.containers.behave(Behaviour::zscaler()));
    let stack = deployment.update().await;
    deployment.expect(&stack, StackStatus::UpdateComplete);
    deployment.delete().await;
    deployment.check_nothing_is_left();
}
