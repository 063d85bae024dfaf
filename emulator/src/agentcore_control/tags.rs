//! `TagResource`, `UntagResource`, `ListTagsForResource`.

use serde_json::json;

use super::errors::not_found;
use super::runtime::Runtime;
use super::{AgentCoreControl, rules};
use crate::input::{required, text_map, texts};
use crate::service::{Answer, ApiError, Call};

impl AgentCoreControl {
    pub(super) fn tag_resource(&mut self, call: &Call) -> Answer {
        let added = text_map(&call.input, "tags");
        rules::check_tags(&added)?;
        let runtime = self.tagged(required(&call.input, "resourceArn"))?;
        let mut tags = runtime.tags.clone();
        tags.extend(added);
        rules::check_tag_count(&tags)?;
        runtime.tags = tags;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, call: &Call) -> Answer {
        let runtime = self.tagged(required(&call.input, "resourceArn"))?;
        for key in texts(&call.input, "tagKeys") {
            runtime.tags.remove(&key);
        }
        Ok(json!({}))
    }

    pub(super) fn list_tags_for_resource(&mut self, call: &Call) -> Answer {
        let runtime = self.tagged(required(&call.input, "resourceArn"))?;
        Ok(json!({"tags": runtime.tags}))
    }

    fn tagged(&mut self, arn: &str) -> Result<&mut Runtime, ApiError> {
        let found = self.runtimes.iter_mut().find(|runtime| runtime.arn == arn);
        found.ok_or_else(|| not_found(format!("The resource '{arn}' was not found.")))
    }
}
