//! A crate that depends on several, so that one static library has them all, with one runtime and one version of each
//! crate that they share.

use super::BuildError;
use super::manifest::{self, Crate};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The parts of the crate.
pub struct Combined<'a> {
    /// Its name.
    pub name: &'a str,
    /// The crates that it exports.
    pub crates: &'a [Crate],
    /// The directories of crates that stand for those of the same name from the registry.
    pub replacements: &'a [PathBuf],
    /// `false` if the crates are built without their default features.
    pub default_features: bool,
    /// Where it is written.
    pub directory: &'a Path,
    /// Its lock file, if it has one.
    pub lock: Option<&'a Path>,
    /// cargo's profile. It is defined as `release` unless it is one that every crate has.
    pub profile: &'a str,
}

/// cargo's arguments, as they are for the crate that depends on the others.
pub struct Options {
    /// `false` after `--no-default-features`.
    pub default_features: bool,
    /// The other arguments.
    pub arguments: Vec<String>,
}

impl Options {
    /// Reads arguments that are meant for the crates. Fails if they do not say for which one.
    pub fn of(crates: &[Crate], arguments: &[String]) -> Result<Self, BuildError> {
        let mut options = Options {
            default_features: true,
            arguments: Vec::new(),
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (option, value) = match argument.split_once('=') {
                Some((option, value)) => (option, Some(value.to_owned())),
                None => match argument.split_at_checked(2) {
                    Some(("-F", feature)) if !feature.is_empty() => {
                        ("-F", Some(feature.to_owned()))
                    }
                    _ => (&**argument, None),
                },
            };
            match option {
                "--no-default-features" => options.default_features = false,
                "--all-features" => {
                    return Err(BuildError::Features(
                        "--all-features is for a crate that is a static library: name the features with --features"
                            .to_owned(),
                    ));
                }
                "--features" | "-F" => {
                    let value = value.or_else(|| rest.next().cloned()).unwrap_or_default();
                    let features = value.split([',', ' ']).filter(|f| !f.is_empty());
                    let features: Vec<String> = features
                        .map(|feature| qualified(feature, crates))
                        .collect::<Result<_, _>>()?;
                    options.arguments.push("--features".to_owned());
                    options.arguments.push(features.join(","));
                }
                _ => options.arguments.push(argument.clone()),
            }
        }
        Ok(options)
    }
}

/// Returns the name of a feature of a dependency, `CRATE/FEATURE`.
fn qualified(feature: &str, crates: &[Crate]) -> Result<String, BuildError> {
    match crates {
        _ if feature.contains('/') => Ok(feature.to_owned()),
        [one] => Ok(format!("{}/{feature}", one.name)),
        _ => Err(BuildError::Features(format!(
            "the feature `{feature}` may be one of several crates: write --features CRATE/{feature}"
        ))),
    }
}

const PROFILES: [&str; 4] = ["dev", "release", "test", "bench"];

/// Writes the crate. Returns its manifest.
pub fn write(combined: &Combined<'_>) -> Result<PathBuf, BuildError> {
    for krate in combined.crates {
        if !krate.is_library {
            return Err(BuildError::Manifest {
                path: krate.manifest.clone(),
                problem: "several crates are built into one static library, so none of them can be one itself: remove \
                          `crate-type = [\"staticlib\"]` from [lib]"
                    .to_owned(),
            });
        }
    }
    let replacements: Vec<Crate> = combined
        .replacements
        .iter()
        .map(|directory| manifest::read(directory))
        .collect::<Result<_, _>>()?;
    let directory = combined.directory;
    fs::create_dir_all(directory).map_err(BuildError::file(directory))?;
    let manifest = directory.join("Cargo.toml");
    write_if_changed(&manifest, &manifest_text(combined, &replacements))?;
    write_if_changed(&directory.join("lib.rs"), &library_text(combined))?;
    if let Some(lock) = combined.lock {
        let text = fs::read_to_string(lock).map_err(BuildError::file(lock))?;
        write_if_changed(&directory.join("Cargo.lock"), &text)?;
    }
    Ok(manifest)
}

/// Writes a file, unless it has this content: cargo builds again what is newer.
fn write_if_changed(path: &Path, text: &str) -> Result<(), BuildError> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text).map_err(BuildError::file(path))
}

fn manifest_text(combined: &Combined<'_>, replacements: &[Crate]) -> String {
    let mut text = format!(
        "# Written by ocaml-lwt-build.\n\n\
         [package]\nname = {}\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [lib]\npath = \"lib.rs\"\ncrate-type = [\"staticlib\"]\n\n[workspace]\n\n[dependencies]\n",
        quoted(combined.name)
    );
    let dependency = |text: &mut String, krate: &Crate, options: &str| {
        let path = quoted(&krate.directory().to_string_lossy());
        writeln!(
            text,
            "{} = {{ path = {path}{options} }}",
            quoted(&krate.name)
        )
        .expect("a string takes it");
    };
    let options = match combined.default_features {
        true => "",
        false => ", default-features = false",
    };
    for krate in combined.crates {
        dependency(&mut text, krate, options);
    }
    let is_needed = |krate: &&Crate| {
        let dependents = combined.crates.iter().chain(replacements);
        let mut names = dependents.flat_map(|dependent| &dependent.from_registry);
        names.any(|name| *name == krate.name)
    };
    let mut patches: Vec<&Crate> = combined
        .crates
        .iter()
        .chain(replacements)
        .filter(is_needed)
        .collect();
    patches.sort_by(|a, b| a.name.cmp(&b.name));
    patches.dedup_by(|a, b| a.name == b.name);
    if !patches.is_empty() {
        text.push_str("\n[patch.crates-io]\n");
        for krate in patches {
            dependency(&mut text, krate, "");
        }
    }
    if !PROFILES.contains(&combined.profile) {
        let profile = quoted(combined.profile);
        writeln!(text, "\n[profile.{profile}]\ninherits = \"release\"").expect("a string takes it");
    }
    text + "\n[profile.dev]\nopt-level = 1\ndebug = \"line-tables-only\"\n\n\
            [profile.release]\nlto = \"thin\"\ncodegen-units = 1\ndebug = \"line-tables-only\"\n"
}

fn library_text(combined: &Combined<'_>) -> String {
    let mut text = String::from(
        "// Written by ocaml-lwt-build: names each crate, so that it becomes part of the library.\n\n#![allow(unused_imports)]\n\n",
    );
    for krate in combined.crates {
        writeln!(text, "use {} as _;", krate.crate_name).expect("a string takes it");
    }
    text
}

/// Returns a string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                write!(quoted, "\\u{:04x}", c as u32).expect("a string takes it")
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(name: &str, from_registry: &[&str]) -> Crate {
        Crate {
            name: name.to_owned(),
            crate_name: name.replace('-', "_"),
            manifest: format!("/lib/{name}/Cargo.toml").into(),
            workspace: format!("/lib/{name}").into(),
            is_static_library: false,
            is_library: true,
            from_registry: from_registry.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    fn combined(crates: &[Crate]) -> Combined<'_> {
        Combined {
            name: "all",
            crates,
            replacements: &[],
            default_features: true,
            directory: Path::new("/tmp"),
            lock: None,
            profile: "dev",
        }
    }

    #[test]
    fn the_crate_depends_on_all_and_names_them() {
        let crates = [
            krate("first-lib", &["runtime", "shared"]),
            krate("second", &["shared"]),
            krate("shared", &[]),
        ];
        let combined = combined(&crates);
        let text = manifest_text(&combined, &[krate("runtime", &[]), krate("unused", &[])]);
        for part in [
            "name = \"all\"",
            "\n[dependencies]\n\"first-lib\" = { path = \"/lib/first-lib\" }\n\"second\" =",
            "\n[patch.crates-io]\n\"runtime\" = { path = \"/lib/runtime\" }\n\"shared\" = { path = \"/lib/shared\" }\n\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("unused"), "{text}");
        assert!(!text.contains("inherits"), "{text}");
        let library = library_text(&combined);
        assert!(
            library.contains("use first_lib as _;\nuse second as _;\n"),
            "{library}"
        );
    }

    #[test]
    fn features_are_those_of_the_crates() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let one = [krate("shapes", &[])];
        let two = [krate("shapes", &[]), krate("lines", &[])];
        let options =
            Options::of(&one, &words("--features full,lines/fast -q -F=more -Fmost")).unwrap();
        assert_eq!(
            options.arguments,
            words(
                "--features shapes/full,lines/fast -q --features shapes/more --features shapes/most"
            )
        );
        assert!(options.default_features);
        let options = Options::of(&two, &words("--no-default-features -F lines/fast")).unwrap();
        assert_eq!(options.arguments, words("--features lines/fast"));
        let combined = Combined {
            default_features: options.default_features,
            ..combined(&two)
        };
        let text = manifest_text(&combined, &[]);
        assert!(
            text.contains("\"lines\" = { path = \"/lib/lines\", default-features = false }"),
            "{text}"
        );
        for (arguments, part) in [
            ("--features full", "--features CRATE/full"),
            ("--all-features", "name the features"),
        ] {
            let error = Options::of(&two, &words(arguments)).err().unwrap();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    /// dune's profiles may have any names.
    #[test]
    fn other_profiles_are_like_release() {
        let combined = Combined {
            profile: "static",
            ..combined(&[])
        };
        let text = manifest_text(&combined, &[]);
        assert!(
            text.contains("\n[profile.\"static\"]\ninherits = \"release\"\n"),
            "{text}"
        );
    }

    #[test]
    fn odd_paths_are_strings_of_toml() {
        assert_eq!(quoted("a\"b\\c\n"), r#""a\"b\\c\u000a""#);
    }
}
