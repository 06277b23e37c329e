//! Common Access Tokens between PyPI's cwt and us, in both directions.

use std::process::Command;

use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

use crate::interop::output_of;
use crate::interop_tokens::{Algorithm, Format, SECRET, gatehouse};

const CAT: Format = Format {
    library: "cwt",
    script: "t/scenarios/src/interop_cat.py",
    algorithms: &ALGORITHMS,
    words: "format cat; origin https://cdn.test; issuer https://id.test/; audience edge;",
    answer: "",
    headers: "X-Device: tv\n",
};

const ALGORITHMS: [Algorithm; 10] = [
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
    CAT.judge(env, &server, 40)?;
    server.stop()?;
    ours(env)
}

/// A host for each algorithm, and `any`, which has the keys of all.
fn serve(env: &Env) -> Result<Server, String> {
    let setup = Setup::new(env)?.file("html/live/ch1/ok", b"ok\n")?;
    let (setup, servers) = CAT.servers(env, setup)?;
    setup.start(&format!("http {{\n{servers}}}"))
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
    CAT.verify(env, lines, OURS)
}
