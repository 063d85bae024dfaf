//! The platform version of a runtime: the one that an update keeps, and the size of the environment that it accepts.
//!
//! Calls: GetAgentRuntime of the version before, only if an update that sets the platform is undone.

use aws_sdk_bedrockagentcorecontrol::operation::get_agent_runtime::GetAgentRuntimeOutput;

use super::configuration::Configuration;
use super::properties::Properties;
use crate::agentcore::runtime::{V1, V2, get_before};
use crate::error::Error;
use crate::job::Job;
use crate::refusal::Refusal;
use crate::stack::is_rolling_back;

/// The maximum size of all variables, names and values, that the platforms were seen to accept: 4 KB and, for
/// containers, 2.5 KB.
const V1_BYTES_MAX: usize = 4096;
const V2_BYTES_MAX: usize = 2560;
/// The maximum number of versions that one update is assumed to have created, over all its deliveries.
const UNDONE_VERSIONS_MAX: usize = 5;

/// Returns the platform on which an update leaves the runtime: the one that the template gives, otherwise the present
/// one.
///
/// The rollback of an update that gave a platform to a runtime without one goes back to the platform of the version
/// before. To stay would repeat the update that has just failed.
pub(super) async fn of_update(
    job: &Job<'_>,
    live: &GetAgentRuntimeOutput,
    properties: &Properties,
    old: Option<&Properties>,
) -> Result<Option<String>, Error> {
    let shown = live.platform_version();
    let undone = old.and_then(|old| old.platform_version).filter(|undone| *undone == shown.unwrap_or(V1));
    Ok(match (properties.platform_version, undone) {
        // Sending it changes nothing, and a service that does not show it may not know it.
        (Some(V1), _) if shown.is_none() => None,
        (Some(wanted), _) => Some(wanted.to_owned()),
        (None, Some(undone)) if is_rolling_back(job) => {
            before(job, live, undone).await?.or_else(|| shown.map(str::to_owned))
        }
        (None, _) => shown.map(str::to_owned),
    })
}

/// Returns the platform of the newest version that is not on the platform `undone`, because the update that is undone
/// may have created several versions. Returns `None` if none of the last versions qualifies.
async fn before(job: &Job<'_>, live: &GetAgentRuntimeOutput, undone: &str) -> Result<Option<String>, Error> {
    let mut version = get_before(job, live).await?;
    for _ in 0..UNDONE_VERSIONS_MAX {
        let Some(it) = version else { return Ok(None) };
        let platform = it.platform_version().unwrap_or(V1);
        if platform != undone {
            return Ok(Some(platform.to_owned()));
        }
        version = get_before(job, &it).await?;
    }
    Ok(None)
}

/// Refuses an environment that is too large for the platform or, if the service chooses the platform, for all
/// platforms.
pub(super) fn check_environment(configuration: &Configuration) -> Result<(), Error> {
    let bytes = configuration.environment_bytes();
    let (most, platform) = match configuration.platform_version() {
        Some(V2) => (V2_BYTES_MAX, V2),
        None | Some(V1) => (V1_BYTES_MAX, V1),
        // A platform of the future: the service checks the size.
        Some(_) => return Ok(()),
    };
    if bytes <= most {
        return Ok(());
    }
    let problem = format!("come to {bytes} bytes, where AgentCore takes at most {most} on platform version {platform}");
    Err(too_large(&problem, platform == V2 && bytes <= V1_BYTES_MAX))
}

/// Explains the refusal of an environment that [`check_environment`] let pass: the service has chosen the platform, or
/// measures differently. Returns every other error as it is.
pub(super) fn explain(error: Error, configuration: &Configuration) -> Error {
    let bytes = configuration.environment_bytes();
    let is_too_large = bytes > 0 && Refusal::EnvironmentTooLarge.explains(&error);
    let Some(refusal) = error.api().filter(|_| is_too_large) else { return error };
    let problem = format!(
        "come to {bytes} bytes, which AgentCore refuses (\"{}\"); it was seen to take {V1_BYTES_MAX} bytes on platform \
         version V1 and {V2_BYTES_MAX} on V2",
        refusal.message
    );
    too_large(&problem, configuration.platform_version() != Some(V1) && bytes <= V1_BYTES_MAX)
}

fn too_large(problem: &str, fits_v1: bool) -> Error {
    let or_v1 = if fits_v1 { ", or set `PlatformVersion` to V1" } else { "" };
    let advice = format!(
        "use fewer or shorter variables, leave values in the secret with `CredentialDelivery` ContainerRetrieval{or_v1}"
    );
    Error::property(
        "EnvironmentVariables",
        format!("{problem} (names and values, with the extra ones and the secret's); {advice}"),
    )
}
