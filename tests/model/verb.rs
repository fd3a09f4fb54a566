//! Verbs, as words for conex and as what they make of the model.

use proptest::{prelude::Strategy, prop_oneof};

use crate::{
    Model, NAMES, State,
    State::{Created, Exited, Paused, Running},
    put,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Run,
    Start,
    Stop,
    Restart,
    Kill,
    Pause,
    Unpause,
    Remove,
    RemoveByForce,
    Exec,
    Rename(usize),
}

pub(crate) fn verbs() -> impl Strategy<Value = Verb> {
    let plain = [
        Verb::Create,
        Verb::Run,
        Verb::Run,
        Verb::Start,
        Verb::Stop,
        Verb::Restart,
        Verb::Kill,
        Verb::Pause,
        Verb::Unpause,
        Verb::Remove,
        Verb::RemoveByForce,
        Verb::Exec,
    ];
    prop_oneof![8 => proptest::sample::select(plain.to_vec()), 1 => (0..NAMES.len()).prop_map(Verb::Rename)]
}

impl Verb {
    pub(crate) fn words(self, name: &'static str) -> Vec<&'static str> {
        let sleeper = ["--network", "none", "box", "busybox", "sleep", "1000"];
        let made = |verb: &[&'static str]| [verb, &["--name", name], &sleeper[..]].concat();
        match self {
            Self::Create => made(&["create"]),
            Self::Run => made(&["run", "-d"]),
            Self::Start => vec!["start", name],
            Self::Stop => vec!["stop", "-t", "0", name],
            Self::Restart => vec!["restart", "-t", "0", name],
            Self::Kill => vec!["kill", name],
            Self::Pause => vec!["pause", name],
            Self::Unpause => vec!["unpause", name],
            Self::Remove => vec!["rm", name],
            Self::RemoveByForce => vec!["rm", "-f", name],
            Self::Exec => vec!["exec", name, "busybox", "true"],
            Self::Rename(other) => vec!["rename", name, NAMES[other]],
        }
    }

    /// What it makes of the model; `None` if it is refused, and then nothing changes.
    pub(crate) fn apply(self, name: &'static str, model: &Model) -> Option<Model> {
        let state = model.get(name).copied();
        let with = |state: State| Some([(name, state)].into_iter().fold(model.clone(), put));
        let without = || Some(model.clone().into_iter().filter(|(other, _)| *other != name).collect());
        match (self, state) {
            (Self::Create, None) => with(Created),
            (Self::Run, None) => with(Running),
            (Self::Create | Self::Run, Some(_)) => None,
            (Self::RemoveByForce, _) => without(),
            (_, None) => None,
            (Self::Start, Some(Paused)) => None,
            (Self::Start | Self::Restart, Some(_)) => with(Running),
            (Self::Stop, Some(Running | Paused)) | (Self::Kill, Some(Running | Paused)) => with(Exited),
            (Self::Stop, Some(state)) => with(state),
            (Self::Kill, Some(_)) => None,
            (Self::Pause, Some(Running)) => with(Paused),
            (Self::Unpause, Some(Paused)) => with(Running),
            (Self::Pause | Self::Unpause, Some(_)) => None,
            (Self::Remove, Some(Created | Exited)) => without(),
            (Self::Remove, Some(_)) => None,
            (Self::Exec, Some(Running)) => Some(model.clone()),
            (Self::Exec, Some(_)) => None,
            (Self::Rename(other), Some(state)) if !model.contains_key(NAMES[other]) => {
                without().map(|left: Model| put(left, (NAMES[other], state)))
            }
            (Self::Rename(_), Some(_)) => None,
        }
    }
}
