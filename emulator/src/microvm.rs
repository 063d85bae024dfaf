//! The work of microVMs: containers are started, for a session or while a version is built.

mod build;
mod start;
