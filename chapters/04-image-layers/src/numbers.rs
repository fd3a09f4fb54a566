//! Numbers in tar headers: octal text; where that is too short, bytes; in extended headers, decimal text. See tar(5).

use rustix::fs::Timespec;

use crate::{Error, Result};

/// A field of a header. The first bit set means that bytes follow, as in two's complement; nothing means 0.
pub(crate) fn field(bytes: &[u8]) -> Result<i64> {
    if let Some((first, rest)) = bytes.split_first()
        && first & 0x80 != 0
    {
        // The bit after the first is the sign.
        let start = i128::from(first & 0x7f) - if first & 0x40 != 0 { 0x80 } else { 0 };
        let whole = rest.iter().try_fold(start, |whole, byte| whole.checked_mul(256)?.checked_add(i128::from(*byte)));
        return whole.and_then(|whole| i64::try_from(whole).ok()).ok_or_else(|| broken(bytes));
    }
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii();
    let digit = |whole: i64, byte: &u8| match byte {
        b'0'..=b'7' => whole.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
        _ => None,
    };
    text.iter().try_fold(0, digit).ok_or_else(|| broken(bytes))
}

/// Decimal digits.
pub(crate) fn decimal(text: &[u8]) -> Result<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    number.ok_or_else(|| broken(text))
}

/// Seconds with a fraction: `-1.5` is half a second before 23:59:59.
pub(crate) fn time(text: &[u8]) -> Result<Timespec> {
    let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let seconds = decimal(parts.next().unwrap_or_default())?;
    let seconds = i64::try_from(seconds).map_err(|_| broken(text))?;
    // Beyond nanoseconds, digits are cut off.
    let mut fraction = parts.next().unwrap_or_default().to_vec();
    fraction.resize(9, b'0');
    let nanos = decimal(&fraction)? as i64;
    Ok(match (negative, nanos) {
        (false, _) => Timespec { tv_sec: seconds, tv_nsec: nanos },
        (true, 0) => Timespec { tv_sec: -seconds, tv_nsec: 0 },
        (true, _) => Timespec { tv_sec: -seconds - 1, tv_nsec: 1_000_000_000 - nanos },
    })
}

fn broken(bytes: &[u8]) -> Error {
    Error::Archive(format!("{:?} is no number", String::from_utf8_lossy(&bytes[..bytes.len().min(40)])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_base_256_and_nothing_are_numbers() {
        assert_eq!(field(b"0000644\0").expect("octal"), 0o644);
        assert_eq!(field(b"   644 \0").expect("blanks"), 0o644);
        assert_eq!(field(b"\0\0\0\0").expect("nothing"), 0);
        assert_eq!(field(b"\x80\0\0\0\0\0\0\x02\0\0\0\0").expect("large"), 8 << 30);
        assert_eq!(field(&[0xff; 12]).expect("negative"), -1);
        assert!(field(b"12x").is_err());
        assert!(field(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff").is_err());
    }

    #[test]
    fn times_are_before_and_after_the_epoch() {
        let parts = |text: &str| time(text.as_bytes()).map(|time| (time.tv_sec, time.tv_nsec)).ok();
        assert_eq!(parts("1.5"), Some((1, 500_000_000)));
        assert_eq!(parts("-1.5"), Some((-2, 500_000_000)));
        assert_eq!(parts("-1"), Some((-1, 0)));
        assert_eq!(parts("4294967296.1234567899"), Some((4_294_967_296, 123_456_789)));
        assert_eq!((parts(""), parts("1.x"), parts("--1"), parts("99999999999999999999")), (None, None, None, None));
    }
}
