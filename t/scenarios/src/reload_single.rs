//! A reload of `master_process off` while requests of the configuration before go on: their zone is theirs as long as the
//! next configuration has it, too, and gone with its memory when that has another one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};
use nix::sys::signal::{SigSet, Signal};

const SOON: Duration = Duration::from_secs(5);

/// A server of one process with a table of that size, which follows that file. Another one keeps its zone in any case.
fn conf(zone: &str, file: &str) -> String {
    format!(
        "master_process off;
        http {{
            upstream_table apps {{ zone {zone}; file {file}; }}
            upstream_table others {{ zone 1m; file others.json; }}
            upstream_variable $v apps $host v default=none;
            upstream_variable $other others $host v default=none;
            access_log off;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                location / {{ return 200 \"$v $other\"; }}
            }}
        }}"
    )
}

fn value(v: &str) -> Vec<u8> {
    format!(r#"{{"a.test": {{"backends": [], "vars": {{"v": "{v}"}}}}}}"#).into_bytes()
}

pub(super) fn run(env: &Env) -> Result<(), String> {
    let prepared = Setup::new(env)?
        .file("conf/apps.json", &value("one"))?
        .file("conf/next.json", &value("two"))?
        .file("conf/last.json", &value("three"))?
        .file("conf/others.json", &value("other"))?;
    // Unlike a master, a single process keeps the signals blocked that this thread has blocked.
    let hangup = SigSet::from(Signal::SIGHUP);
    hangup.thread_unblock().map_err(|e| e.to_string())?;
    let started = prepared.start(&conf("1m", "apps.json"));
    hangup.thread_block().map_err(|e| e.to_string())?;
    let server = started?;
    let begin = || Begun::new(&server);
    let (first, second) = (begin()?, begin()?);
    if server.get("/", "Host: a.test")?.text() != "one other" {
        return Err("the table is not there".into());
    }
    reload(&server, &conf("1m", "next.json"))?;
    server.wait_log(r#"next\.json": 1 route, 1 changed"#, SOON)?;
    first.gets("\r\n\r\ntwo other", "after a reload with the same zone")?;
    reload(&server, &conf("2m", "last.json"))?;
    // Its routes are gone, and nothing is answered as if there were none.
    second.gets(
        " 500 Internal Server Error",
        "after a reload with another zone",
    )?;
    server.stop()
}

/// Takes another configuration over.
fn reload(server: &Server, conf: &str) -> Result<(), String> {
    // What the module says when a configuration takes over.
    let times = || server.log().matches(" for nginx ").count();
    let before = times();
    server.write_conf(conf)?;
    server.signal(Signal::SIGHUP)?;
    poll::until(SOON, || (times() > before).then_some(()))
        .ok_or_else(|| format!("no configuration takes over\n{}", server.log()))
}

/// A request of which nginx knows the beginning.
struct Begun(TcpStream);

impl Begun {
    fn new(server: &Server) -> Result<Self, String> {
        let begin = || -> std::io::Result<TcpStream> {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port(0)))?;
            stream.set_read_timeout(Some(SOON))?;
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n")?;
            Ok(stream)
        };
        begin().map(Self).map_err(|e| e.to_string())
    }

    /// Ends the request, and looks what it is answered.
    fn gets(mut self, wanted: &str, when: &str) -> Result<(), String> {
        let mut answer = String::new();
        let end = b"Connection: close\r\n\r\n";
        { self.0.write_all(end) }
            .and_then(|()| self.0.read_to_string(&mut answer))
            .map_err(|e| format!("{when}: {e}"))?;
        if answer.contains(wanted) {
            Ok(())
        } else {
            Err(format!("{when}: `{wanted}` was wanted, came {answer}"))
        }
    }
}
