//! The tokio runtime of a run.

/// A tokio runtime of one thread, where handler and emulator take turns.
pub(crate) struct Runtime(tokio::runtime::Runtime);

impl Runtime {
    /// Starts the runtime. With `paused` the clock jumps to the next timer whenever all tasks wait, so that an hour of
    /// waiting takes no time.
    pub(crate) fn new(paused: bool) -> Result<Self, String> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(paused)
            .build()
            .map(Self)
            .map_err(|error| format!("the runtime cannot be started: {error}"))
    }

    /// Runs the work to its end, in a `LocalSet` for tasks that cannot leave their thread.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::task::LocalSet::new().block_on(&self.0, work)
    }
}
