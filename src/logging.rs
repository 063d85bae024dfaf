//! JSON lines on standard output, one per event, with the request's ids in each.

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Starts logging for the process. `level` is the function's own level, as in `AWS_LAMBDA_LOG_LEVEL`; unknown words
/// mean INFO.
///
/// Other crates never log below WARN, whatever is asked for: the SDK prints request bodies at DEBUG.
pub fn start(level: Option<&str>) {
    let own = level.and_then(|level| level.parse::<Level>().ok()).unwrap_or(Level::INFO);
    let filter = Targets::new().with_default(LevelFilter::WARN.min(own.into())).with_target("provisioner", own);
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_filter(filter);
    tracing_subscriber::registry().with(lines).init();
    // The default hook prints the panic's words, which may quote anything.
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "panic");
    }));
}
