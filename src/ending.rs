//! How an upgraded connection ends before its two sides want it to: what families say about it, and what it is told.

use crate::Main;
use gatehouse_base::frames::{EXPIRED, EXPIRED_MASKED, Frames, GOING_AWAY, GOING_AWAY_MASKED};
use gatehouse_nginx::Request;
use gatehouse_nginx::http::piece::{Piece, words_of};
use gatehouse_nginx::http::upgraded::{self, Follow, To};
use std::cell::Cell;

/// A reason of a family to end upgraded connections, such as WebSockets.
#[derive(Clone, Copy)]
pub(crate) struct Ending {
    /// Whether the configuration has it.
    pub in_use: fn(&Main) -> bool,
    /// Looks at a request that has just been upgraded: whether its connection may have to end, and where memory is kept for
    /// that.
    pub note: for<'r> fn(Request<'r>) -> Option<Noted<'r>>,
    /// Whether the connection is to end now, and what its sides are told.
    pub is_over: fn(Request<'_>) -> Option<Goodbye>,
}

/// An upgraded connection that may have to end.
#[derive(Clone, Copy)]
pub(crate) struct Noted<'r> {
    /// Where its request keeps what is needed; None: anywhere.
    pub piece: Option<&'r Piece<'r>>,
}

/// Words of such a piece that are needed for each connection.
pub(crate) const WORDS: usize = words_of::<Passing>().saturating_add(upgraded::WORDS);

/// What the sides of a WebSocket are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Goodbye {
    /// Whom they talk to goes away.
    #[default]
    GoingAway,
    /// The token has expired that opened it.
    Expired,
}

/// What passes through a connection that may have to end.
#[derive(Default)]
pub(crate) struct Passing {
    to_client: Cell<Frames>,
    to_backend: Cell<Frames>,
    /// Only of a WebSocket it is known what may be said.
    is_websocket: bool,
    /// What is said at the end.
    pub goodbye: Cell<Goodbye>,
}

impl Passing {
    /// For a request that has just been upgraded.
    pub(crate) fn of(r: Request<'_>) -> Self {
        let protocol = r.header(b"upgrade");
        Self {
            is_websocket: protocol.is_some_and(|name| name.eq_ignore_ascii_case(b"websocket")),
            ..Self::default()
        }
    }

    fn frames(&self, to: To) -> &Cell<Frames> {
        match to {
            To::Client => &self.to_client,
            To::Backend => &self.to_backend,
        }
    }
}

impl Follow for Passing {
    fn passed(&self, to: To, bytes: &[u8]) {
        if self.is_websocket {
            let mut frames = self.frames(to).get();
            frames.pass(bytes);
            self.frames(to).set(frames);
        }
    }

    fn farewell(&self, to: To) -> Option<&'static [u8]> {
        let frames = self.frames(to).get();
        match (self.goodbye.get(), to) {
            _ if !self.is_websocket => Some(b""),
            _ if !frames.are_whole() => None,
            _ if frames.are_closed() => Some(b""),
            (Goodbye::GoingAway, To::Client) => Some(&GOING_AWAY),
            (Goodbye::GoingAway, To::Backend) => Some(&GOING_AWAY_MASKED),
            (Goodbye::Expired, To::Client) => Some(&EXPIRED),
            (Goodbye::Expired, To::Backend) => Some(&EXPIRED_MASKED),
        }
    }

    fn rest(&self, to: To, bytes: &[u8]) -> usize {
        match self.is_websocket {
            true => self.frames(to).get().rest(bytes),
            false => 0,
        }
    }
}
