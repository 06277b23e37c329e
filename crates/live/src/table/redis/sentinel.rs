//! Sentinels: they know which server is the master.

use super::client::Client;
use super::commands::{Answer, Commands};
use super::dialogue::{error_of, items};
use super::server::Server;
use super::store::hello;
use super::way::{Around, PATIENCE, Way, connect};
use gatehouse_nginx::event::sleep::within;
use redis_protocol::resp3::types::Resp3Frame;

/// Asks a Sentinel for the master of this name.
pub(super) async fn master(
    way: &Way,
    sentinel: &Server,
    name: &str,
    around: &Around,
) -> Result<Server, String> {
    let mut client = Client::new(connect(way, sentinel, around).await?);
    let mut commands = Commands::default();
    let login = way.login.as_deref();
    let user = login.map_or("", |login| login.user.as_str());
    commands.push(&hello(user, login.map(|login| &login.password)));
    commands.push(&[b"SENTINEL", b"get-master-addr-by-name", name.as_bytes()]);
    // However many pieces the answer comes in.
    let answers = within(PATIENCE, client.ask(&commands)).await;
    let answers = answers.unwrap_or_else(|_| Err("does not answer".to_owned().into()));
    let mut answers = answers.map_err(|gone| gone.why)?.into_iter();
    if let Some(error) = answers.next().flatten().as_ref().and_then(error_of) {
        return Err(format!("HELLO: {error}"));
    }
    named(answers.next().flatten(), name)
}

/// Host and port, or nothing.
fn named(value: Answer, name: &str) -> Result<Server, String> {
    let value = value.ok_or("answer is too long")?;
    if let Some(error) = error_of(&value) {
        return Err(format!("SENTINEL: {error}"));
    }
    let parts = items(value).ok_or_else(|| format!("knows no master \"{name}\""))?;
    let text = |n: usize| parts.get(n).and_then(Resp3Frame::as_str);
    let port = text(1).and_then(|port| port.parse().ok());
    let server = text(0)
        .zip(port)
        .and_then(|(host, port)| Server::at(host, port));
    server.ok_or_else(|| "names no address".into())
}
