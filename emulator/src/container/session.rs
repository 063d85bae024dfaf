//! Sessions: each has a microVM of its own, and keeps it, with the version it was started from, until it has been idle
//! or alive for too long.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::start::{Boot, Origin, Starting};
use super::{Containers, Server, Start};
use crate::agentcore_control::{Configuration, Version};
use crate::ids::uuid;

/// The ARN of a runtime, or of an endpoint of one's own, and a session id.
pub(crate) type SessionKey = (String, String);

#[derive(Debug)]
pub(super) struct Session {
    /// `None` while its container is starting.
    server: Option<Arc<Server>>,
    started: SystemTime,
    used: SystemTime,
    idle_timeout: Duration,
    max_lifetime: Duration,
}

impl Session {
    fn over(&self, now: SystemTime) -> bool {
        self.server.is_some() && (self.used + self.idle_timeout <= now || self.started + self.max_lifetime <= now)
    }
}

/// What becomes of a request for a session.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Its container runs.
    Running(Arc<Server>),
    /// A container has to be started for it.
    Start(Box<Starting>),
    /// Its container is being started for another request.
    Busy,
}

impl Containers {
    /// A session id that was not used before, in the form of a UUID.
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
        // Endpoints of one's own have sessions of their own, and share the snapshots of the runtime's versions.
        let runtime = key.0.split("/runtime-endpoint/").next().unwrap_or_default().to_owned();
        let origin = match self.snapshots.get(&(runtime, version.number)) {
            Some(snapshot) => Origin::Snapshot(snapshot.clone()),
            None => Origin::Boot(Box::new(self.boot(key.clone(), configuration))),
        };
        Admission::Start(Box::new(Starting::new(key.clone(), origin)))
    }

    /// Counts one more start of the configuration's image. Returns its container, for the caller to start.
    pub(super) fn boot(&mut self, key: SessionKey, configuration: &Configuration) -> Boot {
        let image = configuration.container_uri().unwrap_or_default().to_owned();
        let mut behaviour = self.behaviour(&image);
        let starts = self.starts.entry(image).or_default();
        *starts += 1;
        if *starts > 1 && matches!(behaviour.start, Start::SlowOnce(_)) {
            behaviour.start = Start::Normal(super::START);
        }
        Boot::new(key, behaviour, configuration)
    }

    /// The version of the secret with which each running session of a runtime works, by session id.
    #[must_use]
    pub fn secret_versions(&self, runtime_arn: &str) -> BTreeMap<&str, Option<&str>> {
        let sessions = self.sessions.iter().filter(|((arn, _), _)| arn == runtime_arn);
        sessions
            .filter_map(|((_, id), session)| Some((id.as_str(), session.server.as_ref()?.secret_version())))
            .collect()
    }

    /// The session's container serves from now on.
    pub(crate) fn started(&mut self, key: &SessionKey, server: &Arc<Server>, now: SystemTime) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.server = Some(Arc::clone(server));
            session.used = now;
        }
    }

    /// The session's microVM is gone.
    pub(crate) fn end(&mut self, key: &SessionKey) {
        self.sessions.remove(key);
    }

    /// The session is known under a second id as well: the one its server gave it.
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
