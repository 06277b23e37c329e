//! What requests leave behind: access log, error log, keys in the cache. No hidden token may be there.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use super::conf::COLUMN;
use super::judge::Difference;
use super::request::NEEDLE;
use nginx_prove::logs::{self, Matcher};

const ACCESS_LOG: &str = "a token in the access log";

/// A file that is read on and emptied.
struct Log {
    path: PathBuf,
    read: u64,
    half: Vec<u8>,
}

impl Log {
    /// Whole lines that are new; the file is emptied when it has become long.
    fn lines(&mut self) -> Result<Vec<u8>, String> {
        let failed = |e: std::io::Error| format!("{}: {e}", self.path.display());
        let mut file = File::open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(self.read)).map_err(failed)?;
        let mut bytes = std::mem::take(&mut self.half);
        let count = file.read_to_end(&mut bytes).map_err(failed)?;
        self.read = self.read.saturating_add(count as u64);
        let end = bytes.rfind_byte(b'\n').map_or(0, |at| at.saturating_add(1));
        self.half = bytes.split_off(end);
        Ok(bytes)
    }

    fn empty(&mut self) -> Result<(), String> {
        let file = OpenOptions::new().write(true).open(&self.path);
        file.and_then(|file| file.set_len(0))
            .map_err(|e| format!("{}: {e}", self.path.display()))?;
        self.read = 0;
        Ok(())
    }
}

/// A token that must not be found.
#[derive(Clone, Copy)]
pub(super) struct Hidden {
    /// The request it was in.
    pub request: u64,
    /// Some backend got it rightly, before the request came to a place whose token it is: nginx says so in
    /// its error lines and cache keys.
    pub upstream: bool,
}

/// All of them.
pub(super) struct Traces {
    access: Log,
    error: Log,
    cache: PathBuf,
    seen: HashSet<PathBuf>,
    /// Needles of hidden tokens.
    needles: HashMap<Vec<u8>, Hidden>,
    /// Severe lines that may come.
    allowed: Matcher,
    /// Texts that may not come at any level.
    never: Vec<String>,
    /// The last request whose line was read.
    pub last: u64,
    /// Lines and keys that were looked at.
    pub looked: u64,
}

impl Traces {
    /// Of the server at this root; severe lines with the text `allowed` may come.
    pub(super) fn new(root: &Path, allowed: &str, never: &[String]) -> Traces {
        let log = |name: &str| Log {
            path: root.join("logs").join(name),
            read: 0,
            half: Vec::new(),
        };
        Traces {
            access: log("access.log"),
            error: log("error.log"),
            cache: root.join("cache"),
            seen: HashSet::new(),
            needles: HashMap::new(),
            allowed: Matcher::Text(allowed.into()),
            never: never.to_vec(),
            last: 0,
            looked: 0,
        }
    }

    /// From now on it must not be found.
    pub(super) fn hide(&mut self, needle: &[u8], hidden: Hidden) {
        self.needles.insert(needle.to_vec(), hidden);
    }

    /// Forgets what requests before this one had to hide.
    pub(super) fn forget_before(&mut self, number: u64) {
        self.needles.retain(|_, hidden| hidden.request >= number);
    }

    /// Looks at everything new. Gives differences with the number of the request.
    ///
    /// # Errors
    /// A file cannot be read, or a line is of a level no request may cause.
    pub(super) fn look(&mut self) -> Result<Vec<(u64, Difference)>, String> {
        let mut found = Vec::new();
        let lines = self.access.lines()?;
        for line in lines.lines() {
            self.find(line, ACCESS_LOG, &mut found);
            let column = line.split_str(&COLUMN.to_string()).next();
            let number = column.and_then(|text| text.to_str().ok()?.parse().ok());
            self.last = number.unwrap_or(self.last);
        }
        let lines = self.error.lines()?;
        for line in lines.lines() {
            self.find(
                &without_request(line),
                "a token in the error log",
                &mut found,
            );
        }
        let severe = logs::undeclared(&lines, std::slice::from_ref(&self.allowed), &self.never);
        if !severe.is_empty() {
            return Err(format!("in the error log:\n{}", severe.join("\n")));
        }
        self.keys(&mut found)?;
        Ok(found)
    }

    /// Empties the logs; what nginx writes meanwhile is lost, so only between requests.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn empty(&mut self) -> Result<(), String> {
        self.access.empty()?;
        self.error.empty()
    }

    fn keys(&mut self, found: &mut Vec<(u64, Difference)>) -> Result<(), String> {
        let entries = fs::read_dir(&self.cache).map_err(|e| e.to_string())?;
        let mut present = HashSet::new();
        for entry in entries.flatten() {
            let path = entry.path();
            // One that is being written has another name.
            if path.extension().is_some() {
                continue;
            }
            if !self.seen.contains(&path) {
                if let Some(key) = key_of(&path) {
                    self.find(&key, "a token in a cache key", found);
                }
            }
            present.insert(path);
        }
        self.seen = present;
        Ok(())
    }

    fn find(&mut self, text: &[u8], kind: &'static str, found: &mut Vec<(u64, Difference)>) {
        self.looked = self.looked.saturating_add(1);
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        for run in text.split(|byte| !is_token(byte)) {
            for window in run.windows(NEEDLE) {
                let hidden = self.needles.get(window);
                if let Some(hidden) = hidden.filter(|h| !h.upstream || kind == ACCESS_LOG) {
                    let detail = text.replace(COLUMN.to_string(), " | ");
                    let one = Difference {
                        kind,
                        detail: detail.as_bstr().escape_ascii().to_string(),
                        because_of: None,
                    };
                    return found.push((hidden.request, one));
                }
            }
        }
    }
}

/// The line without the request line as received, which nginx adds to its own and our words.
fn without_request(line: &[u8]) -> Vec<u8> {
    let Some((before, rest)) = line.split_once_str(", request: \"") else {
        return line.to_vec();
    };
    let after = rest
        .split_once_str("\", ")
        .map_or(&b""[..], |(_, after)| after);
    [before, b" ", after].concat()
}

/// The key of a page in the cache.
fn key_of(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let file = File::open(path).ok()?;
    file.take(4096).read_to_end(&mut head).ok()?;
    let (_, rest) = head.split_once_str("\nKEY: ")?;
    Some(rest.lines().next()?.to_vec())
}
