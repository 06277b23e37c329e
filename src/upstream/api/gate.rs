//! Who may do what: looked at before a body is read, and again when it is there.

use super::conf::Api;
use super::problem::Problem;
use crate::Gatehouse;
use crate::upstream::table::UpstreamTable;
use gatehouse_base::secret::Secret;
use gatehouse_nginx::Request;
use gatehouse_table::api::{ETag, Place, Tags, is_foreign, is_json, may_be_rebound, place};

/// A request that may be served.
pub(super) struct Call<'r> {
    pub(super) api: &'r Api,
    pub(super) table: &'r UpstreamTable,
    pub(super) place: Place,
    pub(super) method: Method,
}

/// The methods that are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    Put,
    Post,
    Patch,
    Delete,
    Options,
    Other,
}

impl Method {
    fn of(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"PUT" => Self::Put,
            b"POST" => Self::Post,
            b"PATCH" => Self::Patch,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }

    fn changes(self) -> bool {
        matches!(self, Self::Put | Self::Post | Self::Patch | Self::Delete)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "this method",
        }
    }
}

/// Finds out what a request wants, and whether it may.
pub(super) fn admit<'r>(r: Request<'r>) -> Result<Call<'r>, Problem> {
    let loc = &r.loc::<Gatehouse>().upstream;
    let main = &r.main_conf::<Gatehouse>().upstream;
    let api = loc.api.as_deref().ok_or_else(Problem::nowhere)?;
    let table = main.table(&api.table).ok_or_else(Problem::nowhere)?;
    authorize(r, api.key.as_ref())?;
    let call = Call {
        api,
        table,
        place: place(r.location(), r.uri(), r.target()),
        method: Method::of(r.method()),
    };
    call.check_method()?;
    if call.method.changes() {
        check_sender(r, api.key.is_some())?;
        call.check_type(r)?;
    }
    Ok(call)
}

/// Looks at the key that a request presents, where one is needed.
pub(crate) fn authorize(r: Request<'_>, key: Option<&Secret>) -> Result<(), Problem> {
    let Some(key) = key else {
        return Ok(());
    };
    const SCHEME: &[u8] = b"bearer ";
    let given = r.header(b"authorization").unwrap_or_default();
    let (scheme, token) = given.split_at_checked(SCHEME.len()).unwrap_or_default();
    if scheme.eq_ignore_ascii_case(SCHEME) && key.is(token.trim_ascii()) {
        return Ok(());
    }
    let text = "this needs the key, as \"Authorization: Bearer KEY\"";
    Err(Problem::new(401, "unauthorized", text).with("WWW-Authenticate", "Bearer"))
}

/// A page that somebody looks at in a browser must not change routes behind their back.
pub(crate) fn check_sender(r: Request<'_>, has_key: bool) -> Result<(), Problem> {
    let (origin, site) = (r.header(b"origin"), r.header(b"sec-fetch-site"));
    let host = r.header(b"host");
    let text = if is_foreign(origin, site, host) {
        "a page of another site may not change routes"
    } else if !has_key && may_be_rebound(origin, site, host) {
        "without a key a browser may change routes only where the host is an address or localhost"
    } else {
        return Ok(());
    };
    Err(Problem::new(403, "foreign_origin", text))
}

impl Call<'_> {
    /// The methods that this resource knows, those that change something last.
    fn methods(&self) -> (&'static [Method], &'static [Method]) {
        use Method::{Delete, Get, Head, Options, Patch, Post, Put};
        match self.place {
            Place::All => (&[Get, Head, Options], &[Patch]),
            Place::Route(_) => (&[Get, Head, Options], &[Put, Patch, Delete]),
            Place::Backends(_) => (&[Options], &[Post, Patch, Delete]),
            Place::Reset(_) => (&[Options], &[Post]),
            Place::Events | Place::Health | Place::Report(_) => (&[Get, Head, Options], &[]),
            Place::Unknown => (&[], &[]),
        }
    }

    /// The value of `Allow`.
    pub(super) fn allowed(&self) -> &'static str {
        match (&self.place, self.api.write) {
            (Place::All, true) => "GET, HEAD, OPTIONS, PATCH",
            (Place::Route(_), true) => "GET, HEAD, OPTIONS, PUT, PATCH, DELETE",
            (Place::Backends(_), true) => "OPTIONS, POST, PATCH, DELETE",
            (Place::Reset(_), true) => "OPTIONS, POST",
            (
                Place::All | Place::Route(_) | Place::Events | Place::Health | Place::Report(_),
                _,
            ) => "GET, HEAD, OPTIONS",
            _ => "OPTIONS",
        }
    }

    fn check_method(&self) -> Result<(), Problem> {
        if self.place == Place::Unknown {
            return Err(Problem::nowhere());
        }
        let (reads, changes) = self.methods();
        let is_known = changes.contains(&self.method);
        if reads.contains(&self.method) || is_known && self.api.write {
            return Ok(());
        }
        let (code, text) = if is_known {
            let text = "routes can only be read here: \"upstream_api\" has no \"write=on\"";
            ("read_only", text.to_owned())
        } else {
            let text = format!("{} is not for this path", self.method.name());
            ("method_not_allowed", text)
        };
        Err(Problem::new(405, code, text).with("Allow", self.allowed()))
    }

    fn check_type(&self, r: Request<'_>) -> Result<(), Problem> {
        let patches = self.method == Method::Patch;
        if self.method == Method::Delete || is_json(r.header(b"content-type"), patches) {
            return Ok(());
        }
        let text = if patches {
            "Content-Type must be application/json or application/merge-patch+json"
        } else {
            "Content-Type must be application/json"
        };
        Err(Problem::new(415, "unsupported_media_type", text))
    }
}

/// What a request expects of a resource.
#[derive(Clone, Default)]
pub(super) struct Expected {
    matches: Option<Vec<u8>>,
    differs: Option<Vec<u8>>,
}

impl Expected {
    pub(super) fn of(r: Request<'_>) -> Self {
        let header = |name: &[u8]| r.header(name).map(<[u8]>::to_vec);
        Self {
            matches: header(b"if-match"),
            differs: header(b"if-none-match"),
        }
    }

    /// Whether it expects anything.
    pub(super) fn is_any(&self) -> bool {
        self.matches.is_some() || self.differs.is_some()
    }

    /// Whether a resource with this tag, or one that is not there, may be changed.
    pub(super) fn check(&self, tag: Option<ETag>) -> Result<(), Problem> {
        let has = |list: &Vec<u8>| Tags::new(list).has(tag);
        let holds =
            self.matches.as_ref().is_none_or(has) && !self.differs.as_ref().is_some_and(has);
        if holds {
            Ok(())
        } else {
            Err(Problem::condition())
        }
    }

    /// Whether who asks has this already.
    pub(super) fn is_known(&self, tag: ETag) -> bool {
        let known = self.differs.as_ref();
        known.is_some_and(|list| Tags::new(list).has(Some(tag)))
    }
}
