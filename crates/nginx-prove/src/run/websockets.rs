//! The `ws_*` sections of a block: handshakes and scripts, one thread per client.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use super::stage::Stage;
use crate::checks;
use crate::http::more_headers;
use crate::process::Nginx;
use crate::reload;
use crate::ws::{self, Client, Step};

/// What the sections ask for.
struct Plan {
    path: String,
    protocol: Option<String>,
    headers: Vec<u8>,
    steps: Vec<Step>,
    clients: usize,
    /// The status the handshake must have.
    status: u16,
    timeout: Duration,
}

impl Plan {
    fn read(stage: &Stage) -> Result<Plan, String> {
        let block = &stage.block;
        let text = |name: &str, default: &str| {
            block
                .get(name)
                .map_or(Ok(default.to_owned()), |value| value.text())
        };
        let connect = text("ws_connect", "")?;
        let mut words = connect.split_whitespace().map(str::to_owned);
        let path = words.next().ok_or("ws_connect needs a path")?;
        let protocol = words.next();
        let headers = block
            .get("ws_headers")
            .map_or(Ok(Vec::new()), |value| value.bytes())?;
        let steps = match block.get("ws_script") {
            Some(value) => ws::parse(&value.bytes()?)?,
            None => Vec::new(),
        };
        Ok(Plan {
            path,
            protocol,
            headers: more_headers(&headers).0,
            steps,
            clients: text("ws_clients", "1")?
                .parse()
                .map_err(|_| "ws_clients must be a number")?,
            status: text("ws_error_code", "101")?
                .parse()
                .map_err(|_| "ws_error_code must be a status")?,
            timeout: stage.timeout()?,
        })
    }
}

/// Opens the block's WebSockets and plays its script; returns what went wrong.
///
/// `check_handshake`: the block's response checks are about the handshake, because it has no other request.
///
/// # Errors
/// A section that cannot be read.
pub(super) fn run(
    stage: &Stage,
    nginx: &Nginx,
    check_handshake: bool,
) -> Result<Vec<String>, String> {
    let plan = Plan::read(stage)?;
    // The first client to reach a `reload` makes it; the others wait for its result.
    let reloads: Vec<OnceLock<Result<(), String>>> =
        plan.steps.iter().map(|_| OnceLock::new()).collect();
    let reload = |step: usize| {
        let Some(once) = reloads.get(step) else {
            return Ok(());
        };
        once.get_or_init(|| reload::reload(nginx, &stage.root))
            .clone()
    };
    let mut why = Vec::new();
    thread::scope(|scope| {
        let start = |_| scope.spawn(|| client(stage, &plan, check_handshake, &reload));
        let running: Vec<_> = (0..plan.clients).map(start).collect();
        for (number, thread) in running.into_iter().enumerate() {
            let failures = thread
                .join()
                .unwrap_or_else(|_| vec!["the client panicked".into()]);
            let label = if plan.clients > 1 {
                format!("client {number}: ")
            } else {
                String::new()
            };
            why.extend(failures.into_iter().map(|failure| label.clone() + &failure));
        }
    });
    Ok(why)
}

fn client(
    stage: &Stage,
    plan: &Plan,
    check_handshake: bool,
    reload: &dyn Fn(usize) -> Result<(), String>,
) -> Vec<String> {
    let opened = Client::connect(
        stage.port(),
        &plan.path,
        plan.protocol.as_deref(),
        &plan.headers,
        plan.timeout,
    );
    let (response, client) = match opened {
        Ok(opened) => opened,
        Err(error) => return vec![error],
    };
    let mut why = Vec::new();
    if check_handshake {
        why.extend(checks::check(
            &stage.block,
            &response,
            0,
            false,
            plan.status,
        ));
    } else if response.status != plan.status {
        why.push(format!(
            "handshake: expected {}, came {}",
            plan.status, response.status
        ));
    }
    if let (Some(mut client), 101) = (client, plan.status) {
        why.extend(ws::play(&mut client, &plan.steps, reload).err());
    }
    why
}
