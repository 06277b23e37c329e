//! Mock backends: what a request reaches behind nginx.

mod accept;
mod head;
mod http;
mod shared;
mod websocket;

pub use accept::Backend;
pub use websocket::WsMode;
