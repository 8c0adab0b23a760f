(* Exceptions of signal handlers and of [Memprof] callbacks arrive at any point of the library's code.
   Afterwards everything has been settled, exactly once. *)

open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle
module Channel = Lwt_interop.Channel
module Stream = Lwt_interop.Stream
module Core = Lwt_interop__.Stream_core
module Blocking = Lwt_interop.Blocking
module Pool = Lwt_interop.Pool

let unless_interrupted = Raising.unless_interrupted

(* Runs the loop until [p] is resolved, and again after each exception. *)
let rec run p = try Lwt_main.run p with Raising.Alarm -> if Lwt.is_sleeping p then run p

let again f =
  let rec go () =
    match unless_interrupted f with Some result -> result | None -> go ()
  in
  go ()

(* ---- what is started, and whether it is over *)

type check = { what : string; is_over : unit -> bool }

let checks : check list ref Domain.DLS.key = Domain.DLS.new_key (fun () -> ref [])

let expect what is_over =
  let checks = Domain.DLS.get checks in
  checks := { what; is_over } :: !checks

let resolves what p = expect what (fun () -> not (Lwt.is_sleeping p))

(* An operation that is interrupted before it returns has not happened, or has been undone. *)
let start what operation =
  match unless_interrupted operation with Some p -> resolves what p | None -> ()

let all_over () =
  let checks = Domain.DLS.get checks in
  (* A test that fails leaves none to the next one. *)
  Fun.protect ~finally:(fun () -> checks := []) @@ fun () ->
  let pending () = List.filter (fun c -> not (c.is_over ())) !checks in
  let rec wait n =
    match pending () with
    | [] -> Lwt.return_unit
    | left when n = 0 ->
        let names = List.sort_uniq compare (List.map (fun c -> c.what) left) in
        Expect.failf "%d of %d operations are not over: %s" (List.length left)
          (List.length !checks) (String.concat ", " names)
    | _ ->
        let* () = Lwt_unix.sleep 0.001 in
        wait (n - 1)
  in
  (* Raises the exceptions that the loop has kept. *)
  run (Lwt.pause ());
  run (wait 10_000)

(* ---- a domain that survives exceptions *)

type server = { handle : Handle.t; stop : unit -> unit; join : unit -> unit }

let server () =
  let born = Atomic.make None and may_stop = Atomic.make false in
  let body () =
    (* The hook of exceptions in callbacks that nobody waits for. *)
    let handle = again Handle.current in
    Atomic.set born (Some handle);
    let rec until_stopped () =
      if Atomic.get may_stop then Lwt.return_unit
      else
        let* () = Lwt_unix.sleep 0.001 in
        until_stopped ()
    in
    let rec serve () =
      try Lwt_main.run (until_stopped ()) with Raising.Alarm -> serve ()
    in
    serve ()
  in
  let domain = Domain.spawn body in
  Expect.eventually_blocking (fun () -> Atomic.get born <> None);
  {
    handle = Option.get (Atomic.get born);
    stop = (fun () -> Atomic.set may_stop true);
    join = (fun () -> try Domain.join domain with Raising.Alarm -> ());
  }

let with_server f =
  let server = server () in
  Fun.protect
    ~finally:(fun () ->
      server.stop ();
      server.join ())
    (fun () -> f server.handle)

(* ---- operations *)

let pause_and_return v =
  let* () = Lwt.pause () in
  Lwt.return v

let pause_or_return i v = if i mod 2 = 0 then pause_and_return v else Lwt.return v

let spawns h i =
  start "Handle.spawn" (fun () -> Handle.spawn h (fun () -> Lwt.return i));
  start "Handle.spawn of a function that waits" (fun () ->
      Handle.spawn h (fun () -> pause_and_return i));
  start "Handle.spawn of a function that raises" (fun () ->
      Handle.spawn h (fun () -> raise Exit));
  start "Handle.spawn, cancelled" (fun () ->
      let p = Handle.spawn h (fun () -> fst (Lwt.task ())) in
      (* If this is interrupted, the promise is cancelled nevertheless. *)
      (try Lwt.cancel p with Raising.Alarm -> ());
      p)

let posts h _ =
  let ran = Atomic.make 0 in
  match unless_interrupted (fun () -> Handle.post h (fun () -> Atomic.incr ran)) with
  | Some true ->
      expect "Handle.post" (fun () ->
          let n = Atomic.get ran in
          if n > 1 then Expect.failf "Handle.post: the function ran %d times" n;
          n = 1)
  | Some false -> Expect.failf "Handle.post: the domain has terminated"
  | None -> ()

let calls _ i =
  start "a call" (fun () -> Rust.yield_n 2 "");
  start "a call on tokio" (fun () -> Rust.on_tokio "");
  start "a call of OCaml" (fun () -> Rust.call_async_once (fun n -> pause_and_return n) i);
  start "a call of OCaml that raises" (fun () ->
      Rust.call_async_once (fun _ -> raise Exit) i);
  match unless_interrupted (fun () -> Rust.await_promise (pause_and_return "")) with
  | None -> ()
  | Some p ->
      expect "an awaited promise" (fun () ->
          match Lwt.state p with
          | Sleep -> false
          | Return _ -> true
          | Fail e ->
              Expect.failf "the outcome of an awaited promise is %s"
                (Printexc.to_string e))

let blocking _ _ =
  let ran = Atomic.make 0 in
  let f () = Atomic.incr ran in
  (match unless_interrupted (fun () -> Blocking.run f) with
  | Some p ->
      expect "Blocking.run" (fun () ->
          Expect.that "Blocking.run: the function runs at most once" (Atomic.get ran <= 1);
          not (Lwt.is_sleeping p))
  | None -> ());
  start "Blocking.submit" (fun () -> Lwt.join [ Lwt.map ignore (Blocking.submit ignore) ]);
  start "Blocking.run, cancelled" (fun () ->
      let p = Blocking.run ignore in
      (try Lwt.cancel p with Raising.Alarm -> ());
      p)

(* Elements of a channel are received at most once, and those whose [send] succeeded exactly once. *)
let channels h i =
  let c = again (fun () -> Channel.create ~capacity:2) in
  let n = 12 in
  let received = Array.init n (fun _ -> Atomic.make 0) in
  let receive = function None -> () | Some k -> Atomic.incr received.(k) in
  let sent = Array.make n None in
  for k = 0 to n - 1 do
    sent.(k) <- unless_interrupted (fun () -> Channel.send c k);
    (* Its elements and those who wait move to Rust's half. *)
    if k = n / 2 && i mod 2 = 0 then ignore (again (fun () -> Rust.channel_share c) : int);
    start "Channel.recv" (fun () ->
        let p = Channel.recv c in
        Lwt.on_any p receive ignore;
        p);
    if k mod 4 = i mod 4 then
      start "Channel.recv, cancelled" (fun () ->
          let p = Channel.recv c in
          Lwt.on_any p receive ignore;
          (try Lwt.cancel p with Raising.Alarm -> ());
          p);
    if k mod 4 = 0 then
      start "Channel.recv on another domain" (fun () ->
          Handle.spawn h (fun () ->
              let p = Lwt.map receive (Channel.recv c) in
              (* No tail call: without a frame of this function's, an exception in [Lwt.map] would
                 be taken for one of the library's code, and the element is ours by then. *)
              Sys.opaque_identity p))
  done;
  expect "Channel" (fun () ->
      (* A [send] that was interrupted may have put its element in. *)
      again (fun () -> Channel.close c);
      let rec drain () =
        match Channel.try_recv c with
        | `Received k ->
            receive (Some k);
            drain ()
        | `Empty -> false
        | `Closed -> true
      in
      let is_settled k p =
        let times = Atomic.get received.(k) in
        if times > 1 then Expect.failf "Channel: element %d was received %d times" k times;
        match Option.map Lwt.state p with
        | Some Lwt.Sleep -> false
        (* The other domain may not have run the callback yet. *)
        | Some (Return ()) -> times = 1
        | Some (Fail _) | None -> true
      in
      drain () && List.for_all Fun.id (List.mapi is_settled (Array.to_list sent)))

(* Each element of a stream is received exactly once, and in order, although some waits are cancelled. *)

let stream_length = 20

(* Small batches, some of them at once. *)
let source i =
  let next = ref 0 in
  let pull () _ =
    let first = !next in
    let n = min (1 + ((first + i) mod 4)) (stream_length - first) in
    next := first + n;
    let elements = Array.init n (fun k -> first + k) in
    let ending = if !next = stream_length then Core.Finished else More in
    (* No tail call: see [channels]. *)
    Sys.opaque_identity (pause_or_return (first + i) { Core.elements; ending })
  in
  let kind =
    {
      Core.pull;
      convert = Fun.id;
      close = ignore;
      is_exact = false;
      is_cancellable = false;
      is_repeatable = false;
      ends_with_domain = false;
    }
  in
  Core.make (Source ((), kind))

let numbers i =
  let next = ref (-1) in
  Stream.from ~close:ignore (fun () ->
      incr next;
      let item = if !next < stream_length then Some !next else None in
      Sys.opaque_identity (pause_or_return !next item))
  |> fun s -> if i mod 2 = 0 then s else Stream.filter_map Option.some s

let of_channel i =
  let c = Channel.create ~capacity:(1 + (i mod 3)) in
  let rec send k =
    if k = stream_length then Lwt.return (Channel.close c)
    else
      match Channel.try_send c k with
      | `Sent -> send (k + 1)
      | `Full | `Closed ->
          let* () = Lwt.pause () in
          send k
      | exception Raising.Alarm ->
          (* It may have been sent. *)
          Lwt.return (Channel.close c)
  in
  Lwt.async (fun () -> send 0);
  Stream.of_channel c

let receive_all what make i =
  match unless_interrupted make with
  | None -> ()
  | Some s ->
      let received = ref [] and is_over = ref false and waiting = ref 0 in
      let failed = ref None in
      let fail e =
        decr waiting;
        if e <> Lwt.Canceled then failed := Some e
      in
      let receive p =
        incr waiting;
        Lwt.on_any p
          (fun x ->
            decr waiting;
            match x with Some x -> received := x :: !received | None -> is_over := true)
          fail;
        p
      in
      let next cancel =
        match unless_interrupted (fun () -> Stream.next s) with
        | None -> ()
        | Some p -> (
            ignore (receive p : int option Lwt.t);
            if cancel then try Lwt.cancel p with Raising.Alarm -> ())
      in
      for k = 1 to 6 do
        next (k mod 3 = i mod 3)
      done;
      expect what (fun () ->
          Option.iter
            (fun e -> Expect.failf "%s: failed with %s" what (Printexc.to_string e))
            !failed;
          if !waiting = 0 && not !is_over then
            for k = 1 to 3 do
              next (k = 2)
            done;
          !is_over && !waiting = 0
          &&
          let found = List.rev !received in
          let n = List.length found in
          if found <> List.init n Fun.id then
            Expect.failf "%s: received %s" what
              (String.concat " " (List.map string_of_int found));
          if n < stream_length && what <> "Stream.of_channel" then
            Expect.failf "%s: received only %d" what n;
          true)

let streams h i =
  receive_all "Stream.next" (fun () -> source i) i;
  receive_all "Stream.from" (fun () -> numbers i) i;
  receive_all "Stream.map" (fun () -> Stream.map succ (Stream.map pred (source i))) i;
  receive_all "Stream.of_list"
    (fun () -> Stream.of_list (List.init stream_length Fun.id))
    i;
  receive_all "Stream.of_seq"
    (fun () -> Stream.of_seq (Seq.take stream_length (Seq.ints 0)))
    i;
  receive_all "Stream.of_lwt_stream"
    (fun () -> Stream.of_lwt_stream (Lwt_stream.of_list (List.init stream_length Fun.id)))
    i;
  receive_all "Stream.map_s"
    (fun () ->
      Stream.map_s (fun x -> Sys.opaque_identity (pause_or_return x x)) (source i))
    i;
  receive_all "Stream.of_channel" (fun () -> of_channel i) i;
  start "Stream.iter" (fun () -> Stream.iter (fun _ -> Lwt.pause ()) (source i));
  start "Stream.iter, cancelled" (fun () ->
      let p = Stream.iter (fun _ -> Lwt.pause ()) (numbers i) in
      (try Lwt.cancel p with Raising.Alarm -> ());
      p);
  match
    unless_interrupted (fun () ->
        Handle.spawn h (fun () -> Lwt.return (Stream.move (source i))))
  with
  | None -> ()
  | Some p ->
      let accepted = ref false in
      Lwt.on_any p
        (fun moved ->
          receive_all "Stream.accept" (fun () -> again (fun () -> Stream.accept moved)) i;
          accepted := true)
        (fun _ -> accepted := true);
      expect "Stream.move" (fun () -> !accepted)

(* Repeats [f] until enough exceptions have arrived. *)
let repeat source ~least ~most ~exceptions f =
  let before = Raising.raised source in
  let arrived () = Raising.raised source - before in
  (* Finalisers run too seldom for each test; see [finalisers_raised]. *)
  let most = if source = Raising.Finalisers then least else most in
  let n = ref 0 in
  while !n < least || (arrived () < exceptions && !n < most) do
    incr n;
    f !n
  done;
  if source <> Finalisers then Expect.that "exceptions arrived" (arrived () > 0)

let interrupted operations source () =
  with_server (fun h ->
      Raising.during source (fun () ->
          repeat source ~least:200 ~most:20_000 ~exceptions:200 (fun i ->
              operations h i;
              if i mod 8 = 0 then
                ignore
                  (unless_interrupted (fun () -> Lwt_main.run (Lwt.pause ()))
                    : unit option)));
      all_over ())

let hook () =
  (* Callbacks that nobody waits for may be interrupted as well. *)
  Dlwt.set_async_exception_hook (Some (function Raising.Alarm -> () | e -> raise e))

let everywhere name f =
  let variants =
    [
      ("signals", Raising.Signals);
      ("Memprof", Raising.Memprof);
      ("finalisers", Raising.Finalisers);
    ]
  in
  List.concat_map
    (fun (kind, source) ->
      let body () =
        hook ();
        f source ()
      in
      [
        plain (Printf.sprintf "%s, on Domain 0: %s" name kind) body;
        plain (Printf.sprintf "%s, on a domain: %s" name kind) (fun () ->
            Domain.join
              (Domain.spawn (fun () ->
                   try body ()
                   with e ->
                     (* [Domain.join] does not pass it on. *)
                     Printexc.print_backtrace stderr;
                     raise e)));
      ])
    variants

(* ---- a domain's first call *)

let first_call source () =
  let tries = ref 0 in
  let call () =
    incr tries;
    Lwt_main.run (Rust.yield_n 2 "")
  in
  Raising.during source (fun () -> ignore (unless_interrupted call : string option));
  (* Of two exceptions that arrived in one run of the loop, the next one raises the second. *)
  Expect.string "the next call" "" (again call)

let first_calls source () =
  repeat source ~least:50 ~most:2_000 ~exceptions:50 (fun _ ->
      let body () =
        hook ();
        first_call source ()
      in
      Domain.join (Domain.spawn body))

(* ---- termination *)

let terminations source () =
  repeat source ~least:20 ~most:300 ~exceptions:100 (fun _ ->
      let ready = Atomic.make None and may_end = Atomic.make false in
      let lost = Atomic.make 0 in
      let domain =
        Domain.spawn (fun () ->
            hook ();
            let pending = List.init 50 (fun _ -> Rust.never 0) in
            (* Keeps the promises, whose callbacks run when the domain terminates. *)
            Atomic.fetch_and_add lost 50 |> ignore;
            List.iter (fun p -> Lwt.on_any p ignore (fun _ -> Atomic.decr lost)) pending;
            Atomic.set ready (Some (Handle.current ()));
            let rec until_may_end () =
              if Atomic.get may_end then Lwt.return_unit
              else
                let* () = Lwt_unix.sleep 0.001 in
                until_may_end ()
            in
            Lwt_main.run (until_may_end ());
            match source with
            | Raising.Signals -> ()
            | source ->
                (* The callbacks are this domain's own. *)
                Dlwt_rt.at_domain_exit ~priority:25 (fun () ->
                    Raising.during source (fun () -> Dlwt_rt.run_exit_actions ~up_to:40)))
      in
      Expect.eventually_blocking (fun () -> Atomic.get ready <> None);
      let h = Option.get (Atomic.get ready) in
      for i = 1 to 50 do
        start "Handle.spawn" (fun () -> Handle.spawn h (fun () -> fst (Lwt.task ())));
        if i mod 5 = 0 then start "Handle.terminated" (fun () -> Handle.terminated h)
      done;
      run (Lwt_unix.sleep 0.002);
      (* Some are still in the mailbox when the domain terminates. *)
      Atomic.set may_end true;
      for i = 1 to 50 do
        start "Handle.spawn, late" (fun () ->
            Handle.spawn h (fun () -> pause_and_return i))
      done;
      (match source with
      | Signals ->
          Raising.during Signals (fun () ->
              try Domain.join domain with Raising.Alarm -> ())
      | Memprof | Finalisers -> ());
      (try Domain.join domain with Raising.Alarm -> ());
      all_over ();
      Expect.int "calls that the domain's end has not settled" 0 (Atomic.get lost))

(* ---- pools *)

let pools source () =
  repeat source ~least:10 ~most:100 ~exceptions:50 (fun _ ->
      Raising.during source (fun () ->
          match unless_interrupted (fun () -> Pool.create ~domains:2 ()) with
          | None -> ()
          | Some pool ->
              for i = 1 to 50 do
                start "Pool.spawn" (fun () -> Pool.spawn pool (fun () -> Lwt.return i));
                start "Pool.spawn of a function that waits" (fun () ->
                    Pool.spawn pool (fun () -> pause_and_return i))
              done;
              start "Pool.replace" (fun () ->
                  Pool.replace pool 0 (fun _ -> Lwt.return_unit));
              let ended = List.init 2 (fun i -> Pool.handle pool i) in
              let p = again (fun () -> Pool.shutdown ~deadline:0.02 ~grace:0.02 pool) in
              resolves "Pool.shutdown" p;
              List.iter
                (fun h ->
                  expect "a domain of the pool" (fun () -> not (Handle.is_alive h)))
                ended;
              run p);
      all_over ())

let finalisers_raised () =
  Expect.that "exceptions of finalisers arrived" (Raising.raised Finalisers > 0)

let () =
  Rust.watch "" 0;
  hook ();
  Alcotest.run "exceptions"
    [
      ( "first call",
        plain "Domain 0's first call is interrupted" (first_call Raising.Memprof)
        :: everywhere "a domain's first call is interrupted" first_calls );
      ("spawn", everywhere "spawns" (interrupted spawns));
      ("post", everywhere "posts" (interrupted posts));
      ("calls", everywhere "calls" (interrupted calls));
      ("blocking", everywhere "blocking functions" (interrupted blocking));
      ("channels", everywhere "channels" (interrupted channels));
      ("streams", everywhere "streams" (interrupted streams));
      ("termination", everywhere "a domain terminates" terminations);
      ("pools", everywhere "pools" pools);
      ("at the end", [ plain "finalisers have raised" finalisers_raised; nothing_left () ]);
    ]
