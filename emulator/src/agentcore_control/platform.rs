//! Platform versions: the demands of V2 on a version, and the seam to the container that it starts while a version is
//! built.
//!
//! The known facts about them are observed rather than documented: new runtimes on V2 in many Regions [gh
//! hashicorp/terraform-provider-aws#50078], an update without the member keeps it, environments of up to 4 KB and
//! 2.5 KB, a healthy container within two minutes [DG runtime-v2-optimize], and a warm-up hook [DG
//! runtime-lifecycle-hooks].

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::errors::invalid;
use super::{AgentCoreControl, Configuration};
use crate::input::text;
use crate::service::{ApiError, Call, Outcome};
use crate::settings::Settings;

/// The platform that a version of a runtime runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlatformVersion {
    /// Every session boots a container of its own.
    #[default]
    V1,
    /// A container is started once, while the version is built; every session begins with a copy of it as it was then.
    V2,
}

impl PlatformVersion {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "V1",
            Self::V2 => "V2",
        }
    }

    /// Bytes of all environment variables together, names and values.
    fn environment_max(self) -> usize {
        match self {
            Self::V1 => 4096,
            Self::V2 => 2560,
        }
    }

    /// The platform that a call asks for; `former` is kept where it says nothing.
    pub(super) fn of(input: &Map<String, Value>, former: Self) -> Result<Self, ApiError> {
        let Some(word) = text(input, "platformVersion") else { return Ok(former) };
        let known = Self::ALL.into_iter().find(|version| version.as_str() == word);
        known.ok_or_else(|| invalid(format!("Platform version '{word}' is not supported. Use one of V1, V2.")))
    }

    /// Checks what depends on the platform.
    pub(super) fn check(self, configuration: &Configuration, settings: &Settings) -> Result<(), ApiError> {
        let environment = configuration.environment();
        let bytes: usize = environment.iter().map(|(name, value)| name.len() + value.len()).sum();
        let (word, most) = (self.as_str(), self.environment_max() + settings.environment_surplus);
        if bytes > most {
            return Err(invalid(format!(
                "The total size of environment variables must not exceed {most} bytes for platform version {word}."
            )));
        }
        if self == Self::V1 && configuration.warmup_path().is_some() {
            return Err(invalid("hooksConfiguration.build.warmup is not supported for platform version V1."));
        }
        Ok(())
    }
}

/// A version on V2 whose container has to be started before it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The runtime.
    pub runtime_id: String,
    /// The number of the version.
    pub version: u32,
    /// The time at which the container is started.
    pub starts: SystemTime,
    /// It may not end well earlier.
    pub not_before: SystemTime,
}

impl AgentCoreControl {
    /// The builds that were started and not yet taken. Whoever takes one ends it with [`Self::finish_build`]; until
    /// then the version stays as it is.
    pub fn take_builds(&mut self) -> Vec<Build> {
        std::mem::take(&mut self.builds)
    }

    /// Ends a build: well, or with the reason why not.
    pub fn finish_build(&mut self, build: &Build, result: Result<(), String>, now: SystemTime) {
        let runtime = self.runtimes.iter_mut().find(|runtime| runtime.id == build.runtime_id);
        let versions = runtime.map(|runtime| &mut runtime.versions);
        let Some(version) = versions.and_then(|all| all.iter_mut().find(|it| it.number == build.version)) else {
            return;
        };
        match result {
            Ok(()) => version.transition.end(&Outcome::Normal, now.max(build.not_before)),
            Err(reason) => version.transition.end(&Outcome::Failed(reason), now),
        }
    }

    /// Returns the course of this call's operation on a platform: what decides its end, and how long it takes.
    pub(super) fn course(&self, call: &Call, platform: PlatformVersion) -> (Outcome, std::time::Duration) {
        let Settings { runtime_transition, snapshot_transition, .. } = self.settings;
        match platform {
            PlatformVersion::V1 => (call.outcome.clone(), runtime_transition),
            // Without a fault the container decides.
            PlatformVersion::V2 if call.outcome == Outcome::Normal => (Outcome::Stuck, snapshot_transition),
            PlatformVersion::V2 => (call.outcome.clone(), snapshot_transition),
        }
    }

    /// Has the container of a new version started, if its platform does that. The image is fetched in the first half of
    /// the time; the rest goes into the snapshot.
    pub(super) fn build(&mut self, call: &Call, platform: PlatformVersion, runtime_id: String, version: u32) {
        if platform == PlatformVersion::V2 && call.outcome == Outcome::Normal {
            let takes = self.settings.snapshot_transition;
            let (starts, not_before) = (call.now + takes / 2, call.now + takes);
            self.builds.push(Build { runtime_id, version, starts, not_before });
        }
    }
}
