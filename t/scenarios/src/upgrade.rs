//! docs/upgrade.md, followed to the letter under load: a reload keeps the old code and says so, the
//! upgrade on the fly runs the new code and loses no request.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::pages::{blocks, commands};
use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

const SOON: Duration = Duration::from_secs(5);

/// What the module calls itself, and what a file patched by [`patched`] calls itself.
const OLD: &str = env!("CARGO_PKG_VERSION");
const NEW: &str = "9.9.9";

const CONF: &str = "worker_processes 2;
http {
    access_log off;
    server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; location / { return 200 $gatehouse_version; } }
}";

pub(super) fn run(env: &Env) -> Result<(), String> {
    let module = env.modules.first().ok_or("no --module")?;
    let code = fs::read(module).map_err(|e| format!("{}: {e}", module.display()))?;
    let name = Path::new(module.file_name().ok_or("the module has no name")?);
    let setup = Setup::new(env)?
        .file("modules/.keep", b"")?
        .file("new/.keep", b"")?;
    let (installed, new) = (
        setup.path().join("modules").join(name),
        setup.path().join("new").join(name),
    );
    let write = |path: &Path, code: &[u8]| {
        fs::write(path, code).map_err(|e| format!("{}: {e}", path.display()))
    };
    write(&installed, &code)?;
    write(&new, &patched(&code)?)?;
    let mut server = setup.module(&installed).daemon().start(CONF)?;
    expect(&server, OLD, "at the start")?;
    server.reload()?;
    if server.log().contains("stays in use") {
        return Err("a reload warns though the file is the same".into());
    }

    let page = read(&env.base.join("docs/upgrade.md"))?;
    let mut console = blocks(&page)?;
    console.retain(|(language, _)| language == "console");
    let [(_, install), (_, upgrade), (_, finish)] = console.as_slice() else {
        return Err("docs/upgrade.md has not three console blocks".into());
    };
    let load = Load::start(server.port(0), "/", "", 2, 200);
    load.wait_good(20)?;
    follow(env, &server, install)?;
    server.reload()?;
    server.wait_log(
        r"\[warn\] .*gatehouse \S+ stays in use: .* another file than the one loaded",
        SOON,
    )?;
    expect(&server, OLD, "after a reload")?;

    follow(env, &server, upgrade)?;
    let mut old = server.go_on_with_new_master()?.ok_or("no master")?;
    if old.pid() == server.master_pid() {
        return Err("the pid file names the old master".into());
    }
    let answers = || shows(&server, NEW).then_some(());
    poll::until(SOON, answers).ok_or("the new code does not answer")?;
    load.wait_good(50)?;
    follow(env, &server, finish)?;
    poll::until(SOON, || old.exit_status()).ok_or("the old master does not go")?;
    load.wait_good(50)?;
    expect(&server, NEW, "after the upgrade")?;
    let tally = load.stop();
    if tally.bad > 0 {
        return Err(format!("{} requests failed", tally.bad));
    }
    server.stop()
}

/// At the start the log says which version runs and for which nginx; a reload says when the module's file is not the one
/// that was loaded, or cannot be looked at.
pub(super) fn replaced(env: &Env) -> Result<(), String> {
    let module = env.modules.first().ok_or("no --module")?;
    let code = fs::read(module).map_err(|e| format!("{}: {e}", module.display()))?;
    let name = Path::new(module.file_name().ok_or("the module has no name")?);
    let setup = Setup::new(env)?.file("modules/.keep", b"")?;
    let installed = setup.path().join("modules").join(name);
    let failed = |e: std::io::Error| format!("{}: {e}", installed.display());
    fs::write(&installed, &code).map_err(failed)?;
    let server = setup.log_level("notice").module(&installed).start(CONF)?;
    let version = Command::new(&env.nginx).arg("-v").output();
    let version = version.map_err(|e| e.to_string())?.stderr;
    let version = String::from_utf8_lossy(&version)
        .trim()
        .replace("nginx version: nginx/", "");
    server.wait_log(&format!("gatehouse {OLD} for nginx {version}$"), SOON)?;
    server.reload()?;
    if server.log().contains("stays in use") {
        return Err("a reload warns though the file is the same".into());
    }
    // As `install` and package managers do: another file of the same name.
    let other = installed.with_extension("new");
    fs::write(&other, [&code[..], b"more"].concat()).map_err(failed)?;
    fs::rename(&other, &installed).map_err(failed)?;
    server.reload()?;
    server.wait_log("stays in use: .* another file than the one loaded", SOON)?;
    fs::remove_file(&installed).map_err(failed)?;
    // The loader knows it by its name and does not look for it.
    server.reload()?;
    server.wait_log(
        r"stays in use: .* cannot be looked at \(2: No such file or directory\)",
        SOON,
    )?;
    server.stop()
}

/// The module as a later version would be: only its name for itself differs.
fn patched(code: &[u8]) -> Result<Vec<u8>, String> {
    use bstr::ByteSlice;
    if OLD.len() != NEW.len() || !code.contains_str(OLD) {
        return Err(format!("the module does not name its version {OLD}"));
    }
    Ok(code.replace(OLD, NEW))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn shows(server: &Server, version: &str) -> bool {
    server
        .get("/", "")
        .is_ok_and(|answer| answer.text() == version)
}

fn expect(server: &Server, version: &str, when: &str) -> Result<(), String> {
    let came = server.get("/", "")?.text();
    if came == version {
        Ok(())
    } else {
        Err(format!("{when}: expected `{version}`, came `{came}`"))
    }
}

/// Runs the lines of a block as they are, but for where things are on this machine.
fn follow(env: &Env, server: &Server, block: &str) -> Result<(), String> {
    let root = server.root().display();
    let nginx = format!(
        "{} -p {root} -e logs/error.log -c conf/nginx.conf",
        env.nginx.display()
    );
    for (line, _) in commands(block)? {
        let line = line
            .replace("/usr/lib/nginx/modules", &format!("{root}/modules"))
            .replace("/run/nginx.pid", &format!("{root}/logs/nginx.pid"))
            .replace("nginx -t", &format!("{nginx} -t"));
        let output = Command::new("timeout")
            .args(["20", "sh", "-c", &line])
            .current_dir(server.root().join("new"))
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("timeout: {e}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("`{line}` failed: {}\n{said}", output.status));
        }
    }
    Ok(())
}
