//! Common Access Tokens between PyPI's cwt and us, in both directions.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

use crate::interop::{PACKAGES, output_of};
use crate::interop_jwt::gatehouse;

/// Makes tokens and judges them with cwt.
const SCRIPT: &str = "t/scenarios/src/interop_cat.py";

/// The script's secret.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Every algorithm, and its key in t/data/keys; the secret where there is none.
const ALGORITHMS: [(&str, Option<&str>); 10] = [
    ("HS256", None),
    ("HS384", None),
    ("HS512", None),
    ("PS256", Some("rsa")),
    ("PS384", Some("rsa")),
    ("PS512", Some("rsa")),
    ("ES256", Some("p256")),
    ("ES384", Some("p384")),
    ("ES512", Some("p521")),
    ("EdDSA", Some("ed25519")),
];

/// How many tokens of ours are verified.
const OURS: usize = 200;

/// 200 random tokens that cwt signs and judges, and as many of ours that it verifies.
pub(super) fn run(env: &Env) -> Result<(), String> {
    let server = serve(env)?;
    let said = output_of(&mut script(&env.base, "tokens"))?;
    let (mut good, mut all) = (0_u32, 0_u32);
    for line in said.lines() {
        good += u32::from(ask(&server, line)?);
        all += 1;
    }
    if all != 200 || good < 40 {
        return Err(format!("{all} tokens were made, {good} of them good"));
    }
    server.stop()?;
    ours(env)
}

/// A host for each algorithm, and `any`, which has the keys of all.
fn serve(env: &Env) -> Result<Server, String> {
    let mut setup = Setup::new(env)?
        .file("conf/secret", SECRET.as_bytes())?
        .file("html/live/ch1/ok", b"ok\n")?;
    let mut servers = String::new();
    let mut keys = String::from("key file=secret;");
    let mut names = String::new();
    for (name, file) in ALGORITHMS {
        let key = match file {
            None => "key file=secret;".to_owned(),
            Some(file) => {
                let path = env.base.join(format!("t/data/keys/{file}.pub.pem"));
                let text = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                setup = setup.file(&format!("conf/{file}.pem"), &text)?;
                format!("key file={file}.pem encoding=pem;")
            }
        };
        let host = name.to_lowercase();
        servers += &profile_and_server(&host, &format!("{key} algorithm {name};"));
        if !keys.contains(&key) {
            keys += &key;
        }
        names += &format!(" {name}");
    }
    servers += &profile_and_server("any", &format!("{keys} algorithm{names};"));
    setup.start(&format!("http {{\n{servers}}}"))
}

fn profile_and_server(name: &str, words: &str) -> String {
    format!(
        "token_profile {name} {{ format cat; origin https://cdn.test; issuer https://id.test/; audience edge; {words} }}\n\
         token_claim ${name}_sub {name} sub;\n\
         server {{ listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; server_name {name}; root html;\n\
         location / {{ token_auth {name}; add_header X-Sub \"<${name}_sub>\"; }} }}\n"
    )
}

/// Sends one of the script's tokens; says whether it was good.
fn ask(server: &Server, line: &str) -> Result<bool, String> {
    let [host, target, header, status, sub] = *line.split('\t').collect::<Vec<_>>() else {
        return Err(format!("no case: {line}"));
    };
    let headers = format!("Host: {host}\nX-Device: tv\n{header}");
    let response = server.get(target, headers.trim_end())?;
    let got = response.status.to_string();
    if got != status {
        let log = server.log();
        let last = log.lines().last().unwrap_or_default();
        return Err(format!(
            "{target} {headers}: {got} instead of {status}: {last}"
        ));
    }
    if status != "200" {
        return Ok(false);
    }
    let shown = response.header("X-Sub").unwrap_or_default();
    let shown = shown
        .strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'));
    let wanted = data_encoding::HEXLOWER.decode(sub.as_bytes());
    if shown.map(|text| text.as_bytes().to_vec()) != wanted.ok() {
        return Err(format!("{target} {headers}: sub is {shown:?}"));
    }
    Ok(true)
}

/// `gatehouse token sign` signs with every algorithm, cwt verifies.
fn ours(env: &Env) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).map_err(|e| e.to_string())?;
    let mut lines = String::new();
    for (number, (algorithm, file)) in ALGORITHMS.iter().cycle().take(OURS).enumerate() {
        let begin = match number % 3 {
            0 => "user-",
            1 => "a\"b\\c/é ",
            _ => "€😀 = \t\u{1}",
        };
        let sub = format!("{begin}{number}");
        let key = file.map(|file| env.base.join(format!("t/data/keys/{file}.pem")));
        let encoding = if key.is_some() { "pem" } else { "text" };
        let mut command = Command::new(gatehouse()?);
        command
            .args([
                "token",
                "sign",
                "--format",
                "cat",
                "--expires",
                "+600",
                "--from",
                "header",
            ])
            .args(["--key-encoding", encoding, "--algorithm", algorithm])
            .args(["--issuer", "https://id.test/", "--audience", "edge"])
            .args(["--url", "https://cdn.test/live/a", "--address", "192.0.2.7"])
            .args(["--var", "geoip_country=DE"])
            .arg("--key-file")
            .arg(format!(
                "{algorithm}={}",
                key.as_ref().unwrap_or(&secret).display()
            ));
        for claim in [
            format!("sub={sub}").as_str(),
            "cti=id-1",
            "catm=GET,HEAD",
            "catu=path prefix /live/ host exact cdn.test",
            "catgeoiso3166=DE,US-CA",
            "catnip=AS64496,192.0.2.0/24,2001:db8::1",
        ] {
            command.args(["--claim", claim]);
        }
        let said = output_of(&mut command)?;
        let token = said.trim_end().strip_prefix("Common-Access-Token: ");
        let token = token.ok_or_else(|| format!("no token: {said}"))?;
        let sub = data_encoding::HEXLOWER.encode(sub.as_bytes());
        lines += &format!("{algorithm}\t{token}\t{sub}\n");
    }
    let mut child = script(&env.base, "verify")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    // Written by another thread: the script answers while it reads.
    let mut to = child.stdin.take().ok_or("no pipe")?;
    let writer = std::thread::spawn(move || to.write_all(lines.as_bytes()));
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    let written = writer.join();
    let verified = output.stdout.split(|byte| *byte == b'\n').count() - 1;
    if !output.status.success() || verified != OURS || !matches!(written, Ok(Ok(()))) {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cwt verified {verified} of {OURS}: {said}"));
    }
    Ok(())
}

fn script(base: &Path, what: &str) -> Command {
    let mut command = Command::new("python3");
    command.args([SCRIPT, what]).current_dir(base);
    command.env("PYTHONPATH", base.join(PACKAGES));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
