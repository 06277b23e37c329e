//! A real browser: Chromium without a window, driven over WebDriver, which is JSON over HTTP.
//!
//! Of the crates that speak it each brings some sixty others, some of them in two versions; of what they can do, this is
//! what the tests of one page need.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;
use nginx_prove::http::{self, Packet};
use nginx_prove::poll;
use nginx_prove::ports::Port;
use serde_json::{Value, json};

pub(super) const DRIVER: &str = "/usr/bin/chromedriver";
pub(super) const PROGRAM: &str = "/usr/bin/chromium";

/// A browser starts in a second or two; the rest is for a busy machine.
const LONG: Duration = Duration::from_secs(60);
/// The page asks every two seconds.
const SOON: Duration = Duration::from_secs(30);

pub(super) const TAB: &str = "\u{e004}";
pub(super) const ENTER: &str = "\u{e007}";
const CONTROL: &str = "\u{e009}";

pub(super) struct Browser {
    driver: Child,
    port: Port,
    session: String,
}

impl Browser {
    pub(super) fn start() -> Result<Self, String> {
        let port = Port::free()?;
        let driver = Command::new(DRIVER)
            .arg(format!("--port={}", port.number()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("{DRIVER}: {e}"))?;
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
        };
        poll::until(LONG, || browser.call("GET", "/status", &Value::Null).ok())
            .ok_or("chromedriver does not answer")?;
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--window-size=1200,900",
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": PROGRAM, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let made = browser.call("POST", "/session", &wanted)?;
        let id = text_of(&made, "sessionId").ok_or("no session")?;
        browser.session = format!("/session/{id}");
        Ok(browser)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let packet = Packet {
            data: [head.as_bytes(), body.as_bytes()].concat(),
            delay: Duration::ZERO,
        };
        let received = http::exchange(self.port.number(), &[packet], LONG)?;
        let (answer, _) =
            http::parse(&received.bytes, false, false).map_err(|_| format!("{path}: no answer"))?;
        let answer: Value =
            serde_json::from_slice(&answer.body).map_err(|e| format!("{path}: {e}"))?;
        let value = answer.get("value").cloned().unwrap_or_default();
        match text_of(&value, "error") {
            Some(error) => {
                let why = text_of(&value, "message").unwrap_or_default();
                Err(format!("{path}: {error}: {why}"))
            }
            None => Ok(value),
        }
    }

    fn ask(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.call("POST", &format!("{}{path}", self.session), body)
    }

    /// Opens a page.
    pub(super) fn open(&self, url: &str) -> Result<(), String> {
        self.ask("/url", &json!({"url": url})).map(drop)
    }

    /// What a script in the page returns. The page's own rules do not bind it.
    pub(super) fn run(&self, script: &str) -> Result<Value, String> {
        self.ask("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// The same of a script that calls `done`.
    pub(super) fn run_later(&self, script: &str) -> Result<Value, String> {
        let script = format!("const done = arguments[0]; {script}");
        self.ask("/execute/async", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression is true.
    pub(super) fn wait(&self, expression: &str) -> Result<(), String> {
        let script = format!("return Boolean({expression})");
        let mut last = Ok(Value::Null);
        let holds = || {
            last = self.run(&script);
            (last == Ok(Value::Bool(true))).then_some(())
        };
        poll::until(SOON, holds).ok_or_else(|| {
            let page = self.run("return document.body.innerText.slice(0, 3000)");
            format!("not true: {expression} ({last:?}); the page: {page:?}")
        })
    }

    /// Presses keys, one after another, wherever the focus is.
    pub(super) fn press(&self, keys: &str) -> Result<(), String> {
        self.chord("", keys)
    }

    /// Takes all of a field's text out and types another one.
    pub(super) fn replace_text(&self, text: &str) -> Result<(), String> {
        self.chord(CONTROL, "a")?;
        self.press(text)
    }

    fn chord(&self, held: &str, keys: &str) -> Result<(), String> {
        let key = |kind: &str, key: char| json!({"type": kind, "value": key});
        let mut actions: Vec<Value> = held.chars().map(|c| key("keyDown", c)).collect();
        for c in keys.chars() {
            actions.extend([key("keyDown", c), key("keyUp", c)]);
        }
        actions.extend(held.chars().map(|c| key("keyUp", c)));
        let body = json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]});
        self.ask("/actions", &body).map(drop)
    }

    /// Presses Tab until the element in focus is the one that an expression of `e` means.
    pub(super) fn tab_to(&self, expression: &str) -> Result<(), String> {
        let script = format!("const e = document.activeElement; return Boolean({expression})");
        for _ in 0..200 {
            self.press(TAB)?;
            if self.run(&script)? == Value::Bool(true) {
                return Ok(());
            }
        }
        Err(format!("Tab does not lead to {expression}"))
    }

    /// The size of the page, and whether it is dark.
    pub(super) fn show_as(&self, width: u32, height: u32, dark: bool) -> Result<(), String> {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tools("Emulation.setEmulatedMedia", &features)?;
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.tools("Emulation.setDeviceMetricsOverride", &size)
    }

    fn tools(&self, command: &str, parameters: &Value) -> Result<(), String> {
        let body = json!({"cmd": command, "params": parameters});
        self.ask("/goog/cdp/execute", &body).map(drop)
    }

    /// What the browser complains of.
    pub(super) fn complaints(&self) -> Result<Vec<String>, String> {
        let log = self.ask("/se/log", &json!({"type": "browser"}))?;
        let lines = log.as_array().ok_or("no log")?;
        let text = |line: &Value| text_of(line, "message").unwrap_or_default().to_owned();
        Ok(lines.iter().map(text).collect())
    }

    /// Writes what is seen to a file.
    pub(super) fn picture(&self, path: &Path) -> Result<(), String> {
        let shot = self.call("GET", &format!("{}/screenshot", self.session), &Value::Null)?;
        let text = shot.as_str().ok_or("no picture")?;
        let bytes = BASE64.decode(text.as_bytes()).map_err(|e| e.to_string())?;
        std::fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))
    }
}

fn text_of<'v>(value: &'v Value, member: &str) -> Option<&'v str> {
    value.get(member)?.as_str()
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // Its processes go with it.
            let _ = self.call("DELETE", &self.session, &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
