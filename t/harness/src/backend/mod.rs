//! Mock backends: what a request reaches behind nginx.

mod accept;
mod http;
mod websocket;

pub use accept::Backend;
pub use websocket::WsMode;
