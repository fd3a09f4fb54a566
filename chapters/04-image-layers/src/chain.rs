//! A chain id: the name of a layer together with all that lie below it. Two images share an unpacked layer only if they
//! share what it lies on, too. See the OCI image specification, config.md, "Layer ChainID".

use std::fmt;

use crate::Digest;

/// The name of a stack of layers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainId(Digest);

impl ChainId {
    // ANCHOR: chain-ids
    /// The chain ids of a stack of diff ids, the lowest first: one for each layer.
    #[must_use]
    #[doc(alias = "exercise:image.chain-ids")]
    pub fn of(diff_ids: &[Digest]) -> Vec<Self> {
        let mut chain: Vec<Self> = Vec::with_capacity(diff_ids.len());
        for diff_id in diff_ids {
            let id = match chain.last() {
                None => diff_id.clone(),
                Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()),
            };
            chain.push(Self(id));
        }
        chain
    }
    // ANCHOR_END: chain-ids

    /// The 64 digits alone: the name of its directory.
    #[must_use]
    pub fn hex(&self) -> &str {
        self.0.hex()
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_layer_s_is_its_diff_id_and_others_depend_on_all_below() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let chain = ChainId::of(&[a.clone(), b.clone(), a.clone()]);
        assert_eq!(chain[0].to_string(), a.to_string());
        // printf 'sha256:… sha256:…' | sha256sum
        assert_eq!(chain[1].0, Digest::of(format!("{a} {b}").as_bytes()));
        assert_eq!(chain[2].0, Digest::of(format!("{} {a}", chain[1]).as_bytes()));
        assert_ne!(ChainId::of(&[b, a])[1], chain[1]);
    }
}
