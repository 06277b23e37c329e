//! Options of a backend besides its address and its weight.

/// How nginx speaks to a backend and how much the backend takes. The default takes no room in a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// Whether its connections begin with a PROXY header.
    pub proxy: ProxyHeader,
    /// Its protocol.
    pub protocol: Protocol,
    /// Most requests at a time, 0 for no limit; at most [`Options::MOST_CONNS`].
    pub max_conns: u32,
    /// For how long its share grows after it was out, in milliseconds; at most [`Options::MOST_SLOW_START_MS`].
    pub slow_start_ms: u32,
}

impl Options {
    /// The largest `max_conns`.
    pub const MOST_CONNS: u32 = (1 << 20) - 1;
    /// The longest `slow_start`: three days.
    pub const MOST_SLOW_START_MS: u32 = (1 << 28) - 1;
}

/// The PROXY protocol's version, if it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProxyHeader {
    /// No header.
    #[default]
    Off,
    /// The text of version 1.
    V1,
    /// The bytes of version 2.
    V2,
}

/// The protocol of a backend; whether TLS is below it says [`Backend::tls`](super::Backend::tls).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP.
    #[default]
    Http,
    /// Any stream of bytes.
    Tcp,
    /// Datagrams.
    Udp,
}
