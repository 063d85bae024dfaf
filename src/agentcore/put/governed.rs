//! The parts of a resource that our properties govern, and the treatment of the rest in an update.

use serde_json::{Map, Value};

use crate::header_name::is_service_header;

/// The members of one resource's Get that an update does not simply send back. A member without a rule goes back as the
/// Get showed it, so that a member which a later service adds is not lost. If only the Get has such a member, the
/// update sends a member that the operation does not know. AWS ignores unknown members, while it resets one that is
/// left out.
#[derive(Debug)]
pub(crate) struct Governed {
    /// The members that the Get has and the update has not, and those that are in the update's URI.
    pub(crate) read_only: &'static [&'static str],
    /// A member that the update calls by another name: the name in the Get, and the name in the update.
    pub(crate) renamed: Option<(&'static str, &'static str)>,
    /// The rules, by the update's names.
    pub(crate) members: Members,
}

/// The rules of a structure's members. Members without a rule are not ours.
pub(crate) type Members = &'static [(&'static str, Rule)];

/// The part of a member that is ours.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// All of it: it is sent as desired, and left out if nothing is desired.
    Ours,
    /// Its presence. If the member is desired, the rule says how much of it is ours.
    Presence(&'static Rule),
    /// A structure, of which some members are ours.
    Structure(Members),
    /// A structure whose other members mean something for one value of `tag` only: if that value changes, none of the
    /// former members is kept.
    Tagged {
        /// The member that decides.
        tag: &'static str,
        /// The value of an absent `tag`.
        default: &'static str,
        /// The rules.
        members: Members,
    },
    /// A union: nothing is kept of an alternative other than the desired one.
    Union(Members),
    /// A list of one entry, which follows the rule.
    Single(&'static Rule),
    /// A member that is not ours but goes with one value of another member: it is dropped if the update takes that
    /// value away.
    With {
        /// The other member.
        tag: &'static str,
        /// The value.
        value: &'static str,
    },
    /// A map that is not ours, but each of its keys is an entry of a list that is: an entry is dropped if the update takes
    /// its key out of the list.
    KeysIn {
        /// The list.
        list: &'static str,
    },
    /// A list that is ours. An entry keeps the members that are not ours of the entry with the same `key`, a JSON pointer.
    Keyed {
        /// The part of an entry that tells it from others.
        key: &'static str,
        /// The rules of an entry's members.
        members: Members,
    },
    /// A list that is ours except for some entries.
    ListExcept {
        /// Decides whether an entry is not ours.
        is_kept: fn(&Value) -> bool,
        /// The maximum number of entries that the service accepts. An entry of others that does not fit is left out.
        most: usize,
    },
}

impl Governed {
    /// Returns the body of an update that asks for `asked`, where the Get shows `shown`.
    pub(super) fn merge(&self, asked: Map<String, Value>, mut shown: Map<String, Value>) -> Map<String, Value> {
        shown.retain(|name, _| !self.read_only.contains(&name.as_str()));
        if let Some((from, to)) = self.renamed
            && let Some(value) = shown.remove(from)
        {
            shown.insert(to.to_owned(), value);
        }
        structure(self.members, asked, &shown)
    }
}

/// Returns the desired members and those of `shown` that are not ours.
fn structure(rules: Members, mut asked: Map<String, Value>, all_shown: &Map<String, Value>) -> Map<String, Value> {
    for (name, shown) in all_shown {
        let wanted = asked.remove(name);
        let value = match rules.iter().find(|(ruled, _)| ruled == name) {
            Some((_, Rule::With { tag, value })) if takes_away(rules, tag, value, &asked, all_shown) => wanted,
            Some((_, Rule::KeysIn { list })) => {
                wanted.or_else(|| without_keys(shown, entries(all_shown, list), entries(&asked, list)))
            }
            Some((_, Rule::With { .. })) | None => wanted.or_else(|| not_absent(shown)),
            Some((_, rule)) => rule.merge(wanted, shown),
        };
        if let Some(value) = value {
            asked.insert(name.clone(), value);
        }
    }
    asked
}

/// Decides whether an update takes `value` away from the member `tag`.
fn takes_away(rules: Members, tag: &str, value: &str, asked: &Map<String, Value>, shown: &Map<String, Value>) -> bool {
    let is_ours = rules.iter().any(|(ruled, _)| *ruled == tag);
    let wanted = asked.get(tag).or_else(|| shown.get(tag).filter(|_| !is_ours));
    shown.get(tag).is_some_and(|shown| shown == value) && wanted.is_none_or(|wanted| wanted != value)
}

fn entries<'a>(members: &'a Map<String, Value>, list: &str) -> &'a [Value] {
    members.get(list).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns the map without the keys that are in the list `before` and not in the list `after`, or `None` if that leaves
/// nothing.
fn without_keys(shown: &Value, before: &[Value], after: &[Value]) -> Option<Value> {
    let Value::Object(shown) = shown else { return not_absent(shown) };
    let mut kept = shown.clone();
    let has = |list: &[Value], key: &str| list.iter().any(|entry| entry == key);
    kept.retain(|key, _| !has(before, key) || has(after, key));
    (!kept.is_empty()).then(|| kept.into())
}

/// Returns a value that counts as present. A list without entries counts as absent, because most operations refuse one.
fn not_absent(shown: &Value) -> Option<Value> {
    (!shown.is_null() && !shown.as_array().is_some_and(Vec::is_empty)).then(|| shown.clone())
}

impl Rule {
    fn merge(&self, asked: Option<Value>, shown: &Value) -> Option<Value> {
        match (self, asked, shown) {
            (Self::Ours, asked, _) | (Self::Presence(_), asked @ None, _) => asked,
            (Self::Presence(rule), asked, shown) => rule.merge(asked, shown),
            (Self::Structure(rules), None, Value::Object(shown)) => {
                // The result is empty if all members were ours: an empty structure clears them, and leaving it out
                // might not.
                (!shown.is_empty()).then(|| structure(rules, Map::new(), shown).into())
            }
            (Self::Structure(rules), Some(Value::Object(asked)), Value::Object(shown)) => {
                Some(structure(rules, asked, shown).into())
            }
            (Self::Tagged { tag, default, members }, asked, Value::Object(shown)) => {
                let asked = match asked {
                    Some(Value::Object(asked)) => asked,
                    None => Map::new(),
                    other => return other,
                };
                let value = |members: &Map<String, Value>| members.get(*tag).cloned().unwrap_or((*default).into());
                let same = value(&asked) == value(shown);
                let merged = if same { structure(members, asked, shown) } else { asked };
                (!merged.is_empty()).then(|| merged.into())
            }
            (Self::Union(rules), asked, Value::Object(shown)) => union(rules, asked, shown),
            (Self::Single(rule), Some(Value::Array(mut asked)), Value::Array(shown)) => {
                if let ([_], [shown]) = (asked.as_slice(), shown.as_slice()) {
                    asked = rule.merge(asked.pop(), shown).into_iter().collect();
                }
                Some(asked.into())
            }
            (Self::Keyed { key, members }, Some(Value::Array(asked)), Value::Array(shown)) => {
                Some(keyed(key, members, asked, shown).into())
            }
            (Self::ListExcept { is_kept, most }, asked, Value::Array(shown)) => list(*is_kept, *most, asked, shown),
            (_, asked, _) => asked,
        }
    }
}

fn union(rules: Members, asked: Option<Value>, shown: &Map<String, Value>) -> Option<Value> {
    let asked = match asked {
        Some(Value::Object(asked)) => asked,
        None => Map::new(),
        other => return other,
    };
    let is_same = asked.is_empty() || asked.keys().all(|alternative| shown.contains_key(alternative));
    let merged = if is_same { structure(rules, asked, shown) } else { asked };
    (!merged.is_empty()).then(|| merged.into())
}

/// Returns the desired entries, each with the members of one that has the same key.
fn keyed(key: &str, rules: Members, asked: Vec<Value>, shown: &[Value]) -> Vec<Value> {
    let mut shown: Vec<&Value> = shown.iter().collect();
    let merged = asked.into_iter().map(|asked| {
        let same = |shown: &&Value| asked.pointer(key).is_some_and(|key_of| shown.pointer(key) == Some(key_of));
        let found = shown.iter().position(same).map(|at| shown.remove(at));
        match (asked, found) {
            (Value::Object(asked), Some(Value::Object(shown))) => structure(rules, asked, shown).into(),
            (asked, _) => asked,
        }
    });
    merged.collect()
}

fn list(is_kept: fn(&Value) -> bool, most: usize, asked: Option<Value>, shown: &[Value]) -> Option<Value> {
    let mut entries = match asked {
        Some(Value::Array(entries)) => entries,
        None => Vec::new(),
        other => return other,
    };
    let is_same = |a: &Value, b: &Value| match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => a == b,
    };
    for entry in shown.iter().filter(|entry| is_kept(entry)) {
        if entries.len() < most && !entries.iter().any(|other| is_same(other, entry)) {
            entries.push(entry.clone());
        }
    }
    (!entries.is_empty()).then(|| entries.into())
}

impl Rule {
    /// Returns the rule of an allowlist of at most `most` headers: ours, except for the service's own. The service adds
    /// `x-amzn-bedrock-agentcore-policy-session-id` to a target whose gateway has a policy engine
    /// (terraform-provider-aws#49374).
    pub(crate) const fn headers(most: usize) -> Self {
        Self::ListExcept { is_kept: |entry| entry.as_str().is_some_and(is_service_header), most }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const GOVERNED: Governed = Governed {
        read_only: &["status"],
        renamed: Some(("configOutput", "configInput")),
        members: &[
            ("configInput", Rule::Union(&[("a", Rule::Structure(&[("ours", Rule::Ours)])), ("text", Rule::Ours)])),
            ("door", Rule::Presence(&Rule::Structure(&[("key", Rule::Ours)]))),
            ("headers", Rule::headers(2)),
            ("aliases", Rule::KeysIn { list: "scopes" }),
            ("hooks", Rule::With { tag: "version", value: "V2" }),
            ("method", Rule::Ours),
            ("methodKey", Rule::With { tag: "method", value: "KEY" }),
            ("metadata", Rule::Structure(&[("list", Rule::headers(2))])),
            (
                "mirrors",
                Rule::Keyed {
                    key: "/at/id",
                    members: &[("at", Rule::Structure(&[("id", Rule::Ours)])), ("on", Rule::Ours)],
                },
            ),
            ("network", Rule::Tagged { tag: "mode", default: "PUBLIC", members: &[("mode", Rule::Ours)] }),
            ("scopes", Rule::Ours),
            ("providers", Rule::Single(&Rule::Structure(&[("ours", Rule::Ours)]))),
        ],
    };

    #[track_caller]
    #[allow(clippy::needless_pass_by_value, reason = "tests hand over JSON literals")]
    fn merges(asked: Value, shown: Value, expected: Value) {
        let map = |value: Value| value.as_object().cloned().expect("a map");
        assert_eq!(Value::Object(GOVERNED.merge(map(asked), map(shown))), expected);
    }

    #[test]
    fn what_is_not_ours_goes_back_as_it_was_shown() {
        let theirs = json!({"deep": [1, {"x": null}], "number": 1.5, "empty": {}});
        merges(
            json!({"token": "t"}),
            json!({"theirs": theirs, "status": "READY"}),
            json!({"token": "t", "theirs": theirs}),
        );
        merges(json!({"theirs": 1}), json!({"theirs": 2}), json!({"theirs": 1}));
        merges(json!({}), json!({"nothing": null, "none": [], "configOutput": null}), json!({}));
    }

    #[test]
    fn what_is_ours_is_as_asked_for_also_if_that_is_nothing() {
        merges(json!({"method": "POST"}), json!({"method": "BASIC"}), json!({"method": "POST"}));
        merges(json!({}), json!({"method": "BASIC"}), json!({}));
        merges(json!({}), json!({"door": {"key": 1, "theirs": 2}}), json!({}));
        merges(
            json!({"door": {"key": 3}}),
            json!({"door": {"key": 1, "theirs": 2}}),
            json!({"door": {"key": 3, "theirs": 2}}),
        );
    }

    #[test]
    fn a_structure_is_cleared_by_an_empty_one() {
        merges(json!({}), json!({"metadata": {"list": ["X-One"]}}), json!({"metadata": {}}));
        merges(json!({}), json!({"metadata": {"list": ["X-One"], "theirs": 1}}), json!({"metadata": {"theirs": 1}}));
        merges(json!({}), json!({"metadata": {}}), json!({}));
    }

    #[test]
    fn of_another_alternative_nothing_is_kept() {
        let shown = || json!({"configOutput": {"a": {"ours": 1, "theirs": 2}}});
        merges(
            json!({"configInput": {"a": {"ours": 3}}}),
            shown(),
            json!({"configInput": {"a": {"ours": 3, "theirs": 2}}}),
        );
        merges(json!({"configInput": {"text": "x"}}), shown(), json!({"configInput": {"text": "x"}}));
        merges(json!({}), json!({"configOutput": {"later": {"b": 1}}}), json!({"configInput": {"later": {"b": 1}}}));
        let network = || json!({"network": {"mode": "VPC", "theirs": 1}});
        merges(json!({"network": {"mode": "VPC"}}), network(), network());
        merges(json!({"network": {"mode": "PUBLIC"}}), network(), json!({"network": {"mode": "PUBLIC"}}));
        merges(
            json!({"network": {"mode": "PUBLIC"}}),
            json!({"network": {"theirs": 1}}),
            json!({"network": {"mode": "PUBLIC", "theirs": 1}}),
        );
    }

    #[test]
    fn what_goes_with_a_choice_goes_with_it() {
        let shown = || json!({"version": "V2", "hooks": 1, "method": "KEY", "methodKey": 2});
        merges(json!({"method": "KEY"}), shown(), shown());
        merges(json!({"version": "V1"}), shown(), json!({"version": "V1"}));
        merges(json!({}), json!({"method": "BASIC", "methodKey": 2}), json!({"methodKey": 2}));
    }

    #[test]
    fn an_entry_goes_with_its_key_in_a_list_of_ours() {
        let shown = || json!({"aliases": {"a": "one", "b": "two", "c": "three"}, "scopes": ["a", "b"]});
        merges(json!({"scopes": ["b", "a"]}), shown(), json!({"aliases": shown()["aliases"], "scopes": ["b", "a"]}));
        merges(json!({"scopes": ["b"]}), shown(), json!({"aliases": {"b": "two", "c": "three"}, "scopes": ["b"]}));
        // What was never in the list is kept.
        merges(json!({}), shown(), json!({"aliases": {"c": "three"}}));
        merges(json!({}), json!({"aliases": {"a": "one"}, "scopes": ["a"]}), json!({}));
    }

    #[test]
    fn lists_keep_the_services_entries_and_single_entries_their_members() {
        let policy = "x-amzn-bedrock-agentcore-policy-session-id";
        let custom = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant";
        merges(json!({"headers": ["A"]}), json!({"headers": ["B", custom, policy]}), json!({"headers": ["A", policy]}));
        merges(
            json!({"headers": [policy.to_uppercase()]}),
            json!({"headers": [policy]}),
            json!({"headers": [policy.to_uppercase()]}),
        );
        merges(json!({}), json!({"headers": ["B"]}), json!({}));
        merges(json!({"headers": ["A", "B"]}), json!({"headers": ["A", policy]}), json!({"headers": ["A", "B"]}));
        let shown = || json!({"providers": [{"ours": 1, "theirs": 2}]});
        merges(json!({"providers": [{"ours": 3}]}), shown(), json!({"providers": [{"ours": 3, "theirs": 2}]}));
        merges(json!({}), shown(), json!({}));
    }

    #[test]
    fn an_entry_keeps_its_members_under_the_same_key_only() {
        let entry =
            |id: &str, on: i64, theirs: Value| json!({"at": {"id": id, "theirs": theirs}, "on": on, "theirs": theirs});
        let bare = |id: &str, on: i64| json!({"at": {"id": id}, "on": on});
        let shown = || json!({"mirrors": [entry("a", 1, json!(1)), entry("b", 1, json!(2)), entry("b", 2, json!(3))]});
        merges(
            json!({"mirrors": [bare("b", 3), bare("c", 4), bare("b", 5)]}),
            shown(),
            json!({"mirrors": [entry("b", 3, json!(2)), bare("c", 4), entry("b", 5, json!(3))]}),
        );
        merges(json!({"mirrors": [{"on": 1}]}), json!({"mirrors": [{"theirs": 1}]}), json!({"mirrors": [{"on": 1}]}));
        merges(json!({}), shown(), json!({}));
    }

    /// Generates any JSON without empty lists at the top, because these count as absent.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 1..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z]{1,8}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_member_that_has_no_rule_survives_at_every_depth(
            theirs in proptest::collection::btree_map("their[A-Z]{1,8}", any_json(), 0..6),
            method in "[A-Z]{0,5}",
        ) {
            let theirs: Map<String, Value> = theirs.into_iter().collect();
            let with = |mut members: Map<String, Value>, ours: Value| {
                members.extend(ours.as_object().cloned().unwrap_or_default());
                members
            };
            let all = |method: &str, key: i64| {
                let a = Value::Object(with(theirs.clone(), json!({"ours": key})));
                let door = Value::Object(with(theirs.clone(), json!({"key": key})));
                (a, door, json!(method))
            };
            let (a, door, old) = all("BASIC", 1);
            let shown = with(theirs.clone(), json!({"configOutput": {"a": a}, "door": door, "method": old, "status": "READY"}));
            let (a, door, new) = all(&method, 2);
            let expected = with(theirs.clone(), json!({"configInput": {"a": a}, "door": door, "method": new}));
            let asked = json!({"configInput": {"a": {"ours": 2}}, "door": {"key": 2}, "method": method});
            let merged = GOVERNED.merge(with(Map::new(), asked), shown);
            prop_assert_eq!(merged, expected);
        }
    }
}
