//! Schedules for instructors, computed from the minutes that pages and exercises take.

/// What one page takes.
pub(super) struct Page {
    /// Its title.
    pub(super) name: String,
    /// Minutes to read, or to present.
    pub(super) reading: u32,
    /// Ids and minutes.
    pub(super) exercises: Vec<(String, u32)>,
}

impl Page {
    /// All of it.
    pub(super) fn minutes(&self) -> u32 {
        self.reading + self.exercises.iter().map(|(_, minutes)| minutes).sum::<u32>()
    }

    fn steps(&self) -> impl Iterator<Item = (String, u32)> {
        let exercises = self.exercises.iter().map(|(id, minutes)| (format!("exercise {id}"), *minutes));
        std::iter::once((format!("{}, presented", self.name), self.reading)).chain(exercises)
    }
}

/// Nobody learns longer than this at a stretch.
const STRETCH_MINUTES: u32 = 90;
const BREAK_MINUTES: u32 = 15;

/// A table of so many minutes, in the order of the book; what does not fit is said below it.
pub(super) fn plan(pages: &[Page], minutes: u32) -> String {
    let mut table = "| from | minutes | what |\n|---|---|---|\n".to_owned();
    let (mut now, mut stretch) = (0, 0);
    let mut steps = pages.iter().flat_map(Page::steps).peekable();
    while let Some((what, takes)) = steps.peek() {
        let pause = if stretch > 0 && stretch + takes > STRETCH_MINUTES { BREAK_MINUTES } else { 0 };
        if now + pause + takes > minutes {
            break;
        }
        if pause > 0 {
            table += &row(now, pause, "break");
            (now, stretch) = (now + pause, 0);
        }
        table += &row(now, *takes, what);
        (now, stretch) = (now + takes, stretch + takes);
        steps.next();
    }
    let left: Vec<(String, u32)> = steps.collect();
    let rest: u32 = left.iter().map(|(_, minutes)| minutes).sum();
    match left.first() {
        None => table + &format!("\nThat is all there is so far: {now} of {minutes} minutes.\n"),
        Some((next, _)) => table + &format!("\nTo take home: {rest} minutes more, from {next} on.\n"),
    }
}

fn row(from: u32, takes: u32, what: &str) -> String {
    format!("| {}:{:02} | {takes} | {what} |\n", from / 60, from % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Vec<Page> {
        let exercises = [("a.one", 50), ("a.two", 30)].map(|(id, minutes)| (id.to_owned(), minutes));
        let first = Page { name: "First".into(), reading: 20, exercises: exercises.into() };
        vec![first, Page { name: "Second".into(), reading: 40, exercises: Vec::new() }]
    }

    #[test]
    fn what_fits_is_in_the_plan_with_breaks_and_the_rest_is_said() {
        let plan = plan(&pages(), 120);
        let rows: Vec<&str> = plan.lines().skip(2).collect();
        let expected = ["| 0:00 | 20 | First, presented |", "| 0:20 | 50 | exercise a.one |", "| 1:10 | 15 | break |"];
        assert_eq!(rows[..3], expected);
        assert_eq!(rows[3], "| 1:25 | 30 | exercise a.two |");
        assert!(plan.ends_with("To take home: 40 minutes more, from Second, presented on.\n"), "{plan}");
    }

    #[test]
    fn a_plan_with_room_says_so() {
        assert!(plan(&pages(), 600).ends_with("That is all there is so far: 155 of 600 minutes.\n"));
        assert_eq!(pages()[0].minutes(), 100);
    }
}
