//! Any bytes as a layer: applied whole or refused, never half; nothing outside of it changes, nothing stays open, and
//! what was applied is the same when it is packed and applied again. See the OCI image specification, layer.md.

use std::{io::ErrorKind, path::Path, path::PathBuf};

use conex_image::{Digest, Error, Layer, Limits};

use crate::{
    place::{LIMITS, Place, descriptors},
    tree,
};

/// A media type that leaves it to the content how it is packed.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

pub(crate) fn run(place: &Place, archive: &[u8]) {
    let before = descriptors();
    match apply(place, archive) {
        Ok(layer) => again(place, &layer),
        Err(error) => {
            assert!(!leads_out(&error), "it was about to write outside: {error}");
            assert_eq!(place.layers(), [""; 0], "something half-made stayed after: {error}");
        }
    }
    place.check_outside();
    place.clear();
    assert_eq!(descriptors(), before, "a descriptor stayed open");
}

fn apply(place: &Place, archive: &[u8]) -> Result<PathBuf, Error> {
    if let Ok(layer) = place.store.import(archive, &LIMITS) {
        return place.apply(&layer, &LIMITS);
    }
    // What can't be unpacked to its end has no diff id, but its beginning is applied before that shows.
    let layer = Layer { blob: place.store.put(LAYER, archive)?, diff_id: Digest::of(b"another") };
    Err(place.apply(&layer, &LIMITS).expect_err("nothing has this diff id"))
}

/// Whatever lies outside is read-only, see `isolation`.
fn leads_out(error: &Error) -> bool {
    matches!(error, Error::System { error, .. } if error.kind() == ErrorKind::ReadOnlyFilesystem)
}

/// Packs the tree and applies that.
fn again(place: &Place, layer: &Path) {
    let Some(seen) = tree::look(layer) else { return };
    let made = place.store.make(layer, &[]).unwrap_or_else(|error| panic!("what was applied can't be packed: {error}"));
    let copy = place
        .apply(&made, &Limits::default())
        .unwrap_or_else(|error| panic!("what was packed can't be applied: {error}"));
    tree::same(&seen, &tree::look(&copy).expect("it is as large"));
}
