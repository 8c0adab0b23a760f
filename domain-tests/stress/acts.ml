open Lwt.Syntax
open Act
module Blocking = Lwt_interop.Blocking
module Pool = Lwt_interop.Pool
module Channel = Lwt_interop.Channel

exception Own of int ref

(* ---- outcomes *)

let value = "value"
let cancelled = "cancelled"
let domain_ended = "domain ended"
let expected = "expected error"
let is_part text ~part = Expect.is_part text ~part

let check what ok outcome =
  if not ok then Expect.failf "%s: is not so" what;
  Lwt.return outcome

(* The value has to be this one. *)
let gives what wanted p =
  let* found = p in
  check what (found = wanted) value

let fails what p is =
  Lwt.try_bind
    (fun () -> p)
    (fun _ -> Expect.failf "%s: it did not fail" what)
    (fun e -> if is e then Lwt.return expected else Lwt.fail e)

(* A domain that may end meanwhile. *)
let if_alive (peer : Handle.t) p =
  let ends = Handle.id peer <> 0 in
  Lwt.catch
    (fun () -> p)
    (function
      | Lwt_interop.Domain_terminated id when ends && id = Handle.id peer ->
          Lwt.return domain_ended
      | Lwt_interop.Rust_error { message; _ }
        when ends
             && (is_part message ~part:"terminated"
                || is_part message ~part:"no domain"
                || is_part message ~part:"no such domain") ->
          Lwt.return domain_ended
      | e -> Lwt.fail e)

let text_if_alive (peer : Handle.t) wanted text =
  if text = wanted then Lwt.return value
  else if
    Handle.id peer <> 0
    && (is_part text ~part:"terminated" || is_part text ~part:"no domain")
  then Lwt.return domain_ended
  else Expect.failf "%S instead of %S" text wanted

(* For work that only its own domain's end stops, should the caller's come first. *)
let with_mortal choice f =
  match Peers.mortal choice with Some peer -> f peer | None -> Lwt.return "nobody there"

let rec pauses n =
  if n = 0 then Lwt.return_unit else Lwt.bind (Lwt.pause ()) (fun () -> pauses (n - 1))

(* A while of no definite length: a few turns of the loop, or a timer. *)
let a_while choice =
  if Choice.chance choice 2 then pauses (Choice.int choice 6)
  else Lwt_unix.sleep (float_of_int (Choice.int choice 2000) *. 1e-6)

let dropped tag = Expect.eventually (fun () -> Rust.futures_alive tag = 0)
let is_panic = function Lwt_interop.Rust_panic _ -> true | _ -> false
let is_error = function Lwt_interop.Rust_error _ -> true | _ -> false

(* ---- calls *)

let ready =
  make "ready call" (fun _ choice ->
      let a = Choice.int choice 1000 in
      gives "the sum" (a + 1) (Rust.ready_add a 1))

let yields =
  make "call" (fun _ choice ->
      let text = Choice.text choice in
      gives "the text" text (Rust.yield_n (1 + Choice.int choice 20) text))

let same_value =
  make "value through Rust" (fun _ choice ->
      let mine = ref (Choice.int choice 10) in
      let* found = Rust.hold mine (Choice.int choice 10) in
      check "the same value" (found == mine) value)

let forgotten =
  make "forgotten call" (fun _ choice ->
      ignore (Rust.yield_n (1 + Choice.int choice 20) "" : string Lwt.t);
      Lwt.return "forgotten")

let on_tokio =
  make "call on tokio" (fun _ choice ->
      let text = Choice.text choice in
      gives "the text" text (Lwt.map fst (Rust.on_tokio text)))

let storm =
  make "wake-ups from tokio" (fun _ choice ->
      let n = 1 + Choice.int choice 50 in
      gives "the sum" (n * (n - 1) / 2) (Rust.storm n))

let blocking_pool =
  make "tokio's blocking pool" (fun _ choice ->
      let n = Choice.int choice 100 in
      gives "the sum" n (Rust.sum_blocking [| n |]))

let late_wake =
  make "wake-up that is late" (fun _ choice ->
      let* () = Native.late_wake (Choice.int choice 20_000) in
      Lwt.return value)

(* ---- failures *)

let panic =
  make "panic" (fun _ choice ->
      fails "a panic"
        (match Choice.int choice 6 with
        | 4 -> Rust.panics_tokio ()
        | 5 -> Rust.panics_blocking ()
        | n -> Lwt.map ignore (Rust.panics n))
        is_panic)

let error =
  make "error" (fun _ _ -> fails "a division by 0" (Rust.checked_div_exn 1 0) is_error)

let exception_through =
  make "exception through Rust" (fun _ choice ->
      let mine = Own (ref 0) in
      let raise_later () =
        let* () = a_while choice in
        Lwt.fail mine
      in
      fails "an exception"
        (match Choice.int choice 4 with
        | 0 -> Lwt.map ignore (Rust.call_async (fun _ -> raise mine) 1)
        | 1 -> Lwt.map ignore (Rust.call_async (fun _ -> raise_later ()) 3)
        | 2 -> Lwt.map ignore (Rust.call_from_task (fun _ _ -> raise mine) 3)
        | _ -> Lwt.map ignore (Rust.await_promise (raise_later ())))
        (fun e -> e == mine))

let bombs =
  make "destructors that panic" (fun place choice ->
      if place.id = 0 || Choice.chance choice 2 then begin
        let p = Rust.never_bomb 0 in
        let* () = a_while choice in
        Lwt.cancel p;
        fails "cancelled" p (( = ) Lwt.Canceled)
      end
      else begin
        Rust.leave_bombs 0 (Choice.int choice 4);
        Lwt.return value
      end)

(* ---- cancelling *)

let cancel =
  make "cancelled call" (fun _ choice ->
      let tag = Everywhere.tag () in
      let p = if Choice.chance choice 2 then Rust.never tag else Rust.never_tokio tag in
      let* () = a_while choice in
      Lwt.cancel p;
      let* _ = fails "cancelled" p (( = ) Lwt.Canceled) in
      let* () = dropped tag in
      Lwt.return cancelled)

let either p =
  Lwt.catch
    (fun () -> p)
    (function Lwt.Canceled -> Lwt.return cancelled | e -> Lwt.fail e)

let race =
  make "cancelled or not" (fun _ choice ->
      let text = Choice.text choice in
      let p =
        match Choice.int choice 4 with
        | 0 -> Rust.yield_n (Choice.int choice 6) text
        | 1 -> Lwt.map fst (Rust.on_tokio text)
        | 2 -> Rust.promise_from_thread text
        | _ -> Lwt.map (fun _ -> text) (Rust.sum_blocking [||])
      in
      let* () = a_while choice in
      Lwt.cancel p;
      either (gives "the text" text p))

let pick =
  make "pick" (fun _ choice ->
      let tag = Everywhere.tag () in
      let text = Choice.text choice in
      let winner = Rust.yield_n (Choice.int choice 6) text in
      let loser = Lwt.map (fun () -> "never") (Rust.never tag) in
      let* _ = gives "the winner" text (Lwt.pick [ winner; loser ]) in
      let* () = dropped tag in
      Lwt.return value)

let timeout =
  make "timeout" (fun _ choice ->
      let tag = Everywhere.tag () in
      let seconds = float_of_int (Choice.int choice 2000) *. 1e-6 in
      let work () =
        if Choice.chance choice 2 then Rust.never tag else Rust.never_tokio tag
      in
      let* _ =
        fails "timeout" (Lwt_unix.with_timeout seconds work) (( = ) Lwt_unix.Timeout)
      in
      let* () = dropped tag in
      Lwt.return expected)

(* ---- promises *)

let awaited =
  make "promise that Rust awaits" (fun _ choice ->
      let text = Choice.text choice in
      let p = Lwt.map (fun () -> text) (a_while choice) in
      gives "the text" ("rust got " ^ text) (Rust.await_promise p))

let given_up =
  make "promise that Rust cancels" (fun _ choice ->
      let p, _ = Lwt.task () in
      let* waited = Rust.await_briefly p (Choice.int choice 2) in
      let* () = Expect.eventually (fun () -> Lwt.state p = Lwt.Fail Lwt.Canceled) in
      check "it gave up" (not waited) cancelled)

let made =
  make "promise of a thread" (fun _ choice ->
      let text = Choice.text choice in
      match Choice.int choice 4 with
      | 0 -> fails "dropped" (Rust.promise_dropped ()) is_error
      | 1 -> fails "rejected" (Rust.promise_rejected text) is_error
      | _ -> gives "the text" text (Rust.promise_from_thread text))

(* Resolved by a domain that did not make it, and that may end before it comes to it. *)
let resolved_elsewhere =
  make "promise that a domain resolves" (fun place choice ->
      let tag = Everywhere.tag () and text = Choice.text choice in
      let p = Rust.promise_kept tag in
      let drop () = try Rust.drop_kept tag with Lwt_interop.Rust_error _ -> () in
      let drop = later place drop in
      let peer = Peers.any choice in
      let* sent =
        if_alive peer
          (Handle.spawn peer (fun () ->
               let* _ = Rust.resolve_kept tag text (Choice.chance choice 2) in
               Lwt.return value))
      in
      if sent = value then (
        let* outcome = gives "the text" text p in
        drop ();
        Lwt.return outcome)
      else (
        drop ();
        (* Its end may have come after it had resolved the promise. *)
        Lwt.catch
          (fun () -> gives "the text" text p)
          (function
            | Lwt_interop.Rust_error _ -> Lwt.return domain_ended | e -> Lwt.fail e)))

(* ---- callbacks *)

let callback =
  make "callback" (fun _ choice ->
      let n = Choice.int choice 8 in
      let twice i =
        let* () = a_while choice in
        Rust.ready_add i i
      in
      gives "the sum" (n * (n - 1)) (Rust.call_async twice n))

let callback_at_once =
  make "callback at once" (fun _ choice ->
      let f n s = Printf.sprintf "%d%s" n s in
      if Choice.chance choice 2 then check "the text" (Rust.call_sync f 3 = "3x") value
      else gives "the text" "4y" (Rust.call_from_task f 4))

(* ---- other domains *)

let visit =
  make "visit" (fun _ choice ->
      let peer = Peers.any choice in
      let id = Handle.id peer in
      if_alive peer
        (match Choice.int choice 5 with
        | 0 -> gives "the domain" id (Rust.visit_from_tokio id)
        | 1 -> gives "the domain" (id, id) (Rust.visit_from_thread id)
        | 2 -> gives "the domain" id (Rust.call_from_blocking_pool id)
        | _ -> gives "the domain" id (Lwt.map fst (Rust.visit id))))

let call_there =
  make "closure for a domain" (fun _ choice ->
      let peer = Peers.any choice in
      Lwt.bind
        (Rust.call_there (Handle.id peer))
        (text_if_alive peer (string_of_int (Handle.id peer))))

let visit_cancelled =
  make "cancelled visit" (fun _ choice ->
      with_mortal choice (fun peer ->
          let tag = Everywhere.tag () in
          let* text = Rust.visit_never tag (Handle.id peer) true in
          let* outcome = text_if_alive peer "the task was cancelled" text in
          let* () = dropped tag in
          Lwt.return (if outcome = value then cancelled else outcome)))

(* Its handle is dropped, so that it goes on until its domain ends. *)
let visit_detached =
  make "detached visit" (fun _ choice ->
      with_mortal choice (fun peer ->
          let p = Rust.visit_never 0 (Handle.id peer) false in
          let* () = a_while choice in
          Lwt.cancel p;
          either (Lwt.bind p (text_if_alive peer "the task was cancelled"))))

let relay =
  make "relay" (fun place choice ->
      let ids = List.init (Choice.int choice 6) (fun _ -> Handle.id (Peers.any choice)) in
      let* seen = Native.relay (Array.of_list ids) in
      let rec is_path seen ids =
        match (seen, ids) with
        | [], _ -> true
        | s :: seen, i :: ids -> s = i && is_path seen ids
        | _ :: _, [] -> false
      in
      match Array.to_list seen with
      | me :: seen when me = place.id && is_path seen (List.rev ids) ->
          Lwt.return (if List.compare_lengths seen ids = 0 then value else domain_ended)
      | _ -> Expect.failf "another path")

let fan_out =
  make "fan-out from tokio" (fun _ choice ->
      let n = Choice.int choice 12 in
      let ids = List.init (Choice.int choice 6) (fun _ -> Handle.id (Peers.any choice)) in
      let* values, cancelled, gone = Native.fan_out (Array.of_list ids) n in
      check "all are accounted for"
        (values + cancelled + gone = n * List.length ids)
        (if gone = 0 then value else domain_ended))

let spawn =
  make "Handle.spawn" (fun _ choice ->
      let peer = Peers.any choice in
      let text = Choice.text choice in
      let id = Handle.id peer in
      let mine = Own (ref 0) in
      match Choice.int choice 3 with
      | 0 ->
          if_alive peer
            (fails "an exception"
               (Handle.spawn peer (fun () ->
                    let* (_ : string) = Rust.yield_n 1 "" in
                    raise mine))
               (fun e -> e == mine))
      | 1 ->
          if_alive peer
            (gives "the domain" id
               (Handle.spawn peer (fun () -> Lwt.return (Domain.self () :> int))))
      | _ ->
          if_alive peer
            (gives "the text" text
               (Handle.spawn peer (fun () ->
                    let* () = a_while choice in
                    Rust.yield_n 3 text))))

let spawn_cancelled =
  make "cancelled Handle.spawn" (fun _ choice ->
      with_mortal choice (fun peer ->
          let tag = Everywhere.tag () in
          let p = Handle.spawn peer (fun () -> Rust.never tag) in
          let* () = a_while choice in
          Lwt.cancel p;
          let* outcome = if_alive peer (fails "cancelled" p (( = ) Lwt.Canceled)) in
          let* () = dropped tag in
          Lwt.return (if outcome = expected then cancelled else outcome)))

let post =
  make "Handle.post" (fun place choice ->
      let peer = Peers.any choice in
      (* The answer is lost if the peer ends first. *)
      let p, u = Lwt.wait () in
      let answer () =
        ignore
          (Handle.post place.handle (fun () ->
               if Lwt.is_sleeping p then Lwt.wakeup_later u value)
            : bool)
      in
      if not (Handle.post peer answer) then
        check "only a mortal one is gone" (Handle.id peer <> 0) domain_ended
      else
        let rec wait () =
          if not (Lwt.is_sleeping p) then p
          else if Handle.is_alive peer then Lwt.bind (Lwt_unix.sleep 0.001) wait
          else Lwt.return domain_ended
        in
        wait ())

let pool =
  make ~held:true "pool" (fun _ choice ->
      match Pool.create ~domains:(1 + Choice.int choice 2) () with
      | exception Failure why when is_part why ~part:"OCaml refuses" ->
          Lwt.return "refused"
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
          check "each its own" (all = List.init n succ) value)

let channel =
  make "channel" (fun place choice ->
      let peer = Peers.any choice in
      let n = Choice.int choice 20 in
      let channel = Channel.create ~capacity:(1 + Choice.int choice 4) in
      (* Who sends would wait for ever if this domain were gone. *)
      let close = later place (fun () -> Channel.close channel) in
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
        Expect.int "in order" !received i;
        incr received;
        Lwt.pause ()
      in
      let sending =
        Lwt.finalize
          (fun () -> if_alive peer (Handle.spawn peer (fun () -> send 0)))
          (fun () ->
            close ();
            Lwt.return_unit)
      in
      let* () = Channel.iter receive channel and* outcome = sending in
      Expect.that "what was sent is received" (Atomic.get sent <= !received);
      check "all, if the sender lived" (outcome <> value || !received = n) outcome)

(* ---- the blocking lane *)

let lane =
  make "blocking lane" (fun _ choice ->
      let mine = Own (ref 0) in
      let n = Choice.int choice 100 in
      match Choice.int choice 6 with
      | 0 ->
          fails "an exception" (Blocking.run (fun () -> raise mine)) (fun e -> e == mine)
      | 1 -> fails "a panic" (Rust.panics_on_lane ()) is_panic
      | 2 -> gives "a number" n (Rust.on_lane (fun () -> n))
      | 3 ->
          let p = Blocking.run (fun () -> Unix.sleepf 0.0002) in
          let* () = pauses (Choice.int choice 3) in
          Lwt.cancel p;
          either (gives "nothing" () p)
      | _ ->
          let job () =
            Unix.sleepf 0.0001;
            (n, (Domain.self () :> int))
          in
          gives "on Domain 0" (n, 0) (Blocking.run job))

(* ---- values *)

let drop_elsewhere =
  make "value dropped elsewhere" (fun _ choice ->
      let peer = Peers.any choice in
      let value_ = Choice.text choice in
      let where = Choice.int choice 5 in
      if where = 4 then
        let told = Rust.drop_exception_elsewhere (Lwt.fail (Own (ref 1))) in
        Lwt.map (fun (_ : string) -> value) told
      else
        if_alive peer
          (Lwt.map (fun () -> value) (Rust.drop_elsewhere value_ where (Handle.id peer))))

let kept =
  make "value kept across domains" (fun place choice ->
      let n = Everywhere.tag () and text = Choice.text choice in
      let peer = Peers.any choice in
      Rust.keep n text;
      let forget = later place (fun () -> Rust.forget n) in
      let* () = a_while choice in
      let* outcome =
        if_alive peer
          (gives "what was kept" (Some text)
             (Handle.spawn peer (fun () -> Lwt.return (Rust.kept n))))
      in
      forget ();
      Lwt.return outcome)

let garbage =
  make "garbage" (fun _ choice ->
      let words = List.init (Choice.int choice 3000) (fun _ -> Choice.text choice) in
      if Choice.chance choice 10 then Gc.full_major ()
      else if Choice.chance choice 3 then Gc.minor ();
      check "the words" (List.for_all (fun w -> String.length w < 40) words) value)

(* ---- Lwt *)

let sleep =
  make "Lwt_unix.sleep" (fun _ choice ->
      let* () = Lwt_unix.sleep (float_of_int (Choice.int choice 3000) *. 1e-6) in
      Lwt.return value)

let pipe =
  make "pipe" (fun place choice ->
      let text = "x" ^ Choice.text choice in
      let n = String.length text in
      let out, into = Lwt_unix.pipe ~cloexec:true () in
      let closing fd =
        let unix = Lwt_unix.unix_file_descr fd in
        later place (fun () -> Unix.close unix)
      in
      let close_out = closing out and close_into = closing into in
      let buffer = Bytes.create n in
      let read = Lwt_unix.read out buffer 0 n in
      let* () = a_while choice in
      let* (_ : int) = Lwt_unix.write_string into text 0 n in
      let* (_ : int) = read in
      close_out ();
      close_into ();
      check "what was written" (Bytes.to_string buffer = text) value)

let job =
  make "job of Lwt_unix" (fun _ _ ->
      let* stats = Lwt_unix.stat "/" in
      check "a directory" (stats.st_kind = Unix.S_DIR) value)

(* Its domain takes 50 ms to end. *)
let detach =
  make "Lwt_preemptive.detach" (fun _ choice ->
      let n = Choice.int choice 100 in
      gives "a number" (n + 1) (Lwt_preemptive.detach succ n))

let all =
  [
    (ready, 4);
    (yields, 8);
    (same_value, 4);
    (forgotten, 4);
    (on_tokio, 6);
    (storm, 3);
    (blocking_pool, 2);
    (late_wake, 3);
    (panic, 4);
    (error, 2);
    (exception_through, 4);
    (bombs, 2);
    (cancel, 6);
    (race, 8);
    (pick, 4);
    (timeout, 4);
    (awaited, 4);
    (given_up, 4);
    (made, 4);
    (resolved_elsewhere, 6);
    (callback, 4);
    (callback_at_once, 3);
    (visit, 10);
    (call_there, 4);
    (visit_cancelled, 6);
    (visit_detached, 4);
    (relay, 5);
    (fan_out, 4);
    (spawn, 10);
    (spawn_cancelled, 8);
    (post, 4);
    (channel, 6);
    (lane, 5);
    (drop_elsewhere, 6);
    (kept, 5);
    (garbage, 3);
    (sleep, 3);
    (pipe, 4);
    (job, 3);
  ]

(* Those that take long are rare. *)
let choose choice =
  if Choice.chance choice 150 then Choice.weighted choice [ (pool, 3); (detach, 1) ]
  else Choice.weighted choice all
