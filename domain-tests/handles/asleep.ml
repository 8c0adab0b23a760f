(* Idle means asleep, however hot the loop was a moment ago. *)

open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

(* It was asleep from one look to the next: not busy for a nanosecond in a millisecond at least. *)
let sleeps handle =
  let before = ref (Handle.stats handle) in
  fun () ->
    let now = Handle.stats handle in
    let long_enough = now.alive -. !before.alive >= 0.001 in
    let slept = long_enough && now.busy = !before.busy in
    if long_enough then before := now;
    slept

let rec to_and_fro handle n =
  if n = 0 then Lwt.return_unit
  else
    let* () = Handle.spawn handle (fun () -> Lwt.return_unit) in
    to_and_fro handle (n - 1)

let after_a_hot_time () =
  with_other @@ fun other ->
  let* () = to_and_fro other.handle 5_000 in
  let* () = Expect.eventually (sleeps other.handle) in
  let* () = to_and_fro other.handle 10 in
  Expect.eventually (sleeps other.handle)

(* While it looks for news, its descriptors and timers are served. *)
let while_it_is_hot () =
  with_other @@ fun other ->
  let read, write = Lwt_unix.pipe ~cloexec:true () in
  let over = ref false in
  let rec keep_hot () =
    if !over then Lwt.return_unit
    else
      let* () = to_and_fro other.handle 10 in
      keep_hot ()
  in
  let hot = keep_hot () in
  let buffer = Bytes.create 1 in
  let rec through n =
    if n = 0 then Lwt.return_unit
    else
      let* (_ : int) = Lwt_unix.write write buffer 0 1 in
      let* (_ : int) = Lwt_unix.read read buffer 0 1 in
      let* () = Lwt_unix.sleep 0.0001 in
      through (n - 1)
  in
  let* () = through 20 in
  over := true;
  let* () = hot in
  let* () = Lwt_unix.close read in
  Lwt_unix.close write

let suites =
  List.map
    (fun (place, tests) -> ("asleep: " ^ place, tests))
    (suites ~several:[]
       [
         alone "a loop that was hot falls asleep" after_a_hot_time;
         alone "a hot loop serves its descriptors" while_it_is_hot;
       ])
