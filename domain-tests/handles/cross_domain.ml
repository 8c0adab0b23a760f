(* Rust sends tasks and closures to domains. *)

open Lwt.Syntax
open Everywhere

let self () = (Domain.self () :> int)

let to_self () =
  let* seen, first = Rust.task_on (self ()) in
  Expect.int "the domain" (self ()) seen;
  let* _, second = Rust.task_on (self ()) in
  Expect.int "the state stays on the domain" (first + 1) second;
  Lwt.return_unit

let to_another () =
  with_other (fun { id; _ } ->
      let rec go n =
        if n > 100 then Lwt.return_unit
        else
          let* seen, visits = Rust.task_on id in
          Expect.int "the domain" id seen;
          Expect.int "its state" n visits;
          go (n + 1)
      in
      let* () = go 1 in
      let* all = Lwt.all (List.init 1000 (fun _ -> Rust.task_on id)) in
      Expect.that "1,000 tasks at once run in order"
        (List.mapi (fun i _ -> (id, 101 + i)) all = all);
      Lwt.return_unit)

let from_elsewhere () =
  with_other (fun { id; _ } ->
      let rec go n =
        if n = 0 then Lwt.return_unit
        else
          let* seen = Rust.task_on_from_tokio id in
          Expect.int "from tokio" id seen;
          let* task, call = Rust.work_from_thread id in
          Expect.int "where a thread's task runs" id task;
          Expect.int "where a thread's call_blocking runs" id call;
          let* seen = Rust.closure_from_blocking_pool id in
          Expect.int "where the blocking pool's call_blocking runs" id seen;
          go (n - 1)
      in
      let* () = go 20 in
      let* seen = Lwt.all (List.init 500 (fun _ -> Rust.task_on_from_tokio id)) in
      List.iter (Expect.int "from tokio, at once" id) seen;
      (* A thread may wait for the domain that waits for the thread. *)
      let* task, call = Rust.work_from_thread (self ()) in
      Expect.int "a task here" (self ()) task;
      Expect.int "a call here" (self ()) call;
      Lwt.return_unit)

let would_block () =
  let text, work = Rust.call_blocking_here () in
  Expect.contains "the error" ~part:"would block" text;
  Expect.contains "the error names the domain"
    ~part:(Printf.sprintf "domain %d" (self ()))
    text;
  Expect.string "the closure comes back" "precious" work;
  Lwt.return_unit

let cancelling () =
  with_other (fun { id; _ } ->
      let tag = tag () in
      let* text = Rust.pending_task_on tag id true in
      Expect.string "the handle's error" "the task was cancelled" text;
      Expect.int "the future is dropped before the handle resolves" 0
        (Rust.futures_alive tag);
      (* Cancelling the call drops the handle, which detaches the task. *)
      let p = Rust.pending_task_on tag id false in
      let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 1) in
      Lwt.cancel p;
      let* () = Expect.cancelled "the call" p in
      let* seen, _ = Rust.task_on id in
      Expect.int "the domain" id seen;
      Expect.int "the detached task" 1 (Rust.futures_alive tag);
      Lwt.return_unit)

let no_such_domain () =
  let* e = Expect.rejected "no such domain" (Rust.task_on 123_456_789) in
  match e with
  | Lwt_interop.Rust_error { message; _ } ->
      Expect.string "the message" "no domain 123456789" message;
      Lwt.return_unit
  | e -> raise e

let each_to_each () =
  let n = 4 in
  let ids = Array.init n (fun _ -> Atomic.make (-1)) and done_ = Atomic.make 0 in
  on_domains n (fun i ->
      Atomic.set ids.(i) (self ());
      let known () =
        Array.for_all (fun id -> Array.mem (Atomic.get id) (Rust.known_domains ())) ids
      in
      let* () = Expect.eventually known in
      let* () =
        Lwt_list.iter_p
          (fun k ->
            let id = Atomic.get ids.(k mod n) in
            let* seen =
              if k mod 2 = 0 then Lwt.map fst (Rust.task_on id)
              else Rust.task_on_from_tokio id
            in
            Expect.int "the domain" id seen;
            Lwt.return_unit)
          (List.init 1000 Fun.id)
      in
      Atomic.incr done_;
      (* No domain leaves its loop while others may send to it. *)
      Expect.eventually (fun () -> Atomic.get done_ = n))

let suites =
  List.map
    (fun (place, tests) -> ("cross-domain: " ^ place, tests))
    (suites
       [
         alone "a domain sends itself tasks" to_self;
         case "tasks for another domain run there, in order" to_another;
         case "tokio and threads send tasks and closures" from_elsewhere;
         case "call_blocking in a domain's loop is an error" would_block;
         case "only a handle that is cancelled cancels its task" cancelling;
         case "a domain that does not exist is an error" no_such_domain;
       ])
  @ [ ("cross-domain: all", [ plain "four domains send to each other" each_to_each ]) ]
