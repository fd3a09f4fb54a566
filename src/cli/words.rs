//! Times and ids, in docker's words.

use conex_image::Digest;
use jiff::Timestamp;

use crate::state::now_unix_ms;

/// The id of an image or a blob, as people read it.
pub(super) fn short(digest: &Digest) -> &str {
    &digest.hex()[..12]
}

/// How long ago, of a time as images have it.
pub(super) fn since(text: Option<&str>) -> String {
    let then = text.and_then(|text| text.parse::<Timestamp>().ok()).map(Timestamp::as_millisecond);
    match then.and_then(|then| u64::try_from(then).ok()) {
        Some(then) => format!("{} ago", duration(now_unix_ms().saturating_sub(then))),
        None => "N/A".to_owned(),
    }
}

/// When, in UTC, of a time as images have it.
pub(super) fn at(text: Option<&str>) -> String {
    text.and_then(|text| text.parse::<Timestamp>().ok()).map_or_else(String::new, date)
}

/// When, in UTC.
pub(super) fn date(then: Timestamp) -> String {
    then.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
}

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

#[cfg(test)]
mod tests {
    use super::*;

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
