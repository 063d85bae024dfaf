//! The real time, and durations on the command line.

use std::time::{Duration, SystemTime};

/// Returns the real time, on which the emulator and other programs have to agree.
#[allow(clippy::disallowed_methods, reason = "this is the clock that an emulated one starts from")]
pub(crate) fn present() -> SystemTime {
    SystemTime::now()
}

/// Parses a duration on the command line: `300ms`, `2s`, `1m`, or a bare number of seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|character: char| character != '.' && !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is not a duration such as 300ms, 2s or 1m"))?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "" | "s" => number,
        "m" => number * 60.0,
        _ => return Err(format!("`{unit}` is not a unit of time: use ms, s or m")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("`{text}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1m"), Ok(Duration::from_mins(1)));
        assert!(duration("soon").is_err());
        assert!(duration("2h").is_err());
    }
}
