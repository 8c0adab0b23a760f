(* A loop without work sleeps, however busy it was a moment ago. *)

open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

(* Whether the domain slept since the last call that was at least 1 ms ago: its loop was not busy
   for a single nanosecond. *)
let sleeps handle =
  let before = ref (Handle.stats handle) in
  fun () ->
    let now = Handle.stats handle in
    let long_enough = now.alive -. !before.alive >= 0.001 in
    let slept = long_enough && now.busy = !before.busy in
    if long_enough then before := now;
    slept

let rec round_trips handle n =
  if n = 0 then Lwt.return_unit
  else
    let* () = Handle.spawn handle (fun () -> Lwt.return_unit) in
    round_trips handle (n - 1)

let sleeps_after_work () =
  with_other @@ fun other ->
  let* () = round_trips other.handle 5_000 in
  let* () = Expect.eventually (sleeps other.handle) in
  let* () = round_trips other.handle 10 in
  Expect.eventually (sleeps other.handle)

(* The loop spins before it sleeps, because each of its waits is short. *)
let serves_descriptors_while_spinning () =
  with_other @@ fun other ->
  let read, write = Lwt_unix.pipe ~cloexec:true () in
  let stop = ref false in
  let rec keep_busy () =
    if !stop then Lwt.return_unit
    else
      let* () = round_trips other.handle 10 in
      keep_busy ()
  in
  let busy = keep_busy () in
  let buffer = Bytes.create 1 in
  let rec through_pipe n =
    if n = 0 then Lwt.return_unit
    else
      let* (_ : int) = Lwt_unix.write write buffer 0 1 in
      let* (_ : int) = Lwt_unix.read read buffer 0 1 in
      let* () = Lwt_unix.sleep 0.0001 in
      through_pipe (n - 1)
  in
  let* () = through_pipe 20 in
  stop := true;
  let* () = busy in
  let* () = Lwt_unix.close read in
  Lwt_unix.close write

let suites =
  List.map
    (fun (place, tests) -> ("idle: " ^ place, tests))
    (suites ~several:[]
       [
         alone "a loop sleeps after a burst of work" sleeps_after_work;
         alone "a loop that spins serves its descriptors and timers"
           serves_descriptors_while_spinning;
       ])
