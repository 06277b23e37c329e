//! The client: one connection of each protocol, kept as long as nginx keeps it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::request::{Request, Wire};
use super::site::Server;
use nginx_prove::http::{ParseError, parse};

const TIMEOUT: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    /// 444: the connection was closed without an answer.
    pub status: u16,
    /// The number of the answer, from its header.
    pub id: Option<u64>,
    pub body: Vec<u8>,
    /// `X-Cache`.
    pub cache: String,
}

/// The client.
pub(super) struct Client {
    ports: [u16; 3],
    main: Http1,
    paid: Http1,
    http2: Http2,
}

impl Client {
    /// `ports`: the main server's, its HTTP/2 one, the protected server's.
    ///
    /// # Errors
    /// No runtime.
    pub(super) fn new(ports: [u16; 3]) -> Result<Client, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Client {
            ports,
            main: Http1::default(),
            paid: Http1::default(),
            http2: Http2 {
                runtime,
                sender: None,
            },
        })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// No answer that is one.
    pub(super) fn send(&mut self, request: &Request) -> Result<Reply, String> {
        let [main, http2, paid] = self.ports;
        if request.wire == Wire::Http2 {
            if let Some(built) = build(request) {
                return self.http2.send(http2, built, &request.body);
            }
        }
        match request.server {
            Server::Main => self.main.send(main, request),
            Server::Paid => self.paid.send(paid, request),
        }
    }
}

#[derive(Default)]
struct Http1 {
    stream: Option<TcpStream>,
}

impl Http1 {
    fn send(&mut self, port: u16, request: &Request) -> Result<Reply, String> {
        let bytes = request.bytes();
        let kept = self.stream.is_some();
        let first = self.exchange(port, &bytes, request.method == "HEAD")?;
        match first {
            // nginx may close a kept connection before it sees the request.
            None if kept => Ok(self
                .exchange(port, &bytes, request.method == "HEAD")?
                .unwrap_or_else(closed)),
            other => Ok(other.unwrap_or_else(closed)),
        }
    }

    /// None: the connection was closed without an answer.
    fn exchange(&mut self, port: u16, bytes: &[u8], head: bool) -> Result<Option<Reply>, String> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(port)?,
        };
        if stream.write_all(bytes).is_err() {
            return Ok(None);
        }
        let mut got = Vec::new();
        let mut chunk = vec![0_u8; 16 << 10];
        loop {
            let count = match stream.read(&mut chunk) {
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
                Err(error) => return Err(format!("no answer: {error}")),
            };
            got.extend_from_slice(chunk.get(..count).unwrap_or_default());
            if got.is_empty() {
                return Ok(None);
            }
            match parse(&got, head, count == 0) {
                Ok((response, used)) => {
                    let closes = response
                        .header("Connection")
                        .is_some_and(|value| value.eq_ignore_ascii_case("close"));
                    if used < got.len() {
                        return Err("bytes after the answer".into());
                    }
                    if !closes && count > 0 {
                        self.stream = Some(stream);
                    }
                    return Ok(Some(Reply {
                        status: response.status,
                        id: response.header("X-Id").and_then(|id| id.parse().ok()),
                        cache: response.header("X-Cache").unwrap_or_default(),
                        body: response.body,
                    }));
                }
                Err(ParseError::Partial) if count > 0 => {}
                Err(error) => return Err(format!("no answer: {error:?}")),
            }
        }
    }
}

fn closed() -> Reply {
    Reply {
        status: 444,
        ..Reply::default()
    }
}

fn connect(port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|e| e.to_string())?;
    let set = stream
        .set_nodelay(true)
        .and_then(|()| stream.set_read_timeout(Some(TIMEOUT)));
    set.map_err(|e| e.to_string())?;
    Ok(stream)
}

/// The request for the library; None: it does not take such a one.
fn build(request: &Request) -> Option<http::Request<()>> {
    let host = std::str::from_utf8(request.header("Host")?).ok()?;
    let path = std::str::from_utf8(&request.target).ok()?;
    let uri = http::Uri::builder()
        .scheme("http")
        .authority(request.absolute.as_deref().unwrap_or(host))
        .path_and_query(path)
        .build()
        .ok()?;
    // It must go out as it is here.
    if uri.path_and_query()?.as_str() != path {
        return None;
    }
    let mut builder = http::Request::builder()
        .method(request.method.as_str())
        .uri(uri);
    for (name, value) in &request.headers {
        if !name.eq_ignore_ascii_case("host") {
            builder = builder.header(name.as_str(), value.as_slice());
        }
    }
    if !request.body.is_empty() {
        builder = builder.header("content-length", request.body.len());
    }
    builder.body(()).ok()
}

struct Http2 {
    runtime: Runtime,
    sender: Option<h2::client::SendRequest<bytes::Bytes>>,
}

impl Http2 {
    fn send(&mut self, port: u16, built: http::Request<()>, body: &[u8]) -> Result<Reply, String> {
        let kept = self.sender.take();
        let again = kept.is_some();
        match self.attempt(kept, port, built.clone(), body) {
            // nginx ends a connection after so many requests.
            Err(_) if again => self.attempt(None, port, built, body),
            other => other,
        }
    }

    fn attempt(
        &mut self,
        kept: Option<h2::client::SendRequest<bytes::Bytes>>,
        port: u16,
        built: http::Request<()>,
        body: &[u8],
    ) -> Result<Reply, String> {
        let body = bytes::Bytes::copy_from_slice(body);
        let exchange = async {
            let sender = match kept {
                Some(sender) => sender,
                None => handshake(port).await?,
            };
            let mut sender = sender.ready().await.map_err(|e| e.to_string())?;
            let (response, mut stream) = sender
                .send_request(built, body.is_empty())
                .map_err(|e| e.to_string())?;
            if !body.is_empty() {
                stream.send_data(body, true).map_err(|e| e.to_string())?;
            }
            let reply = match response.await {
                Ok(response) => read(response).await?,
                // What HTTP/1 shows by closing the connection.
                Err(error) if error.is_reset() || error.is_io() => closed(),
                Err(error) => return Err(error.to_string()),
            };
            Ok((sender, reply))
        };
        let limited = self
            .runtime
            .block_on(async { tokio::time::timeout(TIMEOUT, exchange).await });
        let (sender, reply) = limited.map_err(|_| "no answer within ten seconds")??;
        if reply.status != 444 {
            self.sender = Some(sender);
        }
        Ok(reply)
    }
}

async fn handshake(port: u16) -> Result<h2::client::SendRequest<bytes::Bytes>, String> {
    let stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|e| e.to_string())?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let (sender, connection) = h2::client::handshake(stream)
        .await
        .map_err(|e| e.to_string())?;
    tokio::spawn(async move {
        // Its end shows at the next request.
        let _ = connection.await;
    });
    Ok(sender)
}

async fn read(response: http::Response<h2::RecvStream>) -> Result<Reply, String> {
    let header = |name: &str| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let mut reply = Reply {
        status: response.status().as_u16(),
        id: header("x-id").and_then(|id| id.parse().ok()),
        cache: header("x-cache").unwrap_or_default(),
        body: Vec::new(),
    };
    let mut stream = response.into_body();
    while let Some(data) = stream.data().await {
        let data = data.map_err(|e| e.to_string())?;
        let _ = stream.flow_control().release_capacity(data.len());
        reply.body.extend_from_slice(&data);
    }
    Ok(reply)
}
