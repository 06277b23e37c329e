//! The words of an `upstream_table` block, a row each, like directives.

use super::check::{self, CheckLine};
use super::passive::passive;
use super::store::{self, StoreWord};
use crate::Gatehouse;
use crate::words::{duplicate, http_status, unknown_line};
use gatehouse_base::words;
use gatehouse_live::table::{Brake, RouteFiles};
use gatehouse_nginx::{Conf, Error};
use gatehouse_table::route::Match;
use gatehouse_table::table::Passive;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// The lines of a block.
#[derive(Default)]
pub(super) struct Block {
    pub size: Option<usize>,
    pub mode: Option<Match>,
    pub miss: Option<u16>,
    pub passive: Option<Passive>,
    pub check: Option<CheckLine>,
    pub files: Option<RouteFiles>,
    pub brake: Option<Brake>,
    pub plain: Option<()>,
    pub drain_timeout_ms: Option<u64>,
    pub store: Option<StoreWord>,
    pub state: Option<PathBuf>,
}

/// How often a file is looked at unless the line says otherwise.
const RELOAD_MS: u64 = 1_000;

type Set = fn(&mut Conf<'_, Gatehouse>, &[&str], &mut Block) -> Result<bool, Error>;

/// A word of the block.
// Only the hooks build writes the reference.
#[cfg_attr(not(feature = "hooks"), allow(dead_code))]
struct Word {
    name: &'static str,
    /// How many words may follow it.
    args: RangeInclusive<usize>,
    /// What follows it, for the reference: behind a space, unless it begins with `=`.
    syntax: &'static str,
    /// What it does, for the reference: Markdown, to be read behind the word.
    text: &'static str,
    /// Reads what follows it; true when the block had the word already.
    set: Set,
}

impl Word {
    /// What a line begins with.
    fn shown(&self) -> String {
        let equals = if self.syntax.starts_with('=') {
            "="
        } else {
            ""
        };
        format!("{}{equals}", self.name)
    }
}

const WORDS: &[Word] = &[
    Word {
        name: "zone",
        args: 1..=1,
        syntax: "size",
        text: include_str!("docs/table/zone.md"),
        set: |cf, words, block| Ok(block.size.replace(cf.size(first(words))?).is_some()),
    },
    Word {
        name: "match",
        args: 1..=1,
        syntax: "host | exact",
        text: include_str!("docs/table/match.md"),
        set: |_, words, block| Ok(block.mode.replace(mode(first(words))?).is_some()),
    },
    Word {
        name: "file",
        args: 1..=usize::MAX,
        syntax: "path… [reload=time]",
        text: include_str!("docs/table/file.md"),
        set: |cf, words, block| {
            let files = route_files(cf, words)?;
            Ok(block.files.replace(files).is_some())
        },
    },
    Word {
        name: "shrink",
        args: 1..=1,
        syntax: "=any",
        text: include_str!("docs/table/shrink.md"),
        set: |_, words, block| {
            let brake = match first(words) {
                "any" => Brake::Off,
                other => return Err(words::invalid(other, "shrink", ["any"]).into()),
            };
            Ok(block.brake.replace(brake).is_some())
        },
    },
    Word {
        name: "plain",
        args: 1..=1,
        syntax: "=allow",
        text: include_str!("docs/table/plain.md"),
        set: |_, words, block| match first(words) {
            "allow" => Ok(block.plain.replace(()).is_some()),
            other => Err(words::invalid(other, "plain", ["allow"]).into()),
        },
    },
    Word {
        name: "drain_timeout",
        args: 1..=1,
        syntax: "time",
        text: include_str!("docs/table/drain_timeout.md"),
        set: |cf, words, block| {
            let time = cf.milliseconds(first(words))?;
            Ok(block.drain_timeout_ms.replace(time).is_some())
        },
    },
    Word {
        name: "redis",
        args: 1..=usize::MAX,
        syntax: "address… [sentinel=name] [sentinel_user=name] [sentinel_password_file=path] [user=name] [password_file=path] [db=number] [prefix=string] [tls] [tls_ca=path] [tls_cert=path tls_key=path] [tls_name=name] [tls_verify=on|off]",
        text: include_str!("docs/table/redis.md"),
        set: |cf, words, block| Ok(block.store.replace(store::read(cf, words)?).is_some()),
    },
    Word {
        name: "state",
        args: 1..=1,
        syntax: "path",
        text: include_str!("docs/table/state.md"),
        set: |cf, words, block| {
            let path = first(words);
            if path.is_empty() {
                return Err(cf.invalid(path));
            }
            Ok(block.state.replace(cf.path_of_prefix(path)?).is_some())
        },
    },
    Word {
        name: "miss",
        args: 1..=1,
        syntax: "N",
        text: include_str!("docs/table/miss.md"),
        set: |cf, words, block| {
            let status = http_status(cf, first(words))?;
            Ok(block.miss.replace(status).is_some())
        },
    },
    Word {
        name: "passive",
        args: 1..=usize::MAX,
        syntax: "[fails=N] [window=time] [status=statuses] [ratio=N%]",
        text: include_str!("docs/table/passive.md"),
        set: |cf, words, block| Ok(block.passive.replace(passive(cf, words)?).is_some()),
    },
    Word {
        name: "check",
        args: 1..=usize::MAX,
        syntax: "http | tcp | websocket [uri=path] [host=name] [interval=time] [timeout=time] [rise=N] [fall=N] [expect=statuses] [idle=time] [max_rate=N/s] [panic=N%] [check_first]",
        text: include_str!("docs/table/check.md"),
        set: |cf, words, block| Ok(block.check.replace(check::read(cf, words)?).is_some()),
    },
];

fn first<'w>(words: &[&'w str]) -> &'w str {
    words.first().copied().unwrap_or_default()
}

/// Reads one line of the block.
pub(super) fn line(cf: &mut Conf<'_, Gatehouse>, block: &mut Block) -> Result<(), Error> {
    let words = cf.words()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some((word, rest)) = find(&words) else {
        let legal = WORDS.iter().map(Word::shown);
        let legal: Vec<String> = legal.collect();
        let legal = legal.iter().map(String::as_str);
        return Err(unknown_line(cf, "upstream_table", legal));
    };
    if !word.args.contains(&rest.len()) {
        return Err(cf.wrong_arguments());
    }
    if (word.set)(cf, &rest, block)? {
        return Err(cf.error("is duplicate"));
    }
    Ok(())
}

/// The row of a line, and what follows its name: `name value …`, or `name=value`.
fn find<'w>(words: &[&'w str]) -> Option<(&'static Word, Vec<&'w str>)> {
    let (first, rest) = words.split_first()?;
    WORDS.iter().find_map(|word| {
        let behind = first.strip_prefix(word.name)?;
        if !word.syntax.starts_with('=') {
            return behind.is_empty().then(|| (word, rest.to_vec()));
        }
        let value = behind.strip_prefix('=')?;
        Some((
            word,
            std::iter::once(value).chain(rest.iter().copied()).collect(),
        ))
    })
}

fn mode(word: &str) -> Result<Match, Error> {
    match word {
        "host" => Ok(Match::Host),
        "exact" => Ok(Match::Exact),
        other => Err(words::invalid(other, "match", ["host", "exact"]).into()),
    }
}

/// Whether a word reads as a parameter. A path of such a name can be written with a slash: `./name=value`.
fn is_parameter(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn route_files(cf: &mut Conf<'_, Gatehouse>, words: &[&str]) -> Result<RouteFiles, Error> {
    let (mut paths, mut reload_ms) = (Vec::new(), None);
    for word in words {
        if let Some(time) = word.strip_prefix("reload=") {
            let time = cf.milliseconds(time).map_err(|_| cf.invalid(word))?;
            if reload_ms.replace(time).is_some() {
                return Err(duplicate(cf, word));
            }
        } else if word.is_empty() {
            return Err(cf.invalid(word));
        } else if is_parameter(word) {
            return Err(cf.invalid_parameter(word));
        } else {
            paths.push(cf.path(word)?);
        }
    }
    if paths.is_empty() {
        return Err(cf.wrong_arguments());
    }
    Ok(RouteFiles {
        paths,
        reload_ms: reload_ms.unwrap_or(RELOAD_MS),
        hosts: cf.main().upstream.hosts(),
        // A later line may say so.
        has_check: false,
    })
}

/// The words as a list of the reference.
#[cfg(feature = "hooks")]
pub(super) fn reference() -> String {
    let rows = WORDS.iter().map(|word| {
        let text = word.text.trim().replace('\n', "\n  ");
        let space = if word.syntax.starts_with('=') {
            ""
        } else {
            " "
        };
        format!("- `{}{space}{};` {text}\n", word.name, word.syntax)
    });
    rows.collect::<String>().trim_end().to_owned()
}
