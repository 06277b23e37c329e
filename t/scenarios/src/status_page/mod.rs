//! The status page in a real browser.

mod browser;

use std::fs;

use browser::{Browser, ENTER};
use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};
use std::time::{Duration, Instant};

/// What these scenarios need.
pub(super) const NEEDS: &[&str] = &["file /usr/bin/chromium", "file /usr/bin/chromedriver"];
pub(super) const AXE_NEEDS: &[&str] = &[
    "file /usr/bin/chromium",
    "file /usr/bin/chromedriver",
    "file build/axe/node_modules/axe-core/axe.min.js",
];

const SOON: Duration = Duration::from_secs(30);

const CONF: &str = "worker_processes 2;
http {
    geoip_db {GEO} name=country;
    token_profile video { format scalesimple; key file=key; }
    upstream_table apps { zone 1m; match exact; passive fails=1 window=600s; }
    upstream_table more { zone 1m; file more.json; }
    upstream backend { upstream_lookup apps $http_host; }
    access_log off;
    error_log logs/error.log crit;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location / { geoip_deny country=RU; proxy_pass http://backend; }
        location = /video { token_auth video; empty_gif; }
        location /_apps/ { upstream_api apps write=on; }
        location /_read/ { upstream_api more; }
        location /_more/ { upstream_api more write=on; }
        location /_key/ { upstream_api apps write=on key_file=key; }
        location /_gatehouse/ { gatehouse_status; }
    }
}";

/// A tenant that would like to be more than text.
const EVIL: &str = "<script>document.title='evil'</script>";
const EVIL_ROUTE: &str =
    r#"{"id": "<img src=x onerror=alert(1)>", "backends": ["http://unix:/tmp/<b>bold"]}"#;
/// Nobody listens there.
const DEAD: &str = "http://127.0.0.9:1";

struct Site {
    server: Server,
    backend: Backend,
}

impl Site {
    fn start(env: &Env) -> Result<Self, String> {
        let database = env.base.join("t/data/geo.mmdb");
        let backend = Backend::http("a")?;
        let server = Setup::new(env)?
            .file("conf/key", b"secret")?
            .file(
                "conf/more.json",
                br#"{"one.test": {"backends": ["http://10.0.0.1:80"]}}"#,
            )?
            .start(&CONF.replace("{GEO}", &database.display().to_string()))?;
        let site = Self { server, backend };
        let good = site.good();
        site.patch(&format!(
            r#"{{"shop.test": {{"id": "shop", "backends": ["{good}"]}},
                "blog.test": {{"id": "blog", "backends": ["{good}", "{DEAD}"]}},
                "{EVIL}": {EVIL_ROUTE}}}"#
        ))?;
        Ok(site)
    }

    fn good(&self) -> String {
        format!("http://127.0.0.1:{}", self.backend.port())
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.server.port(0))
    }

    fn patch(&self, routes: &str) -> Result<(), String> {
        let json = "Content-Type: application/json";
        let answer = self
            .server
            .request(&format!("PATCH /_apps/\n{routes}"), json)?;
        match answer.status {
            200 => Ok(()),
            status => Err(format!("{status}: {}", answer.text())),
        }
    }

    /// Requests of every kind; one backend is down afterwards.
    fn visit(&self) -> Result<(), String> {
        for _ in 0..4 {
            for host in ["shop.test", "blog.test", "nobody.test"] {
                self.server.get("/", &format!("Host: {host}"))?;
            }
            self.server.get("/video", "")?;
        }
        Ok(())
    }

    /// Waits until the route has this text.
    fn wait_for(&self, key: &str, text: &str) -> Result<(), String> {
        let mut last = String::new();
        let has = || {
            last = self.server.get(&format!("/_apps/{key}"), "").ok()?.text();
            last.contains(text).then_some(())
        };
        poll::until(SOON, has).ok_or_else(|| format!("no {text} in {last}"))
    }
}

const ROWS: &str = "document.querySelectorAll('#routes > tr').length";

/// What an operator does there, with the keyboard alone.
pub(super) fn run(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    site.visit()?;
    let browser = Browser::start()?;
    browser.open(&site.url("/_apps/"))?;
    browser.wait(&format!("{ROWS} === 3"))?;
    browser.wait("[...document.querySelectorAll('#backends .state.down')].length === 1")?;
    only_text(&browser)?;
    search_and_turn(&site, &browser)?;
    drain(&site, &browser)?;
    edit(&site, &browser)?;
    browser.wait("document.querySelector('#plots path.line').getAttribute('d').includes('L')")?;
    nothing_to_complain(&browser)?;
    without_write(&site, &browser)?;
    not_its_own(&site, &browser)?;
    with_key(&site, &browser)?;
    site.server.stop()
}

/// Names of tenants are text, whatever they are.
fn only_text(browser: &Browser) -> Result<(), String> {
    for text in [
        EVIL,
        "<img src=x onerror=alert(1)>",
        "http://unix:/tmp/<b>bold",
    ] {
        browser.wait(&format!("document.body.innerText.includes({text:?})"))?;
    }
    browser.wait(
        "document.scripts.length === 1 && document.querySelector('img, #main b b') === null",
    )?;
    browser.wait("document.title === 'apps – Gatehouse'")
}

fn search_and_turn(site: &Site, browser: &Browser) -> Result<(), String> {
    browser.tab_to("e.id === 'search'")?;
    browser.press(&format!("SHOP{ENTER}"))?;
    browser.wait(&format!("{ROWS} === 1"))?;
    browser.replace_text(&format!("nothing like it{ENTER}"))?;
    browser.wait("document.getElementById('page-sum').textContent === 'No such route'")?;
    let many = |n| format!(r#""n{n}.test": {{"backends": ["http://10.0.0.1:80"]}}"#);
    let many: Vec<String> = (0..25).map(many).collect();
    site.patch(&format!("{{{}}}", many.join(",")))?;
    browser.replace_text(&format!(".test{ENTER}"))?;
    browser.wait(&format!(
        "{ROWS} === 20 && !document.getElementById('next').disabled"
    ))?;
    browser.tab_to("e.id === 'next'")?;
    browser.press(ENTER)?;
    browser.wait(&format!(
        "{ROWS} === 7 && document.getElementById('next').disabled"
    ))?;
    browser.tab_to("e.id === 'previous'")?;
    browser.press(ENTER)?;
    browser.wait(&format!("{ROWS} === 20"))?;
    let none: Vec<String> = (0..25).map(|n| format!(r#""n{n}.test": null"#)).collect();
    site.patch(&format!("{{{}}}", none.join(",")))?;
    browser.tab_to("e.id === 'search'")?;
    browser.replace_text(&format!("shop{ENTER}"))?;
    browser.wait(&format!("{ROWS} === 1"))
}

/// The focus stays where it was, so that the same key takes it back.
fn drain(site: &Site, browser: &Browser) -> Result<(), String> {
    let focus = |word: &str| {
        let label = format!("{word} {} of shop.test", site.good());
        format!("document.activeElement.getAttribute('aria-label') === {label:?}")
    };
    browser.tab_to("e.getAttribute('aria-label')?.startsWith('Drain')")?;
    browser.press(ENTER)?;
    site.wait_for("shop.test", "\"drain\":true")?;
    browser.wait(&focus("Enable"))?;
    browser.wait("document.querySelector('#routes .state.draining') !== null")?;
    browser.press(ENTER)?;
    browser.wait(&focus("Drain"))?;
    browser.wait("document.querySelector('#routes .state.draining') === null")?;
    // And one that is down is used again.
    browser.tab_to("e.id === 'search'")?;
    browser.replace_text(&format!("blog{ENTER}"))?;
    browser.wait("document.querySelectorAll('#routes .state.down').length === 1")?;
    browser.tab_to("e.textContent === 'Reset'")?;
    browser.press(ENTER)?;
    browser.wait("document.querySelectorAll('#routes .state.down').length === 0")
}

fn edit(site: &Site, browser: &Browser) -> Result<(), String> {
    let route = |id: &str| format!(r#"{{"id": "{id}", "backends": ["{}"]}}"#, site.good());
    browser.tab_to("e.textContent === 'Edit'")?;
    browser.press(ENTER)?;
    browser.wait("document.getElementById('editor').open")?;
    browser.tab_to("e.id === 'editor-text'")?;
    browser.replace_text(r#"{"backends": ["http://x:99999"]}"#)?;
    browser.tab_to("e.textContent === 'Save'")?;
    browser.press(ENTER)?;
    browser.wait("document.getElementById('editor-error').textContent.includes('/backends/0')")?;
    browser.tab_to("e.id === 'editor-text'")?;
    browser.replace_text(&route("journal"))?;
    browser.tab_to("e.textContent === 'Save'")?;
    browser.press(ENTER)?;
    site.wait_for("blog.test", "journal")?;
    browser.wait("!document.getElementById('editor').open")?;
    browser.wait("document.getElementById('routes').innerText.includes('journal')")
}

/// A wrong edit is refused with 400, which browsers note; and nothing else is there to be said.
fn nothing_to_complain(browser: &Browser) -> Result<(), String> {
    let complaints = browser.complaints()?;
    let other = complaints
        .iter()
        .find(|line| !line.contains("status of 400"));
    other.map_or(Ok(()), |line| Err(format!("the browser says: {line}")))
}

fn without_write(site: &Site, browser: &Browser) -> Result<(), String> {
    browser.open(&site.url("/_read/"))?;
    browser.wait(&format!(
        "{ROWS} === 1 && document.querySelector('#routes button') === null"
    ))?;
    browser.open(&site.url("/_gatehouse/"))?;
    browser.wait("document.getElementById('refusals').innerText.includes('missing')")?;
    browser.wait("document.getElementById('databases').innerText.includes('country')")?;
    browser.wait("document.getElementById('routes-section').hidden")?;
    nothing_to_complain(browser)
}

/// A route of the file has no buttons that the API would refuse, and says why.
fn not_its_own(site: &Site, browser: &Browser) -> Result<(), String> {
    let json = "Content-Type: application/json";
    let put = "PUT /_more/two.test\n{\"backends\": [\"http://10.0.0.2:80\"]}";
    site.server.request(put, json)?;
    browser.open(&site.url("/_more/"))?;
    browser.wait(&format!("{ROWS} === 2"))?;
    let buttons = |host: &str| {
        format!(
            "[...document.querySelectorAll('#routes > tr')].find((row) => row.innerText.includes({host:?})).querySelectorAll('button:not([hidden])')"
        )
    };
    // Those of the API's own route: Edit and Drain.
    browser.wait(&format!("{}.length === 2", buttons("two.test")))?;
    browser.wait(&format!("{}.length === 0", buttons("one.test")))?;
    browser.wait(
        "document.getElementById('routes').innerText.includes('from the file: change it there')",
    )?;
    let refused = site
        .server
        .request("PUT /_more/one.test\n{\"backends\": []}", json)?;
    if refused.status != 409 {
        return Err(format!("a route of the file: {}", refused.status));
    }
    let gone = site.server.request("DELETE /_more/two.test", json)?;
    if gone.status != 204 {
        return Err(format!("DELETE: {}", gone.status));
    }
    nothing_to_complain(browser)
}

fn with_key(site: &Site, browser: &Browser) -> Result<(), String> {
    browser.open(&site.url("/_key/"))?;
    browser.wait("document.activeElement.id === 'key'")?;
    browser.wait("document.getElementById('content').hidden")?;
    browser.press(&format!("wrong{ENTER}"))?;
    browser.wait("document.getElementById('notice').textContent === 'This is not the key.'")?;
    browser.press(&format!("secret{ENTER}"))?;
    browser.wait(&format!("{ROWS} === 3"))
}

/// The picture that the docs have, of a page that somebody has looked at for a while: `STATUS_PNG=FILE` has it written
/// there. Else it is one of the first seconds, in `build`.
pub(super) fn picture(env: &Env) -> Result<(), String> {
    let wanted = std::env::var_os("STATUS_PNG");
    let (file, time) = match &wanted {
        Some(file) => (env.base.join(file), Duration::from_secs(150)),
        None => (env.base.join("build/status.png"), Duration::from_secs(3)),
    };
    let site = Site::start(env)?;
    let good = site.good();
    let escaped = EVIL.replace('"', "\\\"");
    site.patch(&format!(
        r#"{{"{escaped}": null, "docs.test": {{"id": "docs", "backends": [{{"url": "{good}", "weight": 2}}]}}}}"#
    ))?;
    let browser = Browser::start()?;
    browser.show_as(1100, 1120, false)?;
    browser.open(&site.url("/_apps/"))?;
    let begun = Instant::now();
    for turn in 0_u64.. {
        let age = begun.elapsed();
        if age >= time {
            break;
        }
        let paths = ["/", "/", "/", "/status/302", "/", "/status/404", "/", "/"];
        for (number, path) in (turn..).zip(paths) {
            let host = ["shop.test", "docs.test", "shop.test", "blog.test"]
                .get(number as usize % 4)
                .copied()
                .unwrap_or_default();
            site.server.get(path, &format!("Host: {host}"))?;
        }
        if turn % 9 == 0 {
            site.server.get("/status/503", "Host: docs.test")?;
            site.server.get("/video", "")?;
        }
        // It is no picture of a straight line.
        let wave = 150 + 110 * (turn / 4 % 5);
        std::thread::sleep(Duration::from_millis(wave));
    }
    browser.wait(&format!("{ROWS} === 3"))?;
    browser.picture(&file)?;
    site.server.stop()
}

/// Everybody can read it: what axe-core finds is nothing, in the light, in the dark and on a phone.
pub(super) fn axe(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    let axe = env.base.join("build/axe/node_modules/axe-core/axe.min.js");
    let axe = fs::read_to_string(axe).map_err(|e| e.to_string())?;
    let browser = Browser::start()?;
    browser.open(&site.url("/_apps/"))?;
    browser.wait(&format!("{ROWS} === 3"))?;
    site.visit()?;
    browser.wait("document.querySelector('#backends .state.down') !== null")?;
    browser.wait("document.getElementById('refusals').innerText.includes('missing')")?;
    browser.run(&axe)?;
    for (what, width, height, dark) in [
        ("in the light", 1200, 900, false),
        ("in the dark", 1200, 900, true),
        ("on a phone", 360, 740, false),
        ("on a phone in the dark", 360, 740, true),
    ] {
        browser.show_as(width, height, dark)?;
        browser.wait("document.documentElement.scrollWidth <= innerWidth")?;
        looks_well(&browser, what)?;
    }
    browser.run("document.querySelector('#routes td > button').click()")?;
    browser.wait("document.getElementById('editor').open")?;
    looks_well(&browser, "with a route that is edited")?;
    for (path, there) in [
        ("/_key/", "document.activeElement.id === 'key'"),
        (
            "/_more/",
            "document.getElementById('routes').innerText.includes('from the file')",
        ),
        (
            "/_read/?search=nothing",
            "document.getElementById('page-sum').textContent !== ''",
        ),
        (
            "/_gatehouse/",
            "document.getElementById('databases').innerText.includes('country')",
        ),
    ] {
        browser.open(&site.url(path))?;
        browser.wait(there)?;
        browser.run(&axe)?;
        looks_well(&browser, path)?;
    }
    site.server.stop()
}

fn looks_well(browser: &Browser, what: &str) -> Result<(), String> {
    let found = browser.run_later(
        "axe.run(document, {resultTypes: ['violations']}).then(
            (r) => done(r.violations.map((v) => [v.id, v.help, v.nodes.map((n) => n.html)])),
            (e) => done(String(e)));",
    )?;
    match found.as_array() {
        Some(list) if list.is_empty() => Ok(()),
        _ => Err(format!("{what}: {found}")),
    }
}
