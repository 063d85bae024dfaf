//! The emulator's wall clock. It follows tokio's time, so a test that pauses tokio controls every timestamp too.

use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use tokio::time::Instant;

/// A wall clock that starts at a chosen moment and then advances with [`tokio::time`].
///
/// Hand it to the SDK clients as their time source: signatures, polls and the emulator's own timestamps then agree.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: SystemTime,
    started: Instant,
}

impl Clock {
    /// Creates a clock that reads `origin` now. Needs to be called inside a tokio runtime.
    #[must_use]
    pub fn starting_at(origin: SystemTime) -> Self {
        Self { origin, started: Instant::now() }
    }

    /// Returns the emulated wall-clock time.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.origin + self.started.elapsed()
    }

    /// Returns the time since the clock was created.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        Clock::now(self)
    }
}
