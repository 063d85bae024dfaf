//! A real MCP server in place of the emulated ones: a command of this machine, or an image in a container engine.

use emulator::aws::Aws;
use emulator::container::{Port, Program};
use emulator::transport;
use emulator::transport::loopback::Loopback;

use crate::container_engine;

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
        let engine = container_engine::find()?;
        container_engine::fetch_image(engine, image).await?;
        Ok(Program::image(engine, image, port, network))
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        self.aws.with(|world| world.containers.end_all());
    }
}
