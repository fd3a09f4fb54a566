//! Bytes in docker's words. Not how long ago: see `words`.
//! See <https://pkg.go.dev/github.com/docker/go-units>.

use gtmpl_ng::{FloatFormat, format_float};

const DECIMAL: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
const BINARY: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// `1.98MB`, as lists show sizes.
pub(in crate::cli) fn decimal(bytes: u64) -> String {
    words(bytes, 1000.0, &DECIMAL, 3)
}

/// `1.982MB`, as `system df` and the virtual size are told.
pub(in crate::cli) fn exact_decimal(bytes: u64) -> String {
    words(bytes, 1000.0, &DECIMAL, 4)
}

/// `12.5MiB`, as stats shows memory.
pub(in crate::cli) fn binary(bytes: u64) -> String {
    words(bytes, 1024.0, &BINARY, 4)
}

/// As many digits as asked for, by Go's `%g`: with three, docker calls 999,500 bytes `1e+03kB`, and so do we.
#[expect(clippy::cast_precision_loss, reason = "four digits are shown")]
fn words(bytes: u64, base: f64, units: &[&str], digits: usize) -> String {
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= base && unit + 1 < units.len() {
        size /= base;
        unit += 1;
    }
    format!("{}{}", format_float(size, FloatFormat::General, Some(digits)), units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `docker images` said of images with a layer of so many bytes.
    #[test]
    fn decimal_sizes_are_told_as_docker_tells_them() {
        let told = [
            (0, "0B", "0B"),
            (1, "1B", "1B"),
            (512, "512B", "512B"),
            (999, "999B", "999B"),
            (1_000, "1kB", "1kB"),
            (1_500, "1.5kB", "1.5kB"),
            (9_995, "9.99kB", "9.995kB"),
            (12_345, "12.3kB", "12.35kB"),
            (99_950, "100kB", "99.95kB"),
            (999_499, "999kB", "999.5kB"),
            (999_500, "1e+03kB", "999.5kB"),
            (1_000_000, "1MB", "1MB"),
            (1_234_567, "1.23MB", "1.235MB"),
            (1_982_415, "1.98MB", "1.982MB"),
            (52_428_800, "52.4MB", "52.43MB"),
        ];
        for (bytes, short, exact) in told {
            assert_eq!((decimal(bytes).as_str(), exact_decimal(bytes).as_str()), (short, exact));
        }
    }

    #[test]
    fn binary_sizes_have_four_digits() {
        let told = [
            (0, "0B"),
            (1_023, "1023B"),
            (1_024, "1KiB"),
            (331_776, "324KiB"),
            (13_107_200, "12.5MiB"),
            (1_288_490_189, "1.2GiB"),
            (25_276_000_000, "23.54GiB"),
            (u64::MAX, "16EiB"),
        ];
        for (bytes, words) in told {
            assert_eq!(binary(bytes), words);
        }
    }
}
