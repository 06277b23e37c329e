//! What the lines of a `token_profile` block have said.

use gatehouse_base::words;

use crate::claims::{AddressBinding, Terms};
use crate::cookie::CookieLine;
use crate::error::Error;
use crate::keys::{Again, KeyEncoding, Place, RouteKey, Secret};
use crate::limit::Limit;
use crate::location::LocationWord;
use crate::scheme::{Options, Scheme};

/// What the lines of a block have said.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) scheme: Option<&'static Scheme>,
    pub(crate) keys: Vec<KeyFile>,
    pub(crate) route_keys: Vec<RouteKeyLine>,
    pub(crate) from: Vec<LocationWord>,
    pub(crate) terms: Terms,
    pub(crate) bind_ip: Option<AddressBinding>,
    pub(crate) require_exp: Option<bool>,
    pub(crate) limit: Option<Limit>,
    pub(crate) close_websocket: bool,
    pub(crate) issue: Option<CookieLine>,
    pub(crate) options: Options,
}

/// A `key` line; the file is decoded when the scheme is known.
pub(crate) struct KeyFile {
    pub(crate) source: String,
    pub(crate) id: Option<String>,
    pub(crate) bytes: Secret,
    pub(crate) encoding: Option<KeyEncoding>,
    /// Where the keys are read again.
    pub(crate) again: Option<Again>,
}

impl KeyFile {
    /// Whether it is fetched by requests: there are no bytes before.
    pub(crate) fn is_fetched(&self) -> bool {
        let again = self.again.as_ref();
        again.is_some_and(|again| matches!(again.place, Place::Location(_)))
    }
}

/// A `key` line about the keys of routes.
pub(crate) struct RouteKeyLine {
    pub(crate) key: RouteKey,
    pub(crate) id: Option<String>,
    pub(crate) encoding: Option<KeyEncoding>,
}

impl Settings {
    /// Errors about the bytes call them `source`.
    pub(crate) fn add_key(
        &mut self,
        source: String,
        id: Option<&str>,
        bytes: Secret,
        encoding: Option<&str>,
    ) -> Result<&mut KeyFile, Error> {
        self.refuse_id(id)?;
        let encoding = key_encoding(encoding)?;
        // Whatever the scheme's own encoding will be, emptiness and the given encoding are known now.
        let decoded = encoding
            .unwrap_or(KeyEncoding::Text)
            .decode_file(bytes.as_bytes());
        decoded.map_err(|fault| format!("{source} {fault} in \"key\" directive"))?;
        Ok(self.push(KeyFile {
            source,
            id: id.map(str::to_owned),
            bytes,
            encoding,
            again: None,
        }))
    }

    /// A JWKS that requests fetch.
    pub(crate) fn add_location(&mut self, uri: &str, every_ms: u64) -> Result<(), Error> {
        let place = Place::Location(uri.to_owned());
        let mut places = self.keys.iter().filter_map(|key| key.again.as_ref());
        if places.any(|again| again.place == place) {
            return Err(Error::new(format!(
                "duplicate location \"{uri}\" in \"jwks\" directive"
            )));
        }
        self.push(KeyFile {
            source: format!("jwks uri \"{uri}\""),
            id: None,
            bytes: Secret::new(Vec::new()),
            encoding: Some(KeyEncoding::Jwks),
            again: Some(Again { place, every_ms }),
        });
        Ok(())
    }

    fn push(&mut self, key: KeyFile) -> &mut KeyFile {
        let at = self.keys.len();
        self.keys.push(key);
        #[allow(clippy::indexing_slicing)] // pushed just now
        &mut self.keys[at]
    }

    pub(crate) fn add_route_key(
        &mut self,
        key: RouteKey,
        id: Option<&str>,
        encoding: Option<&str>,
    ) -> Result<(), Error> {
        self.refuse_id(id)?;
        let encoding = key_encoding(encoding)?;
        if let Some(KeyEncoding::Pem | KeyEncoding::Jwks) = encoding {
            return Err(Error::new(
                "\"key\" with \"table\" takes no public key: \"encoding\" must be that of a secret",
            ));
        }
        self.route_keys.push(RouteKeyLine {
            key,
            id: id.map(str::to_owned),
            encoding,
        });
        Ok(())
    }

    /// Refuses an id that is empty or given already.
    fn refuse_id(&self, id: Option<&str>) -> Result<(), Error> {
        if id == Some("") {
            return Err(Error::parameter("id=", "key"));
        }
        let of_files = self.keys.iter().map(|key| &key.id);
        let of_routes = self.route_keys.iter().map(|key| &key.id);
        let mut given = of_files.chain(of_routes).flatten();
        match id.filter(|id| given.any(|one| one == id)) {
            Some(id) => Err(Error::new(format!(
                "duplicate key id \"{id}\" in \"key\" directive"
            ))),
            None => Ok(()),
        }
    }
}

/// The encoding of that name.
fn key_encoding(name: Option<&str>) -> Result<Option<KeyEncoding>, Error> {
    let parse = |name| {
        let legal = KeyEncoding::ALL.iter().map(|row| row.0);
        let unknown = || words::unknown("encoding", name, "key", legal);
        KeyEncoding::parse(name)
            .ok_or_else(unknown)
            .map_err(Error::from)
    };
    name.map(parse).transpose()
}
