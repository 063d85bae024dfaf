//! A real MCP server in place of the emulated ones: a command of this machine, or an image in a container engine.

use std::collections::BTreeMap;
use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::process::Command;

use super::process::{End, Folder, Group, Log, POLL, Process};

/// AgentCore's port, unless a runtime's protocol configuration names another one.
pub(crate) const AGENTCORE_PORT: u16 = 8000;
/// Variables of this machine that a command needs to be found and to run. The rest of them stays here.
const OF_THE_MACHINE: [&str; 4] = ["PATH", "HOME", "LANG", "USER"];
/// An ended process may hold its port for so long.
const RELEASE: Duration = Duration::from_secs(2);

/// A program that runs in every container. Clones are the same program.
#[derive(Clone, Debug)]
pub struct Program {
    executable: Executable,
    port: Port,
    /// Environment variables by which it reaches the emulated AWS.
    network: BTreeMap<String, String>,
    /// Its newest container.
    newest: Arc<Mutex<Weak<Group>>>,
}

#[derive(Clone, Debug)]
enum Executable {
    /// Run by `sh -c` in the present folder.
    Command(String),
    /// Run by this engine, `docker` or one with the same commands, in the network of this machine.
    Image { engine: String, image: String },
}

/// The port that a program listens on.
#[derive(Clone, Debug)]
pub enum Port {
    /// A free one for each container. These environment variables name it, and those of the runtime that hold AgentCore's
    /// port, such as `MCP_PORT=8000`.
    InVariables(Vec<String>),
    /// AgentCore's own, 8000. One container runs at a time: a new one is the end of the one before.
    Fixed,
}

impl Program {
    /// Creates a program from a shell command. `network` has the environment variables by which it reaches AWS.
    pub fn command(command: &str, port: Port, network: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::new(Executable::Command(command.to_owned()), port, network)
    }

    /// Creates a program from an image in a container engine with the commands of `docker`.
    pub fn image(engine: &str, image: &str, port: Port, network: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::new(Executable::Image { engine: engine.to_owned(), image: image.to_owned() }, port, network)
    }

    fn new(executable: Executable, port: Port, network: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { executable, port, network: network.into_iter().collect(), newest: Arc::default() }
    }

    /// Starts a container with the runtime's environment and the platform's. Its output, and the news of its end, go to the
    /// log. Needs to be called inside a tokio runtime.
    ///
    /// # Errors
    /// It cannot be started; a sentence.
    pub(crate) async fn start(
        &self,
        mut environment: BTreeMap<String, String>,
        platform: BTreeMap<String, String>,
        log: Log,
    ) -> Result<Process, String> {
        let (port, variables) = match &self.port {
            Port::Fixed => (self.take_fixed_port().await?, Vec::new()),
            Port::InVariables(names) => (free_port(), names.clone()),
        };
        let agentcore = AGENTCORE_PORT.to_string();
        for (_, value) in environment.iter_mut().filter(|(name, value)| names_port(name) && **value == agentcore) {
            *value = port.to_string();
        }
        environment.extend(variables.iter().map(|name| (name.clone(), port.to_string())));
        for (name, value) in platform.into_iter().chain(self.network.clone()) {
            environment.entry(name).or_insert(value);
        }
        let folder = Folder::create()?;
        let command = self.process(folder.name(), &environment);
        let process = Process::start(command, folder, self.engine(), port, log)?;
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = process.group();
        Ok(process)
    }

    fn engine(&self) -> Option<String> {
        match &self.executable {
            Executable::Command(_) => None,
            Executable::Image { engine, .. } => Some(engine.clone()),
        }
    }

    /// Creates the command that runs a container of this name.
    fn process(&self, name: &str, environment: &BTreeMap<String, String>) -> Command {
        match &self.executable {
            Executable::Command(text) => {
                let mut command = Command::new("sh");
                command.args(["-c", text]).env_clear();
                command.envs(OF_THE_MACHINE.iter().filter_map(|name| Some((name, env::var_os(name)?))));
                command.envs(environment);
                command
            }
            Executable::Image { engine, image } => {
                let mut command = Command::new(engine);
                command.args(["run", "--rm", "--network", "host", "--name", name]);
                // By name alone, so that no value is in the list of processes.
                command.args(environment.keys().flat_map(|name| ["--env", name])).arg(image).envs(environment);
                command
            }
        }
    }

    /// Ends the container that has AgentCore's port, and waits until the port is free.
    async fn take_fixed_port(&self) -> Result<u16, String> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let Some(former) = newest {
            former.kill(End::Port);
        }
        let begun = tokio::time::Instant::now();
        while let Err(problem) = TcpListener::bind((Ipv4Addr::UNSPECIFIED, AGENTCORE_PORT)) {
            if begun.elapsed() > RELEASE {
                return Err(format!("port {AGENTCORE_PORT} of this machine cannot be listened on: {problem}"));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(AGENTCORE_PORT)
    }
}

/// Returns the first of these programs that is on the search path.
#[must_use]
pub fn on_search_path<'a>(programs: &[&'a str]) -> Option<&'a str> {
    let path = env::var_os("PATH").unwrap_or_default();
    programs.iter().copied().find(|program| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

fn names_port(variable: &str) -> bool {
    variable.to_uppercase().ends_with("PORT")
}

/// Returns a port that was free a moment ago. Port 0, on which nothing can listen, if there is none.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0));
    listener.and_then(|listener| listener.local_addr()).map_or(0, |address| address.port())
}
