//! What the rules look at: the workspace's crates, its text files and the packages it is built from, as plain values.
//!
//! Plain values because every rule is also tried on a house that breaks it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// Folders that hold nothing of ours.
const SKIPPED_FOLDERS: [&str; 5] = ["target", ".git", ".build", "node_modules", ".venv"];
/// What a text file's name ends with; files without an ending are read too when they are small.
const TEXT_ENDINGS: [&str; 12] =
    ["rs", "toml", "md", "sh", "yaml", "yml", "json", "txt", "go", "mod", "snap", "py"];

/// Everything a rule may look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct House {
    /// The members of the workspace.
    pub(crate) crates: Vec<Crate>,
    /// Every text file of the repository, `Cargo.lock` apart.
    pub(crate) files: Vec<File>,
    /// Every package that a build for this machine uses, ours included.
    pub(crate) packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crate {
    /// The package's name, `serin-kernel`.
    pub(crate) name: String,
    /// Its folder from the root, `crates/core/kernel`.
    pub(crate) room: String,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    /// The text of its `Cargo.toml`.
    pub(crate) manifest: String,
    /// The file with the crate's root module.
    pub(crate) root_file: String,
}

/// One line of a crate's dependencies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// For tests and examples only.
    pub(crate) dev: bool,
}

/// One text file.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// One package of the build.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
}

impl House {
    /// Reads the repository that this test was compiled in.
    pub(crate) fn read() -> Result<Self> {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).canonicalize()?;
        let members = MetadataCommand::new()
            .current_dir(&root)
            .no_deps()
            .other_options(["--offline".to_owned()])
            .exec()
            .context("cargo metadata of the workspace")?;
        let mut crates = Vec::new();
        for package in &members.packages {
            let folder = package.manifest_path.parent().context("a manifest has a folder")?;
            let root_target = package
                .targets
                .iter()
                .find(|target| target.is_lib())
                .or_else(|| package.targets.iter().find(|target| target.is_bin()));
            crates.push(Crate {
                name: package.name.to_string(),
                room: relative(&root, folder.as_std_path()),
                description: package.description.clone(),
                license: package.license.clone(),
                dependencies: package
                    .dependencies
                    .iter()
                    .map(|d| Dependency { name: d.name.clone(), dev: d.kind == DependencyKind::Development })
                    .collect(),
                manifest: std::fs::read_to_string(&package.manifest_path)?,
                root_file: root_target
                    .map(|target| relative(&root, target.src_path.as_std_path()))
                    .unwrap_or_default(),
            });
        }
        let mut files = Vec::new();
        read_folder(&root, &root, &mut files)?;
        Ok(Self { crates, files, packages: packages(&root)? })
    }

    /// The text of a file by its path from the root; empty when there is none.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.files.iter().find(|file| file.path == path).map_or("", |file| &file.text)
    }

    /// The Rust files of a crate's `src`.
    pub(crate) fn sources<'a>(&'a self, room: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| {
            file.path.strip_prefix(room).is_some_and(|rest| rest.starts_with("/src/") && ends_with_rs(rest))
        })
    }
}

/// Whether a path names a Rust source.
pub(crate) fn ends_with_rs(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "rs")
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn packages(root: &Path) -> Result<Vec<Package>> {
    let host = host()?;
    let all = MetadataCommand::new()
        .current_dir(root)
        .other_options(["--offline".to_owned(), "--filter-platform".to_owned(), host])
        .exec()
        .context("cargo metadata of the whole build")?;
    Ok(all
        .packages
        .into_iter()
        .map(|p| Package { name: p.name.to_string(), version: p.version.to_string(), license: p.license })
        .collect())
}

/// The triple of this machine: without it cargo would want the packages of every platform.
pub(crate) fn host() -> Result<String> {
    let out = std::process::Command::new("rustc").arg("-vV").output().context("rustc -vV")?;
    let text = String::from_utf8(out.stdout)?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc -vV names no host")?.to_owned())
}

fn read_folder(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<std::io::Result<_>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                read_folder(root, &path, files)?;
            }
            continue;
        }
        let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned());
        let is_text = ending.is_none_or(|ending| TEXT_ENDINGS.contains(&ending.as_str()));
        // In a linked worktree .git is a file, which names its repository.
        if !kind.is_file() || !is_text || ["Cargo.lock", ".git"].contains(&name.as_str()) {
            continue;
        }
        if let Ok(text) = std::fs::read_to_string(&path) {
            files.push(File { path: relative(root, &path), text });
        }
    }
    Ok(())
}
