//! MCP servers outside of AgentCore, which gateways call at their own host names.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::container::{Behaviour, Callers, EmulatedServer};

/// The servers that exist, by host name.
#[derive(Debug, Default)]
pub struct McpServers(BTreeMap<String, McpServer>);

#[derive(Debug)]
struct McpServer {
    server: Arc<EmulatedServer>,
    /// True if it is in a VPC, where a gateway needs a private endpoint.
    is_private: bool,
}

impl McpServers {
    /// Starts a server that everybody can reach at `https://<host>/mcp`, in place of one that is there. Needs to be called
    /// inside a tokio runtime.
    pub fn start(&mut self, host: &str, behaviour: Behaviour) {
        self.insert(host, behaviour, false);
    }

    /// Starts a server in a VPC. Needs to be called inside a tokio runtime.
    pub fn start_private(&mut self, host: &str, behaviour: Behaviour) {
        self.insert(host, behaviour, true);
    }

    fn insert(&mut self, host: &str, behaviour: Behaviour, is_private: bool) {
        let server = Arc::new(EmulatedServer::new(behaviour, Callers::default(), None, false));
        self.0.insert(host.to_owned(), McpServer { server, is_private });
    }

    /// Returns the server at a host, as far as it can be reached from outside of a VPC or `through_vpc`.
    pub(crate) fn reached_at(&self, host: &str, through_vpc: bool) -> Option<Arc<EmulatedServer>> {
        self.0.get(host).filter(|it| it.is_private == through_vpc).map(|it| Arc::clone(&it.server))
    }
}
