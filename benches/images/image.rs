//! The image that all bring: a Debian root, and three layers of what this machine has below /usr.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use conex_image::{Config, Manifest, Named, Platform, Store, config::RootFs};

use crate::Effort;

pub(crate) const NAME: &str = "bench/big";

/// In an archive, and in a store that has its blobs.
pub(crate) struct Image {
    pub(crate) archive: PathBuf,
    pub(crate) store: PathBuf,
    pub(crate) manifest: Manifest,
    pub(crate) config: Config,
}

impl Image {
    /// Made once and kept.
    pub(crate) fn make(directory: &Path, effort: &Effort) -> io::Result<Self> {
        let (archive, place) = (directory.join("image.tar"), directory.join("image"));
        let named = directory.join("image.json");
        let store = Store::open(&place, &directory.join("image-layers")).map_err(io::Error::other)?;
        if !archive.is_file() {
            let mut layers = vec![store.make(&(effort.root)(directory)?, &[]).map_err(io::Error::other)?];
            for content in contents(&directory.join("image-content"), effort.layer_bytes)? {
                layers.push(store.make(&content, &[]).map_err(io::Error::other)?);
            }
            let (blobs, diff_ids) = layers.into_iter().map(|layer| (layer.blob, layer.diff_id)).unzip();
            let Platform { architecture, os, variant } = Platform::here();
            let rootfs = RootFs { kind: "layers".into(), diff_ids };
            let config = Config { architecture, os, variant, rootfs, ..Config::default() };
            let manifest = store.put_image(&config, blobs).map_err(io::Error::other)?;
            fs::write(&named, serde_json::to_vec(&manifest)?)?;
            let names = vec![format!("docker.io/{NAME}:latest")];
            let aside = directory.join("image.making");
            let saved = store.save(&[Named { names, manifest }], fs::File::create(&aside)?);
            saved.map_err(io::Error::other)?;
            fs::rename(aside, &archive)?;
        }
        let named = serde_json::from_slice(&fs::read(named)?)?;
        let (manifest, config) = store.image(&named, &Platform::here()).map_err(io::Error::other)?;
        Ok(Self { archive, store: place, manifest, config })
    }
}

/// Three directories of so many bytes, more or less: whole directories of the machine's, in the order of their names.
fn contents(place: &Path, bytes: u64) -> io::Result<Vec<PathBuf>> {
    let mut sources = Vec::new();
    for directory in ["/usr/lib", "/usr/share"] {
        sources.extend(
            fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?,
        );
    }
    sources.sort_unstable();
    let mut sources = sources.into_iter().filter(|path| path.is_dir() && !path.is_symlink());
    let _ = fs::remove_dir_all(place);
    (0..3).map(|number| content(&place.join(number.to_string()), bytes, &mut sources)).collect()
}

fn content(place: &Path, bytes: u64, sources: &mut impl Iterator<Item = PathBuf>) -> io::Result<PathBuf> {
    fs::create_dir_all(place)?;
    let mut has = 0;
    while has < bytes {
        let source = sources.next().ok_or_else(|| io::Error::other("this machine has too little below /usr"))?;
        let takes = conex_image::size(&source).map_err(io::Error::other)?;
        if takes > bytes - has + bytes / 10 {
            continue;
        }
        let status = Command::new("cp").arg("-a").arg(&source).arg(place).status()?;
        if !status.success() {
            return Err(io::Error::other(format!("cp {}: {status}", source.display())));
        }
        has += takes;
    }
    Ok(place.to_owned())
}
