//! The platform version that new runtimes get in the account of the running test, and tests that are repeated on V2.

use std::cell::Cell;

use emulator::agentcore_control::PlatformVersion;
use emulator::settings::Settings;

thread_local! {
    static PLATFORM: Cell<PlatformVersion> = const { Cell::new(PlatformVersion::V1) };
}

/// Runs a test, which is a function that starts tokio itself, in accounts whose new runtimes are on V2.
pub(crate) fn on_v2(test: impl FnOnce()) {
    on(PlatformVersion::V2, test);
}

/// Returns the result of `work` in accounts whose new runtimes are on this platform.
pub(crate) fn on<T>(platform: PlatformVersion, work: impl FnOnce() -> T) -> T {
    struct Reset(PlatformVersion);
    impl Drop for Reset {
        fn drop(&mut self) {
            PLATFORM.set(self.0);
        }
    }
    let _reset = Reset(PLATFORM.replace(platform));
    work()
}

/// Returns the platform of the running test's accounts.
pub(crate) fn current() -> PlatformVersion {
    PLATFORM.get()
}

/// Adapts settings to an account of the running test. An operation that is slow on V1 is not faster on V2.
pub(crate) fn settings(settings: Settings) -> Settings {
    let usual = Settings::default().snapshot_transition;
    let chosen = settings.snapshot_transition;
    let snapshot_transition = if chosen == usual { usual.max(settings.runtime_transition) } else { chosen };
    Settings { platform_version: current(), snapshot_transition, ..settings }
}

/// Checks that a list of tests names every test of a source.
#[track_caller]
pub(crate) fn check_complete(listed: &[&str], source: &str) {
    let mut found: Vec<&str> = Vec::new();
    for part in source.split("#[tokio::test(").skip(1) {
        let (_, rest) = part.split_once("async fn ").expect("a test is an async function");
        found.push(rest.split('(').next().expect("a name"));
    }
    let missing: Vec<_> = found.iter().filter(|name| !listed.contains(name)).collect();
    assert!(!found.is_empty() && missing.is_empty(), "not on V2: {missing:?}");
}

/// Repeats the tests of the surrounding module, whose source is given, on platform version V2. A test that is not named
/// is a failure. Tests behind `not` would be too slow, or do not depend on the account's platform.
macro_rules! repeat_on_v2 {
    ($source:literal: $($test:ident)* $(; not $($other:ident)*)?) => {
        mod on_v2 {
            $(#[test]
            fn $test() {
                crate::platform::on_v2(super::$test);
            })*

            #[test]
            fn every_test_is_repeated() {
                let listed = [$(stringify!($test),)* $($(stringify!($other),)*)?];
                crate::platform::check_complete(&listed, include_str!($source));
            }
        }
    };
}
pub(crate) use repeat_on_v2;
