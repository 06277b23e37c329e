//! Changes of the store that are made together or not at all.

use super::commands::Commands;
use gatehouse_table::hipache::KeySpace;
use gatehouse_table::registration::Wanted;
use gatehouse_table::route::Key;

/// Changes of the store that belong together.
pub struct Transaction {
    pub(super) commands: Commands,
}

impl Default for Transaction {
    fn default() -> Self {
        let mut commands = Commands::default();
        commands.push(&[b"MULTI"]);
        Self { commands }
    }
}

impl Transaction {
    /// Puts a list in the place of a host's, to stay as long as that one.
    pub fn put(&mut self, keys: &KeySpace, key: &Key, list: &[String], lasts_ms: Option<u64>) {
        let stored = keys.route_key(key);
        self.commands.push(&[b"DEL", &stored]);
        let mut words: Vec<&[u8]> = vec![b"RPUSH", &stored];
        words.extend(list.iter().map(String::as_bytes));
        self.commands.push(&words);
        if let Some(ms) = lasts_ms {
            let ms = ms.to_string();
            self.commands.push(&[b"PEXPIRE", &stored, ms.as_bytes()]);
        }
    }

    /// Removes a host's list.
    pub fn remove(&mut self, keys: &KeySpace, key: &Key) {
        self.commands.push(&[b"DEL", &keys.route_key(key)]);
    }

    /// Has a host's registrations be these; its list is written only where it is another one.
    pub fn register(&mut self, keys: &KeySpace, host: &Key, before: &[Vec<u8>], wanted: &Wanted) {
        let (stored, set) = (keys.route_key(host), keys.registrations_key(host));
        // A list without an end must not have that of an earlier one.
        if before != wanted.list || wanted.ends_ms.is_none() {
            self.commands.push(&[b"DEL", &stored]);
            if !wanted.list.is_empty() {
                let mut words: Vec<&[u8]> = vec![b"RPUSH", &stored];
                words.extend(wanted.list.iter().map(Vec::as_slice));
                self.commands.push(&words);
            }
        }
        if let Some(ends) = wanted.ends_ms.map(|ends| ends.to_string()) {
            self.commands
                .push(&[b"PEXPIREAT", &stored, ends.as_bytes()]);
        }
        self.commands.push(&[b"DEL", &set]);
        for (backend, ends_ms) in &wanted.set {
            let ends = ends_ms.to_string();
            let words: [&[u8]; 4] = [b"ZADD", &set, ends.as_bytes(), backend.as_bytes()];
            self.commands.push(&words);
        }
        if let Some(ends) = wanted.set_ends_ms().map(|ends| ends.to_string()) {
            self.commands.push(&[b"PEXPIREAT", &set, ends.as_bytes()]);
        }
        let hosts = keys.registered_key();
        match wanted.first_ms().map(|first| first.to_string()) {
            Some(first) => {
                let words: [&[u8]; 4] = [b"ZADD", &hosts, first.as_bytes(), host.as_bytes()];
                self.commands.push(&words);
            }
            None => self.commands.push(&[b"ZREM", &hosts, host.as_bytes()]),
        }
    }

    /// Nobody is registered for a host any more, whatever its list is.
    pub fn forget(&mut self, keys: &KeySpace, host: &[u8]) {
        self.commands.push(&[b"ZREM", &keys.registered_key(), host]);
    }

    /// How many bytes are to be sent.
    #[must_use]
    pub fn size(&self) -> usize {
        self.commands.bytes().len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::commands::Commands;
    use super::super::found;
    use super::*;
    use gatehouse_table::route::Match;

    fn words(commands: &Commands) -> String {
        let text = String::from_utf8_lossy(commands.bytes()).into_owned();
        let words = text.split("\r\n").filter(|word| !word.starts_with('$'));
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_list_is_replaced_whole_and_keeps_its_end() {
        let keys = KeySpace::new("app:", Match::Host);
        let [a, b] = ["a.test", "b.test"].map(|k| Key::parse(k.as_bytes(), Match::Host).unwrap());
        let mut transaction = Transaction::default();
        transaction.put(
            &keys,
            &a,
            &["x".into(), "http://10.0.0.1:1".into()],
            Some(1500),
        );
        transaction.put(&keys, &b, &[String::new()], None);
        transaction.remove(&keys, &a);
        assert_eq!(
            words(&transaction.commands).trim_end(),
            "*1 MULTI \
            *2 DEL app:frontend:a.test *4 RPUSH app:frontend:a.test x http://10.0.0.1:1 \
            *3 PEXPIRE app:frontend:a.test 1500 \
            *2 DEL app:frontend:b.test *3 RPUSH app:frontend:b.test  \
            *2 DEL app:frontend:a.test"
        );
        assert_eq!(transaction.size(), transaction.commands.bytes().len());
    }

    #[test]
    fn registrations_are_written_with_their_ends() {
        let keys = KeySpace::new("", Match::Host);
        let host = Key::parse(b"a.test", Match::Host).unwrap();
        let of = |before: &[Vec<u8>], wanted: &Wanted| {
            let mut transaction = Transaction::default();
            transaction.register(&keys, &host, before, wanted);
            let text = words(&transaction.commands);
            text.strip_prefix("*1 MULTI ")
                .unwrap()
                .trim_end()
                .to_owned()
        };
        let list = vec![Vec::new(), b"http://10.0.0.1:1".to_vec()];
        let mut wanted = Wanted {
            list: list.clone(),
            ends_ms: Some(9),
            set: vec![("http://10.0.0.1:1".into(), 9)],
        };
        let set = "*2 DEL join:a.test *4 ZADD join:a.test 9 http://10.0.0.1:1 \
            *3 PEXPIREAT join:a.test 60009 *4 ZADD joins 9 a.test";
        let put = "*2 DEL frontend:a.test *4 RPUSH frontend:a.test  http://10.0.0.1:1";
        let end = "*3 PEXPIREAT frontend:a.test 9";
        assert_eq!(of(&[], &wanted), format!("{put} {end} {set}"));
        assert_eq!(of(&list, &wanted), format!("{end} {set}"));
        wanted.ends_ms = None;
        let set = set.replace("*3 PEXPIREAT join:a.test 60009 ", "");
        assert_eq!(of(&list, &wanted), format!("{put} {set}"));
        let none = Wanted {
            list: Vec::new(),
            ends_ms: None,
            set: Vec::new(),
        };
        assert_eq!(
            of(&list, &none),
            "*2 DEL frontend:a.test *2 DEL join:a.test *3 ZREM joins a.test"
        );
    }

    #[test]
    fn a_host_is_watched_before_it_is_read() {
        let keys = KeySpace::new("", Match::Host);
        let key = Key::parse(b"a.test", Match::Host).unwrap();
        let mut commands = Commands::default();
        found::ask(&mut commands, &keys, &key);
        assert_eq!(
            words(&commands).trim_end(),
            "*2 WATCH frontend:a.test *4 LRANGE frontend:a.test 0 4096 \
            *2 PTTL frontend:a.test *2 EXISTS join:a.test"
        );
        assert_eq!(found::COMMANDS, 4);
        let mut commands = Commands::default();
        found::ask_registered(&mut commands, &keys, &key);
        assert_eq!(
            words(&commands).trim_end(),
            "*3 WATCH frontend:a.test join:a.test *4 LRANGE frontend:a.test 0 4096 \
            *5 ZRANGE join:a.test 0 -1 WITHSCORES *4 ZRANGE joins 0 0 *1 TIME"
        );
        let mut transaction = Transaction::default();
        transaction.forget(&keys, b"x");
        assert_eq!(
            words(&transaction.commands).trim_end(),
            "*1 MULTI *3 ZREM joins x"
        );
    }
}
