//! A request made of plain values.

use super::super::{Profile, ProfileBuilder, Received, strip};

#[derive(Clone, Default)]
pub struct Fake {
    pub target: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub cookie: Vec<u8>,
    pub message: Vec<Vec<u8>>,
}

impl Fake {
    pub fn new(target: &str) -> Self {
        Self {
            target: target.into(),
            ..Self::default()
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn cookie(mut self, value: &str) -> Self {
        self.cookie = value.into();
        self
    }

    pub fn message(mut self, texts: &[&str]) -> Self {
        self.message = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        self
    }
}

impl Received for Fake {
    fn target(&self) -> &[u8] {
        &self.target
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|row| row.0.eq_ignore_ascii_case(name))
            .map(|row| row.1.as_slice())
    }

    fn cookie(&self, name: &[u8]) -> Option<&[u8]> {
        strip::find_cookie(&self.cookie, name)
    }

    fn message(&self, text: usize) -> Option<&[u8]> {
        self.message.get(text).map(Vec::as_slice)
    }
}

/// Builds a profile from lines as in a configuration; `key` takes `[id=X] KEY`.
pub fn profile(lines: &[&str]) -> Result<Profile, String> {
    let mut builder = ProfileBuilder::new();
    for line in lines {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let done = match word {
            "format" => builder.format(rest),
            "key" => {
                let with_id = rest
                    .strip_prefix("id=")
                    .and_then(|rest| rest.split_once(' '));
                let (id, key) = with_id.map_or((None, rest), |(id, key)| (Some(id), key));
                builder.key(id, key.into(), None)
            }
            "from" => builder.from(rest.split_ascii_whitespace()),
            "leeway" => builder.leeway(rest.parse().unwrap()),
            "bind_ip" => builder.bind_ip(rest),
            "require_exp" => builder.require_exp(rest),
            "message" => builder.message(rest),
            _ => panic!("{word}"),
        };
        done.map_err(|error| error.to_string())?;
    }
    builder.finish().map_err(|error| error.to_string())
}
