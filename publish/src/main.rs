//! Publishes the function and its template to S3, one bucket per Region, and prints the links that launch a stack.

mod archive;
mod arguments;
mod bucket;
mod build;
mod checkout;
mod credentials;
mod dependencies;
mod elf;
mod link;
mod notices;
mod outline;
mod prefill;
mod region;
mod report;
mod run;
mod sbom;
mod template;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds the function, uploads it with its template to S3, and prints Launch Stack links for the README.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true
)]
struct CommandLine {
    #[command(flatten)]
    publish: Option<arguments::Publish>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check that a built function runs on Lambda: its size, its processor, and the libraries it asks for.
    Check(arguments::Check),
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse() {
        CommandLine { command: Some(Command::Check(arguments)), .. } => run::check(&arguments),
        CommandLine { publish: Some(arguments), .. } => run::publish(&arguments),
        // `arg_required_else_help` has already shown the help.
        CommandLine { publish: None, command: None } => Ok(()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            report::complain("error", &sentence);
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        CommandLine::command().debug_assert();
    }

    #[test]
    fn checking_needs_none_of_the_arguments_of_publishing() {
        assert!(CommandLine::try_parse_from(["publish", "check", "bootstrap"]).is_ok());
        assert!(
            CommandLine::try_parse_from(["publish", "--bucket-prefix", "acme-mcp"]).is_err(),
            "a Region is missing"
        );
        let both = ["publish", "--bucket-prefix", "acme-mcp", "--region", "us-east-1", "--region", "eu-west-1"];
        let parsed = CommandLine::try_parse_from(both).expect("parses");
        assert_eq!(parsed.publish.map(|arguments| arguments.regions.len()), Some(2));
    }
}
