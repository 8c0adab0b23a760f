(* Work from Rust and from other domains does not starve Lwt's own events. *)

open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

(* The budget is 1 ms, the clock is read after every 8 units, and each kind of work may
   exceed the budget by one unit. A unit takes at least 50 microseconds, so no more fit. On a slow
   machine fewer do. *)
let microseconds = 50
let most_per_budget = (1000 / microseconds) + 8 + 1
let total = 1_000

(* The largest number of units between two waits of the loop. *)
let most_between_waits units work =
  (* The library's hooks are added first, so that ours runs before them. *)
  ignore (Handle.current () : Handle.t);
  let last = ref (units ()) and most = ref 0 in
  let count () =
    let now = units () in
    most := max !most (now - !last);
    last := now
  in
  let hook = Lwt_main.Leave_iter_hooks.add_first count in
  let* () =
    Lwt.finalize work (fun () ->
        count ();
        Lwt_main.Leave_iter_hooks.remove hook;
        Lwt.return_unit)
  in
  Lwt.return !most

let check what units work =
  let before = units () in
  let* most = most_between_waits units work in
  Expect.int (what ^ ": units") total (units () - before);
  if most > most_per_budget then
    Expect.failf "%s: %d units in one iteration of the loop, expected at most %d" what
      most most_per_budget;
  Lwt.return_unit

let one_task () =
  check "one task" Rust.units (fun () -> Rust.always_ready total microseconds)

let many_tasks () =
  check "many tasks" Rust.units (fun () ->
      Lwt.join (List.init (total / 5) (fun _ -> Rust.always_ready 5 microseconds)))

let messages () = check "messages" Rust.units (fun () -> Rust.flood total microseconds)

(* For work that runs in OCaml: the number of units so far, and the function that performs one. *)
let counter () =
  let done_ = ref 0 in
  let unit () =
    Rust.spin microseconds;
    incr done_
  in
  ((fun () -> !done_), unit)

let posts () =
  let units, unit = counter () in
  let home = Handle.current () in
  check "posts" units (fun () ->
      Domain.join
        (Domain.spawn (fun () ->
             for _ = 1 to total do
               if not (Handle.post home unit) then
                 Expect.failf "post: the domain has terminated"
             done));
      Expect.eventually (fun () -> units () = total))

let completions () =
  let units, unit = counter () in
  check "completions" units (fun () ->
      Lwt.join (List.init total (fun _ -> Lwt.map unit (Rust.my_async_func ()))))

let no_kind_starves () =
  let home = Handle.current () in
  let stop = ref false in
  let rec repost () =
    Rust.spin 200;
    if not (!stop || Handle.post home repost) then
      Expect.failf "post: the domain has terminated"
  in
  for _ = 1 to 100 do
    repost ()
  done;
  let busy_tasks = List.init 100 (fun _ -> Rust.always_ready 20 200) in
  let* (_ : string) = Rust.yield_n 5 "a task" in
  let* (_ : string * string) = Rust.on_tokio "a message" in
  let* () = Lwt_unix.sleep 0.001 in
  Expect.that "the busy tasks are still pending" (List.exists Lwt.is_sleeping busy_tasks);
  stop := true;
  Lwt.join busy_tasks

let suites =
  List.map
    (fun (place, tests) -> ("fairness: " ^ place, tests))
    (suites ~several:[]
       [
         case "a task that is always ready shares the loop" one_task;
         case "many ready tasks share the loop" many_tasks;
         case "a flood of Rust's messages shares the loop" messages;
         case "a flood of OCaml's messages shares the loop" posts;
         case "many completions at once share the loop" completions;
         case "no kind of work starves another" no_kind_starves;
       ])
