//! `ocaml-lwt-bindgen`: the OCaml declarations of what a Rust archive exports.

use clap::error::ErrorKind;
use clap::{ArgGroup, CommandFactory, Parser};
use ocaml_lwt_bindgen::generate::{Declarations, File, names};
use ocaml_lwt_bindgen::output::{Output, OutputError};
use ocaml_lwt_bindgen::{archive, check, generate, list};
use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Writes or checks the OCaml declarations of the Rust functions that a static library exports with `#[func]`.
///
/// Types, exceptions and documentation are declared, too. The externals name symbols with a hash of the types, so that
/// declarations that do not belong to the library do not link.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, group = ArgGroup::new("action").required(true).multiple(true))]
struct Cli {
    /// The static library that cargo has built, such as target/release/libgreetings.a
    archive: PathBuf,

    /// Writes the implementation to this file; `-` is the standard output
    #[arg(long, value_name = "FILE", group = "action")]
    ml: Option<OsString>,

    /// Writes the interface to this file; `-` is the standard output
    #[arg(long, value_name = "FILE", group = "action")]
    mli: Option<OsString>,

    /// Lists what the library exports
    #[arg(long, group = "action")]
    list: bool,

    /// Compares the externals that the compiled OCaml code in these folders declares with the library. Prints each that
    /// differs, and then exits with 1. An external that differs on purpose has the attribute [@@ocaml_lwt.unchecked]
    #[arg(long, num_args = 1.., value_name = "DIR", group = "action")]
    check: Vec<PathBuf>,

    /// The program lwt-interop-externals, which reads compiled OCaml code; without, the environment variable
    /// LWT_INTEROP_EXTERNALS or PATH says where it is
    #[arg(long, value_name = "PROGRAM")]
    externals: Option<PathBuf>,

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
}

const EXAMPLES: &str = "\
Examples:
  ocaml-lwt-bindgen libgreetings.a --ml greetings.ml --mli greetings.mli
  ocaml-lwt-bindgen libgreetings.a --list
  ocaml-lwt-bindgen libgreetings.a --check _build/default/bin
  ocaml-lwt-bindgen libprogram.a --declare editor --extern shapes=Shapes --ml editor.ml";

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.ml.as_deref() == Some("-".as_ref()) && cli.mli == cli.ml {
        let message = "only one of --ml and --mli can be the standard output";
        Cli::command()
            .error(ErrorKind::ArgumentConflict, message)
            .exit();
    }
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ocaml-lwt-bindgen: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does what the options ask for, in the order of these lines.
fn run(cli: &Cli) -> Result<ExitCode, Box<dyn Error>> {
    let exports = archive::read(&cli.archive)?;
    let archive = cli.archive.file_name().unwrap_or(cli.archive.as_os_str());
    let archive = archive.to_string_lossy();
    let options = generate::Options {
        crates: cli.declare.iter().map(|name| names::krate(name)).collect(),
        externs: cli.externs.iter().cloned().collect(),
        trusts_externs: cli.trust_extern,
    };
    if cli.list {
        Output::Stdout.write(&list::list(&exports, &archive, &options)?)?;
    }
    if cli.ml.is_some() || cli.mli.is_some() {
        let declarations = Declarations::new(&exports, &archive, &options)?;
        write(cli, &declarations)?;
    }
    if !cli.check.is_empty() {
        let options = check::Options {
            reader: cli.externals.clone(),
        };
        let report = check::check(&exports, &cli.check, &options)?;
        for diagnostic in report.warnings.iter().chain(&report.diagnostics) {
            eprintln!("{diagnostic}");
        }
        if report.compared == 0 {
            eprintln!(
                "ocaml-lwt-bindgen: warning: no external that was found names a function of {archive}"
            );
        }
        if !report.diagnostics.is_empty() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn write(cli: &Cli, declarations: &Declarations<'_>) -> Result<(), OutputError> {
    if let Some(mli) = &cli.mli {
        Output::from(mli.clone()).write(&declarations.text(File::Mli))?;
    }
    if let Some(ml) = &cli.ml {
        let file = match cli.mli {
            Some(_) => File::Ml,
            None => File::DocumentedMl,
        };
        Output::from(ml.clone()).write(&declarations.text(file))?;
    }
    Ok(())
}
