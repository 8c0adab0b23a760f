open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle
module Pool = Lwt_interop.Pool

(* What the functions of one domain have done since it joined. *)
type shift = { mutable under_way : int; mutable begun : int; enough : unit Lwt.u }

let answer shift wanted i =
  Expect.that "each call is answered once" (Rust.storm_begins i);
  shift.begun <- shift.begun + 1;
  shift.under_way <- shift.under_way + 1;
  if shift.begun = wanted then Lwt.wakeup_later shift.enough ();
  Lwt.finalize
    (fun () ->
      let* () =
        match i mod 4 with
        | 0 -> Lwt.return_unit
        | 1 -> Lwt.pause ()
        | 2 -> Lwt.map ignore (Rust.yield_n 2 "")
        | _ -> Lwt.map ignore (Rust.on_tokio "")
      in
      if i mod 7 = 6 then failwith "no answer";
      Lwt.return (i + 1))
    (fun () ->
      (* To clean up takes a while, also where it was cancelled; or is, meanwhile. *)
      let* () = if i mod 3 = 0 then Lwt.no_cancel (Lwt.pause ()) else Lwt.return_unit in
      shift.under_way <- shift.under_way - 1;
      Lwt.return_unit)

let work crew ~calls =
  let enough, tell = Lwt.wait () in
  let shift = { under_way = 0; begun = 0; enough = tell } in
  Rust.crew_join crew (answer shift calls);
  let* () = enough in
  Lwt.return shift

(* Some replace their function, leave twice, or come back. *)
let work_and_leave crew k =
  let me = Handle.current () in
  let* first = work crew ~calls:(10 + k) in
  let* shifts =
    if k mod 3 = 0 then Lwt.map (fun second -> [ first; second ]) (work crew ~calls:5)
    else Lwt.return [ first ]
  in
  let again = if k mod 2 = 0 then Rust.crew_leave_on_tokio crew me else Lwt.return_unit in
  let* () = Rust.crew_leave crew me in
  List.iter (fun s -> Expect.int "nothing is under way" 0 s.under_way) shifts;
  again

let on_pool crew k =
  let pool = Pool.create ~domains:2 () in
  let on i = Pool.spawn_on pool i (fun () -> work_and_leave crew (k + i)) in
  let* () = Lwt.join (List.init 2 on) in
  Pool.shutdown pool

let rec generations n f =
  if n = 0 then Lwt.return_unit
  else
    let* () = f n in
    generations (n - 1) f

(* The loop goes on while the domain lives. *)
let spawned body =
  let p, u = Lwt.wait () and home = Handle.current () in
  let domain =
    Domain.spawn (fun () ->
        let result = try Ok (body ()) with e -> Error e in
        ignore (Handle.post home (fun () -> Lwt.wakeup_later_result u result) : bool))
  in
  Lwt.finalize (fun () -> p) (fun () -> Lwt.return (Domain.join domain))

let storm ~tag ~crew ~during =
  Lwt_main.run
    (let calls = Rust.storm_calls crew tag 8 in
     let* () = Lwt.finalize during (fun () -> Lwt.return (Rust.storm_calms ())) in
     let* outcomes = calls in
     let total = outcomes.(0) in
     let settled = Array.fold_left ( + ) (-total) outcomes in
     Expect.int "each call has one outcome" total settled;
     Expect.that "there were answers" (outcomes.(1) > 0);
     Expect.that "there were exceptions" (outcomes.(2) > 0);
     Expect.that "there were cancellations" (outcomes.(4) > 0);
     let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 0) in
     Expect.int "all have left" 0 (Rust.crew_size crew);
     Lwt.return outcomes.(3))

let polite () =
  let crew = Rust.crew_create () and tag = tag () in
  let during () =
    Lwt.join
      [
        generations 15 (fun k -> spawned (fun () -> Lwt_main.run (work_and_leave crew k)));
        generations 8 (on_pool crew);
        generations 10 (work_and_leave crew);
      ]
  in
  Expect.int "no call has failed" 0 (storm ~tag ~crew ~during)

let rude () =
  let crew = Rust.crew_create () and tag = tag () in
  let end_anyhow k =
    spawned (fun () ->
        (* Everything that is there when it ends fails. *)
        ignore (Lwt_main.run (work crew ~calls:(1 + k)) : shift))
  in
  let during () =
    Lwt.join [ generations 30 end_anyhow; generations 10 (work_and_leave crew) ]
  in
  let (_ : int) = storm ~tag ~crew ~during in
  ()

let suites =
  [
    ( "storms",
      [
        plain "workers come and go, and no call fails" polite;
        plain "workers end without leaving, and each call has an outcome" rude;
      ] );
  ]
