//! Runs the provisioner and its template on this machine, against the emulator. Needs no AWS account and no network.

mod bench;
mod check;
mod console;
mod container_engine;
mod emulate;
mod fault;
mod identity_provider;
mod interruption;
mod made_up;
mod parameters;
mod request;
mod rotation;
mod run;
mod runtime;
mod secret;
mod server;
mod session;
mod settings;
mod surroundings;
mod template;
mod time;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::interruption::interruption;
use self::runtime::Runtime;

/// Deploys a template on an emulated AWS with the real provisioner: create, outputs, update, delete, and a check that
/// nothing is left behind. Without arguments it deploys template.yaml with made-up credentials.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(flatten)]
    run: run::Arguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the emulated AWS on loopback, for the AWS CLI, boto3 or any SDK, until Ctrl-C.
    Emulate(emulate::Arguments),
    /// Split a server's .env file into the JSON of its secret, whose values are not printed, and its plain configuration.
    Secret(secret::Arguments),
    /// Measure start, latency, memory, calls and size. Use a release build: `cargo run --release -p local -- bench`.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let arguments = CommandLine::parse();
    let outcome = match &arguments.command {
        None => Runtime::new(arguments.run.fast_forward)
            .and_then(|runtime| runtime.run(unless_interrupted(run::run(&arguments.run)))),
        Some(Command::Emulate(arguments)) => {
            Runtime::new(false).and_then(|runtime| runtime.run(emulate::run(arguments)))
        }
        Some(Command::Secret(arguments)) => secret::run(arguments),
        Some(Command::Bench(arguments)) => bench::run(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Gives the work up if a signal asks for an end.
async fn unless_interrupted(work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    tokio::select! {
        outcome = work => outcome,
        signal = interruption() => Err(signal?.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        CommandLine::command().debug_assert();
    }

    /// Runs the main command as the command line would, on a template written for this test.
    fn live(name: &str, template: &str, arguments: &[&str]) -> Result<(), String> {
        let path = std::env::temp_dir().join(format!("agentcore-local-{}-{name}", std::process::id()));
        std::fs::write(&path, template).expect("a file");
        let file = path.to_str().expect("plain text");
        let line = CommandLine::parse_from([&["local", "--fast-forward", "--template-file", file], arguments].concat());
        let outcome = Runtime::new(true).and_then(|runtime| runtime.run(run::run(&line.run)));
        std::fs::remove_file(&path).expect("the file");
        outcome
    }

    #[test]
    fn what_the_template_retains_is_not_a_leftover() {
        let template = include_str!("../../template.yaml");
        let retain = |types: &[&str], policy: &str| {
            types.iter().fold(template.to_owned(), |text, name| {
                text.replace(&format!("    Type: {name}\n"), &format!("    Type: {name}\n{policy}"))
            })
        };
        let all = ["Custom::AgentCoreSecret", "Custom::AgentCoreRuntime", "Custom::AgentCoreGateway", "AWS::IAM::Role"];
        let both = "    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain\n";
        let gateway = ["--parameter-overrides", "EnableAgentCoreGateway=true", "--update", "AgentRuntimeName=renamed"];
        assert_eq!(live("retain.yaml", &retain(&all, both), &gateway), Ok(()));
        let except = "    DeletionPolicy: RetainExceptOnCreate\n";
        assert_eq!(live("except.yaml", &retain(&["Custom::AgentCoreRuntime"], except), &[]), Ok(()));
        let targets = retain(&["Custom::AgentCoreGatewayTarget", "Custom::AgentCoreOAuth2CredentialProvider"], both);
        let attach = ["EnableAgentCoreGateway=true", "GatewayMode=attach", "McpAuthMode=jwt"];
        assert_eq!(live("target.yaml", &targets, &[&["--parameter-overrides"], &attach[..]].concat()), Ok(()));
    }

    #[test]
    fn what_cdk_synth_writes_is_deployed() {
        let template = include_str!("../fixtures/cdk.template.json");
        let stored =
            ["--ssm-parameter", "/tools/log-level=debug", "--ssm-parameter", "/tools/zones=us-east-1a, us-east-1b"];
        assert_eq!(live("cdk.json", template, &stored), Ok(()));
        let missing = live("cdk-without.json", template, &stored[..2]).expect_err("a parameter is missing");
        assert!(missing.contains("Unable to fetch parameters [/tools/zones] from parameter store"), "{missing}");
        let old = ["--ssm-parameter", "/cdk-bootstrap/hnb659fds/version=5"];
        let old = live("cdk-old.json", template, &[&stored[..], &old[..]].concat()).expect_err("a Rule");
        assert!(old.contains("CDK bootstrap stack version 6 required"), "{old}");
    }

    #[test]
    fn a_rotated_secret_is_used_by_the_next_call() {
        let template = include_str!("../../template.yaml");
        assert_eq!(live("rotate.yaml", template, &["--rotate"]), Ok(()));
        let without = ["--rotate", "--parameter-overrides", "RecycleOnRotation=false"];
        let problem = live("unnoticed.yaml", template, &without).expect_err("nothing notices the rotation");
        assert!(problem.contains("no rule of the stack has noticed that the secret was rotated"), "{problem}");
    }

    #[test]
    fn a_template_may_take_the_function_from_the_stack_of_another() {
        let template = include_str!("../../examples/mcp-server.yaml");
        let base = concat!(env!("CARGO_MANIFEST_DIR"), "/../provisioner.yaml");
        let parameters = ["Name=mcp_mine", "Repository=mine", "ImageTag=1", "TokenUrl=https://idp.example.com/token"];
        let credentials = ["ClientId=my-client", "ClientSecret=my-client-secret", "VerifyWithTool=tool_001"];
        let arguments = [&["--provisioner-template-file", base, "--parameter-overrides"], &parameters[..]].concat();
        assert_eq!(live("server.yaml", template, &[&arguments[..], &credentials].concat()), Ok(()));
    }
}
