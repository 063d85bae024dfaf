//! A real MCP server in place of the emulated ones: a command of this machine, or an image in a container engine.

use std::process::Stdio;
use std::time::Duration;

use emulator::aws::Aws;
use emulator::container::{Port, Program, on_search_path};
use emulator::transport;
use emulator::transport::loopback::Loopback;
use tokio::process::Command;

/// The container engines that are looked for, in this order.
const ENGINES: [&str; 2] = ["docker", "podman"];
/// The longest that an engine may take to look at an image.
const INSPECTION: Duration = Duration::from_secs(20);
/// The processor that AgentCore runs images on, as image formats call it.
const AGENTCORE_ARCHITECTURE: &str = "arm64";

/// Arguments for a real MCP server.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// Run this shell command as the container of every session. It listens on 0.0.0.0, on the port in the variable
    /// PORT or in the variable of the template that holds AgentCore's port, 8000.
    #[arg(long = "server", value_name = "COMMAND", conflicts_with = "image")]
    command: Option<String>,
    /// Run this image as the container of every session, with docker or podman.
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// The environment variable in which the server expects its port. Several if given several times.
    #[arg(long = "server-port-variable", value_name = "NAME", default_value = "PORT", conflicts_with = "fixed_port")]
    port_variables: Vec<String>,
    /// The server listens on port 8000 whatever its environment says. One container runs at a time: a new session ends
    /// the one before.
    #[arg(long)]
    fixed_port: bool,
}

/// The real containers of an account. Dropping this ends them.
pub(crate) struct Containers {
    aws: Aws,
    _listener: Option<Loopback>,
}

impl Arguments {
    /// Returns true if there is a real server.
    pub(crate) fn is_given(&self) -> bool {
        self.command.is_some() || self.image.is_some()
    }

    /// Makes the server the content of every image of the account.
    ///
    /// # Errors
    /// The engine or the image is not there, or no port is free for the server to reach the account.
    pub(crate) async fn install(&self, aws: &Aws) -> Result<Containers, String> {
        if !self.is_given() {
            return Ok(Containers { aws: aws.clone(), _listener: None });
        }
        let listener = transport::listen(aws, 0).await;
        let listener = listener.map_err(|error| format!("the account cannot be offered to a process: {error}"))?;
        let program = self.program(&listener).await?;
        aws.with(|world| world.containers.run(program));
        Ok(Containers { aws: aws.clone(), _listener: Some(listener) })
    }

    async fn program(&self, listener: &Loopback) -> Result<Program, String> {
        let port = if self.fixed_port { Port::Fixed } else { Port::InVariables(self.port_variables.clone()) };
        let network = [
            ("AWS_ENDPOINT_URL", format!("http://{}", listener.address())),
            // What is configured on this machine is not the container's.
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        let network = network.map(|(name, value)| (name.to_owned(), value));
        let Some(image) = &self.image else {
            return Ok(Program::command(self.command.as_deref().unwrap_or_default(), port, network));
        };
        let engine = on_search_path(&ENGINES).ok_or_else(|| {
            format!(
                "`--image` needs {} on PATH, and found neither; run the server without a container by `--server`",
                ENGINES.join(" or ")
            )
        })?;
        fetch_image(engine, image).await?;
        Ok(Program::image(engine, image, port, network))
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        self.aws.with(|world| world.containers.end_all());
    }
}

/// Makes sure that the engine has an image, and warns of one that AgentCore cannot run.
async fn fetch_image(engine: &str, image: &str) -> Result<(), String> {
    let mut inspect = Command::new(engine);
    inspect.args(["image", "inspect", "--format", "{{.Architecture}}", image]).stdin(Stdio::null()).kill_on_drop(true);
    let inspected = tokio::time::timeout(INSPECTION, inspect.output()).await;
    let inspected = inspected
        .map_err(|_| format!("`{engine} image inspect` did not answer within {} seconds", INSPECTION.as_secs()))?
        .map_err(|error| format!("`{engine}` cannot be started: {error}"))?;
    if !inspected.status.success() {
        let mut pull = Command::new(engine);
        pull.args(["pull", image]).stdin(Stdio::null()).kill_on_drop(true);
        let pulled = pull.status().await.map_err(|error| format!("`{engine}` cannot be started: {error}"))?;
        return if pulled.success() { Ok(()) } else { Err(format!("`{engine} pull {image}` failed ({pulled})")) };
    }
    let architecture = String::from_utf8_lossy(&inspected.stdout);
    let architecture = architecture.trim();
    if architecture != AGENTCORE_ARCHITECTURE {
        eprintln!(
            "note: {image} is built for {architecture} here; AgentCore runs images for {AGENTCORE_ARCHITECTURE} only"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Writes an engine that is this shell script.
    fn engine(name: &str, script: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("agentcore-local-{}-{name}", std::process::id()));
        let source = path.with_extension("sh");
        std::fs::write(&source, format!("#!/bin/sh\n{script}\n")).expect("a file");
        // By another process: a file that this one still has open, in a child of another test, cannot be run.
        let installed = std::process::Command::new("install").args(["-m", "755"]).args([&source, &path]).status();
        assert!(installed.is_ok_and(|status| status.success()));
        std::fs::remove_file(source).expect("the file");
        path
    }

    async fn fetched(name: &str, script: &str) -> Result<(), String> {
        let path = engine(name, script);
        let outcome = fetch_image(path.to_str().expect("plain text"), "team/server:1").await;
        std::fs::remove_file(&path).expect("the file");
        outcome.map_err(|sentence| sentence.replace(&*path.to_string_lossy(), "docker"))
    }

    #[tokio::test]
    async fn an_image_is_pulled_if_the_engine_does_not_have_it() {
        assert_eq!(fetched("has", "[ $1 = image ] && echo arm64").await, Ok(()));
        assert_eq!(fetched("pulls", "[ \"$*\" = 'pull team/server:1' ]").await, Ok(()));
        let refused = fetched("refuses", "exit 125").await;
        assert_eq!(refused, Err("`docker pull team/server:1` failed (exit status: 125)".to_owned()));
        let missing = fetch_image("/no/such/engine", "team/server:1").await.expect_err("no engine");
        assert!(missing.starts_with("`/no/such/engine` cannot be started: "), "{missing}");
    }

    #[tokio::test]
    async fn an_engine_that_hangs_is_given_up() {
        let path = engine("hangs", "exec sleep 1000");
        let mut hanging = Box::pin(fetch_image(path.to_str().expect("plain text"), "team/server:1"));
        assert!(tokio::time::timeout(Duration::from_millis(500), &mut hanging).await.is_err());
        tokio::time::pause();
        let refused = hanging.await.expect_err("a sentence");
        assert!(refused.ends_with("image inspect` did not answer within 20 seconds"), "{refused}");
        std::fs::remove_file(&path).expect("the file");
    }
}
