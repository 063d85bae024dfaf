//! Real processes in real time: start, answers, memory.

use std::path::Path;
use std::time::Duration;

use emulator::aws::Aws;
use emulator::identity_provider::{ClaimStyle, Endpoint, Failure, Provider, ProviderFault};
use emulator::lambda::runtime_api::RuntimeApi;
use emulator::settings::Settings;
use emulator::transport;
use serde_json::json;

use super::binary::Binaries;
use super::world::{Account, instant_settings};
use crate::request::Requests;
use crate::time;

/// The measurements. Times are medians.
pub(super) struct Processes {
    pub(super) start: Duration,
    pub(super) baseline_start: Duration,
    pub(super) secret: Duration,
    pub(super) runtime: Duration,
    /// Of the first event of each process.
    pub(super) first_runtime: Duration,
    pub(super) baseline_answer: Duration,
    /// Bytes. `None` if the system does not report them.
    pub(super) memory: Option<u64>,
    pub(super) baseline_memory: Option<u64>,
    /// After a discovery document of 1 MiB that would take more than a hundred as a tree.
    pub(super) worst_memory: Option<u64>,
}

/// Measures both programs.
///
/// # Errors
/// A program did not start or answered with a failure.
pub(super) async fn measure(binaries: &Binaries, repetitions: u32) -> Result<Processes, String> {
    // Real processes sign with the real time.
    let aws = Aws::new(Settings { start: time::present(), ..instant_settings() });
    let account = Account::new(&aws);
    let proxy = transport::listen_proxy(&aws, 0).await;
    let proxy = proxy.map_err(|error| format!("the account cannot be offered to a process: {error}"))?;
    let host = |program: &Path| RuntimeApi::new(&aws, proxy.environment(), program);

    let (mut starts, mut baseline_starts, mut first_runtimes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut memory, mut baseline_memory) = (None, None);
    for number in 0..repetitions {
        let ours = host(&binaries.provisioner);
        let name = format!("fresh_{number}");
        first_runtimes.push(
            Requests::new(&aws, &ours, &account.function_role).send(&account.create_runtime(&name)).await?.elapsed,
        );
        Requests::new(&aws, &ours, &account.function_role).send(&Account::create_secret(&name)).await?;
        let baseline = host(&binaries.baseline);
        Requests::new(&aws, &baseline, &account.function_role).deliver(&json!({})).await?;
        starts.extend(ours.starts());
        baseline_starts.extend(baseline.starts());
        memory = memory.max(ours.peak_memory());
        baseline_memory = baseline_memory.max(baseline.peak_memory());
        ours.stop().await;
        baseline.stop().await;
    }

    let issuer = "https://idp.example.com";
    let nested = format!("{}1{}", "{\"\":".repeat(110), "}".repeat(110));
    let document = format!("{{\"x\":[{}]}}", vec![nested; (1 << 20) / 662].join(","));
    let worst = ProviderFault::At(Endpoint::Discovery, Failure::Document(document));
    aws.with(|world| world.identity_providers.add(Provider::new(ClaimStyle::Keycloak, issuer).with_fault(worst)));
    let ours = host(&binaries.provisioner);
    let refused = Requests::new(&aws, &ours, &account.function_role).send(&account.create_trusting(issuer)).await;
    if !refused.is_err_and(|problem| problem.contains("not a complete discovery document")) {
        return Err("the worst discovery document was not read".to_owned());
    }
    let worst_memory = ours.peak_memory();
    ours.stop().await;

    let (ours, baseline) = (host(&binaries.provisioner), host(&binaries.baseline));
    let (mut secrets, mut runtimes, mut baseline_answers) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..=repetitions {
        let name = format!("warm_{number}");
        let secret =
            Requests::new(&aws, &ours, &account.function_role).send(&Account::create_secret(&name)).await?.elapsed;
        let runtime =
            Requests::new(&aws, &ours, &account.function_role).send(&account.create_runtime(&name)).await?.elapsed;
        let answer = Requests::new(&aws, &baseline, &account.function_role).deliver(&json!({})).await?.0;
        // The first round warms the processes.
        if number > 0 {
            secrets.push(secret);
            runtimes.push(runtime);
            baseline_answers.push(answer);
        }
    }
    Ok(Processes {
        start: median(starts),
        baseline_start: median(baseline_starts),
        secret: median(secrets),
        runtime: median(runtimes),
        first_runtime: median(first_runtimes),
        baseline_answer: median(baseline_answers),
        memory,
        baseline_memory,
        worst_memory,
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    let (below, above) = (times.len().saturating_sub(1) / 2, times.len() / 2);
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    (at(below) + at(above)) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_middle_two() {
        let seconds = |values: &[u64]| values.iter().map(|&value| Duration::from_secs(value)).collect();
        assert_eq!(median(seconds(&[9, 1, 5])), Duration::from_secs(5));
        assert_eq!(median(seconds(&[9, 1, 5, 7])), Duration::from_secs(6));
        assert_eq!(median(Vec::new()), Duration::ZERO);
    }
}
