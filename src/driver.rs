//! How a container's root comes to be, if it is made of layers. Both ways are chapter 3's.

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// How the root of a container is made of layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// The kernel shows them as one, and only what is written takes room.
    #[default]
    Overlay,
    /// They are copied for each container, for places where no overlay can be.
    Copy,
    /// The same, but files share their data with the layers' where the file system can.
    Reflink,
}

impl Driver {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Copy => "copy",
            Self::Reflink => "reflink",
        }
    }

    /// From its name.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "overlay" => Ok(Self::Overlay),
            "copy" => Ok(Self::Copy),
            "reflink" => Ok(Self::Reflink),
            _ => Err(Failure::new(format!("there is no storage driver {text:?}")).with_hint("overlay, copy, reflink")),
        }
    }
}
