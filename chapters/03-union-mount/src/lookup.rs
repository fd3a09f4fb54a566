//! How an overlay finds a name: from the topmost layer down, until one hides all below.

use crate::entry::Entry;

// ANCHOR: lookup
/// The layers whose entry is seen, as indexes; `stack` is what each has under one name, the topmost first. More than one
/// only if they are directories, which are merged.
#[doc(alias = "exercise:overlay.lookup")]
pub(crate) fn visible(stack: &[Option<Entry>]) -> Vec<usize> {
    let mut seen = Vec::new();
    for (layer, entry) in stack.iter().enumerate() {
        match entry {
            None => continue,
            Some(Entry::Directory) => {
                seen.push(layer);
                continue;
            }
            Some(Entry::OpaqueDirectory) => seen.push(layer),
            Some(Entry::File) if seen.is_empty() => seen.push(layer),
            Some(Entry::File | Entry::Whiteout) => {}
        }
        break;
    }
    seen
}
// ANCHOR_END: lookup
