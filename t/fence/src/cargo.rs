//! What cargo knows: packages, their sources, what they depend on.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A package.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub name: String,
    pub version: String,
    pub rust_version: Option<String>,
    pub manifest_path: PathBuf,
    pub dependencies: Vec<Dependency>,
    pub targets: Vec<Target>,
}

/// An entry of a manifest's dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub name: String,
    pub rename: Option<String>,
    /// `dev`, `build`, or none for an ordinary one.
    pub kind: Option<String>,
    /// Where it is, if it is one of ours.
    pub path: Option<PathBuf>,
}

/// A library, program, test or build script.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub name: String,
    pub kind: Vec<String>,
    pub src_path: PathBuf,
}

impl Package {
    /// Its directory.
    pub(crate) fn directory(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }
}

impl Target {
    /// Whether it is only for tests.
    pub(crate) fn is_test(&self) -> bool {
        self.kind
            .iter()
            .any(|kind| matches!(kind.as_str(), "test" | "bench" | "example"))
    }

    /// Whether others can use it.
    pub(crate) fn is_library(&self) -> bool {
        self.kind
            .iter()
            .any(|kind| kind.contains("lib") || kind == "proc-macro")
    }
}

impl Dependency {
    /// Its name in Rust: what this manifest calls it, else what its library is called.
    pub(crate) fn identifier(&self, everything: &[Package]) -> String {
        let package = everything.iter().find(|package| package.name == self.name);
        let mut targets = package.iter().flat_map(|package| &package.targets);
        let library = targets
            .find(|target| target.is_library())
            .map(|target| &target.name);
        let name = self.rename.as_ref().or(library).unwrap_or(&self.name);
        name.replace('-', "_")
    }
}

/// Our own packages.
pub(crate) fn packages(root: &Path, manifests: &[String]) -> Result<Vec<Package>, String> {
    let mut packages = Vec::new();
    for manifest in manifests {
        packages.extend(metadata(&root.join(manifest), &["--no-deps"])?);
    }
    Ok(packages)
}

/// Every package that is compiled here, ours and others'.
pub(crate) fn everything(root: &Path) -> Result<Vec<Package>, String> {
    let host = ["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"];
    metadata(&root.join("Cargo.toml"), &host)
}

fn metadata(manifest: &Path, args: &[&str]) -> Result<Vec<Package>, String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(manifest)
        .args(args)
        .output()
        .map_err(|e| format!("cargo: {e}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    Ok(metadata.packages)
}
