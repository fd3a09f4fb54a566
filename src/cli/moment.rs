//! Moments, as docker's flags take them.

use jiff::{SignedDuration, Timestamp};

use crate::{Failure, Result};

/// A time, of UTC without a zone; seconds since 1970; or a duration before now.
pub(super) fn parse(text: &str) -> Result<Timestamp> {
    let refuse = || {
        let failure = Failure::new(format!("{text:?} is no time"));
        failure.with_hint("2026-01-31T10:00:00Z, 2026-01-31, seconds since 1970, or how long ago: 1h30m")
    };
    let without_zone = || ["Z", "T00:00:00Z"].iter().find_map(|rest| format!("{text}{rest}").parse().ok());
    let seconds = || {
        let seconds: f64 = text.parse().ok()?;
        Timestamp::from_duration(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
    };
    let ago = || Timestamp::now().checked_sub(text.parse::<SignedDuration>().ok()?).ok();
    text.parse().ok().or_else(seconds).or_else(without_zone).or_else(ago).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_many_ways() {
        let same = ["2001-02-03T04:05:06Z", "2001-02-03T04:05:06", "981173106", "2001-02-03T05:05:06+01:00"];
        for text in same {
            assert_eq!(parse(text).expect("a time").as_second(), 981_173_106, "{text}");
        }
        assert_eq!(parse("2001-02-03").expect("a day").as_second(), 981_158_400);
        let (now, ago) = (Timestamp::now().as_second(), parse("1h30m").expect("a duration").as_second());
        assert!((now - ago - 5400).abs() <= 1);
        for bad in ["", "x", "1x", "2001-13-01", "NaN"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
