//! Platform versions: the demands of V2 on a version, and the seam to the container that it starts while a version is
//! built.
//!
//! Most facts about them are observed, not documented: new runtimes are on V2 in many Regions [gh
//! hashicorp/terraform-provider-aws#50078], and an update without the member keeps the version. Environments have up to
//! 4 KB on V1 and 2.5 KB on V2. The developer guide documents a healthy container within two minutes [DG
//! runtime-v2-optimize], and a warm-up hook [DG runtime-lifecycle-hooks].

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::errors::invalid;
use super::runtime_configuration::Configuration;
use crate::input::text;
use crate::service::ApiError;
use crate::settings::{PlatformVersion, Settings};

impl PlatformVersion {
    /// Bytes of all environment variables together, names and values.
    fn environment_max(self) -> usize {
        match self {
            Self::V1 => 4096,
            Self::V2 => 2560,
        }
    }

    /// Returns the platform that a call asks for, and `former` if it asks for none.
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
    /// It must not succeed earlier.
    pub not_before: SystemTime,
}
