//! `ocaml-lwt-build`: builds the static library of an OCaml program, and the declarations of what it exports.

use clap::Parser;
use ocaml_lwt_bindgen::build::{self, Request};
use ocaml_lwt_bindgen::generate::{self, Declarations, File, names};
use ocaml_lwt_bindgen::output::Output;
use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Builds Rust crates that export functions to OCaml into one static library, with cargo.
///
/// Use it in a rule of dune:
///
///   (rule
///    (targets librust.a rust.ml rust.mli rust.link)
///    (deps (source_tree rust) (package lwt_interop))
///    (action (run ocaml-lwt-build rust --name rust --profile %{profile})))
#[derive(Parser)]
#[command(
    name = "ocaml-lwt-build",
    version,
    verbatim_doc_comment,
    max_term_width = 100
)]
struct Options {
    /// The directories of the crates, or their Cargo.toml. A crate that is a static library is built alone. Other crates
    /// are built into one library, with one runtime and one version of each crate that they share
    #[arg(value_name = "CRATE", default_value = ".")]
    crates: Vec<PathBuf>,

    /// Writes libNAME.a, NAME.ml, NAME.mli and NAME.link: the name of an OCaml module, in lower case
    #[arg(long, value_name = "NAME", value_parser = module_name)]
    name: String,

    /// dune's profile: `dev` and `release` are cargo's profiles of that name. A static library has to define any other one
    /// in its Cargo.toml; for several crates it is like `release`
    #[arg(long, value_name = "PROFILE", default_value = "release")]
    profile: String,

    /// cargo's profile, if it is not that of dune
    #[arg(long, value_name = "PROFILE")]
    cargo_profile: Option<String>,

    /// The Cargo.lock of crates that are built into one library. A crate that is a static library has its own
    #[arg(long, value_name = "FILE")]
    lock: Option<PathBuf>,

    /// Builds nothing, but chooses the versions of several crates anew, and writes them to this file, for --lock
    #[arg(long, value_name = "FILE", conflicts_with = "lock")]
    update_lock: Option<PathBuf>,

    /// Uses this directory, or Cargo.toml, instead of the registry's crate of the same name. May be repeated
    #[arg(long, value_name = "CRATE")]
    replace: Vec<PathBuf>,

    /// Writes no NAME.ml and NAME.mli
    #[arg(long)]
    no_declarations: bool,

    /// Declares what this crate defines, and the types of other crates that it mentions. May be repeated; without this
    /// option, all crates are declared
    #[arg(long, value_name = "CRATE")]
    declare: Vec<String>,

    /// Does not declare the types of this crate: the OCaml module MODULE has them. May be repeated
    #[arg(long = "extern", value_name = "CRATE=MODULE", value_parser = names::parse_extern)]
    externs: Vec<(String, String)>,

    /// Believes that the types of --extern are those of Rust. Otherwise OCaml compares them, which fails if MODULE makes them
    /// abstract, private or mutable, or defines them with parameters
    #[arg(long, requires = "externs")]
    trust_extern: bool,

    /// Further arguments for cargo, such as `--features full`; of several crates, `--features CRATE/full`
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

/// Accepts what can be the name of a file of OCaml code.
fn module_name(name: &str) -> Result<String, String> {
    let is_legal = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match is_legal {
        true => Ok(name.to_owned()),
        false => Err("it becomes an OCaml module: use letters, digits and `_`, and begin with a lower-case letter".into()),
    }
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ocaml-lwt-build: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let name = &options.name;
    let request = Request {
        crates: options.crates,
        archive: format!("lib{name}.a").into(),
        link_flags: Some(format!("{name}.link").into()),
        profile: options.cargo_profile.unwrap_or(options.profile),
        lock: options.lock,
        replacements: options.replace,
        arguments: options.arguments,
    };
    if let Some(lock) = &options.update_lock {
        return Ok(build::update_lock(&request, lock)?);
    }
    let exports = build::build(&request)?;
    if !options.no_declarations {
        let archive = request.archive.to_string_lossy();
        let declare = generate::Options {
            crates: options
                .declare
                .iter()
                .map(|name| names::krate(name))
                .collect(),
            externs: options.externs.into_iter().collect(),
            trusts_externs: options.trust_extern,
        };
        let declarations = Declarations::new(&exports, &archive, &declare)?;
        for (file, extension) in [(File::Ml, "ml"), (File::Mli, "mli")] {
            let path = format!("{name}.{extension}");
            Output::from(OsString::from(path)).write(&declarations.text(file))?;
        }
    }
    Ok(())
}
