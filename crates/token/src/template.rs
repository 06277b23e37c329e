//! The `message` of a profile: an nginx expression with holes for the key and the expiry.

use super::Error;

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Text with nginx variables, for the host to compile and evaluate.
    Text(String),
    /// `{key}`: the key tried.
    Key,
    /// `{expires}`: the expiry as presented; empty when the token has none.
    Expires,
}

/// A parsed `message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Segment>);

impl Template {
    /// Splits `text` at `{key}` and `{expires}`. `${name}` is nginx's and stays text, as do other braces.
    ///
    /// # Errors
    /// An empty message; another `{word}`, which is most likely a slip.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::new("\"message\" directive is empty"));
        }
        let mut segments = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            plain.push_str(before);
            rest = after;
            match hole(before, after)? {
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

    /// The pieces, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The texts, in order; their places in this sequence are what [`super::Received::message`] is asked for.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Text(text) => Some(text.as_str()),
            Segment::Key | Segment::Expires => None,
        })
    }

    /// What an author may not have meant, a sentence each.
    pub fn doubts(&self) -> Vec<&'static str> {
        let mut doubts = Vec::new();
        if !self.has_expires() {
            doubts.push("\"message\" has no \"{expires}\": a link never expires");
        }
        if !self.has_key() {
            doubts.push("\"message\" has no \"{key}\": it is the text of an HMAC-MD5");
        }
        if !self.texts().any(|text| text.contains('$')) {
            doubts.push("\"message\" has no variable: a token opens every URL");
        }
        doubts
    }

    /// Whether the message holds `{key}`; one that does not is the text of an HMAC.
    pub fn has_key(&self) -> bool {
        self.0.contains(&Segment::Key)
    }

    /// Whether the message holds `{expires}`, so that a token's expiry is signed.
    pub fn has_expires(&self) -> bool {
        self.0.contains(&Segment::Expires)
    }
}

/// The hole whose opening brace stands between `before` and `after`, and the text behind it.
fn hole<'a>(before: &str, after: &'a str) -> Result<Option<(Segment, &'a str)>, Error> {
    if before.ends_with('$') {
        return Ok(None);
    }
    let Some((word, behind)) = after.split_once('}') else {
        return Ok(None);
    };
    match word {
        "key" => Ok(Some((Segment::Key, behind))),
        "expires" => Ok(Some((Segment::Expires, behind))),
        _ if is_word(word) => Err(Error::new(format!(
            "unknown \"{{{word}}}\" in \"message\" directive, it must be \"{{key}}\" or \"{{expires}}\""
        ))),
        _ => Ok(None),
    }
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

    fn shown(template: &Template) -> String {
        let show = |segment: &Segment| match segment {
            Segment::Text(text) => text.clone(),
            Segment::Key => "{key}".to_owned(),
            Segment::Expires => "{expires}".to_owned(),
        };
        template.segments().iter().map(show).collect()
    }

    #[test]
    fn holes_are_found() {
        let template = Template::parse("{expires}$uri$remote_addr {key}").unwrap();
        assert_eq!(
            template.segments(),
            [
                Segment::Expires,
                Segment::Text("$uri$remote_addr ".into()),
                Segment::Key
            ]
        );
        assert_eq!(template.texts().collect::<Vec<_>>(), ["$uri$remote_addr "]);
        assert!(template.has_key() && template.has_expires());
    }

    #[test]
    fn nginx_braces_stay_text() {
        for text in ["${key}x", "a{", "{}", "{a b}", "}{", "{\"x\":1}", "$uri"] {
            assert_eq!(
                Template::parse(text).unwrap().segments(),
                [Segment::Text(text.into())],
                "{text}"
            );
        }
        let template = Template::parse("{{key}}").unwrap();
        assert_eq!(
            template.segments(),
            [
                Segment::Text("{".into()),
                Segment::Key,
                Segment::Text("}".into())
            ]
        );
    }

    #[test]
    fn doubts_are_named() {
        let doubts = |text: &str| Template::parse(text).unwrap().doubts().join("; ");
        assert_eq!(doubts("{expires}$uri {key}"), "");
        assert!(doubts("$uri {key}").starts_with("\"message\" has no \"{expires}\""));
        assert!(doubts("{expires}$uri").starts_with("\"message\" has no \"{key}\""));
        assert!(doubts("{expires} {key}").starts_with("\"message\" has no variable"));
        assert_eq!(doubts("x").split("; ").count(), 3);
    }

    #[test]
    fn slips_are_refused() {
        assert!(Template::parse("").is_err());
        let error = Template::parse("$uri{Key}").unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown \"{Key}\" in \"message\" directive, it must be \"{key}\" or \"{expires}\""
        );
    }

    proptest! {
        #[test]
        fn what_is_parsed_is_what_was_written(text in "[a{}$ek]{0,12}|(\\{key\\}|\\{expires\\}|\\$uri|x|\\{){1,8}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert_eq!(shown(&template), text);
                let neighbours = template.segments().windows(2);
                prop_assert!(neighbours.into_iter().all(|pair| !matches!(pair, [Segment::Text(_), Segment::Text(_)])));
            }
        }
    }
}
