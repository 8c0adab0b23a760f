(** What the domain tests use of Alcotest, for builds where every line of OCaml has to be
    compiled anew. It redirects no output, forks nothing and starts no thread, so whatever
    a sanitizer reports is not of its making.

    A first argument of the program is a part of the names, [suite, case], that are to
    run. *)

type 'a testable

val int : int testable
val bool : bool testable
val string : string testable
val list : 'a testable -> 'a list testable

val check : 'a testable -> string -> 'a -> 'a -> unit
(** [check t what expected found] *)

val check_raises : string -> exn -> (unit -> unit) -> unit
val fail : string -> 'a
val failf : ('a, unit, string, 'b) format4 -> 'a

type speed_level = [ `Quick | `Slow ]
type 'a test_case = string * speed_level * ('a -> unit)

val test_case : string -> speed_level -> ('a -> unit) -> 'a test_case

val run : ?and_exit:bool -> string -> (string * unit test_case list) list -> unit
(** Ends with a line that counts: [name: 3 passed, 0 failed]. *)
