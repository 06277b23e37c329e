//! A file of routes, read in pieces of any size: a million routes never stop the event loop.
//!
//! A small machine finds the members of the outer object and hands each value's text to the JSON reader; at no time
//! is more than one route held.

use super::error::At;
use super::json::{self, Json};
use super::nested::Nested;
use super::reads::{All, Entry, Reads, Routes, Sink, Take};
use super::{Key, KeySet, Match, RouteError};

/// Most bytes of one route's text in a file.
pub(super) const MAX_ENTRY: usize = 256 * 1024;

/// What a whole file held.
#[derive(Debug)]
pub struct ReadSummary {
    /// Number of routes.
    pub routes: usize,
    /// Their keys: what a table has beyond them is gone from the file.
    pub keys: KeySet,
}

/// Whose members are being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// The outer object, not yet known to be which.
    Unknown,
    /// The outer object is the routes themselves.
    Bare,
    /// The outer object is `{"version": 1, "routes": …}`.
    Wrapper,
    /// The object below `routes`.
    Routes,
}

/// The members of the outer object when it is [`Level::Wrapper`].
const WRAPPER_MEMBERS: &[&str] = &["version", "routes"];

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    FirstKeyOrEnd,
    Key,
    InKey { escaped: bool },
    Colon,
    Value,
    InScalar,
    InString { escaped: bool },
    InNested(Nested),
    CommaOrEnd,
    Done,
}

/// Reads a file of routes: `{"version": 1, "routes": {KEY: route}}`, or the bare object `{KEY: route}` when its first
/// member is neither `version` nor `routes`.
#[derive(Debug)]
pub struct FileReader {
    mode: Match,
    state: State,
    level: Level,
    line: usize,
    column: usize,
    text: Vec<u8>,
    text_at: (usize, usize),
    name: String,
    has_version: bool,
    has_routes: bool,
    /// A document of patches need not say its version.
    of_patches: bool,
    count: usize,
    keys: KeySet,
    /// The number of this file among those whose keys are all different.
    file: u32,
}

impl FileReader {
    /// A reader at the start of a file for a table with this `match`.
    #[must_use]
    pub fn new(mode: Match) -> Self {
        Self::after(mode, KeySet::default(), 0)
    }

    fn after(mode: Match, keys: KeySet, file: u32) -> Self {
        Self {
            mode,
            state: State::Start,
            level: Level::Unknown,
            line: 1,
            column: 0,
            text: Vec::new(),
            text_at: (1, 1),
            name: String::new(),
            has_version: false,
            has_routes: false,
            of_patches: false,
            count: 0,
            keys,
            file,
        }
    }

    /// A reader of patches, which have the same form.
    pub(super) fn of_patches(mode: Match) -> Self {
        Self {
            of_patches: true,
            ..Self::new(mode)
        }
    }

    /// Reads the next bytes of the file, however many; every route completed by them goes to `sink`. About 64 KiB at a
    /// time keeps a call far below 5 ms. After an error the reader is of no further use.
    ///
    /// # Errors
    /// What is wrong and where, or the sink's error.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), RouteError> {
        self.feed_unknown(bytes, &mut All(sink))
    }

    /// As [`FileReader::feed`], for who knows some of the routes.
    ///
    /// # Errors
    /// As [`FileReader::feed`].
    pub fn feed_unknown(&mut self, bytes: &[u8], reads: &mut dyn Reads) -> Result<(), RouteError> {
        self.feed_json(bytes, &mut Routes(reads))
    }

    /// As [`FileReader::feed`], whatever the members are.
    pub(super) fn feed_json(
        &mut self,
        bytes: &[u8],
        take: &mut dyn Take,
    ) -> Result<(), RouteError> {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if let State::InNested(mut nested) = self.state {
                let (run, behind) = rest.split_at(nested.follow(rest));
                self.push(run)?;
                self.advance(run);
                self.state = State::InNested(nested);
                if nested.depth == 0 {
                    self.end_value(take)?;
                }
                rest = behind;
                continue;
            }
            let (run, behind) = rest.split_at(self.plain(rest));
            if !run.is_empty() {
                self.push(run)?;
                self.advance(run);
                rest = behind;
                continue;
            }
            rest = after;
            self.advance(&[byte]);
            self.step(byte, take)?;
        }
        Ok(())
    }

    /// Whether the file may end here.
    ///
    /// # Errors
    /// It ended too early, or had no `version` or no `routes`.
    pub fn check_end(&self) -> Result<(), RouteError> {
        if self.state != State::Done {
            return Err(match self.state {
                State::Start if self.of_patches => self.syntax("nothing is there"),
                State::Start => RouteError::new("file is empty", ""),
                _ if self.of_patches => self.syntax("unexpected end"),
                _ => self.syntax("unexpected end of file"),
            });
        }
        if self.level == Level::Wrapper {
            let has_version = self.has_version || self.of_patches;
            for (has, name) in [(has_version, "version"), (self.has_routes, "routes")] {
                if !has {
                    return Err(RouteError::new(format!("missing member \"{name}\""), ""));
                }
            }
        }
        Ok(())
    }

    /// The file ended, and another one follows: none of its keys may be among those so far.
    ///
    /// # Errors
    /// As [`FileReader::check_end`].
    pub fn next_file(&mut self) -> Result<(), RouteError> {
        self.check_end()?;
        let keys = std::mem::take(&mut self.keys);
        *self = Self::after(self.mode, keys, self.file.saturating_add(1));
        Ok(())
    }

    /// The file ended.
    ///
    /// # Errors
    /// As [`FileReader::check_end`].
    pub fn finish(self) -> Result<ReadSummary, RouteError> {
        self.check_end()?;
        Ok(ReadSummary {
            routes: self.count,
            keys: self.keys,
        })
    }

    /// The keys so far, of a file that is not read on.
    #[must_use]
    pub fn into_keys(self) -> KeySet {
        self.keys
    }

    fn syntax(&self, message: &str) -> RouteError {
        RouteError::syntax(message, self.line, self.column)
    }

    fn step(&mut self, byte: u8, take: &mut dyn Take) -> Result<(), RouteError> {
        let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        match self.state {
            State::Start
            | State::FirstKeyOrEnd
            | State::Key
            | State::Colon
            | State::Value
            | State::CommaOrEnd
            | State::Done
                if space => {}
            State::Start => match byte {
                b'{' => self.state = State::FirstKeyOrEnd,
                // The first byte of U+FEFF in UTF-8, and in UTF-16 of either order.
                0xef | 0xfe | 0xff => {
                    return Err(self.syntax("byte order mark, the file must begin with `{`"));
                }
                _ => return Err(self.syntax("expected `{`")),
            },
            State::FirstKeyOrEnd if byte == b'}' => self.close(),
            State::FirstKeyOrEnd | State::Key => match byte {
                b'"' => self.begin(byte, State::InKey { escaped: false }),
                b'}' => return Err(self.syntax("trailing comma")),
                _ => return Err(self.syntax("key must be a string")),
            },
            State::InKey { escaped } => {
                self.push(&[byte])?;
                match (escaped, byte) {
                    (false, b'"') => self.end_key()?,
                    _ => {
                        self.state = State::InKey {
                            escaped: !escaped && byte == b'\\',
                        }
                    }
                }
            }
            State::Colon => match byte {
                b':' => self.state = State::Value,
                _ => return Err(self.syntax("expected `:`")),
            },
            State::Value => self.begin_value(byte)?,
            State::InScalar => match byte {
                b',' | b'}' => {
                    self.end_value(take)?;
                    self.after_value(byte)?;
                }
                _ if space => self.end_value(take)?,
                _ => self.push(&[byte])?,
            },
            State::InString { escaped } => {
                self.push(&[byte])?;
                match (escaped, byte) {
                    (false, b'"') => self.end_value(take)?,
                    _ => {
                        self.state = State::InString {
                            escaped: !escaped && byte == b'\\',
                        }
                    }
                }
            }
            // Followed in one go, see `feed_json`.
            State::InNested(_) => {}
            State::CommaOrEnd => self.after_value(byte)?,
            State::Done => return Err(self.syntax("trailing characters")),
        }
        Ok(())
    }

    /// How many of the next bytes are only collected: inside a string, up to one that means something.
    fn plain(&self, bytes: &[u8]) -> usize {
        match self.state {
            State::InKey { escaped: false } | State::InString { escaped: false } => {
                memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len())
            }
            _ => 0,
        }
    }

    /// Goes on behind these bytes.
    fn advance(&mut self, bytes: &[u8]) {
        let Some(last) = memchr::memrchr(b'\n', bytes) else {
            self.column = self.column.saturating_add(bytes.len());
            return;
        };
        let lines = memchr::memchr_iter(b'\n', bytes).count();
        self.line = self.line.saturating_add(lines);
        self.column = bytes.len().saturating_sub(last).saturating_sub(1);
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), RouteError> {
        let room = MAX_ENTRY.saturating_sub(self.text.len());
        if bytes.len() > room {
            self.advance(bytes.get(..room).unwrap_or_default());
            return Err(self.syntax("route too long"));
        }
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    /// Begins to collect a key or a value at its first byte.
    fn begin(&mut self, byte: u8, state: State) {
        self.text.clear();
        self.text.push(byte);
        self.text_at = (self.line, self.column);
        self.state = state;
    }

    fn begin_value(&mut self, byte: u8) -> Result<(), RouteError> {
        if byte == b'{' && self.level == Level::Wrapper && self.name == "routes" {
            self.level = Level::Routes;
            self.state = State::FirstKeyOrEnd;
            return Ok(());
        }
        match byte {
            b'{' | b'[' => self.begin(byte, State::InNested(Nested::BEGIN)),
            b'"' => self.begin(byte, State::InString { escaped: false }),
            b',' | b'}' | b']' | b':' => return Err(self.syntax("expected value")),
            _ => self.begin(byte, State::InScalar),
        }
        Ok(())
    }

    /// What the collected text says.
    fn json(&self) -> Result<Json, RouteError> {
        Json::parse(&self.text).map_err(|e| e.starting_at(self.text_at.0, self.text_at.1))
    }

    fn end_key(&mut self) -> Result<(), RouteError> {
        // A quoted text is a JSON string or an error.
        if let Json::String(name) = self.json()? {
            self.name = name;
        }
        if self.level == Level::Unknown {
            let wrapped = matches!(self.name.as_str(), "version" | "routes");
            self.level = if wrapped { Level::Wrapper } else { Level::Bare };
        }
        let flag = match (self.level, self.name.as_str()) {
            (Level::Wrapper, "version") => &mut self.has_version,
            (Level::Wrapper, "routes") => &mut self.has_routes,
            (Level::Wrapper, name) => {
                return Err(json::unknown(
                    name,
                    WRAPPER_MEMBERS,
                    At::Member(&At::Top(""), name),
                ));
            }
            _ => {
                self.state = State::Colon;
                return Ok(());
            }
        };
        if std::mem::replace(flag, true) {
            return Err(RouteError::new(
                format!("duplicate member \"{}\"", self.name),
                At::Member(&At::Top(""), &self.name),
            ));
        }
        self.state = State::Colon;
        Ok(())
    }

    fn end_value(&mut self, take: &mut dyn Take) -> Result<(), RouteError> {
        self.state = State::CommaOrEnd;
        if self.level == Level::Wrapper {
            let value = self.json()?;
            return match self.name.as_str() {
                "version" if value == Json::Number(1.into()) => Ok(()),
                "version" => Err(RouteError::new("version is not 1", "/version")),
                _ => Err(RouteError::new("not an object", "/routes")),
            };
        }
        let key = Key::parse(self.name.as_bytes(), self.mode);
        if let Some(key) = key.as_ref().ok().filter(|key| take.knows(key, &self.text)) {
            return self.count_in(key);
        }
        // What is no JSON is said first.
        let value = self.json()?;
        let key =
            key.map_err(|why| RouteError::new(format!("{why} \"{}\"", self.name), self.pointer()))?;
        self.count_in(&key)?;
        take.take(key, value, self.pointer())
    }

    /// Where the member stands that has been read.
    fn pointer(&self) -> String {
        let routes = if self.level == Level::Routes {
            "/routes"
        } else {
            ""
        };
        String::from(At::Member(&At::Top(routes), &self.name))
    }

    /// Counts a route: each key comes once.
    fn count_in(&mut self, key: &Key) -> Result<(), RouteError> {
        if let Err(file) = self.keys.insert(key.as_bytes(), self.file) {
            let error = RouteError::new(self.duplicate(key), self.pointer());
            return Err(error.also_in(Some(file).filter(|file| *file != self.file)));
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn duplicate(&self, key: &Key) -> String {
        let normal = String::from_utf8_lossy(key.as_bytes());
        if normal == self.name.as_str() {
            format!("duplicate key \"{normal}\"")
        } else {
            format!("duplicate key \"{}\", it is \"{normal}\"", self.name)
        }
    }

    fn after_value(&mut self, byte: u8) -> Result<(), RouteError> {
        match byte {
            b',' => self.state = State::Key,
            b'}' => self.close(),
            _ => return Err(self.syntax("expected `,` or `}`")),
        }
        Ok(())
    }

    fn close(&mut self) {
        if self.level == Level::Routes {
            self.level = Level::Wrapper;
            self.state = State::CommaOrEnd;
        } else {
            self.state = State::Done;
        }
    }
}

/// Reads a whole file at once.
///
/// # Errors
/// As [`FileReader::feed`] and [`FileReader::finish`].
pub fn parse_all(bytes: &[u8], mode: Match) -> Result<Vec<Entry>, RouteError> {
    let mut entries = Vec::new();
    let mut reader = FileReader::new(mode);
    reader.feed(bytes, &mut |entry| {
        entries.push(entry);
        Ok(())
    })?;
    reader.finish()?;
    Ok(entries)
}
