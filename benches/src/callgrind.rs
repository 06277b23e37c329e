//! nginx under callgrind, and the client that loads it.

use crate::columns::Load;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WARM_UP: usize = 1_200;
const SMALL: usize = 2_000;
const LARGE: usize = 4_000;
const CONF: &str = include_str!("../nginx.conf");
const BACKEND_CONF: &str = include_str!("../backend.conf");

/// A process that ends with us.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

/// Instructions a request to `load` costs.
pub fn measure(nginx: &Path, module: &Path, work: &Path, load: &Load) -> Result<i64, String> {
    let (port, backend) = (free_port()?, free_port()?);
    let root = work.join("root");
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(root.join("logs")).map_err(|e| e.to_string())?;
    let routes =
        std::fs::read_to_string(work.join("routes.template")).map_err(|e| e.to_string())?;
    let fill = |text: &str| {
        text.replace("{port}", &port.to_string())
            .replace("{backend}", &backend.to_string())
            .replace("{module}", &module.display().to_string())
            .replace("{work}", &work.display().to_string())
    };
    for (name, text) in [
        ("nginx.conf", CONF),
        ("backend.conf", BACKEND_CONF),
        ("routes.json", routes.as_str()),
    ] {
        std::fs::write(root.join(name), fill(text)).map_err(|e| format!("{name}: {e}"))?;
    }
    let _backend = Running(
        Command::new(nginx)
            .arg("-p")
            .arg(&root)
            .arg("-c")
            .arg(root.join("backend.conf"))
            .spawn()
            .map_err(|e| e.to_string())?,
    );
    wait_for(backend)?;
    let dumps = root.join("callgrind.out");
    let server = Running(
        Command::new("valgrind")
            .args(["--tool=callgrind", "--quiet"])
            .arg(format!("--callgrind-out-file={}", dumps.display()))
            .arg(nginx)
            .arg("-p")
            .arg(&root)
            .arg("-c")
            .arg(root.join("nginx.conf"))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|e| format!("valgrind: {e} (apt-get install valgrind)"))?,
    );
    wait_for(port)?;
    let mut client = Client::connect(port)?;
    let mut at = 0;
    let mut batch = |count: usize| -> Result<(), String> {
        for n in at..at + count {
            client.request(load, n)?;
        }
        at += count;
        dump(server.0.id())
    };
    batch(WARM_UP)?;
    batch(SMALL)?;
    batch(LARGE)?;
    let small = total(&root.join("callgrind.out.2"))?;
    let large = total(&root.join("callgrind.out.3"))?;
    Ok((large - small) / (LARGE - SMALL) as i64)
}

fn wait_for(port: u16) -> Result<(), String> {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(format!("nothing listens on port {port}"))
}

/// Writes the counters so far to the next file and sets them to zero.
fn dump(pid: u32) -> Result<(), String> {
    let done = Command::new("callgrind_control")
        .arg("--dump")
        .arg(pid.to_string())
        .output();
    let done = done.map_err(|e| format!("callgrind_control: {e}"))?;
    if done.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

fn total(path: &Path) -> Result<i64, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let line = text.lines().find_map(|l| {
        l.strip_prefix("totals: ")
            .or_else(|| l.strip_prefix("summary: "))
    });
    line.and_then(|n| n.trim().parse().ok())
        .ok_or(format!("{}: no totals", path.display()))
}

struct Client {
    out: TcpStream,
    input: BufReader<TcpStream>,
}

impl Client {
    fn connect(port: u16) -> Result<Self, String> {
        let out = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
        out.set_nodelay(true).map_err(|e| e.to_string())?;
        out.set_read_timeout(Some(Duration::from_secs(30)))
            .map_err(|e| e.to_string())?;
        let input = BufReader::new(out.try_clone().map_err(|e| e.to_string())?);
        Ok(Self { out, input })
    }

    fn request(&mut self, load: &Load, n: usize) -> Result<(), String> {
        let (target, headers) = (load.request)(load.path, n);
        let host = if headers.starts_with("Host:") {
            ""
        } else {
            "Host: bench.example\r\n"
        };
        let request = format!("GET {target} HTTP/1.1\r\n{host}{headers}\r\n");
        self.out
            .write_all(request.as_bytes())
            .map_err(|e| e.to_string())?;
        let status = self.answer()?;
        let expected = (load.status)(n);
        if status != expected {
            return Err(format!("{target}: answered {status}, expected {expected}"));
        }
        Ok(())
    }

    fn answer(&mut self) -> Result<u16, String> {
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            if self.input.read_line(&mut line).map_err(|e| e.to_string())? == 0 {
                return Err("the connection was closed".into());
            }
            let line = line.trim_end();
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest.get(..3).and_then(|s| s.parse().ok()).unwrap_or(0);
            } else if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap_or(0);
                }
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.input
            .read_exact(&mut body)
            .map_err(|e| e.to_string())?;
        Ok(status)
    }
}
