//! JSON Web Tokens between PyPI's PyJWT and us, in both directions.

use std::process::Command;

use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

use crate::interop::output_of;
use crate::interop_tokens::{Algorithm, Format, SECRET, gatehouse};

const JWT: Format = Format {
    library: "PyJWT",
    script: "t/scenarios/src/interop_jwt.py",
    algorithms: &ALGORITHMS,
    words: "format jwt; from header query=t cookie=c; \
            issuer https://id.test/; audience edge; require scope contains write;",
    answer: "try_files /ok =404;",
    headers: "",
};

const ALGORITHMS: [Algorithm; 13] = [
    ("HS256", None),
    ("HS384", None),
    ("HS512", None),
    ("RS256", Some("rsa")),
    ("RS384", Some("rsa")),
    ("RS512", Some("rsa")),
    ("PS256", Some("rsa")),
    ("PS384", Some("rsa")),
    ("PS512", Some("rsa")),
    ("ES256", Some("p256")),
    ("ES384", Some("p384")),
    ("ES512", Some("p521")),
    ("EdDSA", Some("ed25519")),
];

/// 200 random tokens that PyJWT signs and judges, and tokens of ours that it verifies.
pub(super) fn run(env: &Env) -> Result<(), String> {
    let server = serve(env)?;
    JWT.judge(env, &server, 60)?;
    server.stop()?;
    ours(env)
}

/// A host for each algorithm; `any`, which has the keys of all; `jwks`, which has them as PyJWT spells them.
fn serve(env: &Env) -> Result<Server, String> {
    let secrets = output_of(&mut JWT.script(&env.base, "secrets"))?;
    let keys = output_of(&mut JWT.script(&env.base, "keys"))?;
    let setup = Setup::new(env)?
        .file("conf/secrets.json", secrets.as_bytes())?
        .file("conf/keys.json", keys.as_bytes())?
        .file("html/ok", b"ok\n")?;
    let (setup, servers) = JWT.servers(env, setup)?;
    let by_set = JWT.server("jwks", "jwks file=secrets.json; jwks file=keys.json;");
    setup.start(&format!("http {{\n{servers}{by_set}}}"))
}

/// `gatehouse token sign` signs with every algorithm, PyJWT verifies.
fn ours(env: &Env) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).map_err(|e| e.to_string())?;
    let mut lines = String::new();
    let subjects = ["user-1", "a\"b\\c/é", "€😀 = \t\u{1}"];
    for (algorithm, file) in ALGORITHMS {
        for sub in subjects {
            let key = file.map(|file| env.base.join(format!("t/data/keys/{file}.pem")));
            let encoding = if key.is_some() { "pem" } else { "text" };
            let mut command = Command::new(gatehouse()?);
            command
                .args(["token", "sign", "--format", "jwt", "--expires", "+600"])
                .args(["--key-encoding", encoding, "--algorithm", algorithm])
                .args(["--issuer", "https://id.test/", "--audience", "edge"])
                .arg("--key-file")
                .arg(key.as_ref().unwrap_or(&secret))
                .args(["--claim", &format!("sub={sub}")]);
            let said = output_of(&mut command)?;
            let token = said.trim_end().strip_prefix("Authorization: Bearer ");
            let token = token.ok_or_else(|| format!("no token: {said}"))?;
            let sub = data_encoding::HEXLOWER.encode(sub.as_bytes());
            lines += &format!("{algorithm}\t{token}\t{sub}\n");
        }
    }
    JWT.verify(env, lines, ALGORITHMS.len() * subjects.len())
}
