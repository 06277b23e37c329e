//! Follows a table's file: one worker, in slices, the last good routes serving meanwhile.

use super::table::UpstreamTable;
use crate::Gatehouse;
use gatehouse_core::route::{Entry, FileReader, Key, KeySet};
use gatehouse_core::table::{ApplyError, Change, Cursor, Feeder, NoWriter, Owner};
use gatehouse_nginx::timer::{self, Slot, Tick};
use gatehouse_nginx::{Level, files, log, module, process};
use std::fs::Metadata;
use std::io::{Cursor as Bytes, Read};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// How far the feeding worker has come.
#[derive(Default)]
pub struct Feed {
    /// The file last read or refused.
    seen: Option<Stamp>,
    next_look_ms: u64,
    work: Work,
}

/// Tells one content of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl From<Metadata> for Stamp {
    fn from(meta: Metadata) -> Self {
        Self {
            inode: meta.ino(),
            size: meta.len(),
            changed: (meta.mtime(), meta.mtime_nsec()),
        }
    }
}

/// What is being done, a slice at a time.
#[derive(Default)]
enum Work {
    #[default]
    None,
    /// The file is read and checked; nothing of it is applied before its end.
    Reading {
        source: Box<dyn Read>,
        reader: FileReader,
        entries: Vec<Entry>,
    },
    /// Routes the file has no more are looked for.
    Comparing {
        entries: Vec<Entry>,
        keys: KeySet,
        cursor: Cursor,
        gone: Vec<Vec<u8>>,
    },
    /// Changes go into the table, from the end of the lists.
    Applying {
        entries: Vec<Entry>,
        gone: Vec<Vec<u8>>,
        tally: Tally,
    },
}

#[derive(Default)]
struct Tally {
    total: usize,
    changed: usize,
    refused: usize,
    why: Option<ApplyError>,
}

/// How often a worker looks whether it is its turn.
const TICK_MS: u64 = 100;
/// The pause between two slices.
const PAUSE_MS: u64 = 1;
/// The longest slice of work; the event loop goes on between slices.
const SLICE: Duration = Duration::from_millis(3);
/// Bytes read, buckets compared or changes applied between two looks at the clock.
const BYTES: u64 = 8 * 1024;
const BUCKETS: usize = 64;
const CHANGES: usize = 16;

impl UpstreamTable {
    /// One slice of work, when this worker has the lease; milliseconds until the next.
    fn feed(&self) -> u64 {
        let (Ok(mut feed), Some(routes)) = (self.feed.try_borrow_mut(), self.routes()) else {
            return TICK_MS;
        };
        let follows = self.file.as_ref().is_some_and(|file| file.reload_ms > 0);
        let resting = matches!(feed.work, Work::None) && self.handed.borrow().is_none();
        if !follows && resting {
            return TICK_MS;
        }
        let now = process::now_ms();
        if !routes.lease_acquire(self.feeder(), now) {
            // Whoever has it may apply newer routes than those begun here.
            feed.seen = None;
            feed.work = Work::None;
            return TICK_MS;
        }
        if matches!(feed.work, Work::None) {
            self.look(&mut feed, now);
        }
        if matches!(feed.work, Work::None) {
            return TICK_MS;
        }
        let until = Instant::now().checked_add(SLICE);
        while until.is_some_and(|until| Instant::now() < until) {
            match self.step(std::mem::take(&mut feed.work)) {
                Ok(Work::None) => return TICK_MS,
                Ok(next) => feed.work = next,
                Err(text) => {
                    let text = format!(
                        "{}: {text}, the last good routes stay in use",
                        self.source()
                    );
                    self.say(Level::Error, &text);
                    return TICK_MS;
                }
            }
        }
        PAUSE_MS
    }

    /// This process, as the lease knows it.
    fn feeder(&self) -> Feeder {
        Feeder {
            pid: process::pid(),
            generation: self.generation,
        }
    }

    /// Begins to read the file when it is another one than the last, or what the master read.
    fn look(&self, feed: &mut Feed, now: u64) {
        let handed = self.handed.borrow_mut().take();
        let file = self.file.as_ref().filter(|file| file.reload_ms > 0);
        if now < feed.next_look_ms && handed.is_none() {
            return;
        }
        let reload_ms = file.map_or(0, |file| file.reload_ms);
        // A change is seen within `reload`: ticks come late by up to TICK_MS.
        feed.next_look_ms = now.saturating_add(reload_ms.saturating_sub(TICK_MS));
        let opened =
            file.map(|file| files::open(&file.path).and_then(|f| Ok((f.metadata()?.into(), f))));
        let source: Box<dyn Read> = match (opened, handed) {
            (Some(Ok((stamp, _))), _) if feed.seen == Some(stamp) => return,
            (Some(Ok((stamp, file))), _) => {
                feed.seen = Some(stamp);
                Box::new(file)
            }
            (_, Some(bytes)) => Box::new(Bytes::new(bytes)),
            (Some(Err(error)), None) => {
                // Said once; a file that comes back is read again.
                if feed.seen.take().is_some() {
                    let text = format!(
                        "{} cannot be read ({error}), the last good routes stay in use",
                        self.source()
                    );
                    self.say(Level::Error, &text);
                }
                return;
            }
            (None, None) => return,
        };
        feed.work = Work::Reading {
            source,
            reader: FileReader::new(self.mode()),
            entries: Vec::new(),
        };
    }

    /// The file, as messages name it.
    fn source(&self) -> String {
        match &self.file {
            Some(file) => format!("file \"{}\"", file.path.display()),
            None => "without a file".into(),
        }
    }

    /// Addresses of a name, as far as they are known here.
    fn addresses(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        match &self.file {
            Some(file) => file.hosts.borrow_mut().ask_here(name, port),
            None => Err("no file".into()),
        }
    }

    fn step(&self, work: Work) -> Result<Work, String> {
        match work {
            Work::None => Ok(Work::None),
            Work::Reading {
                source,
                reader,
                entries,
            } => self.read(source, reader, entries),
            Work::Comparing {
                entries,
                keys,
                cursor,
                gone,
            } => Ok(self.compare(entries, keys, cursor, gone)),
            Work::Applying {
                entries,
                gone,
                tally,
            } => Ok(self.apply(entries, gone, tally)),
        }
    }

    fn read(
        &self,
        mut source: Box<dyn Read>,
        mut reader: FileReader,
        mut entries: Vec<Entry>,
    ) -> Result<Work, String> {
        let mut bytes = Vec::new();
        (&mut source)
            .take(BYTES)
            .read_to_end(&mut bytes)
            .map_err(|e| format!("cannot be read ({e})"))?;
        if !bytes.is_empty() {
            let fed = reader.feed(&bytes, &mut |entry| {
                // Names are checked now, so that a bad one refuses the file as a whole.
                let checked = entry
                    .route
                    .resolve(&mut |name, port| self.addresses(name, port));
                checked.map(|_| ()).map_err(|e| e.below(&entry.pointer))?;
                entries.push(entry);
                Ok(())
            });
            fed.map_err(|e| e.to_string())?;
            return Ok(Work::Reading {
                source,
                reader,
                entries,
            });
        }
        let summary = reader.finish().map_err(|e| e.to_string())?;
        let Some(routes) = self.routes() else {
            return Ok(Work::None);
        };
        Ok(Work::Comparing {
            entries,
            keys: summary.keys,
            cursor: routes.cursor(),
            gone: Vec::new(),
        })
    }

    fn compare(
        &self,
        entries: Vec<Entry>,
        keys: KeySet,
        mut cursor: Cursor,
        mut gone: Vec<Vec<u8>>,
    ) -> Work {
        let Some(routes) = self.routes() else {
            return Work::None;
        };
        let more = routes.scan(&mut cursor, BUCKETS, &mut |route| {
            if route.owner() == Some(Owner::File) && !keys.contains(route.key()) {
                gone.push(route.key().to_vec());
            }
        });
        if more {
            return Work::Comparing {
                entries,
                keys,
                cursor,
                gone,
            };
        }
        let tally = Tally {
            total: entries.len(),
            ..Tally::default()
        };
        Work::Applying {
            entries,
            gone,
            tally,
        }
    }

    /// First what is gone, so that there is room for what is new.
    fn apply(&self, mut entries: Vec<Entry>, mut gone: Vec<Vec<u8>>, mut tally: Tally) -> Work {
        let (Some(routes), Some(_lock)) = (self.routes(), self.zone().lock()) else {
            return Work::None;
        };
        let mut writer = match routes.feeding_writer(self.feeder(), process::now_ms()) {
            Ok(writer) => writer,
            // The next slice comes soon; requests go on.
            Err(NoWriter::Repairing) => {
                return Work::Applying {
                    entries,
                    gone,
                    tally,
                };
            }
            // Stopped for so long that another worker feeds the table now, with newer routes.
            Err(NoWriter::LeaseLost) => return Work::None,
        };
        if writer.repaired() {
            self.say(
                Level::Warn,
                "a process was killed while it changed the table: repaired",
            );
        }
        for _ in 0..CHANGES {
            let result = if let Some(key) = gone.pop() {
                let Ok(key) = Key::parse(&key, self.mode()) else {
                    continue;
                };
                writer.apply(&Change::Remove {
                    key: &key,
                    owner: Owner::File,
                })
            } else if let Some(entry) = entries.pop() {
                let Ok(route) = entry
                    .route
                    .resolve(&mut |name, port| self.addresses(name, port))
                else {
                    continue;
                };
                writer.apply(&Change::Put {
                    key: &entry.key,
                    route: &route,
                    owner: Owner::File,
                })
            } else {
                self.say_done(&tally);
                return Work::None;
            };
            match result {
                Ok(applied) => {
                    tally.changed +=
                        usize::from(applied != gatehouse_core::table::Applied::Unchanged)
                }
                Err(error) => {
                    tally.refused += 1;
                    tally.why = Some(error);
                    // The search for room took its time: look at the clock.
                    break;
                }
            }
        }
        Work::Applying {
            entries,
            gone,
            tally,
        }
    }

    fn say_done(&self, tally: &Tally) {
        let source = self.source();
        if let Some(error) = tally.why {
            let text = format!(
                "{source}: {} of {} changes refused: {error}",
                tally.refused, tally.total
            );
            self.say(Level::Error, &text);
        } else if tally.changed > 0 {
            let text = format!(
                "{source}: {} routes, {} changed",
                tally.total, tally.changed
            );
            self.say(Level::Notice, &text);
        }
    }

    fn say(&self, level: Level, text: &str) {
        log::cycle(
            level,
            &format!("upstream table \"{}\": {text}", self.name()),
        );
    }
}

/// Feeds all tables.
pub struct Feeding;

impl Tick for Feeding {
    type Module = Gatehouse;
    const NAME: &'static str = "feeding upstream tables";

    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

    fn tick() -> Option<u64> {
        module::running::<Gatehouse, _>(|main| {
            main.upstream
                .tables
                .iter()
                .map(UpstreamTable::feed)
                .min()
                .unwrap_or(TICK_MS)
        })
    }
}

/// Starts following the files.
pub fn start_worker(main: &super::Main) {
    let tables = &main.tables;
    let files = tables.iter().filter_map(|t| Some((t, t.file.as_ref()?)));
    for (table, file) in
        files.filter(|(_, file)| file.reload_ms > 0 && process::worker_number() == 0)
    {
        if let Err(error) = files::open(&file.path) {
            let text = format!(
                "file \"{}\" cannot be read again by the workers ({error}), changes need a reload",
                file.path.display()
            );
            table.say(Level::Warn, &text);
        }
    }
    let fed = |table: &UpstreamTable| table.file.is_some() || table.handed.borrow().is_some();
    if tables.iter().any(fed) {
        timer::start::<Feeding>(PAUSE_MS);
    }
}
