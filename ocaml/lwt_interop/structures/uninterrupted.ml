exception Nothing

type failure = { mutable first : exn; mutable backtrace : Printexc.raw_backtrace }

let no_backtrace = Printexc.get_callstack 0
let failure () = { first = Nothing; backtrace = no_backtrace }

(* Far more than a timer can cause in one step. A step that always raises ends nevertheless. *)
let attempts = 10_000

let again failure e attempts =
  if failure.first == Nothing then (
    failure.backtrace <- Printexc.get_raw_backtrace ();
    failure.first <- e);
  match e with Out_of_memory | Stack_overflow -> false | _ -> attempts > 1

(* An exception may arrive wherever OCaml allocates or polls. It polls on entry to a function one of
   whose tail calls is of an unknown function with one argument, of itself, or of a function that is
   defined later; in loops; and where a function that takes a tuple in its head is called. Hence no loop, no
   such tail call and no such function: everything that can be interrupted is within the handler. *)
let rec run_again attempts failure step x =
  try step x
  with e ->
    if again failure e attempts then
      Sys.opaque_identity (run_again (attempts - 1) failure step x)

let run failure step x = Sys.opaque_identity (run_again attempts failure step x)

let rec run2_again attempts failure step x y =
  try step x y
  with e ->
    if again failure e attempts then
      Sys.opaque_identity (run2_again (attempts - 1) failure step x y)

let run2 failure step x y = Sys.opaque_identity (run2_again attempts failure step x y)

let rec get_again attempts failure f x =
  try f x
  with e ->
    if again failure e attempts then
      Sys.opaque_identity (get_again (attempts - 1) failure f x)
    else raise e

let get failure f x = Sys.opaque_identity (get_again attempts failure f x)

let rec get2_again attempts failure f x y =
  try f x y
  with e ->
    if again failure e attempts then
      Sys.opaque_identity (get2_again (attempts - 1) failure f x y)
    else raise e

let get2 failure f x y = Sys.opaque_identity (get2_again attempts failure f x y)

let move failure other =
  if failure.first != Nothing && failure != other then (
    if other.first == Nothing then (
      other.backtrace <- failure.backtrace;
      other.first <- failure.first);
    failure.first <- Nothing)

let raise_any failure =
  let first = failure.first in
  if first != Nothing then (
    failure.first <- Nothing;
    Printexc.raise_with_backtrace first failure.backtrace)

let run2_and_raise failure step x y =
  run2 failure step x y;
  raise_any failure
