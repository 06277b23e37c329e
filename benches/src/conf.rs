//! Configurations: one file a family of rows, whose lines are chosen by words.

use crate::data::KEY;
use crate::options::Options;
use std::net::TcpListener;
use std::path::PathBuf;

const FRAME: &str = include_str!("../conf/frame.conf");
const BACKEND: &str = include_str!("../conf/backend.conf");

/// How many addresses the backend listens on, from 127.0.0.1.
pub(crate) const BACKENDS: usize = 10;

/// What all runs have in common.
pub(crate) struct Rig {
    pub nginx: PathBuf,
    module: PathBuf,
    peers: PathBuf,
    pub work: PathBuf,
    /// The backend's port.
    pub backend: u16,
}

impl Rig {
    /// Makes the directory to work in and finds a port for the backend.
    pub(crate) fn new(options: &Options) -> Result<Self, String> {
        std::fs::create_dir_all(&options.work).map_err(|e| e.to_string())?;
        Ok(Self {
            nginx: options.nginx.clone(),
            module: options.module.clone(),
            peers: options.peers.clone(),
            work: options.work.clone(),
            backend: free_port("127.0.0.1")?,
        })
    }

    /// The same with another backend, in a directory of its own.
    pub(crate) fn towards(&self, name: &str, backend: u16) -> Result<Self, String> {
        let work = self.work.join(name);
        std::fs::create_dir_all(&work).map_err(|e| e.to_string())?;
        Ok(Self {
            nginx: self.nginx.clone(),
            module: self.module.clone(),
            peers: self.peers.clone(),
            work,
            backend,
        })
    }

    /// The configuration of the backend.
    pub(crate) fn backend_conf(&self) -> String {
        let listen: Vec<String> = (1..=BACKENDS)
            .map(|n| format!("127.0.0.{n}:{}", self.backend))
            .collect();
        BACKEND.replace("{port}", &listen.join("; listen "))
    }

    /// The lines of a family's file that a run with these words has, in the frame.
    pub(crate) fn conf(&self, lines: &str, words: &[&str]) -> String {
        let text = chosen(&FRAME.replace("{lines}", lines), words);
        text.replace("{backend}", &self.backend.to_string())
            .replace("{module}", &self.module.display().to_string())
            .replace("{peers}", &self.peers.display().to_string())
            .replace("{work}", &self.work.display().to_string())
            .replace("{secret}", KEY)
    }

    /// Whether the modules that these words load were built.
    pub(crate) fn has(&self, words: &[&str]) -> bool {
        let built = |file: &str| self.peers.join(file).is_file();
        words.iter().all(|word| match *word {
            "set_misc" => built("ngx_http_set_misc_module.so") && built("ndk_http_module.so"),
            "lua" => built("ngx_http_lua_module.so") && built("ndk_http_module.so"),
            "geoip2" => built("ngx_http_geoip2_module.so"),
            _ => true,
        })
    }
}

/// Drops the lines whose words are all others; the words themselves go from the rest.
fn chosen(text: &str, words: &[&str]) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let line = match line.strip_prefix('@') {
            None => line,
            Some(rest) => {
                let (these, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                if !these.split(',').any(|word| words.contains(&word)) {
                    continue;
                }
                rest
            }
        };
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

/// A port of an address that nobody uses.
pub(crate) fn free_port(address: &str) -> Result<u16, String> {
    let listener = TcpListener::bind((address, 0)).map_err(|e| format!("{address}: {e}"))?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

#[cfg(test)]
mod tests {
    use super::chosen;

    #[test]
    fn lines_without_a_word_stay_and_others_need_one() {
        let text = "a\n@x b\n@y,z c\n";
        assert_eq!(chosen(text, &[]), "a\n");
        assert_eq!(chosen(text, &["x"]), "a\nb\n");
        assert_eq!(chosen(text, &["z"]), "a\nc\n");
    }
}
