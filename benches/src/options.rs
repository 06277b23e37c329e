//! The command line.

use std::path::PathBuf;

/// What the command line says.
pub(crate) struct Options {
    pub nginx: PathBuf,
    pub module: PathBuf,
    /// Where the modules of others are, if they could be built.
    pub peers: PathBuf,
    pub work: PathBuf,
    pub short: Option<PathBuf>,
    /// Whether nginx runs as it does in life, and not under callgrind.
    pub native: bool,
    pub only: Vec<String>,
}

impl Options {
    /// Reads it.
    pub(crate) fn read() -> Result<Options, String> {
        let mut options = Options {
            nginx: PathBuf::new(),
            module: PathBuf::new(),
            peers: PathBuf::from("/nonexistent"),
            work: std::env::temp_dir().join(format!("gatehouse-bench-{}", std::process::id())),
            short: None,
            native: false,
            only: Vec::new(),
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .map(PathBuf::from)
                    .ok_or(format!("{word} needs a value"))
            };
            match word.as_str() {
                "--nginx" => options.nginx = value()?,
                "--module" => options.module = value()?,
                "--peers" => options.peers = value()?,
                "--work" => options.work = value()?,
                "--native" => options.native = true,
                "--short" => options.short = Some(value()?),
                name => options.only.push(name.to_owned()),
            }
        }
        if !options.nginx.is_file() || !options.module.is_file() {
            return Err(
                "--nginx and --module are needed and must exist (scripts/build makes both)".into(),
            );
        }
        Ok(options)
    }
}
