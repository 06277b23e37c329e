//! What is said about a store: that it is lost, that it is back, what it has, each once.

/// Most different troubles of one outage that are said.
const TROUBLES: usize = 10;

/// What has been said.
#[derive(Default)]
pub(super) struct News {
    /// The server at hand, or the last one.
    server: String,
    /// All of it has been read at least once.
    was_read: bool,
    /// Why it is of no use now: what has been said since it was lost.
    troubles: Vec<(String, String)>,
    /// What of it is not believed, as it was said.
    held: Option<String>,
}

impl News {
    /// A connection to this server is there.
    pub(super) fn connected(&mut self, server: &str) {
        server.clone_into(&mut self.server);
    }

    /// A line about the server at hand.
    pub(super) fn about(&self, text: &str) -> String {
        format!("redis {}: {text}", self.server)
    }

    /// The store is of no use, for this reason; the table has so many routes. A line, if that is news.
    pub(super) fn lost(&mut self, server: &str, why: &str, routes: u64) -> Option<String> {
        let said = |(of, text): &(String, String)| of == server && text == why;
        if self.troubles.len() >= TROUBLES || self.troubles.iter().any(said) {
            return None;
        }
        let what = if self.was_read && self.troubles.is_empty() {
            "lost"
        } else {
            "not available"
        };
        self.troubles.push((server.to_owned(), why.to_owned()));
        let plural = if routes == 1 { "" } else { "s" };
        Some(format!(
            "redis {server} {what}, serving {routes} route{plural} from memory ({why})"
        ))
    }

    /// All has been read: a line, if that is news.
    pub(super) fn read_all(&mut self, found: usize, changed: usize) -> Option<String> {
        let is_first = !std::mem::replace(&mut self.was_read, true);
        let is_back = !std::mem::take(&mut self.troubles).is_empty();
        if !is_first && !is_back && changed == 0 {
            return None;
        }
        let plural = if found == 1 { "" } else { "s" };
        let again = if is_back { " is back" } else { "" };
        let server = &self.server;
        Some(format!(
            "redis {server}{again}: {found} route{plural}, {changed} changed"
        ))
    }

    /// Something of it is not believed: a line, if that is news.
    pub(super) fn holds(&mut self, why: &str) -> Option<String> {
        let is_news = self.held.as_deref() != Some(why);
        self.held = Some(why.to_owned());
        is_news.then(|| format!("redis {} {why}", self.server))
    }

    /// All of it is in the table.
    pub(super) fn is_whole(&mut self) {
        self.held = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_said_once_and_so_is_the_return() {
        let mut news = News::default();
        let lost = news.lost("a:1", "why", 0);
        assert_eq!(
            lost.as_deref(),
            Some("redis a:1 not available, serving 0 routes from memory (why)")
        );
        assert_eq!(news.lost("a:1", "why", 0), None);
        news.connected("b:1");
        let back = news.read_all(1, 1);
        assert_eq!(
            back.as_deref(),
            Some("redis b:1 is back: 1 route, 1 changed")
        );
        assert_eq!(news.read_all(1, 0), None);
        let lost = news.lost("b:1", "why", 1);
        assert_eq!(
            lost.as_deref(),
            Some("redis b:1 lost, serving 1 route from memory (why)")
        );
        // Another reason is news, but not without end.
        let other = news.lost("b:1", "other", 1);
        assert!(other.is_some_and(|line| {
            line.contains("b:1 not available, serving 1 route from memory (other)")
        }));
        let more = (0..100).filter(|n| news.lost("b:1", &n.to_string(), 1).is_some());
        assert_eq!(more.count(), TROUBLES - 2);
        assert!(news.read_all(1, 0).is_some());
        assert!(news.holds("x").is_some() && news.holds("x").is_none());
        news.is_whole();
        assert_eq!(news.holds("x").as_deref(), Some("redis b:1 x"));
    }
}
