//! Tokens that the vendors' own libraries make, checked by nginx.

use std::path::Path;
use std::process::Command;

use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

/// Where scripts/test puts Python's packages when there is pip and a network.
pub(super) const PACKAGES: &str = "build/python";

/// Prints a line for each token: the host whose profile is the signer's, the target, and whether it is good there.
const AKAMAI: &str = r#"
import random, time
from urllib.parse import quote
from akamai.edgeauth import EdgeAuth

random.seed(20261130)
def text(letters, most):
    return "".join(random.choice(letters) for _ in range(random.randint(1, most)))
for number in range(200):
    algorithm = random.choice(["sha256", "sha1", "md5"])
    escape, salted = random.random() < 0.5, random.random() < 0.5
    odd = " é/&=+?%~#" if escape else "=,;:@"
    path = "/" + "/".join(text("abcXYZ019-_.~ é", 6).strip(".") + "x" for _ in range(random.randint(1, 4)))
    # A list is signed as it stands in the link, where these cannot.
    listed = path.replace(" ", "?").replace("~", "?").replace("é", "*")
    signer = EdgeAuth(
        key="6578616d706c65", algorithm=algorithm, escape_early=escape,
        salt="pepper" if salted else None,
        ip="127.0.0.1" if random.random() < 0.5 else None,
        start_time=int(time.time()) - 60 if random.random() < 0.5 else None,
        end_time=int(time.time()) + random.randint(600, 90000),
        session_id=text("abc019" + odd.replace("~", ""), 8) if random.random() < 0.5 else None,
        payload=text("abc019" + odd.replace("~", ""), 8) if random.random() < 0.5 else None)
    kind = random.randrange(3)
    if kind == 0:
        token = signer.generate_url_token(path)
    elif kind == 1:
        token = signer.generate_acl_token(listed[: listed.rfind("/") + 1] + "*")
    else:
        token = signer.generate_acl_token(["/none/*", listed[:-1] + "?"])
    host = f"{algorithm}-{'on' if escape else 'off'}-{'salt' if salted else 'plain'}"
    last = "0" if token[-1] != "0" else "1"
    target = quote(path, safe="/~")
    print(host, f"{target}?__token__={token}", 200, sep="\t")
    print(host, f"{target}?__token__={token[:-1]}{last}", 403, sep="\t")
"#;

/// 200 random tokens of PyPI's akamai-edgeauth, each also with another last digit.
pub(super) fn akamai(env: &Env) -> Result<(), String> {
    let mut servers = String::new();
    for algorithm in ["sha256", "sha1", "md5"] {
        for escape in ["on", "off"] {
            for (name, salt) in [("salt", "salt pepper;"), ("plain", "")] {
                let host = format!("{algorithm}-{escape}-{name}");
                servers += &format!(
                    "token_profile {host} {{ format edgeauth; key file=key; from query; algorithm {algorithm}; \
                     escape_early {escape}; {salt} }}\n\
                     server {{ listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; server_name {host}; root html;\n\
                     location / {{ token_auth {host}; try_files /ok =404; }} }}\n"
                );
            }
        }
    }
    let setup = Setup::new(env)?
        .file("conf/key", b"6578616d706c65")?
        .file("html/ok", b"ok\n")?;
    let server = setup.start(&format!("http {{\n{servers}}}"))?;
    let said = python(&env.base, AKAMAI)?;
    let mut good = 0u32;
    for line in said.lines() {
        let mut words = line.split('\t');
        let (Some(host), Some(target), Some(status)) = (words.next(), words.next(), words.next())
        else {
            return Err(format!("no case: {line}"));
        };
        ask(&server, host, target, status)?;
        good = good.saturating_add(u32::from(status == "200"));
    }
    if good != 200 {
        return Err(format!("{good} tokens were made"));
    }
    server.stop()
}

/// Where scripts/test puts the packages of npm.
const MODULES: &str = "build/node";

/// Prints a line for each token: its key, the target, a Cookie header or nothing, and the answer.
const CLOUDFRONT: &str = r#"
const { getSignedUrl, getSignedCookies } = require("@aws-sdk/cloudfront-signer");
const fs = require("fs");
let seed = 20261130;
const below = (n) => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return (seed >>> 8) % n; };
const word = () => Array.from({ length: 1 + below(6) }, () => "abcXYZ019-_.~"[below(13)]).join("").replace(/^\.+/, "x");
const origin = "https://media.test";
const say = (target, cookie, status) => console.log([target, cookie, status].join("	"));
for (let n = 0; n < 200; n++) {
    const [id, file] = below(2) ? ["RSA", "rsa.pem"] : ["EC", "p256.pem"];
    const path = "/" + [word(), word(), encodeURIComponent(word() + " é")].slice(below(3)).join("/");
    const url = origin + path + (below(2) ? `?v=${below(1000)}&w=` : "");
    const signer = { keyPairId: id, privateKey: fs.readFileSync(`t/data/keys/${file}`, "utf8"), algorithm: below(2) ? "SHA1" : "SHA256" };
    const until = Date.now() + 600000 + below(1e8);
    const times = below(2) ? {} : { dateGreaterThan: new Date(Date.now() - 60000) };
    const address = below(2) ? {} : { ipAddress: ["127.0.0.1", "127.0.0.0/8", "0.0.0.0/0"][below(3)] };
    const folder = url.replace(/[^/]*$/, "*");
    const policy = JSON.stringify({ Statement: [{ Resource: folder, Condition: { DateLessThan: { "AWS:EpochTime": Math.floor(until / 1000) } } }] });
    const input = below(3) ? { ...signer, url, dateLessThan: new Date(until), ...times, ...address } : { ...signer, url, policy };
    if (below(2)) {
        const target = getSignedUrl(input).slice(origin.length);
        say(target, "", 200);
        say(target.replace(path, path + "x"), "", input.policy ? 200 : 403);
    } else {
        const cookie = Object.entries(getSignedCookies(input)).map(([name, value]) => `${name}=${value}`).join("; ");
        say(url.slice(origin.length), cookie, 200);
        say(url.slice(origin.length), cookie.replace(/(Signature=.)./, (all, begin) => begin + (all.endsWith("A") ? "B" : "A")), 403);
    }
}
"#;

/// 200 random links and cookies of npm's @aws-sdk/cloudfront-signer, each also changed.
pub(super) fn cloudfront(env: &Env) -> Result<(), String> {
    let key = |name: &str| {
        let path = env.base.join("t/data/keys").join(name);
        std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
    };
    let setup = Setup::new(env)?
        .file("conf/rsa.key", &key("rsa.pub.pem")?)?
        .file("conf/ec.key", &key("p256.pub.pem")?)?
        .file("html/ok", b"ok\n")?;
    let server = setup.start(
        "http {\ntoken_profile p { format cloudfront; key id=RSA file=rsa.key; key id=EC file=ec.key;\n\
         origin https://media.test; from query cookie; }\n\
         server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; root html;\n\
         location / { token_auth p; try_files /ok =404; } }\n}",
    )?;
    let mut command = Command::new("node");
    command.args(["-e", CLOUDFRONT]).current_dir(&env.base);
    command.env("NODE_PATH", env.base.join(MODULES).join("node_modules"));
    let said = output_of(&mut command)?;
    let mut good = 0u32;
    for line in said.lines() {
        let [target, cookie, status] = *line.split('\t').collect::<Vec<_>>() else {
            return Err(format!("no case: {line}"));
        };
        let headers = match cookie {
            "" => String::new(),
            cookie => format!("Cookie: {cookie}"),
        };
        let response = server.get(target, &headers)?;
        if response.status.to_string() != status {
            let got = response.status;
            return Err(format!("{target} {headers}: {got} instead of {status}"));
        }
        good = good.saturating_add(u32::from(status == "200"));
    }
    if good < 200 {
        return Err(format!("{good} tokens were made"));
    }
    server.stop()
}

fn ask(server: &Server, host: &str, target: &str, status: &str) -> Result<(), String> {
    let response = server.get(target, &format!("Host: {host}"))?;
    let got = response.status.to_string();
    if got == status {
        return Ok(());
    }
    Err(format!("{host} {target}: {got} instead of {status}"))
}

/// What a script prints.
fn python(base: &Path, script: &str) -> Result<String, String> {
    let mut command = Command::new("python3");
    command.args(["-c", script]);
    command.env("PYTHONPATH", base.join(PACKAGES));
    output_of(&mut command)
}

pub(super) fn output_of(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|e| e.to_string())
}
