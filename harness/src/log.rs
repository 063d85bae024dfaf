//! The log of the handler when it runs in this process: kept, so that it can be searched.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The lines logged so far.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Starts logging for this process: as JSON, and at least everything that the deployed function logs.
    #[must_use]
    pub fn start() -> Self {
        let log = Self::default();
        let subscriber =
            tracing_subscriber::fmt().json().with_max_level(LevelFilter::INFO).with_writer(log.clone()).finish();
        // Fails if a log was started before, which then gets the lines.
        let _ = tracing::subscriber::set_global_default(subscriber);
        log
    }

    /// Returns the lines so far.
    pub fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.bytes()).lines().map(str::to_owned).collect()
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
