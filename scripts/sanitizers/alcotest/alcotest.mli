(** The part of Alcotest that the domain tests use, for builds in which all OCaml code is
    instrumented. It redirects no output, forks no process and starts no thread, so a
    sanitizer's report is never about it.

    With an argument, a program runs only the tests whose names, [suite, case], contain it. *)

type 'a testable

val int : int testable
val bool : bool testable
val string : string testable
val list : 'a testable -> 'a list testable

val check : 'a testable -> string -> 'a -> 'a -> unit
(** [check t what expected found] fails, with [what] in its message, if the values differ. *)

val check_raises : string -> exn -> (unit -> unit) -> unit
val fail : string -> 'a
val failf : ('a, unit, string, 'b) format4 -> 'a

type speed_level = [ `Quick | `Slow ]
type 'a test_case = string * speed_level * ('a -> unit)

val test_case : string -> speed_level -> ('a -> unit) -> 'a test_case

val run :
  ?argv:string array ->
  ?and_exit:bool ->
  string ->
  (string * unit test_case list) list ->
  unit
(** [run name suites] runs all tests, and prints [name: 3 passed, 0 failed] at the end. [argv]
    are the arguments, by default those of the program. *)
