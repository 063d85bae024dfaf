//! The output of the run: stack events as they happen, in columns like the console's, and a line that moves while it
//! waits.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::IsTerminal as _;
use std::time::{Duration, SystemTime};

use cloudformation::StackEvent;
use indicatif::{ProgressBar, ProgressStyle};

/// A reason of up to this length stands in the same line.
const SHORT_REASON_CHARS: usize = 40;
const TICK: Duration = Duration::from_millis(100);

/// Standard output for results, with colours only on a terminal and unless `NO_COLOR` is set; the moving line is on
/// standard error, and only if that is a terminal.
pub(crate) struct Console {
    colours: bool,
    progress: ProgressBar,
    busy: BTreeSet<String>,
}

#[derive(Clone, Copy)]
enum Colour {
    Green,
    Red,
    Yellow,
    Bold,
}

impl Console {
    pub(crate) fn new() -> Self {
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let progress = ProgressBar::no_length();
        // The template is a constant. If it were wrong, the default style would be enough.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
            progress.set_style(style);
        }
        Self { colours: std::io::stdout().is_terminal() && !forbidden, progress, busy: BTreeSet::new() }
    }

    /// Prints a line on standard output, above the moving one.
    pub(crate) fn line(&self, text: impl Display) {
        self.progress.suspend(|| println!("{text}"));
    }

    /// Prints the heading of a step.
    pub(crate) fn heading(&self, text: &str) {
        self.line(format_args!("\n{}", self.coloured(Colour::Bold, text)));
    }

    /// Prints a result that is as expected.
    pub(crate) fn good(&self, text: &str) {
        self.line(format_args!("{} {text}", self.coloured(Colour::Green, "ok  ")));
    }

    /// Prints a result that is not as expected.
    pub(crate) fn bad(&self, text: &str) {
        self.line(format_args!("{} {text}", self.coloured(Colour::Red, "FAIL")));
    }

    /// Prints a fact that is worth knowing and is neither good nor bad.
    pub(crate) fn note(&self, text: &str) {
        self.line(format_args!("{} {text}", self.coloured(Colour::Yellow, "note")));
    }

    /// Prints names and values, aligned. A value of several lines keeps its lines.
    pub(crate) fn pairs<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, String)>) {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &pairs {
            let indented = value.replace('\n', &format!("\n{:width$}    ", ""));
            self.line(format_args!("  {name:width$}  {indented}"));
        }
    }

    /// Starts the moving line.
    pub(crate) fn begin(&mut self) {
        self.busy.clear();
        self.progress.reset();
        self.progress.enable_steady_tick(TICK);
    }

    /// Shows one stack event.
    pub(crate) fn event(&mut self, event: &StackEvent) {
        let StackEvent { at, logical_id, type_name, status, reason, .. } = event;
        let colour = match status.as_str() {
            status if status.ends_with("FAILED") => Colour::Red,
            status if status.contains("ROLLBACK") => Colour::Yellow,
            status if status.ends_with("COMPLETE") => Colour::Green,
            _ => Colour::Yellow,
        };
        let status_column = self.coloured(colour, &format!("{status:<35}"));
        let line = format!("{}  {status_column} {logical_id:<22} {type_name:<41}", time_of_day(*at));
        match reason {
            Some(reason) if reason.chars().count() > SHORT_REASON_CHARS => {
                self.line(format_args!("{}\n{:10}{reason}", line.trim_end(), ""));
            }
            reason => self.line(format!("{line}{}", reason.as_deref().unwrap_or_default()).trim_end()),
        }
        if status.is_in_progress() && *logical_id != event.stack {
            self.busy.insert(logical_id.clone());
        } else {
            self.busy.remove(logical_id);
        }
        let busy: Vec<_> = self.busy.iter().map(String::as_str).collect();
        self.progress.set_message(busy.join(", "));
    }

    /// Ends the moving line.
    pub(crate) fn end(&mut self) {
        self.progress.disable_steady_tick();
        self.progress.finish_and_clear();
    }

    fn coloured(&self, colour: Colour, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Green => 32,
            Colour::Red => 31,
            Colour::Yellow => 33,
            Colour::Bold => 1,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Formats a time as `23:59:59`, in UTC.
fn time_of_day(time: SystemTime) -> String {
    crate::check::instant(time).get(11..19).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_utc() {
        assert_eq!(time_of_day(SystemTime::UNIX_EPOCH + Duration::from_secs(1_788_220_800 + 3_723)), "01:02:03");
    }
}
