//! Reads a `token_profile` block: its lines are the rows of the token crate.

use super::conf::{Named, RouteKeys};
use super::follow::follow;
use super::limited::Limited;
use super::remote::Remote;
use crate::words::unknown_line;
use crate::{Gatehouse, keys};
use gatehouse_nginx::{Conf, ConfLine, Counters, Error, Level};
use gatehouse_token::{Host, LineError, ProfileBuilder, Secret, WORDS};
use std::rc::Rc;

/// The lines of a block.
#[derive(Default)]
struct Block {
    builder: ProfileBuilder,
    /// Where each word stands, for what is found out at the end of the block.
    lines: Vec<(String, ConfLine)>,
    route_keys: Vec<RouteKeys>,
    /// The name of its profile.
    name: String,
    limited: Option<Limited>,
}

impl Block {
    /// The last line that begins with a word.
    fn line_of(&self, word: &str) -> Option<&ConfLine> {
        let mut lines = self.lines.iter().rev();
        lines.find(|line| line.0 == word).map(|line| &line.1)
    }
}

/// `token_profile name { … }`
pub(super) fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let name = cf.words()?.pop().unwrap_or_default();
    let begin = cf.here();
    cf.main().token.names.check(&name, "token_profile")?;
    let mut block = Block {
        name: name.clone(),
        ..Block::default()
    };
    cf.block(&mut block, line)?;
    let profile = std::mem::take(&mut block.builder).finish();
    let profile = profile.map_err(|e| match e.word().and_then(|word| block.line_of(word)) {
        Some(line) => Error::at(line, e.to_string()),
        None => Error::at(&begin, format!("token_profile \"{name}\" {e}")),
    })?;
    let message = profile
        .message_texts()
        .map(|text| cf.compile(text.as_bytes()))
        .collect::<Result<_, _>>()?;
    // Only what is accepted is doubted.
    for doubt in profile.doubts() {
        let line = block.line_of(doubt.word).unwrap_or(&begin);
        cf.log_at(line, Level::Warn, doubt.text);
    }
    let profile = Rc::new(profile);
    follow(cf, &name, &profile)?;
    let remotes = Remote::all(cf, &name, &profile)?;
    let main = &mut cf.main().token;
    main.names.add(name.clone());
    main.profiles.push(Named {
        name,
        profile,
        message,
        route_keys: block.route_keys,
        remotes,
        limited: block.limited,
        checks: Counters::default(),
    });
    Ok(())
}

/// One line of a block.
fn line(cf: &mut Conf<'_, Gatehouse>, block: &mut Block) -> Result<(), Error> {
    let words = cf.words()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some((name, rest)) = words.split_first() else {
        return Ok(());
    };
    block.lines.push(((*name).to_owned(), cf.here()));
    let result = block.builder.line(name, rest, &Line(cf));
    result.map_err(|e| match e {
        LineError::UnknownWord => {
            unknown_line(cf, "token_profile", WORDS.iter().map(|word| word.name))
        }
        LineError::Refused(e) => Error::new(e.to_string()),
    })?;
    if block.builder.route_keys() > block.route_keys.len() {
        block.route_keys.push(RouteKeys {
            line: cf.here(),
            lender: None,
            host: cf.compile(b"$host")?,
        });
    }
    if let Some(limit) = block.builder.limit().filter(|_| block.limited.is_none()) {
        block.limited = Some(Limited::declare(cf, &block.name, limit)?);
    }
    Ok(())
}

/// The line being read.
struct Line<'l, 'c>(&'l Conf<'c, Gatehouse>);

impl Host for Line<'_, '_> {
    fn seconds(&self, word: &str) -> Option<u64> {
        self.0.seconds(word).ok()
    }

    fn size(&self, word: &str) -> Option<usize> {
        self.0.size(word).ok()
    }

    fn milliseconds(&self, word: &str) -> Option<u64> {
        self.0.milliseconds(word).ok()
    }

    fn key_file(&self, path: &str) -> Result<(String, Secret), gatehouse_token::Error> {
        let file = keys::read_file(self.0, path)?;
        Ok((file.shown, file.bytes))
    }

    fn warn(&self, text: &str) {
        self.0.log(Level::Warn, text);
    }
}
