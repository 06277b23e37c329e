//! A Redis server for tests: keys in memory, answers as bytes.

use redis_protocol::resp3::decode::complete::decode;
use redis_protocol::resp3::types::{OwnedFrame, Resp3Frame};
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Default)]
pub(crate) struct TestStore {
    lists: BTreeMap<String, Vec<String>>,
    sets: BTreeMap<String, (BTreeSet<String>, i64)>,
    /// Keys of another type.
    pub(crate) strings: BTreeSet<String>,
    /// Commands that fail, and how.
    pub(crate) errors: HashMap<&'static str, &'static str>,
    /// The commands that came.
    pub(crate) commands: Vec<String>,
    pub(crate) role: &'static str,
    /// `SCAN` of keys with this lead goes round in a circle.
    pub(crate) circle: Option<&'static str>,
    tracks: bool,
    out: Vec<u8>,
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

impl TestStore {
    /// Makes the list of a host.
    pub(crate) fn put(&mut self, host: &str, elements: &[&str]) {
        let key = format!("frontend:{host}");
        let elements = elements.iter().map(|e| (*e).to_owned()).collect();
        self.lists.insert(key.clone(), elements);
        self.tell(&[&key]);
    }

    pub(crate) fn remove(&mut self, host: &str) {
        let key = format!("frontend:{host}");
        self.lists.remove(&key);
        self.tell(&[&key]);
    }

    /// Marks of a host, for so many milliseconds; none are no key.
    pub(crate) fn mark(&mut self, host: &str, places: &[&str], ms: i64) {
        let key = format!("dead:{host}");
        if places.is_empty() {
            self.sets.remove(&key);
        } else {
            let places = places.iter().map(|p| (*p).to_owned()).collect();
            self.sets.insert(key.clone(), (places, ms));
        }
        self.tell(&[&key]);
    }

    /// `FLUSHALL`
    pub(crate) fn flush(&mut self) {
        self.lose_all();
        if self.tracks {
            self.out.extend(b">2\r\n$10\r\ninvalidate\r\n_\r\n");
        }
    }

    /// Restarted without its data.
    pub(crate) fn lose_all(&mut self) {
        self.lists.clear();
        self.sets.clear();
    }

    /// Tells that these keys have changed.
    pub(crate) fn tell(&mut self, keys: &[&str]) {
        if self.tracks {
            let keys_text: String = keys.iter().map(|key| bulk(key)).collect();
            let text = format!(">2\r\n$10\r\ninvalidate\r\n*{}\r\n{keys_text}", keys.len());
            self.out.extend(text.as_bytes());
        }
    }

    /// A new connection.
    pub(crate) fn accept(&mut self) {
        self.tracks = false;
        self.out.clear();
        self.commands.clear();
    }

    pub(crate) fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Answers commands.
    pub(crate) fn answer(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (command, length) = decode(bytes).unwrap().unwrap();
            bytes = &bytes[length..];
            let OwnedFrame::Array { data, .. } = command else {
                panic!("{command:?}");
            };
            let words: Vec<&str> = data.iter().map(|word| word.as_str().unwrap()).collect();
            self.commands.push(words.join(" "));
            let text = match self.errors.get(words[0]) {
                Some(error) => format!("-{error}\r\n"),
                None => self.answer_to(&words),
            };
            self.out.extend(text.as_bytes());
        }
    }

    fn answer_to(&mut self, words: &[&str]) -> String {
        match words[0] {
            "HELLO" => "%1\r\n$5\r\nproto\r\n:3\r\n".into(),
            "SELECT" => "+OK\r\n".into(),
            "PING" => "+PONG\r\n".into(),
            "ROLE" => format!("*3\r\n{}:1\r\n*0\r\n", bulk(self.role)),
            "CLIENT" => {
                self.tracks = true;
                "+OK\r\n".into()
            }
            "SCAN" => self.scan(words[1], words[3]),
            "LRANGE" if self.strings.contains(words[1]) => {
                "-WRONGTYPE Operation against a key\r\n".into()
            }
            "LRANGE" => {
                let list = self.lists.get(words[1]).cloned().unwrap_or_default();
                let elements: String = list.iter().map(|e| bulk(e)).collect();
                format!("*{}\r\n{elements}", list.len())
            }
            "SMEMBERS" => {
                let set = self.sets.get(words[1]).cloned().unwrap_or_default().0;
                let members: String = set.iter().map(|e| bulk(e)).collect();
                format!("~{}\r\n{members}", set.len())
            }
            "PTTL" => format!(":{}\r\n", self.sets.get(words[1]).map_or(-2, |set| set.1)),
            other => panic!("{other}"),
        }
    }

    /// Three keys at a time, and the last of each three again in the next.
    fn scan(&self, cursor: &str, pattern: &str) -> String {
        let lead = pattern.strip_suffix('*').unwrap();
        let all = self
            .lists
            .keys()
            .chain(self.sets.keys())
            .chain(&self.strings);
        let keys: Vec<&String> = all.filter(|key| key.starts_with(lead)).collect();
        let from: usize = cursor.parse().unwrap();
        let to = (from + 3).min(keys.len());
        let next = match self.circle {
            Some(circle) if lead == circle => from % 5 + 1,
            _ if to == keys.len() => 0,
            _ => to,
        };
        let shown = &keys[from.saturating_sub(1).min(to)..to];
        let texts: String = shown.iter().map(|key| bulk(key)).collect();
        format!(
            "*2\r\n{}*{}\r\n{texts}",
            bulk(&next.to_string()),
            shown.len()
        )
    }
}
