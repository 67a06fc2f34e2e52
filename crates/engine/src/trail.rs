//! CloudTrail's files as they lie in an organization's bucket: folders and prefixes, compressed or not, of any number
//! and any size. One thread a core reads them piece by piece; what is held does not grow with what is read.
//!
//! It never stops at a file that cannot be read: it names it and goes on.

use std::{
    collections::HashSet,
    fs::File,
    hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread,
};

use assigner_core::controls::impact::{
    Asks, Record, Tally, Unread,
    record::account,
    stream::{Broken, Stream},
    tally::Moment,
};
use flate2::bufread::MultiGzDecoder;
use tokio::time::Instant;

/// Bytes that are read and unpacked at once.
const PIECE: usize = 128 * 1024;
/// Files that wait for a thread.
const WAITING: usize = 64;
/// Events that are remembered, so that one that was delivered twice counts once: 18 MB. More are counted as they come.
const MOST_REMEMBERED: usize = 1_800_000;
/// Sets of remembered events, so that threads rarely wait for each other. A power of two.
const SHARDS: usize = 32;
/// Files that are named because they could not be read. More are only counted.
const MOST_NAMED: usize = 1_000;

/// What lies next to CloudTrail's files in a bucket and holds no records of calls.
const OTHERS: &[&str] = &[
    "CloudTrail-Aggregated",
    "CloudTrail-Digest",
    "CloudTrail-Insight",
    "CloudTrail-NetworkActivity",
    "Config",
];

/// How much there is to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    pub files: u64,
    /// As they are stored.
    pub bytes: u64,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Reading {
    pub tally: Tally,
    pub size: Size,
    /// In order of their names. If they are too many, the last one stands for the others.
    pub unread: Vec<Unread>,
    /// Files of folders that hold none of CloudTrail's records, or of another kind.
    pub skipped: u64,
    /// Whether there were too many events to tell which came twice.
    pub may_repeat: bool,
    /// Whether the time ran out.
    pub is_late: bool,
}

struct Found {
    path: PathBuf,
    bytes: u64,
}

/// Returns how much there is to read, without reading it.
///
/// # Errors
/// If the path cannot be looked at.
pub fn size(path: &Path) -> io::Result<Size> {
    let mut size = Size::default();
    let mut walk = Walk::default();
    walk.run(path, &mut |found| {
        size.files += 1;
        size.bytes += found.bytes;
        true
    })?;
    Ok(size)
}

/// Reads all files. `watch` is given the number of bytes, as they are stored, that were read since it was asked last.
///
/// # Errors
/// If the path cannot be looked at.
pub fn read(
    path: &Path,
    asks: &Asks,
    since: Option<Moment>,
    until: Instant,
    watch: &(dyn Fn(u64) + Sync),
) -> io::Result<Reading> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let events = Events::default();
    let (send, receive) = sync_channel::<Found>(WAITING);
    let receive = Mutex::new(receive);
    let is_late = AtomicBool::new(false);
    let mut reading = Reading::default();
    let mut walk = Walk::default();
    let mut named = Named::default();
    let mut broken = false;
    let walked = thread::scope(|scope| {
        let worker = || {
            let mut own =
                Worker { asks, events: &events, watch, tally: Tally::new(since), unread: Named::default() };
            while let Some(found) = next(&receive) {
                if Instant::now() > until {
                    is_late.store(true, Ordering::Relaxed);
                    continue;
                }
                own.read(&found);
            }
            (own.tally, own.unread)
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        let size = &mut reading.size;
        let walked = walk.run(path, &mut |found| {
            size.files += 1;
            size.bytes += found.bytes;
            !is_late.load(Ordering::Relaxed) && send.send(found).is_ok()
        });
        drop(send);
        for worker in workers {
            match worker.join() {
                Ok((tally, unread)) => {
                    reading.tally.join(tally);
                    named.join(unread);
                }
                Err(_) => broken = true,
            }
        }
        walked
    });
    walked?;
    if broken {
        return Err(io::Error::other("a thread that read it ended by itself"));
    }
    named.join(walk.unread);
    reading.unread = named.finish();
    reading.skipped = walk.skipped;
    reading.may_repeat = events.is_full();
    reading.is_late = is_late.into_inner();
    Ok(reading)
}

fn next(receive: &Mutex<Receiver<Found>>) -> Option<Found> {
    // Waiting for a file is all that is done with it.
    receive.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// One thread's part.
struct Worker<'a> {
    asks: &'a Asks,
    events: &'a Events,
    watch: &'a (dyn Fn(u64) + Sync),
    tally: Tally,
    unread: Named,
}

impl Worker<'_> {
    fn read(&mut self, found: &Found) {
        let mut stream = Stream::default();
        let mut reason = self.records(&found.path, &mut stream).err();
        if reason.is_none() && stream.odd > 0 {
            reason = Some(match stream.odd {
                1 => "one record of it is none of CloudTrail's".to_owned(),
                odd => format!("{odd} records of it are none of CloudTrail's"),
            });
        }
        if let Some(reason) = reason {
            self.unread.push(unread(&found.path, reason));
        }
    }

    fn records(&mut self, path: &Path, stream: &mut Stream) -> Result<(), String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut stored = BufReader::with_capacity(PIECE, Counted { file, watch: self.watch });
        let head = stored.fill_buf().map_err(|error| error.to_string())?;
        match head.starts_with(&[0x1f, 0x8b]) {
            true => self.pieces(&mut MultiGzDecoder::new(stored), stream),
            false => self.pieces(&mut stored, stream),
        }
    }

    fn pieces(&mut self, text: &mut impl Read, stream: &mut Stream) -> Result<(), String> {
        let (tally, asks, events) = (&mut self.tally, self.asks, self.events);
        let mut each = |record: &Record<'_>| tally.add(asks, record, &|id| events.is_new(id));
        let mut piece = vec![0; PIECE];
        loop {
            match text.read(&mut piece) {
                Ok(0) => return stream.finish().map_err(|Broken(why)| why),
                Ok(length) => stream.push(&piece[..length], &mut each).map_err(|Broken(why)| why)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

struct Counted<'a> {
    file: File,
    watch: &'a (dyn Fn(u64) + Sync),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        (self.watch)(length as u64);
        Ok(length)
    }
}

/// Which events were seen, by 64 bits of their ids: that two of a million have the same is a chance of one in many
/// millions.
struct Events {
    shards: [Mutex<HashSet<u64, BuildHasherDefault<Same>>>; SHARDS],
    count: AtomicUsize,
}

impl Default for Events {
    fn default() -> Events {
        Events { shards: std::array::from_fn(|_| Mutex::default()), count: AtomicUsize::new(0) }
    }
}

impl Events {
    /// Whether an event has not been seen before. Of one without an id nothing is known.
    fn is_new(&self, id: &str) -> bool {
        if id.is_empty() {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let hash = hasher.finish();
        let mut shard = self.shards[hash as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_full() {
            return !shard.contains(&hash);
        }
        let is_new = shard.insert(hash);
        if is_new {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        is_new
    }

    fn is_full(&self) -> bool {
        self.count.load(Ordering::Relaxed) >= MOST_REMEMBERED
    }
}

/// The hash of a hash is the same. Its lowest bits chose the shard, so they go to the end.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0.rotate_right(SHARDS.ilog2())
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A walk through folders. It holds the folders that are still to be looked at, never the files.
#[derive(Default)]
struct Walk {
    skipped: u64,
    unread: Named,
}

impl Walk {
    /// Hands on each file that may hold records, until `each` says no. A file that is named itself always may.
    fn run(&mut self, path: &Path, each: &mut impl FnMut(Found) -> bool) -> io::Result<()> {
        let about = std::fs::metadata(path)?;
        if about.is_file() {
            each(Found { path: path.to_owned(), bytes: about.len() });
            return Ok(());
        }
        if !about.is_dir() {
            return Err(io::Error::other("it is neither a folder nor a file"));
        }
        let mut folders = vec![path.to_owned()];
        // The first folder must be readable; of any other it is said that it was not.
        drop(std::fs::read_dir(path)?);
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    self.unread.push(unread(&folder, error.to_string()));
                    continue;
                }
            };
            for entry in entries {
                let found = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?, entry)));
                let (path, kind, entry) = match found {
                    Ok(found) => found,
                    Err(error) => {
                        self.unread.push(unread(&folder, error.to_string()));
                        continue;
                    }
                };
                if kind.is_dir() {
                    match entry.file_name().to_str().is_some_and(|name| OTHERS.contains(&name)) {
                        true => self.skipped += 1,
                        false => folders.push(path),
                    }
                    continue;
                }
                let is_text = path.extension().is_some_and(|end| end == "json" || end == "gz");
                match std::fs::metadata(&path) {
                    Err(error) => self.unread.push(unread(&path, error.to_string())),
                    Ok(about) if about.is_dir() => {
                        self.unread.push(unread(&path, "a link to a folder is not followed".to_owned()));
                    }
                    Ok(about) if about.is_file() && is_text => {
                        if !each(Found { path, bytes: about.len() }) {
                            return Ok(());
                        }
                    }
                    Ok(_) => self.skipped += 1,
                }
            }
        }
        Ok(())
    }
}

/// Files that could not be read: some by name, the others by number.
#[derive(Default)]
struct Named {
    files: Vec<Unread>,
    more: usize,
}

impl Named {
    fn push(&mut self, file: Unread) {
        match self.files.len() < MOST_NAMED {
            true => self.files.push(file),
            false => self.more += 1,
        }
    }

    fn join(&mut self, other: Named) {
        self.more += other.more;
        other.files.into_iter().for_each(|file| self.push(file));
    }

    fn finish(mut self) -> Vec<Unread> {
        self.files.sort_by(|one, other| one.file.cmp(&other.file));
        if self.more > 0 {
            let file = format!("and {} more", self.more);
            self.files.push(Unread {
                file,
                reason: "not named: they are too many".to_owned(),
                account: None,
            });
        }
        self.files
    }
}

fn unread(path: &Path, reason: String) -> Unread {
    let mut named = path.iter().filter_map(|part| account(part.to_str()?));
    // A path such as AWSLogs/111122223333/CloudTrail/... names one account.
    let only = named.next().filter(|one| named.all(|other| other == *one));
    Unread { file: path.display().to_string(), reason, account: only }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_new_once() {
        let events = Events::default();
        assert!(events.is_new("a") && !events.is_new("a") && events.is_new("b"));
        assert!(events.is_new("") && events.is_new(""), "without an id nothing is known");
        events.count.store(MOST_REMEMBERED, Ordering::Relaxed);
        assert!(!events.is_new("a") && events.is_new("c") && events.is_new("c") && events.is_full());
    }

    #[test]
    fn a_path_names_the_account_of_a_file_if_it_is_one() {
        let cases = [
            ("b/AWSLogs/o-a1/111122223333/CloudTrail/x.json.gz", Some(111122223333)),
            ("111122223333/111122223333/x", Some(111122223333)),
            ("111122223333/444455556666/x", None),
            ("x.json", None),
        ];
        for (path, expected) in cases {
            assert_eq!(unread(Path::new(path), String::new()).account, expected, "{path}");
        }
    }
}
