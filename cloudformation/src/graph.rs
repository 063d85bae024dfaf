//! The graph of dependencies, and a walk over it that runs as much as possible in parallel.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;

use crate::error::ValidationError;
use crate::references::{Reference, references};
use crate::template::Template;

/// For each resource, the ones it depends on. Every name that occurs is a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Graph(pub BTreeMap<String, BTreeSet<String>>);

/// The reaction of a walk to a step that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// Abandons the steps in flight and starts no more.
    Cancel,
    /// Goes on with everything that does not depend on the failed step.
    SkipDependents,
    /// Goes on as if the step had succeeded.
    Ignore,
}

/// The end of a walk.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Walk {
    /// Steps that failed, in the order in which they did.
    pub failed: Vec<String>,
    /// Steps abandoned in flight.
    pub cancelled: BTreeSet<String>,
}

impl Graph {
    /// Returns the dependencies among the resources that exist under these conditions: `DependsOn`, `Ref`, `Fn::GetAtt`
    /// and the variables of `Fn::Sub`. A circle is refused.
    pub(crate) fn of(
        template: &Template,
        conditions: &BTreeMap<String, bool>,
        existing: &BTreeSet<String>,
    ) -> Result<Self, ValidationError> {
        let mut graph = Self::default();
        for name in existing {
            let Some(resource) = template.resources.get(name) else { continue };
            let mut needed: BTreeSet<String> = resource.depends_on.iter().cloned().collect();
            let properties = Value::Object(resource.properties.clone());
            for reference in references(&properties, Some(conditions)).map_err(ValidationError::new)? {
                if let Reference::Name(other) | Reference::Attribute(other, _) = reference {
                    needed.insert(other);
                }
            }
            needed.retain(|other| existing.contains(other));
            graph.0.insert(name.clone(), needed);
        }
        match graph.circle() {
            Some(names) => Err(ValidationError::new(format!(
                "Circular dependency between resources: [{}]",
                names.into_iter().collect::<Vec<_>>().join(", ")
            ))),
            None => Ok(graph),
        }
    }

    /// Finds a circle: removes the resources that wait for nothing, again and again, and returns the rest.
    fn circle(&self) -> Option<BTreeSet<String>> {
        let mut left = self.0.clone();
        loop {
            let free: Vec<String> =
                left.iter().filter(|(_, needed)| needed.is_empty()).map(|(name, _)| name.clone()).collect();
            if free.is_empty() {
                return (!left.is_empty()).then(|| left.into_keys().collect());
            }
            for name in &free {
                left.remove(name);
            }
            for needed in left.values_mut() {
                needed.retain(|name| !free.contains(name));
            }
        }
    }

    /// Returns the same resources, each of which waits for those that depended on it.
    pub(crate) fn reversed(&self) -> Self {
        let mut reversed: BTreeMap<String, BTreeSet<String>> =
            self.0.keys().map(|name| (name.clone(), BTreeSet::new())).collect();
        for (name, needed) in &self.0 {
            for other in needed {
                reversed.entry(other.clone()).or_default().insert(name.clone());
            }
        }
        Self(reversed)
    }

    /// Keeps only the named resources, and the dependencies that led through others.
    pub(crate) fn restricted(&self, names: &BTreeSet<String>) -> Self {
        let reachable = |start: &String| {
            let mut seen = BTreeSet::new();
            let mut open: Vec<&String> = self.0.get(start).into_iter().flatten().collect();
            while let Some(name) = open.pop() {
                if seen.insert(name.clone()) {
                    open.extend(self.0.get(name).into_iter().flatten());
                }
            }
            seen.retain(|name| names.contains(name));
            seen
        };
        Self(names.iter().map(|name| (name.clone(), reachable(name))).collect())
    }

    /// Merges two graphs. A dependency of `other` that would close a circle is not added.
    pub(crate) fn merged(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        for (name, needed) in &other.0 {
            let mut candidate = merged.clone();
            candidate.0.entry(name.clone()).or_default().extend(needed.iter().cloned());
            for other in needed {
                candidate.0.entry(other.clone()).or_default();
            }
            match candidate.circle() {
                None => merged = candidate,
                Some(_) => drop(merged.0.entry(name.clone()).or_default()),
            }
        }
        merged
    }

    /// Runs `step` for every resource once all its dependencies have succeeded; `step` returns true if it succeeded.
    pub(crate) async fn walk<'a>(&self, on_failure: OnFailure, step: impl Fn(String) -> BoxFuture<'a, bool>) -> Walk {
        let mut waiting = self.0.clone();
        let mut in_flight = BTreeSet::new();
        let mut running = FuturesUnordered::new();
        let mut outcome = Walk::default();
        loop {
            let ready: Vec<String> =
                waiting.iter().filter(|(_, needed)| needed.is_empty()).map(|(name, _)| name.clone()).collect();
            for name in ready {
                waiting.remove(&name);
                in_flight.insert(name.clone());
                let run = step(name.clone());
                running.push(async move { (name, run.await) });
            }
            let Some((name, succeeded)) = running.next().await else { return outcome };
            in_flight.remove(&name);
            if !succeeded {
                outcome.failed.push(name.clone());
                match on_failure {
                    OnFailure::Cancel => {
                        outcome.cancelled = in_flight;
                        return outcome;
                    }
                    OnFailure::SkipDependents => continue,
                    OnFailure::Ignore => {}
                }
            }
            for needed in waiting.values_mut() {
                needed.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Graph(edges.iter().map(|(name, needed)| ((*name).to_owned(), set(needed))).collect())
    }

    #[test]
    fn circles_are_found_and_restrictions_keep_the_order() {
        let circle = graph(&[("A", &["B"]), ("B", &["A"]), ("C", &[])]).circle().expect("a circle");
        assert_eq!(circle.into_iter().collect::<Vec<_>>(), ["A", "B"]);
        let chain = graph(&[("A", &["B"]), ("B", &["C"]), ("C", &[])]);
        let ends = BTreeSet::from(["A".to_owned(), "C".to_owned()]);
        assert_eq!(chain.restricted(&ends), graph(&[("A", &["C"]), ("C", &[])]));
        assert_eq!(chain.reversed(), graph(&[("A", &[]), ("B", &["A"]), ("C", &["B"])]));
    }

    /// Walks with steps of one second each; gives the start times in seconds.
    async fn starts(graph: &Graph, on_failure: OnFailure, failing: &'static str) -> (Vec<(String, u64)>, Walk) {
        let begun = tokio::time::Instant::now();
        let log = std::sync::Arc::new(Mutex::new(Vec::new()));
        let steps = log.clone();
        let walk = graph
            .walk(on_failure, move |name| {
                let steps = steps.clone();
                Box::pin(async move {
                    steps.lock().expect("not poisoned").push((name.clone(), begun.elapsed().as_secs()));
                    tokio::time::sleep(Duration::from_secs(if name == failing { 1 } else { 2 })).await;
                    name != failing
                })
            })
            .await;
        let log = log.lock().expect("not poisoned").clone();
        (log, walk)
    }

    #[tokio::test(start_paused = true)]
    async fn independent_steps_run_together() {
        let (log, walk) = starts(&graph(&[("A", &[]), ("B", &[]), ("C", &["A", "B"])]), OnFailure::Cancel, "").await;
        assert_eq!(log, [("A".to_owned(), 0), ("B".to_owned(), 0), ("C".to_owned(), 2)]);
        assert_eq!(walk, Walk::default());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_cancels_or_skips() {
        let graph = graph(&[("A", &[]), ("B", &[]), ("C", &["A"]), ("D", &["B"])]);
        let (_, walk) = starts(&graph, OnFailure::Cancel, "A").await;
        assert_eq!((walk.failed, walk.cancelled.len()), (vec!["A".to_owned()], 1));
        let (log, walk) = starts(&graph, OnFailure::SkipDependents, "A").await;
        assert_eq!(log.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["A", "B", "D"]);
        assert_eq!(walk.failed, ["A"]);
        let (log, _) = starts(&graph, OnFailure::Ignore, "A").await;
        assert_eq!(log.len(), 4);
    }
}
