//! `conex commit`: an image of what a container has become.

use clap::{ArgAction, Args};

use super::{changes, run_flags::switch, say::say};
use crate::{
    Engine, Result,
    image::{self, Images},
};

/// Make an image of what a container changed
#[derive(Args, Debug)]
pub(super) struct Commit {
    /// Who made it
    #[arg(short, long)]
    author: Option<String>,
    /// What was done
    #[arg(short, long)]
    message: Option<String>,
    /// A line of a Dockerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, USER, VOLUME or WORKDIR
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Stop the container's processes meanwhile
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true",
          action = ArgAction::Set, value_name = "BOOL", value_parser = switch, hide_default_value = true)]
    pause: bool,
    /// A name, an id, or the beginning of an id
    #[arg(value_name = "CONTAINER")]
    container: String,
    /// What the image is called
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
}

pub(super) fn main(commit: &Commit, engine: &Engine) -> Result<u8> {
    let images = Images::open(engine)?;
    let name = commit.name.as_deref().map(Images::reference).transpose()?;
    let changes = commit.change.iter().map(|line| changes::parse(line)).collect::<Result<Vec<_>>>()?;
    let asked = image::Commit {
        author: commit.author.clone(),
        message: commit.message.clone(),
        changes,
        pause: if commit.pause { image::Pause::Yes } else { image::Pause::No },
    };
    let record = image::commit(&images, &engine.find(&commit.container)?, &asked)?;
    name.map_or(Ok(()), |name| images.name(&record, &name))?;
    say(&record.id.to_string());
    Ok(0)
}
