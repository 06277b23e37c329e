//! nginx-conf/chat.conf: who is in a channel reaches everybody there, with any number of workers, and again after the
//! channel's backend was drained.

use std::fs;
use std::time::Duration;

use nginx_prove::backend::{Backend, WsMode};
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::ws::Client;

use crate::examples::{Running, Stage};

const CHANNELS: usize = 24;
const MEMBERS: usize = 3;
/// The table is read each second, and sockets are closed five seconds after the drain.
const LONG: Duration = Duration::from_secs(20);

pub(super) fn run(env: &Env) -> Result<(), String> {
    for workers in [1, 2, 4] {
        with(env, workers).map_err(|why| format!("{workers} workers: {why}"))?;
    }
    Ok(())
}

fn with(env: &Env, workers: usize) -> Result<(), String> {
    let file = env.base.join("nginx-conf/chat.conf");
    let conf = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let conf = conf.replace("processes auto", &format!("processes {workers}"));
    let stage = Stage::with(env, |name| Backend::websocket(name, WsMode::Chat))?;
    let server = stage.start(&conf)?;
    let mut channels = (0..CHANNELS)
        .map(|number| Channel::join(&server, number))
        .collect::<Result<Vec<_>, String>>()?;
    for channel in &mut channels {
        channel.talk("hello")?;
    }
    let at = |channels: &[Channel], name: &str| {
        channels.iter().filter(|one| one.backend == name).count()
    };
    if at(&channels, "one") < 3 || at(&channels, "two") < 3 {
        return Err("one backend has nearly all channels".into());
    }
    // Those of the other backend stay where they are, and talk on.
    let [(_, one), (_, two), ..] = server.backends() else {
        return Err("no backends".into());
    };
    let routes = format!(
        r#"{{"chat.test": {{"backends": ["http://127.0.0.1:{}#drain=1", "http://127.0.0.1:{}"]}}}}"#,
        one.port(),
        two.port()
    );
    server.write_file("conf/chat.json", routes.as_bytes())?;
    let (moving, mut staying): (Vec<Channel>, Vec<Channel>) =
        channels.into_iter().partition(|one| one.backend == "one");
    for channel in moving {
        let mut again = channel.closed_and_back(&server)?;
        if again.backend != "two" {
            return Err(format!("channel {} is at {}", again.number, again.backend));
        }
        again.talk("together again")?;
    }
    for channel in &mut staying {
        channel.talk("still here")?;
    }
    // nginx ends when its clients have gone.
    drop(staying);
    server.stop()
}

/// The clients in a channel, all at one backend.
struct Channel {
    number: usize,
    members: Vec<Client>,
    backend: String,
}

impl Channel {
    fn join(server: &Running, number: usize) -> Result<Self, String> {
        let path = format!("/chat/c{number}");
        let mut members = (0..MEMBERS)
            .map(|_| server.websocket(&path, "Host: chat.test"))
            .collect::<Result<Vec<_>, String>>()?;
        let mut names = Vec::new();
        for member in &mut members {
            member.send_text("?name")?;
            names.push(member.recv_text()?);
        }
        let backend = names.first().cloned().unwrap_or_default();
        if names.iter().any(|name| *name != backend) {
            return Err(format!("channel {number} is at {names:?}"));
        }
        Ok(Self {
            number,
            members,
            backend,
        })
    }

    /// What each says all hear, and nothing of other channels.
    fn talk(&mut self, text: &str) -> Result<(), String> {
        for speaker in 0..self.members.len() {
            let said = format!(
                r#"{{"from":"{speaker} of {}","text":"{text}"}}"#,
                self.number
            );
            if let Some(member) = self.members.get_mut(speaker) {
                member.send_text(&said)?;
            }
            for member in &mut self.members {
                let heard = member.recv_text()?;
                if heard != said {
                    return Err(format!("`{heard}` was heard, `{said}` was said"));
                }
            }
        }
        Ok(())
    }

    /// All are closed, and come back.
    fn closed_and_back(mut self, server: &Running) -> Result<Self, String> {
        let number = self.number;
        for member in &mut self.members {
            let is_closed = || {
                member
                    .expect_open(Duration::from_millis(50))
                    .is_err()
                    .then_some(())
            };
            poll::until(LONG, is_closed).ok_or("a socket of a drained backend stays open")?;
        }
        drop(self.members);
        Self::join(server, number)
    }
}
