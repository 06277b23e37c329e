//! The lines of a block that bring keys.

use crate::error::Error;
use crate::keys::{Again, Place, RouteKey, Secret};
use crate::settings::Settings;
use crate::word::Host;
use gatehouse_base::words;

/// What a `key` line says.
#[derive(Default)]
struct KeyWords<'w> {
    id: Option<&'w str>,
    encoding: Option<&'w str>,
    file: Option<&'w str>,
    text: Option<&'w str>,
    table: Option<&'w str>,
    name: Option<&'w str>,
    reload: Option<&'w str>,
}

impl<'w> KeyWords<'w> {
    fn read(words: &[&'w str]) -> Result<Self, Error> {
        let mut line = Self::default();
        for word in words {
            let (place, value) = match word.split_once('=') {
                Some(("id", id)) => (&mut line.id, id),
                Some(("encoding", encoding)) => (&mut line.encoding, encoding),
                Some(("text", text)) => (&mut line.text, text),
                Some(("file", path)) if !path.is_empty() => (&mut line.file, path),
                Some(("table", table)) if !table.is_empty() => (&mut line.table, table),
                Some(("name", name)) if !name.is_empty() => (&mut line.name, name),
                Some(("reload", time)) => (&mut line.reload, time),
                _ => return Err(Error::parameter(word, "key")),
            };
            if place.replace(value).is_some() {
                return Err(words::duplicate(word, "key").into());
            }
        }
        Ok(line)
    }
}

/// `key [id=ID] file=PATH [encoding=ENCODING] [reload=time]`, `key [id=ID] table=TABLE name=NAME [encoding=ENCODING]`
pub(crate) fn key(settings: &mut Settings, words: &[&str], host: &dyn Host) -> Result<(), Error> {
    let line = KeyWords::read(words)?;
    let (id, encoding) = (line.id, line.encoding);
    if let (Some(_), None) = (line.reload, line.file) {
        return Err(Error::new(
            "\"key\" with \"reload\" must have \"file\" parameter",
        ));
    }
    match (line.file, line.text, line.table, line.name) {
        (Some(path), None, None, None) => {
            let every_ms = time(line.reload, ("reload", "key"), host)?;
            let (source, bytes) = host.key_file(path)?;
            let key = settings.add_key(source, id, bytes, encoding)?;
            key.again = followed(path, every_ms);
            Ok(())
        }
        (None, Some(text), None, None) => {
            host.warn("a key is written in the configuration, use \"file=\"");
            let bytes = Secret::new(text.as_bytes().to_vec());
            settings.add_key("key".to_owned(), id, bytes, encoding)?;
            Ok(())
        }
        (None, None, Some(table), Some(name)) => {
            let key = RouteKey {
                table: table.to_owned(),
                name: name.to_owned(),
            };
            settings.add_route_key(key, id, encoding)
        }
        (Some(_), Some(_), None, None) => Err(words::duplicate("text", "key").into()),
        (None, None, Some(_), None) => Err(Error::new(
            "\"key\" with \"table\" must have \"name\" parameter",
        )),
        (None, None, None, Some(_)) => Err(Error::new(
            "\"key\" with \"name\" must have \"table\" parameter",
        )),
        (None, None, None, None) => Err(Error::new(
            "\"key\" must have \"file\" or \"table\" parameter",
        )),
        _ => Err(Error::new("\"key\" takes one of \"file\" and \"table\"")),
    }
}

/// How often keys of a location are fetched when the line does not say, in milliseconds.
const REFRESH_MS: u64 = 300_000;

/// `jwks file=PATH [refresh=time]`, `jwks uri=URI [refresh=time]`
pub(crate) fn jwks(settings: &mut Settings, words: &[&str], host: &dyn Host) -> Result<(), Error> {
    let (mut file, mut uri, mut refresh) = (None, None, None);
    for word in words {
        let (place, value) = match word.split_once('=') {
            Some(("file", path)) if !path.is_empty() => (&mut file, path),
            Some(("uri", path)) if path.starts_with('/') => (&mut uri, path),
            Some(("refresh", time)) => (&mut refresh, time),
            Some(("uri", _)) => {
                let text = words::invalid_parameter(word, "jwks");
                let must_be = "it must be the path of a location, as \"/keys\"";
                return Err(Error::new(format!("{text}, {must_be}")));
            }
            _ => return Err(Error::parameter(word, "jwks")),
        };
        if place.replace(value).is_some() {
            return Err(words::duplicate(word, "jwks").into());
        }
    }
    let name = ("refresh", "jwks");
    match (file, uri) {
        (Some(path), None) => {
            let every_ms = time(refresh, name, host)?;
            let (source, bytes) = host.key_file(path)?;
            let key = settings.add_key(source, None, bytes, Some("jwks"))?;
            key.again = followed(path, every_ms);
            Ok(())
        }
        (None, Some(uri)) => {
            let every_ms = match refresh {
                None => REFRESH_MS,
                // Every token would be a fetch.
                Some(word) => match time(refresh, name, host)? {
                    0 => return Err(no_time(name, word, "a time above 0")),
                    every_ms => every_ms,
                },
            };
            settings.add_location(uri, every_ms)
        }
        (None, None) => Err(Error::new(
            "\"jwks\" must have \"file\" or \"uri\" parameter",
        )),
        (Some(_), Some(_)) => Err(Error::new("\"jwks\" takes one of \"file\" and \"uri\"")),
    }
}

/// A value of a parameter of that name and directive that is not what it must be.
fn no_time((name, directive): (&str, &str), value: &str, must_be: &str) -> Error {
    let text = words::invalid_parameter(&format!("{name}={value}"), directive);
    Error::new(format!("{text}, it must be {must_be}, as \"10s\""))
}

/// Milliseconds of a parameter of that name and directive; 0 when it is not there.
fn time(word: Option<&str>, name: (&str, &str), host: &dyn Host) -> Result<u64, Error> {
    let Some(word) = word else {
        return Ok(0);
    };
    let time = host.milliseconds(word);
    time.ok_or_else(|| no_time(name, word, "a time"))
}

/// A file that is looked at so often; none when that is never.
fn followed(path: &str, every_ms: u64) -> Option<Again> {
    (every_ms > 0).then(|| Again {
        place: Place::File(path.to_owned()),
        every_ms,
    })
}
