//! `perform`: the only door through which conex changes the kernel's state.
//!
//! It gives an error its words, an operation its timing and, when someone observes, the narration its line.

use std::{
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use crate::{Error, Observer, Operation, Record, Result, Side, Step};

/// Performs operations; on a real kernel or, in a dry run, on none.
#[derive(Clone)]
pub struct Kernel {
    observer: Option<Rc<dyn Observer>>,
    side: Side,
    dry: bool,
}

impl Kernel {
    /// Performs operations with nobody looking on: no allocation, no formatting, no clock.
    pub fn quiet() -> Self {
        Self { observer: None, side: Side::Host, dry: false }
    }

    /// Performs operations and shows each to `observer`.
    pub fn observed(observer: Rc<dyn Observer>) -> Self {
        Self { observer: Some(observer), side: Side::Host, dry: false }
    }

    /// Shows each operation to `observer` and runs none.
    pub fn dry(observer: Rc<dyn Observer>) -> Self {
        Self { observer: Some(observer), side: Side::Host, dry: true }
    }

    /// The same kernel seen from the container's side of the clone; what happens there goes to `relay(observer)`.
    #[must_use]
    pub fn in_container(&self, relay: impl FnOnce(Rc<dyn Observer>) -> Rc<dyn Observer>) -> Self {
        Self { observer: self.observer.clone().map(relay), side: Side::Container, dry: self.dry }
    }

    /// Whether this is a dry run.
    pub fn is_dry(&self) -> bool {
        self.dry
    }

    /// Whoever looks on, for records that come from elsewhere.
    pub fn observer(&self) -> Option<&Rc<dyn Observer>> {
        self.observer.as_ref()
    }

    /// Runs `operation` for `part`.
    pub fn perform<O: Operation>(&self, part: &'static str, operation: O) -> Result<O::Output> {
        match &self.observer {
            None => operation.run().map_err(|error| Error::new(part, &operation, &error)),
            Some(observer) => self.perform_observed(observer.as_ref(), part, &operation),
        }
    }

    fn perform_observed<O: Operation>(
        &self,
        observer: &dyn Observer,
        part: &'static str,
        operation: &O,
    ) -> Result<O::Output> {
        let step = Step { side: self.side, part, operation };
        if !O::RETURNS {
            observer.after(Record::new(&step, &operation.command(), Duration::ZERO, None));
        }
        let (took, outcome) = self.timed(observer, &step, operation);
        let failure = outcome.as_ref().err().map(ToString::to_string);
        if O::RETURNS || failure.is_some() {
            observer.after(Record::new(&step, &operation.command(), took, failure));
        }
        outcome.map_err(|error| Error::new(part, operation, &error))
    }

    fn timed<O: Operation>(
        &self,
        observer: &dyn Observer,
        step: &Step<'_>,
        operation: &O,
    ) -> (Duration, io::Result<O::Output>) {
        if let Err(error) = observer.before(step) {
            return (Duration::ZERO, Err(error));
        }
        if self.dry {
            return (Duration::ZERO, operation.pretend());
        }
        let started = Instant::now();
        let outcome = operation.run();
        (started.elapsed(), outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, fmt};

    use super::*;
    use crate::Equivalent;

    struct Double(i32);

    impl fmt::Display for Double {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "double {}", self.0)
        }
    }

    impl Operation for Double {
        type Output = i32;
        fn run(&self) -> io::Result<i32> {
            self.0.checked_mul(2).ok_or_else(|| io::Error::from_raw_os_error(libc::ERANGE))
        }
        fn pretend(&self) -> io::Result<i32> {
            Ok(0)
        }
        fn command(&self) -> Equivalent {
            Equivalent::exact(format!("expr 2 '*' {}", self.0))
        }
    }

    #[derive(Default)]
    struct Notes {
        records: RefCell<Vec<Record>>,
        refuse: bool,
    }

    impl Observer for Notes {
        fn before(&self, _step: &Step<'_>) -> io::Result<()> {
            if self.refuse { Err(io::Error::from_raw_os_error(libc::EIO)) } else { Ok(()) }
        }
        fn after(&self, record: Record) {
            self.records.borrow_mut().push(record);
        }
    }

    #[test]
    fn an_operation_gives_its_output_or_an_error_with_its_words() {
        assert_eq!(Kernel::quiet().perform("test", Double(21)).expect("fits"), 42);
        let error = Kernel::quiet().perform("test", Double(i32::MAX)).expect_err("too large");
        assert!(error.to_string().starts_with("test: double 2147483647: ERANGE ("));
    }

    #[test]
    fn an_observer_sees_what_ran_and_its_command() {
        let notes = Rc::new(Notes::default());
        Kernel::observed(notes.clone()).perform("test", Double(4)).expect("fits");
        let records = notes.records.borrow();
        assert_eq!(records[0].operation, "double 4");
        assert_eq!(records[0].equivalent, ("exact".into(), "expr 2 '*' 4".to_owned()));
    }

    #[test]
    fn an_observer_can_put_a_fault_in_the_place_of_an_operation() {
        let notes = Rc::new(Notes { refuse: true, ..Notes::default() });
        let error = Kernel::observed(notes).perform("test", Double(4)).expect_err("refused");
        assert_eq!(error.errno(), Some(libc::EIO));
    }

    #[test]
    fn a_dry_run_narrates_and_changes_nothing() {
        let notes = Rc::new(Notes::default());
        assert_eq!(Kernel::dry(notes.clone()).perform("test", Double(i32::MAX)).expect("pretended"), 0);
        assert_eq!(notes.records.borrow().len(), 1);
    }
}
