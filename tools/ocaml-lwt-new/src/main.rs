//! `ocaml-lwt-new`: creates a project in OCaml and Rust on ocaml-lwt-interop.

mod create;
mod name;
mod template;

use clap::Parser;
use name::{Bound, Name};
use std::path::PathBuf;
use std::process::ExitCode;

/// Creates a project in OCaml and Rust on ocaml-lwt-interop, in the directory NAME.
///
/// By default the project is a program, with a copy of ocaml-lwt-interop in vendor/. `dune build`, `dune test` and
/// `dune exec NAME` work in it.
#[derive(Parser)]
#[command(name = "ocaml-lwt-new", version, max_term_width = 100)]
struct Options {
    /// The name of the project, its OCaml library and its Rust crate
    #[arg(value_parser = Name::project)]
    name: Name,

    /// Copies ocaml-lwt-interop from this clone. By default it is the clone in which ocaml-lwt-new was built
    #[arg(long, value_name = "DIRECTORY")]
    vendor: Option<PathBuf>,

    /// Uses the installed packages lwt_interop and dlwt, and no copy. Such a program can use packages that bind Rust crates
    #[arg(long, conflicts_with = "vendor")]
    installed: bool,

    /// Creates a package that binds this Rust crate of crates.io, for other programs to use. It uses the installed
    /// packages
    #[arg(long, value_name = "CRATE[@VERSION]", value_parser = Bound::parse, conflicts_with = "vendor")]
    bindings: Option<Bound>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let source = match options.bindings {
        Some(bound) => create::Source::Bindings(bound),
        None if options.installed => create::Source::Installed,
        None => create::Source::Vendored(options.vendor.unwrap_or_else(create::own_clone)),
    };
    match create::create(&options.name, &source) {
        Ok(()) => {
            let (name, run) = (
                &options.name,
                match source {
                    create::Source::Bindings(_) => "test",
                    _ => "build",
                },
            );
            println!("Created {name}. Next:  cd {name} && dune {run}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ocaml-lwt-new: {error}");
            ExitCode::FAILURE
        }
    }
}
