//! Changes of the store that are made together or not at all.

use super::commands::Commands;
use gatehouse_table::hipache::KeySpace;
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
    fn a_host_is_watched_before_it_is_read() {
        let keys = KeySpace::new("", Match::Host);
        let key = Key::parse(b"a.test", Match::Host).unwrap();
        let mut commands = Commands::default();
        found::ask(&mut commands, &keys, &key);
        assert_eq!(
            words(&commands).trim_end(),
            "*3 WATCH frontend:a.test join:a.test *4 LRANGE frontend:a.test 0 4096 \
            *2 PTTL frontend:a.test *2 EXISTS join:a.test"
        );
        assert_eq!(found::COMMANDS, 4);
    }
}
