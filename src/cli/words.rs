//! How long ago, in docker's words.

/// `Less than a second`, `5 seconds`, `About a minute`, …, from milliseconds.
pub(super) fn duration(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1000, ms / 60_000, (ms + 1_800_000) / 3_600_000);
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (2..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, 2..60, _) => format!("{minutes} minutes"),
        (_, _, 1) => "About an hour".to_owned(),
        (_, _, 2..48) => format!("{hours} hours"),
        (_, _, 48..336) => format!("{} days", hours / 24),
        (_, _, 336..1440) => format!("{} weeks", hours / 24 / 7),
        (_, _, 1440..17520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

/// `1.98MB`: three digits, and units of a thousand.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut value, mut unit) = (count as f64, 0);
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = if value >= 100.0 || unit == 0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.decimals$}");
    // Go's %.3g: no zeros at the end.
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_as_docker_tells_them() {
        let told = [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1_980_000, "1.98MB"),
            (206_400_000, "206MB"),
            (12_340, "12.3kB"),
        ];
        for (count, words) in told {
            assert_eq!(bytes(count), words);
        }
    }

    #[test]
    fn durations_are_told_as_docker_tells_them() {
        const MINUTE: u64 = 60_000;
        const HOUR: u64 = 60 * MINUTE;
        let told = [
            (999, "Less than a second"),
            (1_000, "1 second"),
            (59_999, "59 seconds"),
            (MINUTE, "About a minute"),
            (45 * MINUTE, "45 minutes"),
            (60 * MINUTE, "About an hour"),
            (100 * MINUTE, "2 hours"),
            (47 * HOUR, "47 hours"),
            (48 * HOUR, "2 days"),
            (15 * 24 * HOUR, "2 weeks"),
            (100 * 24 * HOUR, "3 months"),
            (800 * 24 * HOUR, "2 years"),
        ];
        for (ms, words) in told {
            assert_eq!(duration(ms), words);
        }
    }
}
