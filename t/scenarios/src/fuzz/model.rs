//! Who may pass, who is asked what, and what the client gets: the site's data walked through as nginx's
//! documentation and the module's reference say, one internal redirect after another.

use super::access::{self, Refused};
use super::prediction::{Answer, Hit, Prediction, Strip};
use super::request::{Request, Wire};
use super::site::{self, At, Auth, Content, Early, Key, Loc, Route, Server, Up};
use super::tokens::{PROFILES, Profile};
use super::uri;
use super::walk::{Reading, Walk};

/// Every way in which the request may rightly go: one, but for odd paths with a token in them.
pub(super) fn predict(request: &Request) -> Vec<Prediction> {
    let (path, _) = uri::split(&request.target);
    let readings: &[Reading] = if !has_path_token(path) {
        &[Reading::Nothing]
    } else if uri::is_plain(path) {
        &[Reading::Parsed]
    } else {
        &[Reading::Parsed, Reading::Raw, Reading::Nothing]
    };
    let walks = readings.iter().map(|reading| Walk::run(request, *reading));
    walks.collect()
}

/// Whether a path has a token, spelled as one: what has an encoded comma is none.
fn has_path_token(path: &[u8]) -> bool {
    PROFILES
        .iter()
        .any(|profile| access::find_token(path, profile).is_some())
}

enum Next {
    Find,
    Enter(&'static Loc),
    End(Prediction),
}

impl<'a> Walk<'a> {
    fn run(request: &'a Request, reading: Reading) -> Prediction {
        let (path, args) = uri::split(&request.target);
        let host = request.host();
        // A host alone is its root.
        let path = if path.is_empty() { b"/" } else { path };
        let parsed = uri::normal(path);
        let mut walk = Walk {
            request,
            reading,
            received: parsed.clone().unwrap_or_default(),
            host: match (host.as_deref(), request.server) {
                (Ok("") | Err(()), Server::Paid) => "paid.test".to_owned(),
                (host, _) => host.unwrap_or_default().to_owned(),
            },
            address: request.address(),
            uri: parsed.clone().unwrap_or_default(),
            args: args.unwrap_or_default().to_vec(),
            target: request.received().to_vec(),
            as_it_came: request.target.starts_with(b"/"),
            method: request.method.clone(),
            internal: false,
            headers: request.headers.clone(),
            strips: Vec::new(),
            accepted: Vec::new(),
            refused: false,
            paged: false,
            forced: None,
            token_cut: !has_path_token(path),
            has_token: has_path_token(path),
            hits: Vec::new(),
        };
        let parsed_is_bad = parsed.is_none();
        let early = match (parsed, &host, request.method.as_str()) {
            (None, _, _) | (_, Err(()), _) => Some(400),
            (_, _, "TRACE") => Some(405),
            (_, _, method) if !method.bytes().all(|b| b.is_ascii_uppercase()) => Some(400),
            _ => None,
        };
        let bad_method = !request.method.bytes().all(|b| b.is_ascii_uppercase());
        // HTTP/1 tells its target before its host, HTTP/2 after it.
        let bad_target = parsed_is_bad && request.wire != Wire::Http2;
        let has_host = !bad_method && !bad_target && request.has_named_host();
        let mut next = match early {
            Some(status) => walk.before_location(status, has_host),
            None => Next::Find,
        };
        // No way is that long.
        for _ in 0..20 {
            next = match next {
                Next::Find => walk.find(),
                Next::Enter(loc) => walk.enter(loc),
                Next::End(end) => return end,
            };
        }
        walk.ended(vec![500], Answer::Builtin, "a circle")
    }

    /// nginx refuses the request itself, with the settings of its server.
    fn before_location(&mut self, status: u16, has_host: bool) -> Next {
        // Whose tokens these are nobody can say yet: those of the whole server go, and of all servers while no host has
        // chosen one.
        let own = self.request.server;
        let servers = [Server::Main, Server::Paid];
        for loc in servers
            .into_iter()
            .filter(|server| !has_host || *server == own)
            .flat_map(Server::locations)
        {
            match loc.auth {
                Auth::Tenant => self.strip_all(),
                _ => self.strip(Some(loc)),
            }
        }
        match site::PAID.first() {
            Some(loc) if self.request.server == Server::Paid => self.special(status, loc, false),
            _ => self.end(vec![status], Answer::Builtin, "no location"),
        }
    }

    fn find(&mut self) -> Next {
        let Some((loc, redirected)) = self.request.server.find(&self.uri) else {
            return self.end(vec![404], Answer::Builtin, "nowhere");
        };
        if loc.internal && !self.internal {
            return self.special(404, loc, false);
        }
        self.strip(Some(loc));
        let too_large = loc
            .body_max
            .is_some_and(|max| self.request.body.len() > max);
        if too_large {
            return self.special(413, loc, false);
        }
        if redirected {
            return self.end(vec![301], Answer::Builtin, loc.id);
        }
        self.enter(loc)
    }

    /// The profile of the location is in force.
    fn strip(&mut self, loc: Option<&'static Loc>) {
        let Some(loc) = loc else { return };
        let Ok(Some(profile)) = access::profile_of(loc, &self.host) else {
            return;
        };
        if loc.strip != Some(false) {
            self.take_out(profile, loc.strip == Some(true));
        }
    }

    /// Those of every profile.
    fn strip_all(&mut self) {
        for profile in PROFILES {
            self.take_out(profile, false);
        }
    }

    fn take_out(&mut self, profile: &'static Profile, authorization: bool) {
        let strip = Strip {
            profile,
            authorization,
        };
        self.strips.push(strip);
        self.target = uri::strip(&self.target, |name| profile.is_arg(name));
        self.args = uri::without_args(&self.args, |name| profile.is_arg(name)).unwrap_or_default();
        self.headers.retain(|(name, _)| !strip.header(name));
        for (name, value) in &mut self.headers {
            if name.eq_ignore_ascii_case("cookie") {
                *value = without_cookies(value, profile);
            }
        }
        if profile.has_path() {
            let (path, _) = uri::split(&self.target);
            if !uri::is_plain(path) || access::find_token(path, profile).is_some() {
                self.as_it_came = false;
            }
        }
    }

    fn enter(&mut self, loc: &'static Loc) -> Next {
        self.strip(Some(loc));
        if let Some(next) = self.early(loc) {
            return next;
        }
        let profile = match access::profile_of(loc, &self.host) {
            Ok(profile) => profile,
            Err(()) => return self.special(500, loc, false),
        };
        if !self.refused && access::policy_of(loc, &self.host).is_err() {
            return self.special(500, loc, false);
        }
        if let Err(refused) = access::check(self, loc, profile) {
            return self.refuse(refused, loc);
        }
        // Subrequests are not checked.
        if loc.auth_request && !self.subrequest("/auth-sub", b"/auth") {
            return self.special(500, loc, false);
        }
        if let Some(clean) = profile
            .filter(|_| !self.token_cut)
            .and_then(|profile| access::cut(&self.uri, profile))
        {
            self.token_cut = true;
            self.as_it_came = false;
            self.uri = clean;
            return Next::Find;
        }
        self.content(loc)
    }

    fn refuse(&mut self, refused: Refused, loc: &'static Loc) -> Next {
        match refused.statuses.as_slice() {
            [444] => self.end(vec![444], Answer::Builtin, loc.id),
            [status] => self.special(*status, loc, refused.ours),
            _ => self.end(refused.statuses, Answer::Builtin, loc.id),
        }
    }

    fn early(&mut self, loc: &'static Loc) -> Option<Next> {
        let rewritten = |from: &str, to: &str, uri: &[u8]| {
            let rest = uri.strip_prefix(from.as_bytes())?;
            Some([to.as_bytes(), rest].concat())
        };
        match loc.early {
            Early::Nothing | Early::ReadsLookup => None,
            Early::ReturnIfAsked(status) => {
                let value = uri::arg_values(&self.args, "r").first().copied()?;
                let asked = !matches!(value, b"" | b"0");
                // What the variable would have said there does not count any more.
                if asked && loc.auth == Auth::Tenant {
                    self.strip_all();
                }
                asked.then(|| self.special(status, loc, false))
            }
            Early::ReturnUnlessOk => {
                let profile = access::profile_of(loc, &self.host).ok().flatten()?;
                let ok = access::verdict(self, profile) == super::tokens::Verdict::Ok;
                (!ok).then(|| self.special(403, loc, false))
            }
            Early::Last(from, to) => {
                self.uri = rewritten(from, to, &self.uri)?;
                self.as_it_came = false;
                self.internal = true;
                Some(Next::Find)
            }
            Early::Break(from, to) => {
                self.uri = rewritten(from, to, &self.uri)?;
                self.as_it_came = false;
                self.internal = true;
                None
            }
        }
    }

    /// `error_page`, or nginx's own page.
    fn special(&mut self, status: u16, loc: &'static Loc, ours: bool) -> Next {
        let pages = match self.request.server {
            Server::Paid => site::PAID_PAGES,
            Server::Main => loc.pages,
        };
        let page = pages
            .iter()
            .find(|page| page.statuses.contains(&status))
            .filter(|_| !self.paged);
        let Some(page) = page else {
            return self.end(vec![status], Answer::Builtin, loc.id);
        };
        self.paged = true;
        self.internal = true;
        self.refused = ours;
        self.forced = (!page.own_status).then_some(status);
        if let Some(named) = self.request.server.named(page.to) {
            self.cut_left_behind();
            return Next::Enter(named);
        }
        self.go_to(page.to);
        Next::Find
    }

    /// A named location keeps the path, but not the token in it.
    fn cut_left_behind(&mut self) {
        let cut = |strip: &Strip| access::cut(&self.uri, strip.profile);
        if let Some(clean) = self.strips.iter().find_map(cut).filter(|_| !self.token_cut) {
            self.token_cut = true;
            self.as_it_came = false;
            self.uri = clean;
        }
    }

    /// An internal redirect to a path of the configuration.
    fn go_to(&mut self, path: &str) {
        if self.method != "HEAD" {
            "GET".clone_into(&mut self.method);
        }
        self.internal = true;
        self.as_it_came = false;
        self.uri = path.as_bytes().to_vec();
        self.args = Vec::new();
    }

    fn content(&mut self, loc: &'static Loc) -> Next {
        match loc.content {
            Content::Return(status, text) => self.end(vec![status], Answer::Text(text), loc.id),
            Content::Files if self.uri == b"/idx/" => {
                self.uri = b"/idx/page.html".to_vec();
                self.internal = true;
                self.as_it_came = false;
                Next::Find
            }
            Content::Files => self.special(404, loc, false),
            Content::Try(to) => match self.request.server.named(to) {
                Some(named) => Next::Enter(named),
                None => {
                    let method = self.method.clone();
                    self.go_to(to);
                    self.method = method;
                    Next::Find
                }
            },
            Content::Proxy(up) => self.proxy(loc, up, None),
            Content::ProxyTo(up, to) => self.proxy(loc, up, Some(to)),
        }
    }

    fn proxy(&mut self, loc: &'static Loc, up: Up, to: Option<&str>) -> Next {
        match self.route(up) {
            Ok((backend, route)) => {
                let hit = self.hit(loc, to, backend, route);
                if loc.key == Key::Slices {
                    self.hits.push(hit.clone());
                }
                self.hits.push(hit);
            }
            Err(status) => return self.special(status, loc, false),
        }
        if let Some(place) = accelerated(&self.uri) {
            // Where the page of a refusal sends the request is a place like any other.
            self.refused = false;
            self.go_to(&place);
            return Next::Find;
        }
        if loc.more.contains("ssi on") && self.method == "GET" {
            self.subrequest("/video/", b"/video/included");
        }
        let status = self.forced.unwrap_or(200);
        self.end(vec![status], Answer::Page, loc.id)
    }

    /// The backend of the host and what the lookup is called, or the status instead.
    fn route(&self, up: Up) -> Result<(usize, String), u16> {
        let table = match up {
            Up::Edge => site::EDGE,
            Up::Apps | Up::Fallback => site::APPS,
        };
        let found = site::look_up(table, &self.host);
        let said = match found {
            Some(Route { key: "*", .. }) => "default:*".to_owned(),
            Some(route) if route.key.starts_with('*') => format!("wildcard:{}", route.key),
            Some(route) => format!("exact:{}", route.key),
            None => "miss:".to_owned(),
        };
        match (found, up) {
            (Some(route), _) => route.backend.map(|number| (number, said)).ok_or(502),
            (None, Up::Fallback) => Ok((site::FALLBACK_BACKEND, said)),
            (None, _) => Err(404),
        }
    }

    fn hit(&self, loc: &'static Loc, to: Option<&str>, backend: usize, route: String) -> Hit {
        let readable = matches!(self.method.as_str(), "GET" | "HEAD");
        let cached = loc.key != Key::NotCached && readable;
        let path = match (to, loc.at) {
            (None, _) | (_, At::Named(_)) => self.uri.clone(),
            (Some(to), At::Prefix(own) | At::Exact(own)) => {
                let rest = self.uri.get(own.len()..).unwrap_or_default();
                [to.as_bytes(), rest].concat()
            }
        };
        let method = match cached {
            true => "GET".to_owned(),
            false => self.method.clone(),
        };
        Hit {
            backend,
            loc: loc.id,
            method,
            host: self.host.clone(),
            path,
            args: self.args.clone(),
            exact: (self.as_it_came && to.is_none()).then(|| self.target.clone()),
            route,
            cached,
            headers: self.headers.clone(),
            strips: self.strips.clone(),
        }
    }

    /// False: its host has no backend.
    fn subrequest(&mut self, id: &str, path: &[u8]) -> bool {
        let found = self.request.server.locations().iter().find(|l| l.id == id);
        let (Some(loc), Ok((backend, route))) = (found, self.route(Up::Apps)) else {
            return false;
        };
        let mut hit = self.hit(loc, None, backend, route);
        path.clone_into(&mut hit.path);
        hit.args = Vec::new();
        hit.exact = None;
        "GET".clone_into(&mut hit.method);
        self.hits.push(hit);
        true
    }

    fn end(&mut self, statuses: Vec<u16>, answer: Answer, at: &'static str) -> Next {
        Next::End(self.ended(statuses, answer, at))
    }

    fn ended(&mut self, statuses: Vec<u16>, answer: Answer, at: &'static str) -> Prediction {
        Prediction {
            statuses,
            hits: std::mem::take(&mut self.hits),
            answer,
            strips: std::mem::take(&mut self.strips),
            ended: at,
        }
    }
}

/// Where the backends send such a path by `X-Accel-Redirect`.
pub(super) fn accelerated(path: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(path).ok()?;
    let (_, place) = text.strip_prefix("/accel/")?.split_once("/to/")?;
    Some(format!("/{place}"))
}

fn without_cookies(line: &[u8], profile: &Profile) -> Vec<u8> {
    let kept: Vec<&[u8]> = line
        .split(|byte| *byte == b';')
        .filter(|piece| {
            let piece = piece.trim_ascii_start();
            let name = piece.iter().position(|byte| *byte == b'=');
            !name.is_some_and(|at| {
                profile.is_cookie(piece.get(..at).unwrap_or_default().trim_ascii_end())
            })
        })
        .collect();
    kept.join(&b';')
}
