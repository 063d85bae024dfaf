//! Whole stacks, with a scripted function behind the custom resources.

mod account;
mod creating;
mod harness;
mod nesting;
mod sharing;
mod updating;
