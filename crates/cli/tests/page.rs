//! docs/cli.md: the terminal lines get the answers written there.
#![allow(clippy::unwrap_used)] // helpers outside #[test] functions

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// Each command of the page's terminals, and what stands below it.
fn commands(page: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match line.strip_prefix("$ ") {
                Some(command) => commands.push((command.to_owned(), String::new())),
                None => commands.last_mut().unwrap().1 += &format!("{line}\n"),
            }
        }
    }
    commands
}

#[test]
fn every_command_answers_as_written() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(repository.join("docs/cli.md")).unwrap();
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{}", std::process::id()));
    fs::create_dir_all(folder.join("keys")).unwrap();
    for key in ["video.key", "dl.key"] {
        fs::write(folder.join("keys").join(key), "example").unwrap();
    }
    let countries = repository.join("nginx-conf/countries.csv");
    fs::copy(countries, folder.join("countries.csv")).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_gatehouse")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), env::var("PATH").unwrap());
    let commands = commands(&page);
    assert!(commands.len() >= 5, "{commands:?}");
    for (command, wanted) in commands {
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(&folder)
            .env("PATH", &path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, wanted, "{command}: {output:?}");
    }
    fs::remove_dir_all(folder).unwrap();
}
