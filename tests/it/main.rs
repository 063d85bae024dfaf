//! The integration tests: the real handler with real SDK clients against the emulated AWS, on paused time.

#![allow(clippy::needless_pass_by_value, reason = "tests hand over JSON literals")]

/// The platform version that new runtimes get in a test's account, and tests that are repeated on V2.
mod platform;
/// An account with provisioner.yaml's stack in it, for the tests of stacks that use its function.
mod provisioner_account;
/// CloudFormation's answer about a stack in progress, for connectors that answer by themselves.
mod stack_in_progress;
/// The world of one test, and the checks every test ends with.
mod world;

/// The API key credential provider, in addition to the battery.
mod api_key_credential_provider;
/// The direction of imports.
mod architecture;
/// Every case, fault, kill, pair and seed for every resource type.
mod battery;
/// The built binary as Lambda runs it.
mod bootstrap;
/// The delivery of the answer to CloudFormation.
mod delivery;
/// Policies that refuse permanently.
mod denial;
/// A whole template in an account of its own.
mod deployment;
/// README.md and docs/, as far as they can be compared with what they describe.
mod documentation;
/// The host that each client calls.
mod endpoints;
/// Any event, good or bad, gets one answer or is refused for a reason.
mod envelope;
/// Every file in `events/`.
mod events;
/// Every template in `examples/`.
mod examples;
/// Further variables for the server of template.yaml.
mod extra_environment;
/// The options of both templates for the function in regulated accounts.
mod function_options;
/// Any properties at all.
mod fuzz;
/// The gateway, in addition to the battery.
mod gateway;
/// The probe behind a gateway.
mod gateway_probe;
/// template.yaml with a gateway.
mod gateway_stack;
/// The gateway target, in addition to the battery.
mod gateway_target;
/// The demands of every resource that trusts an identity provider.
mod identity_provider;
/// Lines and topics of the templates.
mod layout;
/// Updates from each topology of template.yaml to each other one.
mod migration;
/// The OAuth2 credential provider, in addition to the battery.
mod oauth2_credential_provider;
/// The values that each parameter takes and refuses.
mod parameters;
/// The probe, against a real MCP server.
mod probe;
/// One property in every form in which a template can give it.
mod property_forms;
/// The permissions that provisioner.yaml gives its function.
mod provisioner;
/// Defects that occurred once.
mod regression;
/// Every property, changed: the resource is replaced, or not, as documented.
mod replacement;
/// Every revision of MCP, every way to refuse one, and every way to pass the refusal on.
mod revisions;
/// Updates that are rolled back in a world that has changed meanwhile.
mod rollback;
/// Secrets that are rotated outside of the stack.
mod rotation;
/// The runtime, in addition to the battery.
mod runtime;
/// The secret, in addition to the battery.
mod secret;
/// Statements that template.yaml and provisioner.yaml share.
mod statements;
/// The user's tags.
mod tags;
/// template.yaml as a whole.
mod template;
/// Members that somebody else set survive updates.
mod unmanaged_members;
/// The tool that the verification of template.yaml calls.
mod verify_with_tool;
/// The wording of all texts.
mod wording;
/// The workload identity, in addition to the battery.
mod workload_identity;
