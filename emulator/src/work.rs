//! The account at work: what calls of the control plane leave to be done goes on by itself, whatever their answers.

use crate::agentcore_control::Work;
use crate::aws::Aws;
use crate::settings::Settings;

impl Aws {
    /// Creates an empty account. Needs to be called inside a tokio runtime; its clock starts at [`Settings::start`].
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::working_by(settings, start)
    }
}

fn start(aws: &Aws, work: Work) {
    match work {
        Work::Synchronize(synchronization) => drop(tokio::spawn(aws.clone().synchronize(synchronization))),
        Work::Build(build) => drop(tokio::spawn(aws.clone().build(build))),
        Work::EndRuntime(arn) => aws.with(|world| world.containers.end_runtime(&arn)),
    }
}
