//! `ocaml-lwt-bindgen`: the OCaml declarations of what a Rust archive exports.

mod archive;
mod check;
mod decode;
mod model;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Checks the OCaml declarations of what a Rust archive exports.
#[derive(Parser)]
struct Arguments {
    /// The static library.
    archive: PathBuf,
    /// Compare the externals in the .cmt files below these folders with the archive.
    #[arg(long, num_args = 1.., required = true, value_name = "DIR")]
    check: Vec<PathBuf>,
    /// The program lwt-interop-externals.
    #[arg(long, value_name = "PROGRAM")]
    externals: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = check::Options {
        reader: arguments.externals,
    };
    let report = archive::read(&arguments.archive)
        .map_err(Box::<dyn std::error::Error>::from)
        .and_then(|exports| Ok(check::check(&exports, &arguments.check, &options)?));
    match report {
        Ok(report) => {
            for diagnostic in &report.diagnostics {
                eprintln!("{diagnostic}");
            }
            if report.compared == 0 {
                eprintln!(
                    "ocaml-lwt-bindgen: warning: no external that was found names a function of {}",
                    arguments.archive.display()
                );
            }
            match report.diagnostics.is_empty() {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("ocaml-lwt-bindgen: {error}");
            ExitCode::FAILURE
        }
    }
}
