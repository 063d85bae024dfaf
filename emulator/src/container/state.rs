//! The state of the containers: images, sessions and snapshots.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::behaviour::{Behaviour, START, Start};
use super::program::Program;
use super::server::Server;
use super::session::{Admission, Session};
use super::start::{Boot, Contents, Origin, SessionKey, Snapshot, Starting};
use crate::agentcore_control::{Configuration, Version};
use crate::ids::uuid;

/// The images and the microVMs of the account.
#[derive(Debug, Default)]
pub struct Containers {
    /// By the start of the image's URI; the longest that fits decides.
    behaviours: BTreeMap<String, Behaviour>,
    /// The content of every image, in place of an emulated server.
    program: Option<Program>,
    /// The number of containers that were started, by image.
    starts: BTreeMap<String, u64>,
    sessions: BTreeMap<SessionKey, Session>,
    /// The snapshots of containers started while versions were built, by the runtime's ARN and the version's number.
    snapshots: BTreeMap<(String, u32), Snapshot>,
    /// The number of sessions there ever were; decides the next id.
    admitted: u64,
    strips_mcp_headers: bool,
    /// True while sessions that are over are removed as time goes by.
    is_swept: bool,
}

impl Containers {
    /// Chooses the behaviour of every image from now on. Running microVMs are not affected.
    pub fn behave(&mut self, behaviour: Behaviour) {
        self.behaviours.clear();
        self.behave_as("", behaviour);
    }

    /// Images whose URI starts so behave so from now on.
    pub fn behave_as(&mut self, image_prefix: &str, behaviour: Behaviour) {
        self.behaviours.insert(image_prefix.to_owned(), behaviour);
        self.starts.retain(|image, _| !image.starts_with(image_prefix));
    }

    /// Makes every image this program from now on. Running microVMs are not affected.
    pub fn run(&mut self, program: Program) {
        self.program = Some(program);
    }

    /// Chooses if `Mcp-Protocol-Version`, `Mcp-Method` and `Mcp-Name` reach a container only if its runtime's allowlist
    /// names them. The API models them, which says that they always do; they were also seen missing.
    pub fn strip_mcp_headers(&mut self, strip: bool) {
        self.strips_mcp_headers = strip;
    }

    pub(crate) fn strips_mcp_headers(&self) -> bool {
        self.strips_mcp_headers
    }

    /// Returns the number of containers that were started so far.
    #[must_use]
    pub fn starts(&self) -> u64 {
        self.starts.values().sum()
    }

    fn behaviour(&self, image: &str) -> Behaviour {
        let fitting = self.behaviours.iter().filter(|(prefix, _)| image.starts_with(prefix.as_str()));
        fitting.max_by_key(|(prefix, _)| prefix.len()).map(|(_, behaviour)| behaviour.clone()).unwrap_or_default()
    }

    /// Returns a session id that was not used before, in the form of a UUID.
    pub(crate) fn next_session_id(&mut self) -> String {
        self.admitted += 1;
        uuid(&format!("session {}", self.admitted))
    }

    /// Finds the session's microVM, or creates one of this version.
    pub(crate) fn admit(&mut self, key: &SessionKey, version: &Version, now: SystemTime) -> Admission {
        let configuration = &version.configuration;
        if let Some(session) = self.sessions.get_mut(key).filter(|session| !session.over(now)) {
            session.used = now;
            return session.server.clone().map_or(Admission::Busy, Admission::Running);
        }
        let (idle, life) = configuration.lifecycle();
        let session = Session {
            server: None,
            started: now,
            used: now,
            idle_timeout: Duration::from_secs(idle),
            max_lifetime: Duration::from_secs(life),
        };
        self.sessions.insert(key.clone(), session);
        // Other endpoints than `DEFAULT` have sessions of their own, and share the snapshots of the runtime's versions.
        let runtime = key.0.split("/runtime-endpoint/").next().unwrap_or_default().to_owned();
        let snapshot = self.snapshots.get(&(runtime, version.number)).filter(|snapshot| !snapshot.0.has_ended());
        let origin = match snapshot {
            Some(snapshot) => Origin::Snapshot(snapshot.clone()),
            None => Origin::Boot(Box::new(self.boot(key.clone(), configuration))),
        };
        Admission::Start(Box::new(Starting::new(key.clone(), origin)))
    }

    /// Counts one more start of the configuration's image. Returns its container, for the caller to start.
    pub(crate) fn boot(&mut self, key: SessionKey, configuration: &Configuration) -> Boot {
        let image = configuration.container_uri().unwrap_or_default().to_owned();
        let mut behaviour = self.behaviour(&image);
        let program = self.program.clone();
        let starts = self.starts.entry(image).or_default();
        *starts += 1;
        if *starts > 1 && matches!(behaviour.start, Start::SlowOnce(_)) {
            behaviour.start = Start::Normal(START);
        }
        let contents = program.map_or(Contents::Emulated(Box::new(behaviour)), Contents::Program);
        Boot::new(key, contents, configuration)
    }

    /// Keeps the snapshot of a version of a runtime, by the runtime's ARN and the version's number. It takes the place of a
    /// process that served an earlier version: processes would become more and more.
    pub(crate) fn keep(&mut self, version: (String, u32), snapshot: Snapshot) {
        self.snapshots.retain(|(arn, _), former| *arn != version.0 || !matches!(*former.0, Server::Process(_)));
        self.snapshots.insert(version, snapshot);
    }

    /// Returns the version of the secret with which each running session of a runtime works, by session id.
    #[must_use]
    pub fn secret_versions(&self, runtime_arn: &str) -> BTreeMap<&str, Option<&str>> {
        let sessions = self.sessions.iter().filter(|((arn, _), _)| arn == runtime_arn);
        sessions
            .filter_map(|((_, id), session)| Some((id.as_str(), session.server.as_ref()?.secret_version())))
            .collect()
    }

    /// Records that the session's container serves from now on.
    pub(crate) fn started(&mut self, key: &SessionKey, server: &Arc<Server>, now: SystemTime) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.server = Some(Arc::clone(server));
            session.used = now;
        }
    }

    /// Removes the session with its microVM.
    pub(crate) fn end(&mut self, key: &SessionKey) {
        self.sessions.remove(key);
    }

    /// Returns true for the one who is to call [`Self::sweep`] from now on.
    pub(crate) fn takes_sweeper(&mut self) -> bool {
        !std::mem::replace(&mut self.is_swept, true)
    }

    /// Removes the sessions that are over, with their microVMs. Returns when the next one will be. Needs no more sweeping
    /// after `None`.
    pub(crate) fn sweep(&mut self, now: SystemTime) -> Option<SystemTime> {
        self.sessions.retain(|_, session| !session.over(now));
        let next = self.sessions.values().filter_map(Session::end).min();
        self.is_swept = next.is_some();
        next
    }

    /// Removes the microVMs of a runtime, by its ARN.
    pub(crate) fn end_runtime(&mut self, arn: &str) {
        let of_endpoint = format!("{arn}/runtime-endpoint/");
        self.sessions.retain(|(place, _), _| place != arn && !place.starts_with(&of_endpoint));
        self.snapshots.retain(|(runtime, _), _| runtime != arn);
    }

    /// Removes all microVMs.
    pub fn end_all(&mut self) {
        self.sessions.clear();
        self.snapshots.clear();
    }

    /// Gives the session a second id: the one that its server chose.
    pub(crate) fn alias(&mut self, key: &SessionKey, alias: SessionKey) {
        if key == &alias || self.sessions.contains_key(&alias) {
            return;
        }
        if let Some(Session { server, started, used, idle_timeout, max_lifetime }) = self.sessions.get(key) {
            let (server, started, used) = (server.clone(), *started, *used);
            let session = Session { server, started, used, idle_timeout: *idle_timeout, max_lifetime: *max_lifetime };
            self.sessions.insert(alias, session);
        }
    }
}
