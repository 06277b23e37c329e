//! A connection over which somebody asks and waits for the answers.

use super::commands::{Answer, Commands};
use super::frame::{Framer, Reply};
use super::way::{PATIENCE, turn};
use gatehouse_nginx::event::connection::Connection;
use gatehouse_nginx::event::sleep::within;
use redis_protocol::resp3::types::OwnedFrame;
use std::io::ErrorKind;
use std::time::Duration;

/// Bytes read at once.
const PIECE: usize = 16 * 1024;
/// How long a server may take for all answers.
const ANSWERS: Duration = Duration::from_secs(10);

/// A connection is of no use any more.
pub(super) struct Gone {
    /// The other side has closed it.
    pub(super) is_closed: bool,
    pub(super) why: String,
}

impl From<String> for Gone {
    fn from(why: String) -> Self {
        Self {
            is_closed: false,
            why,
        }
    }
}

impl From<std::io::Error> for Gone {
    fn from(error: std::io::Error) -> Self {
        Self {
            is_closed: error.kind() != ErrorKind::TimedOut,
            why: error.to_string(),
        }
    }
}

/// A connection.
pub(super) struct Client {
    connection: Connection,
    framer: Framer,
}

impl Client {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            framer: Framer::default(),
        }
    }

    /// Whether nobody waits for it: a worker that is told to go closes it then.
    pub(super) fn set_idle(&mut self, is_idle: bool) {
        self.connection.set_idle(is_idle);
    }

    /// Sends commands and gives their answers, in order.
    pub(super) async fn ask(&mut self, commands: &Commands) -> Result<Vec<Answer>, Gone> {
        let answers = within(ANSWERS, self.exchange(commands)).await;
        answers.unwrap_or_else(|_| Err("does not answer".to_owned().into()))
    }

    async fn exchange(&mut self, commands: &Commands) -> Result<Vec<Answer>, Gone> {
        self.connection
            .write_all(commands.bytes(), PATIENCE)
            .await?;
        let mut answers = Vec::new();
        let mut buffer = vec![0; PIECE];
        loop {
            while let Some(reply) = self.framer.next()? {
                match reply {
                    Reply::TooLongPush | Reply::Value(OwnedFrame::Push { .. }) => {}
                    Reply::Value(value) => answers.push(Some(value)),
                    Reply::TooLong => answers.push(None),
                }
            }
            if answers.len() >= commands.count() {
                return Ok(answers);
            }
            let count = self.connection.read(&mut buffer, PATIENCE).await?;
            if count == 0 {
                return Err(Gone {
                    is_closed: true,
                    why: "the connection was closed".into(),
                });
            }
            self.framer.push(buffer.get(..count).unwrap_or_default());
            turn().await;
        }
    }
}
