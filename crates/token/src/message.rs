//! The `message` of a profile: an nginx expression with holes for the key and the token's values.

use gatehouse_base::words;

use crate::error::Error;

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Text with nginx variables, for the host to compile and evaluate.
    Text(String),
    /// `{key}`: the key tried.
    Key,
    /// A value of the token as presented, by its carrier; empty when it is absent.
    Value(usize),
}

/// A word in braces, and what stands in its place.
pub(crate) type Hole = (&'static str, Segment);

/// A parsed `message`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message(Vec<Segment>);

impl Message {
    /// Splits `text` at its holes. `${name}` is nginx's and stays text, as do other braces.
    ///
    /// # Errors
    /// Another `{word}`, which is most likely a slip.
    pub(crate) fn parse(text: &str, holes: &[Hole]) -> Result<Self, Error> {
        let mut segments = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            plain.push_str(before);
            rest = after;
            match hole(before, after, holes)? {
                None => plain.push('{'),
                Some((segment, behind)) => {
                    push_text(&mut segments, &mut plain);
                    segments.push(segment);
                    rest = behind;
                }
            }
        }
        plain.push_str(rest);
        push_text(&mut segments, &mut plain);
        Ok(Self(segments))
    }

    /// Refuses a message in which two values of the token touch.
    ///
    /// # Errors
    /// That there is no character between them.
    pub(crate) fn keeps_values_apart(&self) -> Result<(), Error> {
        let touch = |pair: &[Segment]| matches!(pair, [Segment::Value(_), Segment::Value(_)]);
        if !self.0.windows(2).any(touch) {
            return Ok(());
        }
        let text = "two values stand side by side in \"message\" directive: without a character between them digits could be moved from one to the other";
        Err(Error::about("message", text))
    }

    /// Whether a value of the token touches a variable that the client chooses, or stands at the end of a path: then
    /// both may be written differently and make the same text.
    pub(crate) fn touches_client(&self) -> bool {
        self.0.windows(2).any(|pair| match pair {
            [Segment::Value(_), Segment::Text(text)] => {
                text.strip_prefix('$').is_some_and(is_of_client)
            }
            [Segment::Text(text), Segment::Value(_)] => {
                let last = text.rsplit_once('$').map(|(_, name)| name);
                last.is_some_and(|name| {
                    let end = name
                        .strip_prefix('{')
                        .map_or(name, |braced| braced.strip_suffix('}').unwrap_or_default());
                    is_word(end) && (is_of_client(end) || is_path(end))
                })
            }
            _ => false,
        })
    }

    /// The pieces, in order.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The texts, in order; [`RequestView::message`](crate::RequestView::message) is asked for them by their
    /// number in this sequence.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Text(text) => Some(text.as_str()),
            Segment::Key | Segment::Value(_) => None,
        })
    }

    /// Whether the message holds that piece.
    pub(crate) fn has(&self, segment: &Segment) -> bool {
        self.0.contains(segment)
    }

    /// Whether a text holds an nginx variable.
    pub(crate) fn has_variable(&self) -> bool {
        self.texts().any(|text| text.contains('$'))
    }
}

/// The hole whose opening brace stands between `before` and `after`, and the text behind it.
fn hole<'a>(
    before: &str,
    after: &'a str,
    holes: &[Hole],
) -> Result<Option<(Segment, &'a str)>, Error> {
    if before.ends_with('$') {
        return Ok(None);
    }
    let Some((word, behind)) = after.split_once('}') else {
        return Ok(None);
    };
    if let Some((_, segment)) = holes.iter().find(|hole| hole.0 == word) {
        return Ok(Some((segment.clone(), behind)));
    }
    if !is_word(word) {
        return Ok(None);
    }
    let legal: Vec<String> = holes.iter().map(|hole| format!("{{{}}}", hole.0)).collect();
    let legal = legal.iter().map(String::as_str);
    let must_be = words::must_be(legal);
    let text = format!("unknown \"{{{word}}}\" in \"message\" directive, {must_be}");
    Err(Error::about("message", text))
}

/// Whether a variable's name is that of a path: its end may be digits, though it begins with a slash.
fn is_path(name: &str) -> bool {
    ["uri", "document_uri", "request_uri"]
        .iter()
        .any(|path| name.eq_ignore_ascii_case(path))
}

/// Whether a variable's name, perhaps in braces, begins as those do whose value the client writes. nginx does not tell
/// upper from lower case in names.
fn is_of_client(name: &str) -> bool {
    let name = name.strip_prefix('{').unwrap_or(name).to_ascii_lowercase();
    ["arg_", "cookie_", "http_", "args", "query_string"]
        .iter()
        .any(|begin| name.starts_with(begin))
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn push_text(segments: &mut Vec<Segment>, plain: &mut String) {
    if !plain.is_empty() {
        segments.push(Segment::Text(std::mem::take(plain)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOLES: [Hole; 2] = [("key", Segment::Key), ("expires", Segment::Value(1))];

    #[test]
    fn values_keep_apart() {
        let refused = Message::parse("{expires}{expires}", &HOLES).unwrap();
        let refused = refused.keeps_values_apart().unwrap_err();
        assert!(refused.to_string().contains("side by side"), "{refused}");
        let touches = |text: &str| Message::parse(text, &HOLES).unwrap().touches_client();
        for text in [
            "{expires}$arg_user",
            "{expires}${cookie_a}x",
            "$uri$args{expires}",
            "${http_a}{expires}",
            "{expires}$ARG_user",
            "{key}$uri{expires}",
            "${request_uri}{expires}",
            "$Document_URI{expires}",
        ] {
            assert!(touches(text), "{text}");
        }
        for text in [
            "{expires}$uri$arg_user",
            "$uri {expires}",
            "$uri_of_mine{expires}",
            "{expires}|$arg_user",
            "$arg_user|{expires}",
            "$arg_user {expires}",
            "{key}$arg_user",
            "{expires}$remote_addr",
        ] {
            assert!(!touches(text), "{text}");
        }
    }

    fn parse(text: &str) -> Result<Message, Error> {
        Message::parse(text, &HOLES)
    }

    fn shown(message: &Message) -> String {
        let show = |segment: &Segment| match segment {
            Segment::Text(text) => text.clone(),
            Segment::Key => "{key}".to_owned(),
            Segment::Value(_) => "{expires}".to_owned(),
        };
        message.segments().iter().map(show).collect()
    }

    #[test]
    fn holes_are_found() {
        let message = parse("{expires}$uri$remote_addr {key}").unwrap();
        assert_eq!(
            message.segments(),
            [
                Segment::Value(1),
                Segment::Text("$uri$remote_addr ".into()),
                Segment::Key
            ]
        );
        assert_eq!(message.texts().collect::<Vec<_>>(), ["$uri$remote_addr "]);
        assert!(message.has(&Segment::Key) && message.has(&Segment::Value(1)));
        assert!(message.has_variable() && !parse("a{key}").unwrap().has_variable());
    }

    #[test]
    fn nginx_braces_stay_text() {
        for text in ["${key}x", "a{", "{}", "{a b}", "}{", "{\"x\":1}", "$uri"] {
            assert_eq!(
                parse(text).unwrap().segments(),
                [Segment::Text(text.into())],
                "{text}"
            );
        }
        let message = parse("{{key}}").unwrap();
        assert_eq!(
            message.segments(),
            [
                Segment::Text("{".into()),
                Segment::Key,
                Segment::Text("}".into())
            ]
        );
    }

    #[test]
    fn slips_are_refused() {
        let error = parse("$uri{Key}").unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown \"{Key}\" in \"message\" directive, it must be \"{key}\" or \"{expires}\""
        );
    }

    proptest! {
        #[test]
        fn what_is_parsed_is_what_was_written(text in "[a{}$ek]{0,12}|(\\{key\\}|\\{expires\\}|\\$uri|x|\\{){1,8}") {
            if let Ok(message) = parse(&text) {
                prop_assert_eq!(shown(&message), text);
                let neighbours = message.segments().windows(2);
                prop_assert!(neighbours.into_iter().all(|pair| !matches!(pair, [Segment::Text(_), Segment::Text(_)])));
            }
        }
    }
}
