//! Where declarations are, and files that are missing.

use super::support::*;
use crate::check::{CheckError, Options, check};
use crate::model::{Body, Exports, Type};
use std::fs;
use std::path::PathBuf;
use std::slice;

fn library() -> Exports {
    let person = Body::Record(fields(&[("name", Type::String), ("age", Type::Int)]));
    exports(
        vec![
            func("f", 1).takes(Type::Int, "isize"),
            func("older", 2).takes(named("Person"), "Person"),
        ],
        vec![definition("Person", "person", 20, person)],
    )
}

#[test]
fn everywhere_in_a_file() {
    let compared = assert_messages_of(
        "everywhere",
        &library(),
        &[
            (
                "bin/interface.mli",
                r#"
external f : string -> unit = "f"
(*! f: argument 1 is string here, int (isize) in Rust (src/lib.rs:1) *)
module type T = sig
  external g : float -> unit = "f"
  (*! g: argument 1 is float here, int (isize) in Rust (src/lib.rs:1) *)
end
"#,
            ),
            (
                "bin/main.ml",
                r#"
module M = struct
  module N = struct
    external f : string -> unit = "f"
    (*! f: argument 1 is string here, int (isize) in Rust (src/lib.rs:1) *)
  end
end
module F (X : sig
  type t = string
  external f : t -> unit = "f"
  (*! f: argument 1 is t here, int (isize) in Rust (src/lib.rs:1) *)
end) (Y : sig type t end) = struct
  external g : X.t -> unit = "f"
  (*! g: argument 1 is X.t here, int (isize) in Rust (src/lib.rs:1) *)
  external h : Y.t -> unit = "f"
  (*! h: argument 1 is Y.t here, int (isize) in Rust (src/lib.rs:1) *)
end
include struct
  external included : unit -> unit = "f"
  (*! included: argument 1 is unit here, int (isize) in Rust (src/lib.rs:1) *)
end
open struct
  external opened : unit -> unit = "f"
  (*! opened: argument 1 is unit here, int (isize) in Rust (src/lib.rs:1) *)
end
let here () =
  let module L = struct
    type t = bool
    external local : t -> unit = "f"
    (*! local: argument 1 is t here, int (isize) in Rust (src/lib.rs:1) *)
  end in
  L.local true
let first_class =
  (module struct
    type t = int
    let compare = compare
    external packed : char -> unit = "f"
    (*! packed: argument 1 is char here, int (isize) in Rust (src/lib.rs:1) *)
  end : Map.OrderedType with type t = int)
class c = object
  method m =
    let open struct
      external in_a_method : unit -> unit = "f"
      (*! in_a_method: argument 1 is unit here, int (isize) in Rust (src/lib.rs:1) *)
    end in
    in_a_method ()
end
"#,
            ),
        ],
    );
    assert!(compared >= 11);
}

#[test]
fn types_of_other_files() {
    assert_messages_of(
        "other-files",
        &library(),
        &[
            (
                "people.mli",
                "type person = { name : string; age : int }\ntype t = person",
            ),
            (
                "all.ml",
                "module People = People\nmodule Again = struct include People end",
            ),
            (
                "main.ml",
                r#"
external direct : People.person -> unit = "older"
external alias : All.People.t -> unit = "older"
external included : All.Again.t -> unit = "older"
module P = All.Again
open P
external opened : person -> unit = "older"
module G (X : sig type age end) = struct type t = { name : string; age : X.age } end
module Right = G (struct type age = int end)
module Wrong = G (struct type age = string end)
external right : Right.t -> unit = "older"
external wrong : Wrong.t -> unit = "older"
(*! wrong: argument 1: field age of Wrong.t is string here, int in Rust (src/lib.rs:20) *)
"#,
            ),
        ],
    );
}

#[test]
fn missing_interfaces() {
    if reader().is_none() {
        return;
    }
    let project = Project::new(
        "missing",
        &[
            (
                "people.ml",
                "type person = { name : string; age : int }\ntype count = int",
            ),
            (
                "main.ml",
                "open People\nexternal f : count -> unit = \"f\"\nexternal g : int -> unit = \"f\"",
            ),
            (
                "other.ml",
                "external older : People.person -> unit = \"older\"\nexternal f : People.count -> unit = \"f\"",
            ),
        ],
    );
    fs::remove_file(project.root.join("people.cmi")).expect("the interface");
    let report = project.check(&library()).expect("a report");
    assert_eq!(report.compared, 4);
    let found: Vec<_> = report.diagnostics.iter().map(ToString::to_string).collect();
    let missing = "the interface of People, or of a module that it refers to, is not found";
    assert_eq!(
        found,
        [
            "main.ml:2: f: argument 1 is People.count here, int (isize) in Rust (src/lib.rs:1): People.count cannot be \
             compared, because the interface of People is not found"
                .to_owned(),
            format!(
                "other.ml:1: older: argument 1 is People.person here, person (Person) in Rust (src/lib.rs:2): \
                 People.person cannot be compared, because {missing}"
            ),
            format!(
                "other.ml:2: f: argument 1 is People.count here, int (isize) in Rust (src/lib.rs:1): People.count \
                 cannot be compared, because {missing}"
            ),
        ]
    );
}

#[test]
fn compiled_elsewhere() {
    if reader().is_none() {
        return;
    }
    // As dune compiles: with another name for the root, in hidden folders.
    let project = Project::new("elsewhere", &[]);
    let moved = project.root.join("moved");
    project.compile(
        "moved/lib/.objs/people.ml",
        "type t = { name : string; age : int }",
        &[],
    );
    project.compile(
        "moved/bin/.objs/main.ml",
        "external older : People.t -> unit = \"older\"\nexternal f : string -> unit = \"f\"",
        &["-I", "moved/lib/.objs"],
    );
    let here = project.root.join("here");
    fs::rename(&moved, &here).expect("a new name");
    fs::create_dir(&moved).expect("the old name");
    fs::rename(here, moved.join("moved")).expect("one folder more");
    let report = project.check(&library()).expect("a report");
    let found: Vec<_> = report.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "moved/bin/.objs/main.ml:2: f: argument 1 is string here, int (isize) in Rust \
             (src/lib.rs:1)"
        ]
    );
    assert_eq!(report.compared, 2);
}

#[test]
fn files_that_are_no_artifacts() {
    if reader().is_none() {
        return;
    }
    let project = Project::new(
        "damaged",
        &[("main.ml", "external f : int -> unit = \"f\"")],
    );
    fs::write(project.root.join("old.cmt"), "Caml1999T000 and more text").expect("a file");
    let report = project.check(&library()).expect("a report");
    assert_eq!(report.compared, 1);
    let [problem] = report.diagnostics.as_slice() else {
        panic!("{:?}", report.diagnostics);
    };
    let text = problem.to_string();
    assert!(text.contains("old.cmt: not written by OCaml 5."), "{text}");
}

#[test]
fn what_cannot_be_checked() {
    if reader().is_none() {
        return;
    }
    let project = Project::new("nothing", &[]);
    let exports = library();
    let text = |paths: &[PathBuf], options: &Options| match check(&exports, paths, options) {
        Ok(report) => panic!("{report:?}"),
        Err(error) => error.to_string(),
    };

    let empty = project.root.join("empty");
    fs::create_dir(&empty).expect("a folder");
    assert_eq!(
        text(&[project.root.clone(), empty.clone()], &options()),
        format!(
            "{}: there is no .cmt file: build the OCaml code first. In a dune rule, depend on (alias check) or on the \
             executable's modules; without dune, compile with -bin-annot",
            empty.display()
        )
    );
    let absent = project.root.join("absent");
    assert_eq!(
        text(slice::from_ref(&absent), &options()),
        format!(
            "lwt-interop-externals: {}: No such file or directory",
            absent.display()
        )
    );
    let no_reader = Options {
        reader: Some("/nowhere/lwt-interop-externals".into()),
    };
    assert_eq!(
        text(slice::from_ref(&empty), &no_reader),
        "/nowhere/lwt-interop-externals: not found: the OCaml package lwt_interop has this program. Run opam install \
         lwt_interop; or, in a dune workspace that contains the package, depend on %{bin:lwt-interop-externals} and set \
         LWT_INTEROP_EXTERNALS to its path"
    );
    let other_program = Options {
        reader: Some("echo".into()),
    };
    assert!(matches!(
        check(&exports, &[empty], &other_program),
        Err(CheckError::Version { .. })
    ));
}
