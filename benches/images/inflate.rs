//! What unpacking can't be faster than: the same layers inflated, as many at a time as there are processors, and thrown
//! away. An unpacked layer is inflated, verified and written.

use std::{
    fs, io,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use conex_image::{Limits, Store};
use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use crate::{Effort, arena::rounds::medians_ms, image::Image, place};

#[derive(Clone, Copy)]
enum Work {
    Inflate,
    Verify,
    Unpack,
}

pub(crate) fn measure(image: &Image, state: &Path, effort: &Effort) -> io::Result<()> {
    let layers = state.join("unpacked");
    let works = [Work::Inflate, Work::Verify, Work::Unpack];
    let times = medians_ms(effort.rounds, works, |work| {
        let _ = fs::remove_dir_all(&layers);
        time(work, image, &layers)
    })?;
    let packed: u64 = image.manifest.layers.iter().map(|layer| layer.size).sum();
    let [inflate, verify, unpack] = times;
    place::say(&format!(
        "\n{} layers, {:.0} MB packed: inflate {inflate:.0} ms, with digests {verify:.0} ms, unpack {unpack:.0} ms: \
         {:.2} × and {:.2} × as fast",
        image.manifest.layers.len(),
        packed as f64 / 1e6,
        inflate / unpack,
        verify / unpack
    ));
    Ok(())
}

fn time(work: Work, image: &Image, layers: &Path) -> io::Result<Duration> {
    let store = Store::open(&image.store, layers).map_err(io::Error::other)?;
    let started = Instant::now();
    match work {
        Work::Unpack => {
            store.unpack(&image.manifest, &image.config, &Limits::default()).map_err(io::Error::other)?;
        }
        other => inflate_all(&store, image, other)?,
    }
    Ok(started.elapsed())
}

fn inflate_all(store: &Store, image: &Image, work: Work) -> io::Result<()> {
    let (next, blobs) = (AtomicUsize::new(0), &image.manifest.layers);
    let worker = || -> io::Result<()> {
        while let Some(blob) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let blob = store.blob(blob).map_err(io::Error::other)?;
            match work {
                Work::Verify => {
                    io::copy(
                        &mut MultiGzDecoder::new(Hashed(blob, Sha256::new())),
                        &mut Hashed(io::sink(), Sha256::new()),
                    )?;
                }
                _ => {
                    io::copy(&mut MultiGzDecoder::new(blob), &mut io::sink())?;
                }
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..thread::available_parallelism()?.get()).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })
}

/// What goes through it is hashed.
struct Hashed<T>(T, Sha256);

impl<R: io::Read> io::Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read(buffer)?;
        self.1.update(&buffer[..length]);
        Ok(length)
    }
}

impl<W: io::Write> io::Write for Hashed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.1.update(buffer);
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
