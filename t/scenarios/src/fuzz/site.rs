//! The fuzzed site: every location once, as data. `conf` writes nginx.conf from it, `model` walks through it.

/// How a location is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Prefix(&'static str),
    Exact(&'static str),
    Named(&'static str),
}

/// `token_auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auth {
    Off,
    Profile(&'static str),
    /// The profile that the route of the host names.
    Tenant,
}

/// `geoip_use`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Off,
    Named(&'static str),
    /// The policy that the route of the host names.
    Tenant,
}

/// One rule of `geoip_allow` and `geoip_deny`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    AllowCountry(&'static [&'static str]),
    DenyCountry(&'static [&'static str]),
    DenyUnknown,
    AllowEu,
    DenyAll,
}

/// One `error_page`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub statuses: &'static [u16],
    /// A path or `@name`.
    pub to: &'static str,
    /// With `=`: the page's own status is answered.
    pub own_status: bool,
}

/// What happens in the rewrite phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Early {
    Nothing,
    /// `if ($arg_r) { return N; }`
    ReturnIfAsked(u16),
    /// `if ($token_auth_status != ok) { return 403; }`
    ReturnUnlessOk,
    /// `rewrite ^FROM(.*)$ TO$1 last;`
    Last(&'static str, &'static str),
    /// The same with `break`.
    Break(&'static str, &'static str),
    /// Reads `$upstream_lookup_key`, which looks up when nobody has.
    ReadsLookup,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Up {
    /// The table `apps`, nobody for a miss.
    Apps,
    /// The table `edge`.
    Edge,
    /// The table `apps`, a server for a miss.
    Fallback,
}

/// The content phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Proxy(Up),
    /// `proxy_pass` with a path.
    ProxyTo(Up, &'static str),
    Return(u16, &'static str),
    /// Files of the html directory; `index page.html`.
    Files,
    /// `try_files /none` and then this.
    Try(&'static str),
}

/// `proxy_cache_key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    NotCached,
    Snippet,
    HttpHost,
    Method,
    TargetOnly,
    Builtin,
    /// One page for each half of an answer.
    Slices,
}

/// A location.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loc {
    /// What its upstream request says in `X-Loc`.
    pub id: &'static str,
    pub at: At,
    pub auth: Auth,
    pub dry: bool,
    pub strip: Option<bool>,
    /// `token_auth_status`, as written.
    pub statuses: &'static str,
    pub geo: &'static [Rule],
    pub geo_dry: bool,
    pub policy: Policy,
    pub any: bool,
    /// `allow` and `deny` lines, as written.
    pub access: &'static [&'static str],
    pub basic: bool,
    pub auth_request: bool,
    pub pages: &'static [Page],
    pub early: Early,
    pub body_max: Option<usize>,
    pub internal: bool,
    pub content: Content,
    pub key: Key,
    /// More lines.
    pub more: &'static str,
}

/// A location where nothing is checked.
pub(super) const OPEN: Loc = Loc {
    id: "",
    at: At::Prefix("/"),
    auth: Auth::Off,
    dry: false,
    strip: None,
    statuses: "",
    geo: &[],
    geo_dry: false,
    policy: Policy::Off,
    any: false,
    access: &[],
    basic: false,
    auth_request: false,
    pages: &[],
    early: Early::Nothing,
    body_max: None,
    internal: false,
    content: Content::Proxy(Up::Apps),
    key: Key::NotCached,
    more: "",
};

const fn page(statuses: &'static [u16], to: &'static str) -> Page {
    Page {
        statuses,
        to,
        own_status: false,
    }
}

/// The page of a refusal, in a location that is proxied and cached.
const DENIED: &[Page] = &[page(&[403], "/denied.html")];
const VIDEO: Auth = Auth::Profile("video");
const FILES: Auth = Auth::Profile("files");
const MIXED: Auth = Auth::Profile("mixed");
const TENANT_KEY: Auth = Auth::Profile("tenant");
const CACHED: Key = Key::Snippet;

const fn prefix(id: &'static str, auth: Auth) -> Loc {
    Loc {
        id,
        at: At::Prefix(id),
        auth,
        ..OPEN
    }
}

const fn named(id: &'static str, auth: Auth, up: Up) -> Loc {
    Loc {
        id,
        at: At::Named(id),
        auth,
        content: Content::Proxy(up),
        ..OPEN
    }
}

/// The locations of the main server.
#[rustfmt::skip]
pub(super) static MAIN: &[Loc] = &[
    Loc { key: CACHED, pages: &[page(&[502, 503], "@other")], ..prefix("/", Auth::Off) },
    // Tokens.
    Loc { key: CACHED, pages: DENIED, ..prefix("/video/", VIDEO) },
    Loc { key: CACHED, pages: DENIED, ..prefix("/video/open/", Auth::Off) },
    Loc { key: CACHED, pages: DENIED, ..prefix("/video/live/", Auth::Profile("live")) },
    Loc { key: CACHED, statuses: "default=451 malformed=444 expired=410", pages: &[page(&[451], "@g"), page(&[410], "@own")], ..prefix("/g/", VIDEO) },
    Loc { key: CACHED, statuses: "default=401", pages: &[Page { statuses: &[401], to: "/denied.html", own_status: true }], ..prefix("/h/", VIDEO) },
    Loc { key: CACHED, pages: DENIED, ..prefix("/tenant/", Auth::Tenant) },
    Loc { key: CACHED, ..prefix("/files/", FILES) },
    Loc { access: &["deny all"], key: CACHED, ..prefix("/files/bob/", Auth::Off) },
    Loc { access: &["deny all"], key: CACHED, ..prefix("/files/eve/", FILES) },
    Loc { key: CACHED, dry: true, ..prefix("/dry/", FILES) },
    Loc { access: &["deny all"], key: CACHED, dry: true, ..prefix("/dry/secret/", Auth::Off) },
    Loc { any: true, access: &["allow 198.51.100.0/24", "deny all"], pages: DENIED, key: CACHED, ..prefix("/any/", FILES) },
    Loc { any: true, access: &["deny all"], pages: DENIED, key: CACHED, ..prefix("/any/secret/", Auth::Off) },
    Loc { key: CACHED, pages: DENIED, ..prefix("/mixed/", MIXED) },
    Loc { any: true, access: &["allow 198.51.100.0/24", "deny all"], pages: DENIED, key: CACHED, ..prefix("/anyv/", VIDEO) },
    Loc { any: true, basic: true, statuses: "expired=410", ..prefix("/anyb/", VIDEO) },
    Loc { basic: true, geo: &[Rule::DenyCountry(&["RU"])], ..prefix("/all/", VIDEO) },
    Loc { strip: Some(false), ..prefix("/nostrip/", VIDEO) },
    Loc { dry: true, key: CACHED, ..prefix("/drylive/", Auth::Profile("live")) },
    prefix("/bearer/", Auth::Profile("bearer")),
    Loc { strip: Some(true), ..prefix("/bearers/", Auth::Profile("bearer")) },
    Loc { more: "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Type $content_type;", ..prefix("/forwarded/", Auth::Profile("forwarded")) },
    Loc { auth_request: true, ..prefix("/areq/", VIDEO) },
    Loc { body_max: Some(10), ..prefix("/small/", VIDEO) },
    // Countries.
    Loc { geo: &[Rule::AllowCountry(&["US", "FR"]), Rule::DenyAll], pages: DENIED, key: CACHED, ..prefix("/geo/", Auth::Off) },
    Loc { geo: &[Rule::DenyCountry(&["RU", "KP"]), Rule::DenyUnknown], geo_dry: true, key: CACHED, ..prefix("/geodry/", Auth::Off) },
    Loc { geo: &[Rule::AllowEu, Rule::DenyCountry(&["KP"])], any: true, pages: &[page(&[403], "@g")], key: CACHED, ..prefix("/geoany/", VIDEO) },
    // Tenants.
    Loc { key: CACHED, pages: DENIED, ..prefix("/mine/", TENANT_KEY) },
    Loc { any: true, access: &["allow 198.51.100.0/24", "deny all"], pages: DENIED, key: CACHED, ..prefix("/mineany/", TENANT_KEY) },
    Loc { early: Early::ReturnUnlessOk, pages: &[page(&[403], "@open")], ..prefix("/minee/", TENANT_KEY) },
    Loc { policy: Policy::Tenant, geo: &[Rule::DenyCountry(&["KP"])], pages: DENIED, key: CACHED, ..prefix("/pol/", Auth::Off) },
    Loc { policy: Policy::Tenant, any: true, key: CACHED, ..prefix("/polany/", Auth::Tenant) },
    Loc { policy: Policy::Tenant, geo_dry: true, ..prefix("/poldry/", VIDEO) },
    Loc { policy: Policy::Named("eu"), geo: &[Rule::AllowCountry(&["JP"])], key: CACHED, ..prefix("/eu/", Auth::Off) },
    // Before the access phase.
    Loc { early: Early::ReturnIfAsked(404), pages: &[page(&[404], "@open")], ..prefix("/early/", VIDEO) },
    Loc { early: Early::ReturnIfAsked(404), pages: &[page(&[404], "@open")], ..prefix("/earlyt/", Auth::Tenant) },
    Loc { early: Early::ReturnUnlessOk, content: Content::Return(200, "paid"), at: At::Exact("/paid"), ..prefix("/paid", VIDEO) },
    Loc { early: Early::Last("/rw/", "/video/"), ..prefix("/rw/", Auth::Off) },
    Loc { early: Early::Last("/rwf/", "/mixed/"), ..prefix("/rwf/", Auth::Off) },
    Loc { early: Early::Break("/rwb/", "/video/"), ..prefix("/rwb/", VIDEO) },
    // Redirects inside.
    Loc { content: Content::Files, ..prefix("/idx/", VIDEO) },
    Loc { id: "=/idx/page.html", at: At::Exact("/idx/page.html"), ..prefix("", Auth::Profile("live")) },
    Loc { content: Content::Try("@live"), ..prefix("/try/", Auth::Off) },
    Loc { content: Content::Try("/video/tried"), pages: DENIED, ..prefix("/tryv/", Auth::Off) },
    prefix("/accel/", Auth::Off),
    Loc { internal: true, key: CACHED, ..prefix("/inner/", Auth::Off) },
    Loc { content: Content::ProxyTo(Up::Apps, "/base/"), ..prefix("/base-from/", VIDEO) },
    Loc { more: "ssi on;", ..prefix("/ssi/", VIDEO) },
    Loc { key: Key::Slices, pages: DENIED, more: "slice 16;", ..prefix("/slice/", VIDEO) },
    Loc { pages: &[page(&[403], "/accel/x/to/video/sent")], ..prefix("/sent/", VIDEO) },
    Loc { internal: true, content: Content::ProxyTo(Up::Apps, "/auth"), at: At::Exact("/auth-sub"), ..prefix("/auth-sub", Auth::Off) },
    // Tables and caches.
    Loc { early: Early::ReadsLookup, pages: &[page(&[502, 503, 504], "@other")], ..prefix("/two/", Auth::Off) },
    Loc { pages: &[page(&[404], "@other")], key: CACHED, ..prefix("/miss/", Auth::Off) },
    Loc { content: Content::Proxy(Up::Edge), key: CACHED, ..prefix("/edge/", Auth::Off) },
    Loc { content: Content::Proxy(Up::Fallback), key: CACHED, ..prefix("/fallback/", VIDEO) },
    Loc { key: Key::HttpHost, ..prefix("/khost/", Auth::Off) },
    Loc { key: Key::Method, ..prefix("/kmethod/", Auth::Off) },
    Loc { key: Key::TargetOnly, ..prefix("/ktarget/", VIDEO) },
    Loc { key: Key::Builtin, ..prefix("/kdefault/", Auth::Off) },
    // Pages.
    Loc { key: CACHED, ..named("@g", Auth::Off, Up::Apps) },
    Loc { key: CACHED, ..named("@own", VIDEO, Up::Apps) },
    named("@open", Auth::Off, Up::Apps),
    named("@live", Auth::Profile("live"), Up::Apps),
    Loc { early: Early::ReadsLookup, key: CACHED, ..named("@other", Auth::Off, Up::Edge) },
];

/// The locations of the server that is protected as a whole, also against what nginx itself refuses.
#[rustfmt::skip]
pub(super) static PAID: &[Loc] = &[
    Loc { key: CACHED, ..prefix("/", VIDEO) },
    Loc { id: "/free/", key: CACHED, ..prefix("/free/", Auth::Off) },
    Loc { body_max: Some(10), ..prefix("/up/", VIDEO) },
    named("@refused", Auth::Off, Up::Apps),
];

/// Its `error_page` lines, inherited by all of its locations.
pub(super) const PAID_PAGES: &[Page] = &[page(&[400, 405, 413], "@refused")];

/// Both servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Main,
    Paid,
}

impl Server {
    /// Its locations.
    pub(super) fn locations(self) -> &'static [Loc] {
        match self {
            Server::Main => MAIN,
            Server::Paid => PAID,
        }
    }

    /// The location of a path: exact, else the longest prefix. A path that lacks only the slash at the end of a
    /// proxied one is redirected: `(location, true)`.
    pub(super) fn find(self, path: &[u8]) -> Option<(&'static Loc, bool)> {
        let mut best: Option<(&Loc, usize)> = None;
        for loc in self.locations() {
            match loc.at {
                At::Exact(exact) if exact.as_bytes() == path => return Some((loc, false)),
                At::Prefix(prefix)
                    if path.starts_with(prefix.as_bytes())
                        && best.is_none_or(|(_, len)| prefix.len() > len) =>
                {
                    best = Some((loc, prefix.len()));
                }
                _ => {}
            }
        }
        let slash = [path, b"/"].concat();
        let redirected = self.locations().iter().find(|loc| {
            matches!(loc.at, At::Prefix(prefix) if prefix.as_bytes() == slash)
                && matches!(loc.content, Content::Proxy(_) | Content::ProxyTo(..))
        });
        match redirected {
            Some(loc) => Some((loc, true)),
            None => best.map(|(loc, _)| (loc, false)),
        }
    }

    /// A named location.
    pub(super) fn named(self, name: &str) -> Option<&'static Loc> {
        let mut locs = self.locations().iter();
        locs.find(|loc| matches!(loc.at, At::Named(own) if own == name))
    }
}

/// A route of a table: its key, the number of its backend (none: nobody listens), the tenant's profile and
/// policy (empty: it names none), and its key for tokens (empty: it has none).
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub key: &'static str,
    pub backend: Option<usize>,
    pub profile: &'static str,
    pub policy: &'static str,
    pub secret: &'static str,
}

const fn route(key: &'static str, backend: usize, profile: &'static str) -> Route {
    Route {
        key,
        backend: Some(backend),
        profile,
        policy: "",
        secret: "",
    }
}

const DEAD: Route = Route {
    backend: None,
    ..route("dead.test", 0, "")
};

/// The table `apps`.
#[rustfmt::skip]
pub(super) static APPS: &[Route] = &[
    Route { policy: "eu", secret: "shop-secret", ..route("shop.test", 0, "video") },
    Route { policy: "noru", secret: "myshop-secret", ..route("myshop.test", 1, "live") },
    route("get", 2, "free"),
    Route { policy: "nothing", secret: "wild-secret", ..route("*.wild.test", 3, "nobody") },
    Route { policy: "anywhere", ..route("a.wild.test", 4, "mixed") },
    Route { secret: "paid-secret", ..route("paid.test", 5, "tenant") },
    route("http", 6, ""),
    DEAD,
];

/// The key for tokens of a host.
pub(super) fn key_of(host: &str) -> Option<&'static str> {
    let secret = look_up(APPS, host).map(|route| route.secret);
    secret.filter(|secret| !secret.is_empty())
}

/// The policies: their names, rules, and the status of a refusal by them.
pub(super) static POLICIES: &[(&str, &[Rule], Option<u16>)] = &[
    ("anywhere", &[], None),
    ("eu", &[Rule::AllowEu, Rule::DenyAll], Some(451)),
    ("noru", &[Rule::DenyCountry(&["RU"])], None),
];

/// The table `edge`.
pub(super) static EDGE: &[Route] = &[
    route("shop.test", 7, ""),
    route("dead.test", 8, ""),
    route("*", 9, ""),
];

/// The `server` line of the upstream that serves misses.
pub(super) const FALLBACK_BACKEND: usize = 10;
/// How many backends there are.
pub(super) const BACKENDS: usize = 11;
/// The tenant's profile where the route names none.
pub(super) const TENANT_DEFAULT: &str = "video";

/// The tenant's policy where the route names none.
pub(super) const POLICY_DEFAULT: &str = "anywhere";

/// The route of a host: exact, then the longest wildcard, then `*`.
pub(super) fn look_up(table: &'static [Route], host: &str) -> Option<&'static Route> {
    let exact = |key: &str| table.iter().find(|route| route.key == key);
    if let Some(found) = exact(host) {
        return Some(found);
    }
    let mut rest = host;
    while let Some((_, parent)) = rest.split_once('.') {
        if let Some(found) = exact(&format!("*.{parent}")) {
            return Some(found);
        }
        rest = parent;
    }
    exact("*").filter(|_| !host.is_empty())
}

/// What the database says of an address: country, whether it is in the EU; None: it is in no database.
pub(super) fn country(address: &str) -> Option<(Option<&'static str>, bool)> {
    Some(match address {
        "192.0.2.9" => (Some("FR"), true),
        "198.51.100.7" => (Some("US"), false),
        "203.0.113.5" => (Some("RU"), false),
        "2001:db8::5" => (Some("DE"), true),
        "127.0.0.1" => (Some("JP"), false),
        "127.0.0.2" => (Some("KP"), false),
        "127.0.0.3" => (None, false),
        _ => return None,
    })
}

/// The addresses that requests claim.
pub(super) const ADDRESSES: &[&str] = &[
    "192.0.2.9",
    "198.51.100.7",
    "203.0.113.5",
    "2001:db8::5",
    "127.0.0.1",
    "127.0.0.2",
    "127.0.0.3",
    "10.1.1.1",
];
