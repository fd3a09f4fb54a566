//! Where a target works: a store with one layer in it, and beside the store what must never change.

use std::{
    collections::BTreeSet,
    env, fs,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
};

use conex_image::{Config, Descriptor, Digest, Error, Layer, Limits, Manifest, Store, config::RootFs};

/// A store, and what is outside of it.
pub struct Place {
    pub(crate) store: Store,
    root: PathBuf,
    /// The layer that every other is applied over.
    below: Layer,
    below_path: PathBuf,
    /// What every file outside of a new layer was at first, by its path.
    before: Vec<(PathBuf, String)>,
}

/// As little as an archive of some kilobytes needs to reach each of them.
pub(crate) const LIMITS: Limits = Limits {
    entries: 100,
    name_bytes: 4095,
    header_bytes: 1 << 14,
    held_bytes: 1 << 15,
    expanded_bytes: 1 << 20,
    ratio: 200,
    ratio_from_bytes: 1 << 19,
};

impl Place {
    /// In an empty directory. The current one becomes `outside`, so that `/proc/self/cwd` leads out of a layer.
    pub(crate) fn make(root: &Path) -> Self {
        let (outside, images, layers) = (root.join("outside"), root.join("images"), root.join("layers"));
        fs::create_dir(&outside).expect("the place can be written to");
        fs::write(outside.join("secret"), "secret").expect("written");
        env::set_current_dir(&outside).expect("it is there");
        let store = Store::open(&images, &layers).expect("a store");
        let below = below(&store);
        let path = unpack(&store, std::slice::from_ref(&below), &LIMITS).expect("it is sound").remove(0);
        let mut place = Self { store, root: root.into(), below, below_path: path, before: Vec::new() };
        place.clear();
        place.before = place.now();
        place
    }

    /// Applies a layer over the one that is there; its directory.
    pub(crate) fn apply(&self, layer: &Layer, limits: &Limits) -> Result<PathBuf, Error> {
        let mut paths = unpack(&self.store, &[self.below.clone(), layer.clone()], limits)?;
        assert_eq!(paths[0], self.below_path, "the layer below is another now");
        Ok(paths.remove(1))
    }

    /// Panics if anything changed outside of what was made.
    pub(crate) fn check_outside(&self) {
        assert_eq!(names(&self.root), ["images", "layers", "outside"], "something appeared beside the store");
        assert_eq!(names(&self.root.join("outside")), ["secret"], "something appeared outside");
        assert_eq!(self.now(), self.before, "something outside has changed");
    }

    /// The directories of layers, without the one below.
    pub(crate) fn layers(&self) -> Vec<String> {
        let below = self.below_path.file_name().unwrap_or_default();
        names(&self.root.join("layers")).into_iter().filter(|name| **name != *below).collect()
    }

    /// Removes what was made, as `prune` does.
    pub(crate) fn clear(&self) {
        let keep = BTreeSet::from([self.below_path.clone()]);
        self.store.retain(&BTreeSet::new(), &keep).expect("what was made can be removed");
        assert_eq!(self.layers(), [""; 0], "a layer stayed");
        assert_eq!(names(&self.root.join("images/blobs/sha256")), [""; 0], "a blob stayed");
    }

    /// What is outside now. A file's ctime tells of every change to it, even of one more link.
    fn now(&self) -> Vec<(PathBuf, String)> {
        let outside = self.root.join("outside");
        let below = ["", "file", "link", "dir", "dir/inner", "to-dir"].map(|name| self.below_path.join(name));
        let paths = [outside.join("secret"), outside].into_iter().chain(below);
        let look = |path: PathBuf| {
            let stat = path.symlink_metadata().expect("it is there");
            let facts =
                format!("{} {}.{} {:o} {}", stat.ino(), stat.ctime(), stat.ctime_nsec(), stat.mode(), stat.nlink());
            (path, facts)
        };
        paths.map(look).collect()
    }
}

/// How many descriptors this process has open.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("proc is mounted").count()
}

/// A layer with one of everything that another may link to, hide or look through.
fn below(store: &Store) -> Layer {
    let making = store.making().expect("made");
    let path = |name: &str| making.path().join(name);
    ["dir", "dir/deep", "closed"].iter().for_each(|name| fs::create_dir(path(name)).expect("made"));
    ["file", "dir/inner", "dir/deep/er", "closed/x"]
        .iter()
        .for_each(|name| fs::write(path(name), *name).expect("made"));
    [("link", "file"), ("to-dir", "dir"), ("loop", "loop"), ("out", "/proc/self/cwd/secret")]
        .iter()
        .for_each(|(name, target)| symlink(target, path(name)).expect("made"));
    fs::hard_link(path("file"), path("other-file")).expect("made");
    store.make(making.path(), &[]).expect("a layer")
}

fn unpack(store: &Store, layers: &[Layer], limits: &Limits) -> Result<Vec<PathBuf>, Error> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.diff_id.clone()).collect();
    let config = Config { rootfs: RootFs { kind: "layers".into(), diff_ids }, ..Config::default() };
    let blobs = layers.iter().map(|layer| layer.blob.clone()).collect();
    store.unpack(&Manifest::new(Descriptor::of("", b""), blobs), &config, limits)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}
