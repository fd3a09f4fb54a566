//! `conex inspect` and `conex container inspect`: all that is known, as JSON. A container's is in `described`.

use clap::Args;
use serde_json::Value;

use super::{
    described, errors,
    format::Format,
    image,
    say::{say, say_all},
};
use crate::{Engine, Failure, Result, image::Images};

/// Show all that is known of containers and images, as JSON
#[derive(Args, Debug)]
pub(super) struct Inspect {
    /// A template of Go's, for each: '{{.State.Status}}', or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// Also how much room a container takes
    #[arg(short, long)]
    size: bool,
    /// container or image
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Show all that is known of containers, as JSON
#[derive(Args, Debug)]
pub(super) struct ContainerInspect {
    /// A template of Go's, for each: '{{.State.Status}}', or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// Also how much room a container takes
    #[arg(short, long)]
    size: bool,
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

pub(super) fn main(inspect: &Inspect, engine: &Engine) -> Result<u8> {
    let container = |word: &str| described::container(engine, &engine.find(word)?, inspect.size);
    let image = |word: &str| {
        let images = Images::open(engine)?;
        image::describe(&images, &images.find(word)?)
    };
    show(&inspect.names, inspect.format.as_deref(), |word| match inspect.kind.as_deref() {
        Some("container") => container(word),
        Some("image") => image(word),
        None | Some("") if engine.find(word).is_ok() => container(word),
        None | Some("") => image(word).map_err(|_| {
            let failure = Failure::new(format!("there is no container and no image {word}"));
            failure.with_hint("conex ps -a lists containers, conex images the images")
        }),
        Some(other) => {
            let failure = Failure::new(format!("nothing of type {other:?} can be inspected"));
            Err(failure.with_hint("--type container, --type image"))
        }
    })
}

pub(super) fn containers(inspect: &ContainerInspect, engine: &Engine) -> Result<u8> {
    show(&inspect.containers, inspect.format.as_deref(), |word| {
        described::container(engine, &engine.find(word)?, inspect.size)
    })
}

/// A list even of one; what is missing is told, and does not keep the others. The exit status.
pub(super) fn show(words: &[String], format: Option<&str>, one: impl Fn(&str) -> Result<Value>) -> Result<u8> {
    let format = format.map(Format::of_object).transpose()?;
    let (mut found, mut status) = (Vec::new(), 0);
    for word in words {
        match one(word) {
            Ok(value) => found.push(value),
            Err(failure) => {
                errors::fail(&failure);
                status = 1;
            }
        }
    }
    match format {
        None => say(&format!("{:#}", Value::Array(found))),
        Some(format) => {
            let lines = found.iter().map(|value| format.render_object(value)).collect::<Result<Vec<_>>>()?;
            say_all(&lines);
        }
    }
    Ok(status)
}
