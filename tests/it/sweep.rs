//! What every sweep of faults has in common: what may happen to a call, and Lambda's deliveries.

use std::time::Duration;

use emulator::faults::FaultEffect;
use tokio::time::{Instant, sleep, timeout_at};

use crate::world::{Answer, Event, World};

/// What may happen to one call. Eight in a row outlast the retries of any SDK.
pub(crate) const EFFECTS: [(FaultEffect, u64); 4] = [
    (FaultEffect::Throttled, 8),
    (FaultEffect::InternalError, 8),
    (FaultEffect::ReplyLostBefore, 1),
    (FaultEffect::ReplyLostAfter, 1),
];

/// Delivers an event as Lambda does: again after a minute and after two more, until it is answered. `kill` is when the
/// function is killed, if it is running then.
pub(crate) async fn deliver(world: &mut World, event: Event, kill: Option<Instant>) -> Answer {
    let event = world.address(event);
    for pause in [1, 2, 0] {
        let far = Instant::now() + Duration::from_hours(24);
        let kill = kill.filter(|kill| *kill > Instant::now()).unwrap_or(far);
        if let Ok(Ok(answer)) = timeout_at(kill, world.deliver(&event)).await {
            return answer;
        }
        sleep(Duration::from_mins(pause)).await;
    }
    panic!("not answered in three deliveries: {:?}", event.0["RequestType"]);
}
