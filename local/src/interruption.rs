//! The signals that ask for an end. Whoever waits for them comes to its end in order, and takes its containers with it.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for Ctrl-C, SIGTERM, or the end of the terminal. Returns which of them came.
///
/// # Errors
/// Signals cannot be waited for.
pub(crate) async fn interruption() -> Result<&'static str, String> {
    let stream = |kind| signal(kind).map_err(|error| format!("signals cannot be waited for: {error}"));
    let mut interrupted = stream(SignalKind::interrupt())?;
    let mut terminated = stream(SignalKind::terminate())?;
    let mut hung_up = stream(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupted.recv() => "interrupted",
        _ = terminated.recv() => "terminated",
        _ = hung_up.recv() => "the terminal is gone",
    })
}
