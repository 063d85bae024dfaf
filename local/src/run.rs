//! The main command: create, outputs, update, delete, and a check of what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cloudformation::{Capability, StackInput};
use emulator::stacks::Status;
use harness::client::{self, Usage};
use harness::zscaler;
use serde_json::Value;

use crate::check::{self, Findings, Inventory};
use crate::fault::{self, FaultSpec};
use crate::identity_provider;
use crate::parameters;
use crate::rotation;
use crate::server;
use crate::session::Session;
use crate::settings::settings;
use crate::surroundings;
use crate::template::{self, Template};

/// The parameter by which a template names the stack that it takes the function from.
const PROVISIONER_STACK: &str = "ProvisionerStack";
/// A change of up to this length is shown in one line.
const ONE_LINE_BYTES: usize = 80;

/// Arguments of the main command. Those that `sam deploy` has too mean the same.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The template to deploy.
    #[arg(short, long, default_value = "template.yaml", value_name = "PATH")]
    template_file: PathBuf,
    /// The template of the stack that has the function, created first if the template has the parameter
    /// ProvisionerStack.
    #[arg(long, default_value = "provisioner.yaml", value_name = "PATH")]
    provisioner_template_file: PathBuf,
    /// Name of the stack.
    #[arg(long, default_value = "agentcore-mcp", value_name = "NAME")]
    stack_name: String,
    /// Parameters as Key=Value, also several in one argument and with quotes, or as
    /// ParameterKey=Key,ParameterValue=Value. Missing values that template.yaml needs are made up.
    #[arg(long, num_args = 1.., value_name = "KEY=VALUE")]
    parameter_overrides: Vec<String>,
    /// Parameters that the update changes. Without it, one switch of the template is turned.
    #[arg(long, num_args = 1.., value_name = "KEY=VALUE")]
    update: Vec<String>,
    /// Rotate the stack's secret before the update, as its owner would, and call the server again.
    #[arg(long)]
    rotate: bool,
    /// A secret that exists before the stack, for templates that use one. Without a value it holds made-up credentials.
    #[arg(long = "existing-secret", value_name = "NAME[=JSON]")]
    existing_secrets: Vec<String>,
    /// A value in Parameter Store, for template parameters of the type AWS::SSM::Parameter::Value<…>. The version that
    /// `cdk bootstrap` stores is there.
    #[arg(long = "ssm-parameter", value_name = "NAME=VALUE", value_parser = stored_parameter)]
    stored_parameters: Vec<(String, String)>,
    /// Time until a runtime, gateway or target is READY or gone, and until AgentCore sees a new role (at most 8 s).
    /// With --fast-forward a runtime on platform version V2 takes at least 3.5 minutes.
    #[arg(long, default_value = "2s", value_parser = crate::time::duration, value_name = "TIME")]
    latency: Duration,
    #[arg(long = "fault", value_name = "SPEC", help = "Make calls go wrong, e.g. throttle:CreateAgentRuntimex8 (--help has all)", long_help = fault::HELP)]
    faults: Vec<FaultSpec>,
    #[command(flatten)]
    server: server::Arguments,
    #[command(flatten)]
    identity_provider: identity_provider::Arguments,
    /// Let the clock jump over waits, so that retries, time-outs and an hour of waiting take no real time.
    #[arg(long, conflicts_with_all = ["bootstrap", "command", "image", "providers"])]
    pub(crate) fast_forward: bool,
    /// Write the stack events to this file, as a JSON array.
    #[arg(long, value_name = "FILE")]
    keep_events: Option<PathBuf>,
    /// Run this built binary through the Lambda Runtime API, instead of the handler in this process.
    #[arg(long, value_name = "PATH")]
    bootstrap: Option<PathBuf>,
}

/// Runs the whole life of one stack.
///
/// # Errors
/// An operation failed or something was left behind. The output says what.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), String> {
    let template = Template::read(&arguments.template_file)?;
    let given = parameters::parse(&arguments.parameter_overrides)?;
    let mut parameters = template.parameters(&given);
    let changes = parameters::parse(&arguments.update)?;

    let settings = settings(arguments.latency, &arguments.server, arguments.fast_forward);
    let mut session = Session::open(settings, arguments.bootstrap.as_deref(), &arguments.server).await?;
    arguments.identity_provider.install(&session.aws).await?;
    for secret in &arguments.existing_secrets {
        surroundings::create_secret(&session.aws, secret)?;
    }
    for (name, value) in &arguments.stored_parameters {
        session.put_parameter(name, value);
    }
    surroundings::emulate(&session.aws, &mut parameters).await?;
    let provisioner = template.value(PROVISIONER_STACK, &parameters).to_owned();
    if !provisioner.is_empty() {
        create_provisioner(&mut session, &provisioner, &arguments.provisioner_template_file).await?;
    }
    for fault in &arguments.faults {
        fault.arm(&session.aws);
    }
    let started = tokio::time::Instant::now();
    let before = Inventory::of(&session.aws);
    let mut life = Life { arguments, template: &template, parameters, wrong: Vec::new() };

    let outcome = life.live(&mut session, changes, &before).await;
    if let Some(path) = &arguments.keep_events {
        let events = Value::from(session.events_as_json());
        std::fs::write(path, format!("{events:#}\n"))
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    outcome?;
    life.check(&mut session, &before).await;
    if !provisioner.is_empty() && session.delete(&provisioner).await? != Status::DeleteComplete {
        life.wrong.push(format!("the stack {provisioner} cannot be deleted"));
    }

    session.console.line("");
    match life.wrong.as_slice() {
        [] => {
            let kind = if arguments.fast_forward { " of emulated time" } else { "" };
            session.console.good(&format!("all of it, in {:.1} s{kind}", started.elapsed().as_secs_f64()));
            Ok(())
        }
        wrong => Err(wrong.join("; ")),
    }
}

/// Creates the stack that has the function, for templates that take it from there.
async fn create_provisioner(session: &mut Session, name: &str, path: &Path) -> Result<(), String> {
    let template = Template::read(path)?;
    session.console.heading(&format!("Create {name} from {}", path.display()));
    let status = session.create(StackInput::uploaded(name, &template.body).capability(Capability::Iam)).await?;
    if status == Status::CreateComplete { Ok(()) } else { Err(format!("the stack {name} ended in {status}")) }
}

/// Reads `NAME=VALUE`.
fn stored_parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not of the form `NAME=VALUE`"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Formats a change as `before → after`, in two lines if it is too long for one.
fn difference(before: &str, after: &str) -> String {
    let named = |text: &str| if text.is_empty() { "(empty)".to_owned() } else { text.to_owned() };
    let (before, after) = (named(before), named(after));
    let separator = if before.len() + after.len() > ONE_LINE_BYTES { '\n' } else { ' ' };
    format!("{before}{separator}→ {after}")
}

/// One stack from its creation to its end.
struct Life<'a> {
    arguments: &'a Arguments,
    template: &'a Template,
    /// The present values.
    parameters: BTreeMap<String, String>,
    /// The failures, a sentence each.
    wrong: Vec<String>,
}

impl Life<'_> {
    async fn live(
        &mut self,
        session: &mut Session,
        changes: BTreeMap<String, String>,
        before: &Inventory,
    ) -> Result<(), String> {
        let name = &self.arguments.stack_name;
        session.console.heading(&format!("Create {name} from {}", self.arguments.template_file.display()));
        let shown: Vec<_> =
            self.parameters.keys().map(|key| (key.as_str(), self.shown(key, &self.parameters))).collect();
        session.console.pairs(shown);
        session.console.line("");
        let since = session.event_count();
        let status = session.create(self.input()).await?;
        if status == Status::CreateComplete {
            session.console.heading("Outputs");
            let outputs = session.outputs(name);
            session.console.pairs(outputs.iter().map(|(name, value)| (name.as_str(), value.clone())));
            self.use_server(session).await;
            if self.arguments.rotate {
                self.rotate(session).await;
            }
            if let Err(refusal) = self.update(session, changes).await {
                session.console.bad(&refusal);
                self.wrong.push("the update was refused".to_owned());
            }
        } else {
            self.went_wrong(session, "the create", status, since);
            session.console.heading("After the rollback");
            session.settle().await;
            let findings = Inventory::of(&session.aws).compare(before, &session.retained());
            self.report(session, findings);
        }
        session.console.heading(&format!("Delete {name}"));
        let since = session.event_count();
        let status = session.delete(name).await?;
        if status != Status::DeleteComplete {
            self.went_wrong(session, "the delete", status, since);
        }
        Ok(())
    }

    /// Calls the deployed server as an MCP client would.
    async fn use_server(&mut self, session: &mut Session) {
        // A tool of a real server may have effects: `VerifyWithTool` names one that may be called.
        let usage = if self.arguments.server.is_given() { Usage::ListTools } else { Usage::CallTool };
        for (id, server) in session.servers(&self.arguments.stack_name) {
            session.console.heading(&format!("Call {id}"));
            let credentials = zscaler::credentials(&session.aws, &server, &self.parameters);
            match client::call(&session.aws, &server, credentials, usage).await {
                Ok(lines) => lines.iter().for_each(|line| session.console.line(format_args!("  {line}"))),
                Err(problem) => {
                    session.console.bad(&problem);
                    self.wrong.push(format!("{id} did not answer"));
                }
            }
        }
    }

    /// Rotates the secrets that the stack reads. The stack itself is not touched.
    async fn rotate(&mut self, session: &mut Session) {
        let rotated = rotation::rotate(session, &self.arguments.stack_name).await;
        let rotated = rotated.map_err(|problem| {
            session.console.bad(&problem);
            self.wrong.push(problem);
        });
        if rotated.is_ok() {
            self.use_server(session).await;
        }
    }

    async fn update(&mut self, session: &mut Session, mut changes: BTreeMap<String, String>) -> Result<(), String> {
        if changes.is_empty() {
            let Some((key, value)) = self.template.change(&self.parameters) else {
                session.console.note("the template has no switch to turn; give --update KEY=VALUE to see an update");
                return Ok(());
            };
            changes.insert(key, value);
        }
        let mut next = self.parameters.clone();
        next.extend(changes.clone());
        let steps: Vec<_> = changes
            .keys()
            .map(|key| (key.as_str(), difference(&self.shown(key, &self.parameters), &self.shown(key, &next))))
            .collect();
        session.console.heading("Update");
        session.console.pairs(steps);
        session.console.line("");
        let name = &self.arguments.stack_name;
        let outputs = session.outputs(name);
        let previous = std::mem::replace(&mut self.parameters, next);
        let since = session.event_count();
        let status = session.update(self.input()).await?;
        if status != Status::UpdateComplete {
            self.went_wrong(session, "the update", status, since);
            self.parameters = previous;
            return Ok(());
        }
        let differences: Vec<_> = session
            .outputs(name)
            .into_iter()
            .filter_map(|(name, now)| {
                let earlier = outputs.get(&name).map_or("(none)", String::as_str);
                (earlier != now).then(|| (name, difference(earlier, &now)))
            })
            .collect();
        session.console.heading("Changed outputs");
        if differences.is_empty() {
            session.console.line("  none");
        }
        session.console.pairs(differences.iter().map(|(name, change)| (name.as_str(), change.clone())));
        Ok(())
    }

    async fn check(&mut self, session: &mut Session, before: &Inventory) {
        session.console.heading("What is left");
        session.settle().await;
        let findings = Inventory::of(&session.aws).compare(before, &session.retained());
        self.report(session, findings);
        let put_fails = self.arguments.faults.iter().any(|fault| matches!(fault, FaultSpec::Response(_)));
        let mut findings = check::answers(&session.aws, put_fails);
        findings.violations.extend(session.unanswered());
        self.report(session, findings);
        let secrets = self.secrets(session);
        let findings = check::secrets(&secrets, &session.texts().await);
        self.report(session, findings);
    }

    fn report(&mut self, session: &Session, findings: Findings) {
        if findings.violations.is_empty() {
            session.console.good(&findings.promise);
        }
        for violation in &findings.violations {
            session.console.bad(violation);
        }
        for note in &findings.notes {
            session.console.note(note);
        }
        self.wrong.extend(findings.violations);
    }

    fn went_wrong(&mut self, session: &Session, what: &str, status: Status, since: usize) {
        let reason = session.first_failure(since).unwrap_or_else(|| "no reason was given".to_owned());
        session.console.line("");
        session.console.bad(&format!("{what} ended in {status}"));
        session.console.line(format_args!("     {reason}"));
        self.wrong.push(format!("{what} ended in {status}"));
    }

    /// Returns the values that must not occur anywhere: `NoEcho` parameters, and all other values of secrets, such as
    /// generated keys.
    fn secrets(&self, session: &Session) -> Vec<(String, String)> {
        let mut secrets = self.template.secrets(&self.parameters);
        let known: BTreeSet<&String> = self.parameters.values().collect();
        let others = session.secret_values();
        let others = others.into_iter().filter(|(_, value)| !known.contains(value) && template::is_findable(value));
        secrets.extend(others);
        secrets
    }

    fn input(&self) -> StackInput {
        let input = StackInput::uploaded(&self.arguments.stack_name, &self.template.body).capability(Capability::Iam);
        self.parameters.iter().fold(input, |input, (name, value)| input.parameter(name, value))
    }

    /// Returns a parameter's value as it may be shown.
    fn shown(&self, name: &str, parameters: &BTreeMap<String, String>) -> String {
        if self.template.is_secret(name) { "****".to_owned() } else { self.template.value(name, parameters).to_owned() }
    }
}
