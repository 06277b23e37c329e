//! docs/guides/sign-links.md: nginx lets in what each example prints, and refuses it with one character changed.
//!
//! An example is run in the folder of the configuration above it, with that one's key in its environment.

use std::io::Write;
use std::process::{Command, Stdio};

use nginx_prove::env::Env;

use crate::examples::{Running, Stage};
use crate::pages::{blocks, whole};

const PAGE: &str = "docs/guides/sign-links.md";

/// The file that signs where the profile has a public key, as the examples are told it.
const SIGNER: &str = "keys/signer.key";

/// So many formats can be signed for without more than a few lines; in a shell all but `cat`.
const FORMATS: usize = 15;

pub(super) fn shell(env: &Env) -> Result<(), String> {
    run(env, "sh", "sh", FORMATS - 1)
}

pub(super) fn python(env: &Env) -> Result<(), String> {
    run(env, "python", "python3", FORMATS)
}

pub(super) fn php(env: &Env) -> Result<(), String> {
    run(env, "php", "php", FORMATS)
}

/// Runs the examples in a language, each with the configuration above it; `interpreter` reads them from its input.
fn run(env: &Env, language: &str, interpreter: &str, wanted: usize) -> Result<(), String> {
    let page = std::fs::read_to_string(env.base.join(PAGE)).map_err(|e| e.to_string())?;
    let (mut conf, mut wrong, mut done) = (String::new(), Vec::new(), 0_usize);
    for (of, text) in blocks(&page)? {
        if of == "nginx" {
            conf = text;
        } else if of == language {
            done = done.saturating_add(1);
            let tried = example(env, &conf, interpreter, &text);
            wrong.extend(tried.err().map(|e| format!("{conf}{text}{e}")));
        }
    }
    if done != wanted {
        wrong.push(format!("{done} examples, not {wanted}"));
    }
    match wrong.as_slice() {
        [] => Ok(()),
        wrong => Err(wrong.join("\n\n")),
    }
}

fn example(env: &Env, conf: &str, interpreter: &str, text: &str) -> Result<(), String> {
    let server = Stage::new(env)?.start(&whole(conf))?;
    let printed = printed(&server, key_file(conf)?, interpreter, text)?;
    expect(&server, conf, &printed, "the link", &[200])?;
    let changed = changed(&printed).ok_or_else(|| format!("no token in {printed}"))?;
    expect(
        &server,
        conf,
        &changed,
        "with one character changed",
        &[401, 403],
    )?;
    server.stop()
}

/// The path of the key in a profile, below the folder of the configuration.
fn key_file(conf: &str) -> Result<&str, String> {
    let named = conf.split_once("file=").map(|parts| parts.1);
    let end = |rest: &str| rest.find([' ', ';']);
    let path = named.and_then(|rest| rest.get(..end(rest)?));
    path.ok_or_else(|| "no key".to_owned())
}

/// The one line that an example prints.
fn printed(
    server: &Running,
    key_file: &str,
    interpreter: &str,
    text: &str,
) -> Result<String, String> {
    let folder = server.root().join("conf");
    let key = std::fs::read_to_string(folder.join(key_file)).map_err(|e| e.to_string())?;
    let mut child = Command::new(interpreter)
        .current_dir(&folder)
        .env("KEY", key.trim_end())
        .env("KEY_FILE", SIGNER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{interpreter}: {e}"))?;
    // Dropped when it is written: the interpreter waits for the end.
    let written = child
        .stdin
        .take()
        .map(|mut to| to.write_all(text.as_bytes()));
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    let is_well =
        output.status.success() && complaints.is_empty() && matches!(written, Some(Ok(())));
    match said.lines().count() {
        1 if is_well => Ok(said),
        _ => Err(format!("{interpreter} said {said:?} {complaints}")),
    }
}

/// Asks with what an example has printed: a URL, a path, or a header line.
fn expect(
    server: &Running,
    conf: &str,
    printed: &str,
    what: &str,
    wanted: &[u16],
) -> Result<(), String> {
    let (target, header) = if let Some((_, rest)) = printed.split_once("https://") {
        (rest.find('/').and_then(|at| rest.get(at..)), "")
    } else if printed.starts_with('/') {
        (Some(printed), "")
    } else {
        let location = conf.split_once("location ").map(|parts| parts.1);
        (location.and_then(|rest| rest.split(' ').next()), printed)
    };
    let target = target.ok_or_else(|| format!("no target in {printed}"))?;
    // A header line stands for any file of its location.
    let target = if header.is_empty() {
        target.to_owned()
    } else {
        format!("{target}logo.txt")
    };
    let response = server.get(&target, header)?;
    if wanted.contains(&response.status) {
        return Ok(());
    }
    let (status, log) = (response.status, server.log());
    Err(format!(
        "{what}: {status} instead of {wanted:?} for {printed}\n{log}"
    ))
}

/// The same text with another character in the middle of its longest word, which is what is signed, or the signature.
fn changed(printed: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let word = printed
        .split(|c| !is_part(c))
        .max_by_key(|word| word.len())?;
    let at = printed.find(word)?.checked_add(word.len() / 2)?;
    let old = printed.get(at..)?.chars().next()?;
    let new = if old == '0' { "1" } else { "0" };
    let behind = printed.get(at..)?.get(old.len_utf8()..)?;
    Some(format!("{}{new}{behind}", printed.get(..at)?))
}

#[cfg(test)]
mod tests {
    use super::{changed, key_file};

    #[test]
    fn one_character_of_the_longest_word_is_changed() {
        let changed = |text| changed(text).unwrap();
        assert_eq!(changed("/a?t=abcde,4"), "/a?t=ab0de,4");
        assert_eq!(
            changed("Authorization: Bearer aa.0000000000000000000000.c"),
            "Authorization: Bearer aa.0000000000010000000000.c"
        );
    }

    #[test]
    fn the_key_of_a_profile() {
        assert_eq!(
            key_file("key id=a file=keys/b encoding=text; }"),
            Ok("keys/b")
        );
        assert_eq!(key_file("key file=b;"), Ok("b"));
        assert!(key_file("origin x;").is_err());
    }
}
