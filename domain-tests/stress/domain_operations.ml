open Lwt.Syntax
open Operation
open Outcome
module Pool = Lwt_interop.Pool
module Channel = Lwt_interop.Channel

let task =
  make "task for a domain" (fun _ choice ->
      let peer = Peers.any choice in
      let id = Handle.id peer in
      unless_terminated peer
        (match Choice.int choice 5 with
        | 0 -> gives "the domain" id (Rust.task_on_from_tokio id)
        | 1 -> gives "the domain" (id, id) (Rust.work_from_thread id)
        | 2 -> gives "the domain" id (Rust.closure_from_blocking_pool id)
        | _ -> gives "the domain" id (Lwt.map fst (Rust.task_on id))))

let closure =
  make "closure for a domain" (fun _ choice ->
      let peer = Peers.any choice in
      Lwt.bind
        (Rust.closure_on (Handle.id peer))
        (text_unless_terminated peer (string_of_int (Handle.id peer))))

let task_cancelled =
  make "cancelled task" (fun _ choice ->
      with_terminating choice (fun peer ->
          let tag = Everywhere.tag () in
          let* text = Rust.pending_task_on tag (Handle.id peer) true in
          let* outcome = text_unless_terminated peer "the task was cancelled" text in
          let* () = dropped tag in
          Lwt.return (if outcome = value then cancelled else outcome)))

(* The task's handle is dropped, so that the task is pending until its domain terminates. *)
let task_detached =
  make "detached task" (fun _ choice ->
      with_terminating choice (fun peer ->
          let p = Rust.pending_task_on 0 (Handle.id peer) false in
          let* () = a_while choice in
          Lwt.cancel p;
          value_or_cancelled
            (Lwt.bind p (text_unless_terminated peer "the task was cancelled"))))

let relay =
  make "relay" (fun self choice ->
      let ids = List.init (Choice.int choice 6) (fun _ -> Handle.id (Peers.any choice)) in
      let* seen = Rust.stress_relay (Array.of_list ids) in
      let rec is_path seen ids =
        match (seen, ids) with
        | [], _ -> true
        | s :: seen, i :: ids -> s = i && is_path seen ids
        | _ :: _, [] -> false
      in
      match Array.to_list seen with
      | me :: seen when me = self.id && is_path seen (List.rev ids) ->
          Lwt.return
            (if List.compare_lengths seen ids = 0 then value else domain_terminated)
      | _ -> Expect.failf "the relay took another path")

let fan_out =
  make "fan-out from tokio" (fun _ choice ->
      let n = Choice.int choice 12 in
      let ids = List.init (Choice.int choice 6) (fun _ -> Handle.id (Peers.any choice)) in
      let* values, cancelled, lost = Rust.stress_fan_out (Array.of_list ids) n in
      check "each task has one outcome"
        (values + cancelled + lost = n * List.length ids)
        (if lost = 0 then value else domain_terminated))

let spawn =
  make "Handle.spawn" (fun _ choice ->
      let peer = Peers.any choice in
      let text = Choice.text choice in
      let id = Handle.id peer in
      let mine = Own (ref 0) in
      match Choice.int choice 3 with
      | 0 ->
          unless_terminated peer
            (fails "an exception"
               (Handle.spawn peer (fun () ->
                    let* (_ : string) = Rust.yield_n 1 "" in
                    raise mine))
               (fun e -> e == mine))
      | 1 ->
          unless_terminated peer
            (gives "the domain" id
               (Handle.spawn peer (fun () -> Lwt.return (Domain.self () :> int))))
      | _ ->
          unless_terminated peer
            (gives "the text" text
               (Handle.spawn peer (fun () ->
                    let* () = a_while choice in
                    Rust.yield_n 3 text))))

let spawn_cancelled =
  make "cancelled Handle.spawn" (fun _ choice ->
      with_terminating choice (fun peer ->
          let tag = Everywhere.tag () in
          let p = Handle.spawn peer (fun () -> Rust.never tag) in
          let* () = a_while choice in
          Lwt.cancel p;
          let* outcome =
            unless_terminated peer (fails "cancelled" p (( = ) Lwt.Canceled))
          in
          let* () = dropped tag in
          Lwt.return (if outcome = expected_error then cancelled else outcome)))

let post =
  make "Handle.post" (fun self choice ->
      let peer = Peers.any choice in
      (* The answer is lost if the peer terminates first. *)
      let p, u = Lwt.wait () in
      let answer () =
        ignore
          (Handle.post self.handle (fun () ->
               if Lwt.is_sleeping p then Lwt.wakeup_later u value)
            : bool)
      in
      if not (Handle.post peer answer) then
        check "Domain 0 accepts messages" (Handle.id peer <> 0) domain_terminated
      else
        let rec wait () =
          if not (Lwt.is_sleeping p) then p
          else if Handle.is_alive peer then Lwt.bind (Lwt_unix.sleep 0.001) wait
          else Lwt.return domain_terminated
        in
        wait ())

let pool =
  make ~held:true "pool" (fun _ choice ->
      match Pool.create ~minor_heap:262_144 ~domains:(1 + Choice.int choice 2) () with
      | exception Failure why when Expect.is_part why ~part:"OCaml refuses" ->
          Lwt.return "limit of domains"
      | pool ->
          let n = Choice.int choice 10 in
          let work i =
            match i mod 3 with
            | 0 -> Rust.ready_add i 1
            | 1 -> Lwt.map (fun (_ : string) -> i + 1) (Rust.yield_n 3 "")
            | _ -> Lwt.map (fun (_ : string * string) -> i + 1) (Rust.on_tokio "")
          in
          let* all = Pool.map pool work (List.init n Fun.id) in
          let* () =
            if Choice.chance choice 2 then (
              let p = Pool.spawn pool (fun () -> Rust.yield_n 20 "") in
              if Choice.chance choice 2 then Lwt.cancel p;
              Pool.shutdown pool)
            else
              let tag = Everywhere.tag () in
              let p = Pool.spawn pool (fun () -> Rust.never tag) in
              let* () = Pool.shutdown pool ~deadline:0.002 in
              let* _ = fails "cancelled by the deadline" p (( = ) Lwt.Canceled) in
              dropped tag
          in
          check "each element's own result" (all = List.init n succ) value)

let channel =
  make "channel" (fun self choice ->
      let peer = Peers.any choice in
      let n = Choice.int choice 20 in
      let channel = Channel.create ~capacity:(1 + Choice.int choice 4) in
      (* The sender would wait for ever if this domain terminated without closing the channel. *)
      let close = cleaning_up self (fun () -> Channel.close channel) in
      let sent = Atomic.make 0 in
      let rec send i =
        if i = n then Lwt.return value
        else
          let* () = Channel.send channel i in
          Atomic.incr sent;
          send (i + 1)
      in
      let received = ref 0 in
      let receive i =
        Expect.int "the elements are in order" !received i;
        incr received;
        Lwt.pause ()
      in
      let sending =
        Lwt.finalize
          (fun () -> unless_terminated peer (Handle.spawn peer (fun () -> send 0)))
          (fun () ->
            close ();
            Lwt.return_unit)
      in
      let* () = Channel.iter receive channel and* outcome = sending in
      Expect.that "all sent elements are received" (Atomic.get sent <= !received);
      check "all elements, unless the sender terminated"
        (outcome <> value || !received = n)
        outcome)

let all =
  [
    (task, 10);
    (closure, 4);
    (task_cancelled, 6);
    (task_detached, 4);
    (relay, 5);
    (fan_out, 4);
    (spawn, 10);
    (spawn_cancelled, 8);
    (post, 4);
    (channel, 6);
  ]
