open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle
module Pool = Lwt_interop.Pool

(* One domain's calls since it joined. *)
type shift = { mutable in_progress : int; mutable begun : int; enough : unit Lwt.u }

let answer shift wanted i =
  Expect.that "each call runs at most once" (Rust.stress_call_begins i);
  shift.begun <- shift.begun + 1;
  shift.in_progress <- shift.in_progress + 1;
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
      (* The clean-up of a cancelled call takes an iteration of the loop, and a call may be cancelled
         during its clean-up. *)
      let* () = if i mod 3 = 0 then Lwt.no_cancel (Lwt.pause ()) else Lwt.return_unit in
      shift.in_progress <- shift.in_progress - 1;
      Lwt.return_unit)

(* Joins, and returns when [calls] calls have begun. *)
let work workers ~calls =
  let enough, resolver = Lwt.wait () in
  let shift = { in_progress = 0; begun = 0; enough = resolver } in
  Rust.workers_join workers (answer shift calls);
  let* () = enough in
  Lwt.return shift

(* Some domains join with a second function, and some leave twice. *)
let work_and_leave workers k =
  let me = Handle.current () in
  let* first = work workers ~calls:(10 + k) in
  let* shifts =
    if k mod 3 = 0 then Lwt.map (fun second -> [ first; second ]) (work workers ~calls:5)
    else Lwt.return [ first ]
  in
  let again =
    if k mod 2 = 0 then Rust.workers_leave_on_tokio workers me else Lwt.return_unit
  in
  let* () = Rust.workers_leave workers me in
  List.iter (fun s -> Expect.int "calls in progress" 0 s.in_progress) shifts;
  again

let work_on_pool workers k =
  let pool = Pool.create ~domains:2 () in
  let on i = Pool.spawn_on pool i (fun () -> work_and_leave workers (k + i)) in
  let* () = Lwt.join (List.init 2 on) in
  Pool.shutdown pool

let rec repeat n f =
  if n = 0 then Lwt.return_unit
  else
    let* () = f n in
    repeat (n - 1) f

(* Runs [body] on a new domain. The caller's loop runs until the domain has terminated. *)
let on_new_domain body =
  let p, u = Lwt.wait () and caller = Handle.current () in
  let domain =
    Domain.spawn (fun () ->
        let result = try Ok (body ()) with e -> Error e in
        ignore (Handle.post caller (fun () -> Lwt.wakeup_later_result u result) : bool))
  in
  Lwt.finalize (fun () -> p) (fun () -> Lwt.return (Domain.join domain))

(* Tasks on tokio call until [during] is over. Returns the number of calls that failed. *)
let under_calls ~tag ~workers during =
  let calls = Rust.stress_calls workers tag 8 in
  let* () = Lwt.finalize during (fun () -> Lwt.return (Rust.stress_stop ())) in
  let* outcomes = calls in
  let total = outcomes.(0) in
  let sum = Array.fold_left ( + ) (-total) outcomes in
  Expect.int "each call has one outcome" total sum;
  Expect.that "some calls were answered" (outcomes.(1) > 0);
  Expect.that "some calls raised" (outcomes.(2) > 0);
  Expect.that "some calls were cancelled" (outcomes.(4) > 0);
  let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 0) in
  Lwt.return outcomes.(3)

let leaving () =
  let workers = Rust.workers_create () and tag = tag () in
  Lwt_main.run
    (let during () =
       Lwt.join
         [
           repeat 15 (fun k ->
               on_new_domain (fun () -> Lwt_main.run (work_and_leave workers k)));
           repeat 8 (work_on_pool workers);
           repeat 10 (work_and_leave workers);
         ]
     in
     let* failed = under_calls ~tag ~workers during in
     Expect.int "calls that failed" 0 failed;
     Expect.int "workers" 0 (Rust.workers_len workers);
     Lwt.return_unit)

let terminating () =
  let workers = Rust.workers_create () and tag = tag () in
  Lwt_main.run
    (let terminate_without_leaving k =
       on_new_domain (fun () ->
           (* Calls that are in progress when the domain terminates fail. *)
           ignore (Lwt_main.run (work workers ~calls:(1 + k)) : shift))
     in
     let during () =
       Lwt.join
         [ repeat 30 terminate_without_leaving; repeat 10 (work_and_leave workers) ]
     in
     let* (_ : int) = under_calls ~tag ~workers during in
     (* Terminated workers are removed by the next call that finds them. *)
     let* () =
       Expect.error "a call after the end of all workers"
         ~part:"no domain takes this call"
         (Rust.workers_call workers tag 0 0)
     in
     Expect.int "workers" 0 (Rust.workers_len workers);
     Lwt.return_unit)

let suites =
  [
    ( "stress",
      [
        plain "workers join and leave, and no call fails" leaving;
        plain "workers terminate without leaving, and each call has one outcome"
          terminating;
      ] );
  ]
