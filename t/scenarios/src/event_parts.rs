//! Connections that tasks make to others who are slow: what is written and what is answered comes in parts, a
//! connection takes its time, and what breaks off in the middle says why.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};
use tokio::net::TcpSocket;

const CONF: &str = "http {
    test_task pour unix:$TEST_NGINX_SLOW $TEST_NGINX_BYTES;
    test_task pour 127.0.0.1:$TEST_NGINX_PORT_SILENT 50000000;
    test_task pour 127.0.0.1:$TEST_NGINX_PORT_BREAKS 50000000;
    test_task pour 127.0.0.1:$TEST_NGINX_PORT_DEAF 5;
    test_task pour 127.0.0.1:$TEST_NGINX_PORT_FULL 5;
    test_task pour 127.0.0.1:$TEST_NGINX_PORT_LATE 5;
    test_task pour 127.0.0.1:$TEST_NGINX_PORT_GONE 5;
    server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; }
}";

/// More than any socket holds, so that it is written in many parts.
const BYTES: usize = 2_000_000;
/// What is read of it at once.
const PART: usize = 100_000;
/// So that all parts together take longer than the two seconds that each of them may take.
const BREATH: Duration = Duration::from_millis(150);
/// The same for an answer of three parts.
const LONG_BREATH: Duration = Duration::from_millis(1_200);

const SOON: Duration = Duration::from_secs(15);

/// A machine that has other work may let a connection time out before the other side does what it is to be told of: then all
/// begins again. What is wrong fails each time.
pub(super) fn run(env: &Env) -> Result<(), String> {
    run_once(env)
        .or_else(|_| run_once(env))
        .or_else(|_| run_once(env))
}

fn run_once(env: &Env) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let slow = folder.path().join("slow.sock");
    reads_slowly(&slow)?;
    let silent = Listening::new(128)?;
    let full = Listening::filled()?;
    let late = Listening::filled()?;
    let gone = Listening::filled()?;
    let server = Setup::new(env)?
        .log_level("notice")
        .name("SLOW", &slow.display().to_string())
        .name("BYTES", &BYTES.to_string())
        .name("PORT_SILENT", &silent.port())
        .name("PORT_BREAKS", &breaks_off(50_000)?)
        .name("PORT_DEAF", &breaks_off(1)?)
        .name("PORT_FULL", &full.port())
        .name("PORT_LATE", &late.port())
        .name("PORT_GONE", &gone.port())
        .start(CONF)?;
    says(
        &server,
        r"127.0.0.1:\d+: recv\(\) failed \(104: Connection reset by peer\) \[ConnectionReset\]",
    )?;
    // All have begun. The kernel of the one who connects tries once more after a second.
    let late = thread::spawn(move || late.answer());
    let port = |listening: &Listening| format!("127.0.0.1:{}", listening.port());
    let was = port(&gone);
    drop(gone);
    says(
        &server,
        &format!(
            r"{was}: connect\(\) to {was} failed \(111: Connection refused\) \[ConnectionRefused\]"
        ),
    )?;
    says(
        &server,
        &format!("slow.sock took {BYTES} bytes: as they were. And this comes later. The end"),
    )?;
    says(
        &server,
        r"127.0.0.1:\d+: send\(\) failed \((104: Connection reset by peer|32: Broken pipe)\) \[(ConnectionReset|BrokenPipe)\]",
    )?;
    let silent = port(&silent);
    says(&server, &format!(r"{silent}: write timed out \[TimedOut\]"))?;
    let full = port(&full);
    says(
        &server,
        &format!(r"{full}: connect\(\) to {full} timed out \[TimedOut\]"),
    )?;
    let port = late.join().map_err(|_| "the late one has failed")??;
    says(&server, &format!("127.0.0.1:{port} took 5 bytes: at last"))?;
    server.stop()
}

fn says(server: &Server, pattern: &str) -> Result<(), String> {
    server
        .wait_log(&format!("test_task: .*{pattern}"), SOON)
        .map(|_| ())
}

/// Takes all bytes with a breath after each part, and answers in parts.
fn reads_slowly(path: &Path) -> Result<(), String> {
    let listener = UnixListener::bind(path).map_err(|e| e.to_string())?;
    thread::spawn(move || -> std::io::Result<()> {
        let (mut client, _) = listener.accept()?;
        let mut all: Vec<u8> = Vec::new();
        let mut part = vec![0; PART];
        while all.len() < BYTES {
            match client.read(&mut part)? {
                0 => break,
                count => all.extend(part.iter().take(count)),
            }
            thread::sleep(BREATH);
        }
        let are_right = all.iter().copied().eq((0..=250).cycle().take(BYTES));
        client.write_all(if are_right {
            b"as they were"
        } else {
            b"others"
        })?;
        thread::sleep(LONG_BREATH);
        client.write_all(b". And this comes later")?;
        thread::sleep(LONG_BREATH);
        client.write_all(b". The end")
    });
    Ok(())
}

/// Reads so many bytes of each connection and drops the rest unread, so that the other side is told.
fn breaks_off(after: usize) -> Result<String, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    thread::spawn(move || -> std::io::Result<()> {
        loop {
            let (mut client, _) = listener.accept()?;
            let mut part = vec![0; after];
            client.read_exact(&mut part)?;
            // Until there is something that stays unread.
            client.peek(&mut part)?;
        }
    });
    Ok(port.to_string())
}

/// A listener that nobody has taken a connection from so far.
pub(crate) struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    /// Those that wait already.
    waiting: Vec<TcpStream>,
}

impl Listening {
    /// With room for so many.
    fn new(backlog: u32) -> Result<Self, String> {
        let failed = |e: std::io::Error| e.to_string();
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_io().build().map_err(failed)?;
        let _inside = runtime.enter();
        let socket = TcpSocket::new_v4().map_err(failed)?;
        socket.bind(([127, 0, 0, 1], 0).into()).map_err(failed)?;
        let listener = socket.listen(backlog).map_err(failed)?;
        let listener = listener.into_std().map_err(failed)?;
        listener.set_nonblocking(false).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            waiting: Vec::new(),
        })
    }

    /// One that has no room any more: who connects now is not answered.
    pub(crate) fn filled() -> Result<Self, String> {
        let mut made = Self::new(1)?;
        let begin = Instant::now();
        while begin.elapsed() < SOON {
            match TcpStream::connect_timeout(&made.address, BREATH) {
                Ok(client) => made.waiting.push(client),
                Err(_) => return Ok(made),
            }
        }
        Err("a listener with room for one is never full".into())
    }

    pub(crate) fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// From now on takes all that come, and brings each to this port.
    pub(crate) fn forward(self, to: u16) {
        thread::spawn(move || -> std::io::Result<()> {
            // Those that have waited have nothing to say.
            drop(self.waiting);
            loop {
                let (client, _) = self.listener.accept()?;
                let server = TcpStream::connect(("127.0.0.1", to))?;
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
                    thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        to.shutdown(Shutdown::Write)
                    });
                }
            }
        });
    }

    /// Takes all that come, and answers the one that says something.
    fn answer(self) -> Result<u16, String> {
        let failed = |e: std::io::Error| e.to_string();
        // Those before it have nothing to say.
        drop(self.waiting);
        loop {
            let (mut client, _) = self.listener.accept().map_err(failed)?;
            let mut five = [0; 5];
            if client.read_exact(&mut five).is_ok() {
                client.write_all(b"at last").map_err(failed)?;
                return Ok(self.address.port());
            }
        }
    }
}
