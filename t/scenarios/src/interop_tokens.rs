//! What the tests of JSON Web Tokens and of Common Access Tokens share: a host for each algorithm, the tokens of a script that
//! signs and judges them with another library, and ours, which it verifies.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

use crate::interop::{PACKAGES, output_of};

/// The scripts' secret.
pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// An algorithm, and its key in t/data/keys; the secret where there is none.
pub(super) type Algorithm = (&'static str, Option<&'static str>);

/// A format that we share with another library.
pub(super) struct Format {
    /// The library.
    pub library: &'static str,
    /// Makes tokens and judges them with it.
    pub script: &'static str,
    pub algorithms: &'static [Algorithm],
    /// Words of every profile.
    pub words: &'static str,
    /// What each location does with a good token.
    pub answer: &'static str,
    /// Header lines of every request.
    pub headers: &'static str,
}

impl Format {
    /// The script, which is to do this.
    pub(super) fn script(&self, base: &Path, what: &str) -> Command {
        let mut command = Command::new("python3");
        command.args([self.script, what]).current_dir(base);
        command.env("PYTHONPATH", base.join(PACKAGES));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// A profile with these words, and the server that it protects.
    pub(super) fn server(&self, name: &str, words: &str) -> String {
        let (all, answer) = (self.words, self.answer);
        format!(
            "token_profile {name} {{ {all} {words} }}\n\
             token_claim ${name}_sub {name} sub;\n\
             server {{ listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; server_name {name}; root html;\n\
             location / {{ token_auth {name}; add_header X-Sub \"<${name}_sub>\"; {answer} }} }}\n"
        )
    }

    /// A host for each algorithm, and `any`, which has the keys of all.
    pub(super) fn servers<'e>(
        &self,
        env: &Env,
        setup: Setup<'e>,
    ) -> Result<(Setup<'e>, String), String> {
        let mut setup = setup.file("conf/secret", SECRET.as_bytes())?;
        let mut servers = String::new();
        let mut keys = String::from("key file=secret;");
        let mut names = String::new();
        for (name, file) in self.algorithms {
            let key = match file {
                None => "key file=secret;".to_owned(),
                Some(file) => {
                    let path = env.base.join(format!("t/data/keys/{file}.pub.pem"));
                    let text =
                        std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                    setup = setup.file(&format!("conf/{file}.pem"), &text)?;
                    format!("key file={file}.pem encoding=pem;")
                }
            };
            let host = name.to_lowercase();
            servers += &self.server(&host, &format!("{key} algorithm {name};"));
            if !keys.contains(&key) {
                keys += &key;
            }
            names += &format!(" {name}");
        }
        servers += &self.server("any", &format!("{keys} algorithm{names};"));
        Ok((setup, servers))
    }

    /// Asks about 200 random tokens that the script makes and judges; so many at least are good.
    pub(super) fn judge(&self, env: &Env, server: &Server, least: u32) -> Result<(), String> {
        let said = output_of(&mut self.script(&env.base, "tokens"))?;
        let (mut good, mut all) = (0_u32, 0_u32);
        for line in said.lines() {
            good += u32::from(self.ask(server, line)?);
            all += 1;
        }
        if all != 200 || good < least {
            return Err(format!("{all} tokens were made, {good} of them good"));
        }
        Ok(())
    }

    /// Sends one of the script's tokens; says whether it was good.
    fn ask(&self, server: &Server, line: &str) -> Result<bool, String> {
        let [host, target, header, status, sub] = *line.split('\t').collect::<Vec<_>>() else {
            return Err(format!("no case: {line}"));
        };
        let headers = format!("Host: {host}\n{}{header}", self.headers);
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

    /// Has the script verify so many tokens of ours, each in a line with its algorithm and subject.
    pub(super) fn verify(&self, env: &Env, lines: String, wanted: usize) -> Result<(), String> {
        let mut child = self
            .script(&env.base, "verify")
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
        if !output.status.success() || verified != wanted || !matches!(written, Ok(Ok(()))) {
            let said = String::from_utf8_lossy(&output.stderr);
            let library = self.library;
            return Err(format!("{library} verified {verified} of {wanted}: {said}"));
        }
        Ok(())
    }
}

/// The command, which is built into the same directory as this program.
pub(super) fn gatehouse() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let path = own.with_file_name("gatehouse");
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "there is no {}: cargo build -p gatehouse-cli",
        path.display()
    ))
}
