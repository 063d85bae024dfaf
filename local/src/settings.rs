//! The settings of the account that `run` and `emulate` work in.

use std::time::Duration;

use emulator::settings::Settings;

use crate::server;
use crate::time;

/// Returns settings in which AgentCore takes `latency` for every operation. `jumps` is true if the clock jumps over
/// waits.
pub(crate) fn settings(latency: Duration, server: &server::Arguments, jumps: bool) -> Settings {
    let defaults = Settings::default();
    // A real server is measured, and the emulated AWS should not be in the way.
    let unless_real = |delay| if server.is_given() { Duration::ZERO } else { delay };
    Settings {
        // A process of its own signs with the real time. A clock that jumps starts at the same moment every time.
        start: if jumps { defaults.start } else { time::present() },
        runtime_transition: latency,
        // Minutes would be long to watch. They take no time if the clock jumps.
        snapshot_transition: if jumps { defaults.snapshot_transition.max(latency) } else { latency },
        runtime_deletion: latency,
        gateway_transition: latency,
        gateway_deletion: latency,
        target_transition: latency,
        target_deletion: latency,
        // If this took longer, the provisioner would rightly treat the role as a wrong one.
        role_propagation: latency.min(defaults.role_propagation),
        call_latency: unless_real(defaults.call_latency),
        log_lag: unless_real(defaults.log_lag),
        ..defaults
    }
}
