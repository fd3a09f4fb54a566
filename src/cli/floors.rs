//! Whose floors this program stands on: the reference's, or in a learner's tree the learner's.

/// Those of the learner's, from build.rs; empty outside a learner's tree.
const YOURS: &str = env!("CONEX_FLOORS");

/// For `conex info`.
pub(super) fn all() -> String {
    match YOURS {
        "" => "reference".to_owned(),
        yours => format!("yours: {yours}; the others: reference"),
    }
}

/// For errors, which may be the floor's.
pub(super) fn yours() -> Option<String> {
    (!YOURS.is_empty()).then(|| format!("this engine stands on your {YOURS}; cargo workbook check tells more"))
}
