//! Writes JSON lines to standard output, one per event, with the request's ids in each.

use serde_json::Value;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// The level without a word, or with an unknown one.
const DEFAULT: LevelFilter = LevelFilter::INFO;
/// The target of lines that are logged at every level: the process did not survive the event.
const FATAL: &str = "fatal";
/// The target of metrics, which are lines of their own form.
const METRIC: &str = "metric";
/// Lambda's level names (Lambda developer guide, log level filtering). Our lines are at most errors, so that FATAL suppresses
/// all of them.
const LEVELS: [(&str, LevelFilter); 6] = [
    ("TRACE", LevelFilter::TRACE),
    ("DEBUG", LevelFilter::DEBUG),
    ("INFO", LevelFilter::INFO),
    ("WARN", LevelFilter::WARN),
    ("ERROR", LevelFilter::ERROR),
    ("FATAL", LevelFilter::OFF),
];

/// Starts logging for the process. `word` is the function's own level, as in `AWS_LAMBDA_LOG_LEVEL`, in any case. An
/// unknown word means INFO, and a warning.
///
/// Other crates never log below WARN, whatever is asked for: the SDK prints request bodies at DEBUG.
pub fn start(word: Option<&str>) {
    let known = level(word);
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_filter(filter(known.unwrap_or(DEFAULT)));
    // CloudWatch finds a metric only in a line that is nothing but its JSON.
    let metrics = fmt::layer()
        .without_time()
        .with_level(false)
        .with_target(false)
        .with_ansi(false)
        .with_filter(Targets::new().with_target(METRIC, LevelFilter::INFO));
    tracing_subscriber::registry().with(lines).with(metrics).init();
    if known.is_none() {
        let words = LEVELS.map(|(word, _)| word).join(", ");
        tracing::warn!(found = word, words, "AWS_LAMBDA_LOG_LEVEL is not one of the levels; logging at INFO");
    }
    // The default hook prints the panic's message, which may quote a secret.
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(target: FATAL, location, "panic");
    }));
}

/// Writes a metric in CloudWatch's embedded metric format, whatever the level.
pub(crate) fn metric(metric: &Value) {
    // Without the span, whose name and fields would precede it.
    tracing::info!(target: METRIC, parent: None, "{metric}");
}

/// Returns the level that a word stands for, or `None` for an unknown word.
fn level(word: Option<&str>) -> Option<LevelFilter> {
    let word = word.map_or("", str::trim);
    if word.is_empty() {
        return Some(DEFAULT);
    }
    LEVELS.into_iter().find_map(|(known, level)| known.eq_ignore_ascii_case(word).then_some(level))
}

fn filter(own: LevelFilter) -> Targets {
    Targets::new()
        .with_default(LevelFilter::WARN.min(own))
        .with_target("provisioner", own)
        .with_target(FATAL, LevelFilter::ERROR)
        .with_target(METRIC, LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn every_word_of_lambdas_selects_its_lines_in_any_case() {
        use Level as L;
        for (words, own, others) in [
            (&["TRACE", "trace"][..], &[L::TRACE, L::DEBUG, L::INFO, L::WARN, L::ERROR][..], &[L::WARN, L::ERROR][..]),
            (&["DEBUG", "Debug"], &[L::DEBUG, L::INFO, L::WARN, L::ERROR], &[L::WARN, L::ERROR]),
            (&["INFO", "info", " INFO\n", ""], &[L::INFO, L::WARN, L::ERROR], &[L::WARN, L::ERROR]),
            (&["WARN", "warn"], &[L::WARN, L::ERROR], &[L::WARN, L::ERROR]),
            (&["ERROR", "error"], &[L::ERROR], &[L::ERROR]),
            (&["FATAL", "fatal"], &[], &[]),
        ] {
            for word in words {
                let filter = filter(level(Some(word)).expect("a known word"));
                for level in [L::TRACE, L::DEBUG, L::INFO, L::WARN, L::ERROR] {
                    let enabled = |target: &str| filter.would_enable(target, &level);
                    assert_eq!(enabled("provisioner::wait"), own.contains(&level), "{word} {level}");
                    assert_eq!(enabled("aws_sdk"), others.contains(&level), "{word} {level}");
                }
                assert!(filter.would_enable(FATAL, &L::ERROR), "{word}");
            }
        }
        assert_eq!(level(None), Some(LevelFilter::INFO));
        for unknown in ["WARNING", "verbose", "3", "OFF"] {
            assert_eq!(level(Some(unknown)), None, "{unknown}");
        }
    }
}
