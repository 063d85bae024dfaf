//! Changes by somebody else to a resource: every member of the service model that the resource lacks, at every depth,
//! and members that no service model has yet.

use emulator::aws::ServiceId;
use emulator::model::{Location, Model, Shape, Structure};
use serde_json::{Map, Value, json};

use crate::world::World;

/// A resource type, as its Get and its update know it.
pub(super) struct Kind {
    pub(super) get: &'static str,
    pub(super) update: &'static str,
    /// A member that the update calls by another name than the Get.
    pub(super) renamed: Option<(&'static str, &'static str)>,
    /// Members that come and go with every update.
    pub(super) volatile: &'static [&'static str],
    /// Members that stay unplanted, by the update's names: those that our properties govern and the resource lacks, and
    /// those that the service does not accept.
    pub(super) unplanted: &'static [&'static str],
    /// Values of members that need a particular value.
    pub(super) values: fn(&str) -> Option<Value>,
}

/// One resource, with the members that identify it in a Get and in an update.
pub(super) struct Resource<'k> {
    pub(super) kind: &'k Kind,
    pub(super) key: Value,
}

impl Resource<'_> {
    /// Returns the document of a Get, without the members that come and go.
    pub(super) fn shown(&self, world: &World) -> Value {
        let mut shown = world.somebody(ServiceId::AgentCoreControl, self.kind.get, self.key.clone());
        shown.as_object_mut().expect("a map").retain(|name, _| !self.kind.volatile.contains(&name.as_str()));
        shown
    }

    /// Returns an update to the state that a Get shows, which therefore changes nothing.
    pub(super) fn update_of(&self, shown: &Value) -> Value {
        let shape = self.input();
        let mut input = self.key.clone();
        for (name, value) in shown.as_object().expect("a map") {
            let name = self.kind.renamed.filter(|(from, _)| from == name).map_or(name.as_str(), |(_, to)| to);
            let known = shape.members.get(name).is_some_and(|member| member.location == Location::Body);
            if known || name.starts_with("future") {
                input[name] = value.clone();
            }
        }
        input
    }

    /// Sets every member that is not set. `change` edits the request last.
    pub(super) async fn plant(&self, world: &World, variant: usize, change: impl FnOnce(&mut Value)) {
        let mut input = self.update_of(&self.shown(world));
        let planter = Planter { kind: self.kind, variant };
        planter.structure(self.input(), input.as_object_mut().expect("a map"), "");
        change(&mut input);
        world.somebody(ServiceId::AgentCoreControl, self.kind.update, input);
        self.settle(world).await;
    }

    /// Changes a resource as somebody else who sends back all the other members.
    pub(super) async fn change(&self, world: &World, change: impl FnOnce(&mut Value)) {
        let mut input = self.update_of(&self.shown(world));
        change(&mut input);
        world.somebody(ServiceId::AgentCoreControl, self.kind.update, input);
        self.settle(world).await;
    }

    async fn settle(&self, world: &World) {
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            let shown = world.somebody(ServiceId::AgentCoreControl, self.kind.get, self.key.clone());
            match shown.get("status").map(|status| status.as_str().expect("a text")) {
                None | Some("READY") => return,
                Some("UPDATING" | "CREATING" | "SYNCHRONIZING") => {}
                Some(status) => panic!("{status}: {shown}"),
            }
        }
    }

    fn input(&self) -> &'static Structure {
        let model = Model::of(ServiceId::AgentCoreControl);
        let (_, operation) = model.operation(self.kind.update).expect("the operation");
        model.structure(&operation.input)
    }
}

struct Planter<'k> {
    kind: &'k Kind,
    variant: usize,
}

impl Planter<'_> {
    fn structure(&self, structure: &'static Structure, value: &mut Map<String, Value>, path: &str) {
        let model = Model::of(ServiceId::AgentCoreControl);
        for (name, member) in structure.members.iter().filter(|(_, member)| member.location == Location::Body) {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let chosen = (self.kind.values)(&path);
            match value.get_mut(name) {
                Some(there) if chosen.is_none() => self.below(&member.shape, there, &path),
                None if structure.union || self.kind.unplanted.contains(&path.as_str()) => {}
                _ => {
                    let sample = || model.sample(&member.shape, self.variant);
                    value.insert(name.clone(), chosen.unwrap_or_else(sample));
                }
            }
        }
        if !structure.union {
            value.insert("futureMember".to_owned(), json!({"deep": [self.variant, {"flag": true}], "text": "ümlaut"}));
        }
    }

    fn below(&self, shape: &str, value: &mut Value, path: &str) {
        let model = Model::of(ServiceId::AgentCoreControl);
        match (model.shape(shape), value) {
            (Shape::Structure(structure), Value::Object(members)) => self.structure(structure, members, path),
            // This is the only list of which we set a part of an entry.
            (Shape::List(list), Value::Array(entries)) if path == "credentialProviderConfigurations" => {
                for entry in entries {
                    self.below(&list.member, entry, path);
                }
            }
            _ => {}
        }
    }
}
