//! Exports and imports: the outputs that other stacks of the account rely on.
//!
//! A stack whose export is imported can neither be deleted nor change or withdraw it. A stack whose import nobody
//! exports is rolled back before anything is created (O: widdix/aws-s3-virusscan#39). A refused delete leaves the stack
//! in the state it had (O: USSBA/aws-cft-tools#27, rlister/stax#40).

use std::collections::BTreeMap;

use emulator::stacks::StackOutput;

use crate::imports::Imports;
use crate::state::State;

impl State {
    /// Gives imports the values that the account's stacks export now.
    pub(crate) fn find_exports(&self, imports: &mut Imports) {
        let outputs = self.stacks.values().flat_map(|record| record.stack.outputs.values());
        for output in outputs {
            if let Some(name) = &output.export_name {
                imports.fill(name, &output.value);
            }
        }
    }

    /// Refuses outputs that withdraw or change an export on which another stack relies. Returns the reason.
    pub(crate) fn check_exports(&self, stack: &str, outputs: &BTreeMap<String, StackOutput>) -> Result<(), String> {
        let present = self.stacks.get(stack).map(|record| &record.stack.outputs);
        for output in present.into_iter().flat_map(BTreeMap::values) {
            let Some(export) = &output.export_name else { continue };
            let Some(importer) = self.importer(export) else { continue };
            let kept = outputs.values().find(|new| new.export_name == output.export_name);
            let verb = match kept {
                Some(new) if new.value == output.value => continue,
                Some(_) => "updated",
                None => "deleted",
            };
            return Err(format!("Export {export} cannot be {verb} as it is in use by {importer}"));
        }
        Ok(())
    }

    fn importer(&self, export: &str) -> Option<&str> {
        let mut records = self.stacks.values();
        records.find(|record| record.imports.contains(export)).map(|record| record.stack.name.as_str())
    }
}
