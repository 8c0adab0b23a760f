(* Rust and other domains leave Lwt's own events their turn. *)

open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

(* A turn is 1 ms long, the clock is looked at after every 8 units, and each kind of work gets a
   unit more. One takes 50 microseconds at least, so no more fit; on a slow machine fewer do. *)
let microseconds = 50
let most_in_a_turn = (1000 / microseconds) + 8 + 1
let total = 1_000

(* The most units that were done from one wait of the loop to the next. *)
let in_a_turn units work =
  (* Its hooks come first, and ours before them. *)
  ignore (Handle.current () : Handle.t);
  let last = ref (units ()) and most = ref 0 in
  let look () =
    let now = units () in
    most := max !most (now - !last);
    last := now
  in
  let hook = Lwt_main.Leave_iter_hooks.add_first look in
  let* () =
    Lwt.finalize work (fun () ->
        look ();
        Lwt_main.Leave_iter_hooks.remove hook;
        Lwt.return_unit)
  in
  Lwt.return !most

let check what units work =
  let before = units () in
  let* most = in_a_turn units work in
  Expect.int (what ^ ": units") total (units () - before);
  if most > most_in_a_turn then
    Expect.failf "%s: %d units in one turn of the loop, more than %d" what most
      most_in_a_turn;
  Lwt.return_unit

let one_task () =
  check "one task" Rust.units (fun () -> Rust.always_ready total microseconds)

let many_tasks () =
  check "many tasks" Rust.units (fun () ->
      Lwt.join (List.init (total / 5) (fun _ -> Rust.always_ready 5 microseconds)))

let messages () = check "messages" Rust.units (fun () -> Rust.flood total microseconds)

(* OCaml's own messages, and completions whose callbacks take their time. *)
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
               if not (Handle.post home unit) then Expect.failf "posted"
             done));
      Expect.eventually (fun () -> units () = total))

let completions () =
  let units, unit = counter () in
  check "completions" units (fun () ->
      Lwt.join (List.init total (fun _ -> Lwt.map unit (Rust.my_async_func ()))))

(* Each kind gets its share, whatever the others do. *)
let nobody_starves () =
  let home = Handle.current () in
  let over = ref false in
  let rec repost () =
    Rust.spin 200;
    if not (!over || Handle.post home repost) then Expect.failf "posted"
  in
  for _ = 1 to 100 do
    repost ()
  done;
  let hogs = List.init 100 (fun _ -> Rust.always_ready 20 200) in
  let* (_ : string) = Rust.yield_n 5 "a task" in
  let* (_ : string * string) = Rust.on_tokio "a message" in
  let* () = Lwt_unix.sleep 0.001 in
  Expect.that "the hogs go on" (List.exists Lwt.is_sleeping hogs);
  over := true;
  Lwt.join hogs

let suites =
  List.map
    (fun (place, tests) -> ("fairness: " ^ place, tests))
    (suites ~several:[]
       [
         case "a task that is always ready" one_task;
         case "many tasks" many_tasks;
         case "a flood of Rust's messages" messages;
         case "a flood of OCaml's messages" posts;
         case "completions at once" completions;
         case "each kind of work has its share" nobody_starves;
       ])
