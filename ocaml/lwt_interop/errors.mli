(** The exceptions of this library, which {!Lwt_interop} re-exports.

    The runtime raises them, and rejects promises with them. All have printers:

    {[
      let () =
        assert (
          Printexc.to_string (Errors.Domain_terminated 7)
          = "Lwt_interop.Domain_terminated: domain 7 has terminated")
    ]} *)

type panic = { message : string; location : string option; backtrace : string option }
(** See {!Lwt_interop.panic}. *)

exception Rust_panic of panic
(** See {!Lwt_interop.Rust_panic}. *)

exception
  Rust_error of { message : string; sources : string list; backtrace : string option }
(** See {!Lwt_interop.Rust_error}. *)

exception Domain_terminated of int
(** See {!Lwt_interop.Domain_terminated}. *)

exception Wrong_thread of string
(** See {!Lwt_interop.Wrong_thread}. *)

val kinds : string
(** The names of the kinds of {!of_rust}, in their order. *)

val of_rust : int -> string array -> exn
(** [of_rust kind strings] is the exception that Rust describes with [strings], in which [""]
    stands for [None]. Rust calls it. The kinds:

    - 0: a {!Rust_panic}; message, location, backtrace;
    - 1: a {!Rust_error}; message, backtrace, sources;
    - 2: {!Domain_terminated}; the domain's number;
    - 3: [Invalid_argument]; message;
    - 4: [Out_of_memory];
    - 5: [Failure]; message;
    - 6: [Not_found];
    - 7: [End_of_file];
    - 8: [Division_by_zero];
    - 9: [Sys_error]; message;
    - 10: [Exit];
    - 11: [Unix.Unix_error]; the operating system's number of the error, function, argument.
*)
