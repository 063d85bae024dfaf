//! Starting a container: it prints into its runtime's log group as its execution role, reads its secret as that role,
//! and then serves, or exits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Value, json};

use crate::aws::{Aws, ServiceId};
use crate::container::{
    Behaviour, Boot, CallerCheck, Callers, Contents, EmulatedServer, Log, Origin, Program, START, Server, SessionKey,
    Start, Starting,
};
use crate::ids::uuid;
use crate::logs;
use crate::service::Principal;

/// A session's container has to serve within this time [gh aws/bedrock-agentcore-sdk-python#599].
const INITIALIZATION: Duration = Duration::from_secs(30);
/// The time for copying a snapshot, as seen [gh awslabs/agentcore-samples#2094].
const RESTORATION: Duration = Duration::from_secs(2);

/// Exits the process with this message, as Python's exception of the name does.
struct SystemExit(String);

impl Starting {
    /// Starts it. `None`, after the whole time a container is given, if it does not serve by then.
    pub(crate) async fn run(self, aws: &Aws) -> Option<Arc<Server>> {
        let pending = Pending { aws, key: self.key, served: false };
        let server = match self.origin {
            Origin::Boot(boot) => boot.run(aws, INITIALIZATION).await,
            Origin::Snapshot(snapshot) => {
                tokio::time::sleep(RESTORATION).await;
                Some(snapshot.server())
            }
        };
        pending.conclude(server.as_ref());
        server
    }
}

impl Boot {
    /// Starts the container. `None`, after the whole `time` it is given, if it does not serve by then.
    pub(super) async fn run(mut self, aws: &Aws, time: Duration) -> Option<Arc<Server>> {
        match self.contents.clone() {
            Contents::Emulated(behaviour) => {
                let begun = tokio::time::Instant::now();
                let server = self.serve(aws, &behaviour, time).await;
                if server.is_none() {
                    tokio::time::sleep_until(begun + time).await;
                }
                server
            }
            // An end is known at once, and nobody likes to wait in real time.
            Contents::Program(program) => self.launch(aws, &program, time).await,
        }
    }

    async fn serve(&mut self, aws: &Aws, behaviour: &Behaviour, time: Duration) -> Option<Arc<Server>> {
        let name = &behaviour.server_name;
        self.print(aws, &format!("INFO: starting {name} {}", behaviour.server_version));
        let takes = match &behaviour.start {
            Start::Normal(takes) | Start::SlowOnce(takes) => *takes,
            Start::Crash(_) => START,
        };
        tokio::time::sleep(takes.min(time)).await;
        if takes > time {
            return None;
        }
        if let Start::Crash(line) = &behaviour.start {
            self.print(aws, line);
            return None;
        }
        if let Err(SystemExit(message)) = self.read_secret(aws, behaviour) {
            self.print(aws, &format!("SystemExit: {message}"));
            return None;
        }
        self.print(aws, "INFO: serving streamable HTTP on 0.0.0.0:8000/mcp");
        let callers = match behaviour.caller_check {
            CallerCheck::AsEnvironmentSays => Callers::of(&self.environment),
            CallerCheck::Nothing => Callers::default(),
        };
        let is_wrong = |(key, value): &(String, String)| self.environment.get(key) != Some(value);
        let is_refused_upstream = behaviour.upstream.as_ref().is_some_and(is_wrong);
        let secret_version = self.secret_version.clone();
        let server = EmulatedServer::new(behaviour.clone(), callers, secret_version, is_refused_upstream);
        Some(Arc::new(Server::Emulated(server)))
    }

    /// Reads the secret that the environment names, if it names one, and checks that what is required is there.
    fn read_secret(&mut self, aws: &Aws, behaviour: &Behaviour) -> Result<(), SystemExit> {
        let variable = &behaviour.secret_variable;
        let id = self.environment.get(variable).map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
        let Some(id) = id.filter(|_| behaviour.reads_secret) else { return Ok(()) };
        let region = &aws.settings().region;
        self.print(aws, &format!("INFO: reading the secret '{id}' in {region} from Secrets Manager"));
        let values = self.fetch(aws, behaviour, &id)?;
        if behaviour.prints_secret {
            let texts = values.iter().map(|(key, value)| format!("DEBUG: {key} = {}", as_text(value)));
            self.print(aws, &texts.collect::<Vec<_>>().join("\n"));
        }
        let values = values.iter().filter(|(_, value)| !value.is_null());
        self.environment.extend(values.map(|(key, value)| (key.clone(), as_text(value))));
        let present = |key: &str| self.environment.get(key).is_some_and(|value| !value.trim().is_empty());
        let required = behaviour.required_keys.iter();
        let missing: Vec<&str> = required
            .filter(|keys| !keys.split('|').any(present))
            .map(|keys| keys.split('|').next().unwrap_or_default())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.join(", ");
        Err(SystemExit(format!(
            "Required credentials are missing from '{id}': {missing}\nAdd them to the secret or set them in the \
             environment."
        )))
    }

    fn fetch(&mut self, aws: &Aws, behaviour: &Behaviour, id: &str) -> Result<Map<String, Value>, SystemExit> {
        let role = Principal::Role(self.role.clone());
        let variable = &behaviour.secret_variable;
        let answer = aws
            .call(&role, ServiceId::SecretsManager, "GetSecretValue", json!({"SecretId": id}))
            .map_err(|error| match error.code {
                "ResourceNotFoundException" => {
                    format!("No secret named '{id}' in this account and Region. Check {variable} and AWS_REGION.")
                }
                "AccessDeniedException" => format!(
                    "Access denied reading '{id}'. The execution role needs secretsmanager:GetSecretValue on the \
                     secret's ARN."
                ),
                "InvalidRequestException" => {
                    format!("'{id}' cannot be read in its present state, as when it is scheduled for deletion.")
                }
                code => format!(
                    "Could not read the secret '{id}': An error occurred ({code}) when calling the GetSecretValue \
                     operation: {}",
                    error.message
                ),
            })
            .map_err(SystemExit)?;
        self.secret_version = answer["VersionId"].as_str().map(str::to_owned);
        let Some(text) = answer["SecretString"].as_str().filter(|text| !text.is_empty()) else {
            return Err(SystemExit(format!("The secret '{id}' is binary. Store the values as a JSON SecretString.")));
        };
        match serde_json::from_str(text) {
            Ok(Value::Object(values)) => Ok(values),
            Ok(_) => Err(SystemExit(format!("The secret '{id}' is not a JSON object of names and values."))),
            // Not the parser's own message: it may quote the secret.
            Err(problem) => Err(SystemExit(format!(
                "The secret '{id}' is not valid JSON: line {} column {}",
                problem.line(),
                problem.column()
            ))),
        }
    }

    /// Prints a text, each line of which becomes a log event.
    fn print(&self, aws: &Aws, text: &str) {
        print(aws, &self.role, &self.key, text);
    }

    /// Starts a real server. `None` if it does not listen in time, or has ended.
    async fn launch(&self, aws: &Aws, program: &Program, time: Duration) -> Option<Arc<Server>> {
        let (owner, role, key) = (aws.clone(), self.role.clone(), self.key.clone());
        let log: Log = Arc::new(move |lines| print(&owner, &role, &key, lines));
        let process = match program.start(self.environment.clone(), self.platform(aws), Arc::clone(&log)).await {
            Ok(process) => process,
            Err(problem) => {
                log(&problem);
                return None;
            }
        };
        if process.listens_within(time).await {
            return Some(Arc::new(Server::Process(process)));
        }
        if !process.has_ended() {
            log(&format!("not ready after {} seconds: {}", time.as_secs(), process.whereabouts().await));
        }
        None
    }

    /// Returns the environment variables that the platform adds: the Region, and the credentials of the execution role.
    fn platform(&self, aws: &Aws) -> BTreeMap<String, String> {
        let region = &aws.settings().region;
        let credentials = aws.credentials(&Principal::Role(self.role.clone()));
        let variables = [
            ("AWS_REGION", region.clone()),
            ("AWS_DEFAULT_REGION", region.clone()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
            ("AWS_SESSION_TOKEN", credentials.session_token),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

impl Aws {
    /// Ends every session when it is over, until there is none.
    async fn end_idle_sessions(self) {
        loop {
            let now = self.clock().now();
            let Some(next) = self.with(|world| world.containers.sweep(now)) else { return };
            tokio::time::sleep(next.duration_since(now).unwrap_or_default()).await;
        }
    }
}

/// Writes into the log of a session as this role, each line as an event. A role that may not write it prints nothing.
fn print(aws: &Aws, role: &str, (arn, session): &SessionKey, text: &str) {
    let group = logs::group_of(arn);
    let now = aws.clock().now();
    let date = DateTime::from(now).fmt(Format::DateTime).unwrap_or_default();
    let day = date.get(..10).unwrap_or_default().replace('-', "/");
    let stream = format!("{day}/[runtime-logs]{}", uuid(session));
    let requirements = logs::to_print(aws.settings(), &group, &stream);
    let role = Principal::Role(role.to_owned());
    aws.with(|world| {
        if world.iam.authorize(&role, &requirements).is_ok() {
            world.logs.write(&group, &stream, now, text.lines().map(str::to_owned));
        }
    });
}

/// Formats a JSON value almost as Python's `str` does.
fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Gives the session up if the start fails, or if its caller goes away.
struct Pending<'a> {
    aws: &'a Aws,
    key: SessionKey,
    served: bool,
}

impl Pending<'_> {
    fn conclude(mut self, server: Option<&Arc<Server>>) {
        if let Some(server) = server {
            let now = self.aws.clock().now();
            self.aws.with(|world| world.containers.started(&self.key, server, now));
            self.served = true;
            // A process would go on.
            let is_process = matches!(**server, Server::Process(_));
            if is_process && self.aws.with(|world| world.containers.takes_sweeper()) {
                tokio::spawn(self.aws.clone().end_idle_sessions());
            }
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.served {
            self.aws.with(|world| world.containers.end(&self.key));
        }
    }
}
