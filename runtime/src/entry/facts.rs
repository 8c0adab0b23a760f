//! Facts that the OCaml library and the Rust archive both state. They are compared when the library is
//! initialised: a stale archive, or a stale library, is refused before it harms OCaml's heap.

use crate::bridge::channel::{FIELDS, for_ocaml as channel};
use crate::domain::handle;
use crate::domain::reactor::Waited;
use crate::ffi::batch::{self, Kind};
use crate::ffi::callbacks::ExceptionKind;
use crate::ffi::promises::TABLE_FIELDS;
use crate::metrics::{DomainStats, Totals};
use crate::ocaml_blocking;
use crate::value::batch as batch_of_stream;
use crate::value::read;
use crate::wake::budget;

/// A number of `T` that OCaml gets in an array, and its name there.
type Field<T> = (&'static str, fn(&T) -> isize);

/// The order of `Handle.stats`.
pub(crate) const STATS: [Field<DomainStats>; 6] = [
    ("polls", |s| s.polls as isize),
    ("messages_in", |s| s.messages_in as isize),
    ("messages_out", |s| s.messages_out as isize),
    ("wakeups", |s| s.wakeups as isize),
    ("alive", |s| s.alive.as_nanos() as isize),
    ("busy", |s| s.busy.as_nanos() as isize),
];

/// The order of `Lwt_interop.totals`.
pub(crate) const TOTALS: [Field<Totals>; 11] = [
    ("calls_started", |t| t.calls_started as isize),
    ("calls_resolved", |t| t.calls_resolved as isize),
    ("late_completions", |t| t.late_completions as isize),
    ("roots", |t| t.roots as isize),
    ("slots", |t| t.slots as isize),
    ("tasks", |t| t.tasks as isize),
    ("messages", |t| t.messages as isize),
    ("tokio_tasks", |t| t.tokio_tasks as isize),
    ("domains", |t| t.domains as isize),
    ("blocking_pool_threads", |t| {
        t.blocking_pool_threads as isize
    }),
    ("blocking_pool_queue", |t| t.blocking_pool_queue as isize),
];

fn names<T>(fields: &[Field<T>]) -> String {
    fields
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns names separated by spaces; each stands at the place that its variant's number says.
fn variants<const N: usize>(variants: [(isize, &str); N]) -> String {
    let mut names = [""; N];
    for (number, name) in variants {
        names[number as usize] = name;
    }
    names.join(" ")
}

/// Returns each fact's name and value, in the order of `Primitives.facts`.
fn facts() -> [(&'static str, String); 19] {
    let waited = [
        (Waited::Quiet as isize, "Quiet"),
        (Waited::Events as isize, "Events"),
        (Waited::Elsewhere as isize, "Elsewhere"),
    ];
    let kinds = [
        (Kind::Fulfill as isize, "Fulfill"),
        (Kind::Reject as isize, "Reject"),
        (Kind::Apply as isize, "Apply"),
        (Kind::Cancel as isize, "Cancel"),
        (Kind::Forget as isize, "Forget"),
    ];
    let exceptions = [
        (ExceptionKind::Panic as isize, "Rust_panic"),
        (ExceptionKind::Error as isize, "Rust_error"),
        (
            ExceptionKind::DomainTerminated as isize,
            "Domain_terminated",
        ),
        (ExceptionKind::InvalidArgument as isize, "Invalid_argument"),
        (ExceptionKind::OutOfMemory as isize, "Out_of_memory"),
        (ExceptionKind::Failure as isize, "Failure"),
        (ExceptionKind::NotFound as isize, "Not_found"),
        (ExceptionKind::EndOfFile as isize, "End_of_file"),
        (ExceptionKind::DivisionByZero as isize, "Division_by_zero"),
        (ExceptionKind::SysError as isize, "Sys_error"),
        (ExceptionKind::Exit as isize, "Exit"),
        (ExceptionKind::UnixError as isize, "Unix_error"),
    ];
    [
        ("the capacity of a batch", batch::CAPACITY.to_string()),
        ("the fields of a batch's entry", batch::FIELDS.to_string()),
        ("the kinds of a batch's entries", variants(kinds)),
        ("the outcomes of a wait", variants(waited)),
        ("the jobs of a round", budget::BATCH.to_string()),
        (
            "the permits of the blocking pool",
            ocaml_blocking::PERMITS.to_string(),
        ),
        ("the kinds of exceptions", variants(exceptions)),
        ("the field of a handle", handle::RECORD_FIELD.to_string()),
        ("the fields of a table", TABLE_FIELDS.to_owned()),
        ("the fields of a channel", FIELDS.to_owned()),
        ("the outcomes of sending", channel::SENT.to_owned()),
        ("the outcomes of receiving", channel::RECEIVED.to_owned()),
        ("the outcomes of a sender", channel::SETTLED.to_owned()),
        ("the flags of channels", channel::FLAGS.to_owned()),
        (
            "the endings of a stream's batch",
            batch_of_stream::ENDINGS.to_owned(),
        ),
        (
            "the fields of a stream's batch",
            batch_of_stream::FIELDS.to_owned(),
        ),
        (
            "the field of a stream's domain",
            read::STREAM_HOME.to_string(),
        ),
        ("the order of Handle.stats", names(&STATS)),
        ("the order of totals", names(&TOTALS)),
    ]
}

/// Compares OCaml's facts with Rust's. Returns what differs first, and what to do.
pub(crate) fn compare(ocaml: &[(String, String)]) -> Result<(), String> {
    const REBUILD: &str = "rebuild both from one version of ocaml-lwt-interop: dune build, after \
        cargo clean if cargo was called by hand";
    let refuse = |what: String| {
        Err(format!(
            "the OCaml library lwt_interop and the Rust archive of this program are of different \
             versions: {what}; {REBUILD}"
        ))
    };
    let rust = facts();
    for ((name, value), (their_name, their_value)) in rust.iter().zip(ocaml) {
        if name != their_name {
            return refuse(format!("OCaml states {their_name}, and Rust {name}"));
        }
        if value != their_value {
            return refuse(format!(
                "{name} is {their_value} in OCaml and {value} in Rust"
            ));
        }
    }
    if rust.len() != ocaml.len() {
        return refuse(format!(
            "OCaml states {} facts, and Rust {}",
            ocaml.len(),
            rust.len()
        ));
    }
    Ok(())
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    fn ours() -> Vec<(String, String)> {
        facts().map(|(name, value)| (name.to_owned(), value)).into()
    }

    #[test]
    fn equal_facts_are_accepted() {
        assert_eq!(compare(&ours()), Ok(()));
    }

    #[test]
    fn a_fact_that_differs_is_refused_with_both_values() {
        for i in 0..ours().len() {
            let mut theirs = ours();
            theirs[i].1 = "another".to_owned();
            let error = compare(&theirs).unwrap_err();
            let (name, value) = &ours()[i];
            let both = format!("{name} is another in OCaml and {value} in Rust");
            assert!(error.contains(&both), "{error}");
            assert!(error.contains("rebuild"), "{error}");
        }
    }

    #[test]
    fn facts_that_are_missing_or_unknown_are_refused() {
        let mut fewer = ours();
        fewer.pop();
        assert!(
            compare(&fewer)
                .unwrap_err()
                .contains("OCaml states 18 facts, and Rust 19")
        );
        let mut more = ours();
        more.push(("a new fact".to_owned(), "1".to_owned()));
        assert!(compare(&more).is_err());
        let mut other = ours();
        other[0].0 = "a new fact".to_owned();
        let error = compare(&other).unwrap_err();
        assert!(
            error.contains("OCaml states a new fact, and Rust the capacity"),
            "{error}"
        );
    }
}
