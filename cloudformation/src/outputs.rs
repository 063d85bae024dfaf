//! The Outputs section, evaluated once everything exists.

use std::collections::BTreeMap;

use emulator::stacks::StackOutput;

use crate::engine::CloudFormation;
use crate::intrinsics::text;
use crate::operation::Operation;

impl CloudFormation {
    /// Returns the outputs, or the reason why the operation fails after all.
    pub(crate) fn outputs(&self, operation: &Operation) -> Result<BTreeMap<String, StackOutput>, String> {
        let state = self.state();
        let Some(record) = state.stacks.get(&operation.stack_name) else { return Ok(BTreeMap::new()) };
        let mut outputs = BTreeMap::new();
        for (name, output) in &operation.template.outputs {
            if !operation.holds(output.condition.as_deref()) {
                continue;
            }
            let evaluate = |value| -> Result<String, String> {
                operation.resolve(value, &record.resources)?.as_ref().and_then(text).ok_or_else(|| {
                    format!(
                        "Template format error: The Value field of every Outputs member must evaluate to a String. \
                         ({name})"
                    )
                })
            };
            let export_name = output.export.as_ref().map(evaluate).transpose()?;
            let taken = state.stacks.values().filter(|other| other.stack.name != operation.stack_name).find(|other| {
                export_name.is_some() && other.stack.outputs.values().any(|output| output.export_name == export_name)
            });
            if let (Some(export), Some(other)) = (&export_name, taken) {
                return Err(format!("Export with name {export} is already exported by stack {}.", other.stack.name));
            }
            let value = evaluate(&output.value)?;
            outputs.insert(name.clone(), StackOutput { value, description: output.description.clone(), export_name });
        }
        state.check_exports(&operation.stack_name, &outputs)?;
        Ok(outputs)
    }
}
