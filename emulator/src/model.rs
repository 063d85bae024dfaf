//! The services' own constraints: tables derived from botocore's service models, and validation against them.
//!
//! The tables are `emulator/model/*.json`, written by `emulator/model/sync.py` and compared with botocore in CI.

mod sample;
mod shapes;
mod validate;

use std::sync::LazyLock;

use crate::service::ServiceId;

pub use shapes::{
    List, Location, Map, Member, Model, Operation, Pattern, Protocol, Range, Shape, Structure, Text, Timestamp,
    TimestampFormat,
};
pub use validate::Violation;

impl Model {
    /// Returns the table of a service.
    #[must_use]
    pub fn of(service: ServiceId) -> &'static Self {
        static SECRETS_MANAGER: LazyLock<Model> =
            LazyLock::new(|| Model::parse(include_str!("../model/secretsmanager.json")));
        static AGENTCORE_CONTROL: LazyLock<Model> =
            LazyLock::new(|| Model::parse(include_str!("../model/bedrock-agentcore-control.json")));
        static AGENTCORE: LazyLock<Model> =
            LazyLock::new(|| Model::parse(include_str!("../model/bedrock-agentcore.json")));
        static LOGS: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("../model/logs.json")));
        static CLOUDFORMATION: LazyLock<Model> =
            LazyLock::new(|| Model::parse(include_str!("../model/cloudformation.json")));
        static STS: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("../model/sts.json")));
        match service {
            ServiceId::SecretsManager => &SECRETS_MANAGER,
            ServiceId::AgentCoreControl => &AGENTCORE_CONTROL,
            ServiceId::AgentCore => &AGENTCORE,
            ServiceId::Logs => &LOGS,
            ServiceId::CloudFormation => &CLOUDFORMATION,
            ServiceId::Sts => &STS,
        }
    }

    fn parse(table: &str) -> Self {
        serde_json::from_str(table).expect("the checked-in table is what sync.py writes")
    }

    /// Returns an operation by name, with its name as a static text.
    #[must_use]
    pub fn operation(&'static self, name: &str) -> Option<(&'static str, &'static Operation)> {
        self.operations.get_key_value(name).map(|(name, operation)| (name.as_str(), operation))
    }
}
