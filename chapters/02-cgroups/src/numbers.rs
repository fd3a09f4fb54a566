//! Lists of numbers as the kernel writes them: `0-3,7`. See cpuset(7).

/// The highest number that such a list may hold: more processors than any kernel is built for.
const NUMBER_MAX: u32 = 8191;

/// The ranges of a list, first and last; `None` if it is none.
pub(crate) fn parse(text: &str) -> Option<Vec<(u32, u32)>> {
    let number = |text: &str| text.parse().ok().filter(|number| *number <= NUMBER_MAX);
    let range = |text: &str| -> Option<(u32, u32)> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (number(first)?, number(last)?);
        (first <= last).then_some((first, last))
    };
    text.trim().split(',').map(range).collect()
}

/// Whether each number of one list is in the other.
pub(crate) fn within(part: &[(u32, u32)], whole: &[(u32, u32)]) -> bool {
    let has = |number: u32| whole.iter().any(|(first, last)| (*first..=*last).contains(&number));
    part.iter().all(|(first, last)| (*first..=*last).all(has))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_ranges_of_sane_numbers() {
        assert_eq!(parse("0-3,7\n"), Some(vec![(0, 3), (7, 7)]));
        for bad in ["", "a", "3-1", "0-4294967295", "1,,2", "-1", "0-9999"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_part_is_within_the_whole() {
        assert!(within(&[(1, 2), (7, 7)], &[(0, 3), (7, 7)]));
        assert!(!within(&[(3, 7)], &[(0, 3), (7, 7)]));
    }
}
