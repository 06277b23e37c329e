//! Sentinels: they know which server is the master.

use super::dialogue::{Ask, Dialogue, Heard, error_of, items};
use super::feeder::Line;
use super::follow::Lost;
use super::server::Server;
use super::way::{PATIENCE, Way, connect};
use crate::memory::Memory;
use gatehouse_nginx::event::connection::Connection;
use gatehouse_nginx::event::sleep::within;
use redis_protocol::resp3::types::{OwnedFrame, Resp3Frame};

/// Asks a Sentinel for the master of this name.
pub(super) async fn master<M: Memory>(
    way: &Way,
    sentinel: &Server,
    name: &str,
    line: &Line<M>,
) -> Result<Server, String> {
    let why = |lost| match lost {
        Lost::Store(why) => why,
        Lost::Lead => "another worker leads".to_owned(),
    };
    let connection = connect(way, sentinel, line).await.map_err(why)?;
    // However many pieces the answer comes in.
    let answer = within(PATIENCE, ask(connection, name)).await;
    answer.unwrap_or_else(|_| Err("does not answer".into()))
}

async fn ask(mut connection: Connection, name: &str) -> Result<Server, String> {
    let mut dialogue = Dialogue::default();
    dialogue.ask(Ask::Hello, &[b"HELLO", b"3"]);
    let words: [&[u8]; 3] = [b"SENTINEL", b"get-master-addr-by-name", name.as_bytes()];
    dialogue.ask(Ask::Master, &words);
    let out = dialogue.take_out();
    let sent = connection.write_all(&out, PATIENCE).await;
    sent.map_err(|e| e.to_string())?;
    let mut buffer = vec![0; 4096];
    loop {
        while let Some(heard) = dialogue.next()? {
            match heard {
                Heard::Answer(Ask::Master, value) => return named(value, name),
                Heard::Answer(ask, Some(value)) => {
                    if let Some(error) = error_of(&value) {
                        return Err(format!("{}: {error}", ask.name()));
                    }
                }
                _ => {}
            }
        }
        let count = connection.read(&mut buffer, PATIENCE).await;
        match count.map_err(|e| e.to_string())? {
            0 => return Err("the connection was closed".into()),
            count => dialogue.receive(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// Host and port, or nothing.
fn named(value: Option<OwnedFrame>, name: &str) -> Result<Server, String> {
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
