(* OCaml sends work to domains. *)

open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

exception Own of int ref

let self () = (Domain.self () :> int)

let values () =
  with_other (fun { handle; id; _ } ->
      let* seen = Handle.spawn handle (fun () -> Lwt.return (self ())) in
      Expect.int "where it runs" id seen;
      let mine = ref "mine" in
      let* same =
        Handle.spawn handle (fun () ->
            let* () = Lwt_unix.sleep 0.001 in
            Lwt.return mine)
      in
      Expect.that "the same value" (same == mine);
      let* answer =
        Handle.spawn handle (fun () ->
            Lwt_io.with_temp_file (fun (f, o) ->
                Lwt.map (fun () -> f) (Lwt_io.write o "x")))
      in
      Expect.that "with Lwt_io" (answer <> "");
      Lwt.return_unit)

let exceptions () =
  with_other (fun { handle; _ } ->
      let mine = Own (ref 1) in
      let* e = Expect.rejected "raised" (Handle.spawn handle (fun () -> raise mine)) in
      Expect.that "the very exception" (e == mine);
      let* e =
        Expect.rejected "rejected" (Handle.spawn handle (fun () -> Lwt.fail mine))
      in
      Expect.that "the very exception, rejected" (e == mine);
      let later () =
        let* () = Lwt.pause () in
        raise mine
      in
      let* e = Expect.rejected "later" (Handle.spawn handle later) in
      Expect.that "the very exception, later" (e == mine);
      let* seen = Handle.spawn handle (fun () -> Lwt.return (self ())) in
      Expect.int "it goes on" (Handle.id handle) seen;
      Lwt.return_unit)

let to_self () =
  let me = Handle.current () in
  Expect.int "its id" (self ()) (Handle.id me);
  Expect.that "alive" (Handle.is_alive me);
  let order = ref [] in
  let p =
    Handle.spawn me (fun () ->
        order := "spawned" :: !order;
        Lwt.return 7)
  in
  order := "caller" :: !order;
  let* n = p in
  Expect.int "the value" 7 n;
  Expect.that "not before the caller is done" (!order = [ "spawned"; "caller" ]);
  let rec deep k =
    if k = 0 then Lwt.return 0
    else Lwt.map succ (Handle.spawn me (fun () -> deep (k - 1)))
  in
  let* depth = deep 100 in
  Expect.int "nested" 100 depth;
  Lwt.return_unit

let cancelling () =
  with_other (fun { handle; _ } ->
      let tag = tag () in
      let p = Handle.spawn handle (fun () -> Rust.never tag) in
      let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 1) in
      Lwt.cancel p;
      let* () = Expect.cancelled "the promise" p in
      let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 0) in
      (* What has not started does not start. *)
      let gate = Atomic.make false and started = Atomic.make false in
      let busy =
        Handle.spawn handle (fun () ->
            while not (Atomic.get gate) do
              Domain.cpu_relax ()
            done;
            Lwt.return_unit)
      in
      let p =
        Handle.spawn handle (fun () ->
            Atomic.set started true;
            Lwt.return_unit)
      in
      Lwt.cancel p;
      let* () = Expect.cancelled "the queued one" p in
      Atomic.set gate true;
      let* () = busy in
      let* () = Handle.spawn handle Lwt.return in
      (* Spawn and cancel travel as messages, in this order: it may have started, but not
         gone on. *)
      let* stopped =
        let reached = Atomic.make false in
        let p =
          Handle.spawn handle (fun () ->
              let* () = Lwt.pause () in
              let* () = Lwt_unix.sleep 60. in
              Atomic.set reached true;
              Lwt.return_unit)
        in
        Lwt.cancel p;
        let* () = Handle.spawn handle Lwt.return in
        Lwt.return (not (Atomic.get reached))
      in
      Expect.that "it went no further" stopped;
      (* What has ended stays as it is. *)
      let p = Handle.spawn handle (fun () -> Lwt.return 1) in
      let* (_ : int) = p in
      Lwt.cancel p;
      Expect.that "its value" (Lwt.state p = Lwt.Return 1);
      (* What cannot be cancelled goes on; nobody waits. *)
      let cancelled = Atomic.make false in
      let go_on () = Expect.eventually (fun () -> Atomic.get cancelled) in
      let p = Handle.spawn handle (fun () -> Lwt.protected (go_on ())) in
      let* () = Lwt.pause () in
      Lwt.cancel p;
      let* () = Expect.cancelled "a protected one" p in
      Atomic.set cancelled true;
      Lwt.return_unit)

let order () =
  with_other (fun { handle; _ } ->
      let seen = ref [] in
      let n = 10_000 in
      for i = 1 to n do
        if not (Handle.post handle (fun () -> seen := i :: !seen)) then
          Expect.failf "refused"
      done;
      let* all = Handle.spawn handle (fun () -> Lwt.return (List.rev !seen)) in
      Expect.that "in order" (all = List.init n succ);
      Lwt.return_unit)

let order_of_each () =
  let other = other () in
  let seen = Array.make 4 0 and wrong = Atomic.make 0 in
  let n = 2_000 in
  on_domains 4 (fun i ->
      for k = 1 to n do
        let f () =
          if seen.(i) <> k - 1 then Atomic.incr wrong;
          seen.(i) <- k
        in
        ignore (Handle.post other.handle f : bool)
      done;
      Handle.spawn other.handle Lwt.return);
  other.end_ ();
  other.join ();
  Expect.int "out of order" 0 (Atomic.get wrong);
  Array.iter (Expect.int "messages of each" n) seen

(* The other domain sleeps between two messages, and so does this one. *)
let ping_pong () =
  with_other (fun { handle; _ } ->
      let rec go n =
        if n = 0 then Lwt.return_unit
        else
          let* m = Handle.spawn handle (fun () -> Lwt.return n) in
          Expect.int "the answer" n m;
          go (n - 1)
      in
      go 2_000)

(* Messages come while a domain has just enough to do not to sleep. *)
let never_slept_on () =
  let other = other () in
  let stop = Atomic.make false in
  let busy () =
    let rec go n =
      if Atomic.get stop then Lwt.return_unit
      else
        let* (_ : string) = Rust.yield_n 1 "" in
        if n mod 8 = 0 then
          let* () = Lwt_unix.sleep 0. in
          go (n + 1)
        else go (n + 1)
    in
    go 0
  in
  let background =
    List.init 2 (fun _ ->
        ignore (Handle.post other.handle (fun () -> Lwt.async busy) : bool))
  in
  ignore (background : unit list);
  on_domains 3 (fun _ ->
      let rec go n =
        if n = 0 then Lwt.return_unit
        else
          let* m = Handle.spawn other.handle (fun () -> Lwt.return n) in
          Expect.int "the answer" n m;
          go (n - 1)
      in
      go 3_000);
  Atomic.set stop true;
  other.end_ ();
  other.join ()

let both_ways () =
  let n = 4 in
  let handles = Array.init n (fun _ -> Atomic.make None) and done_ = Atomic.make 0 in
  on_domains n (fun i ->
      Atomic.set handles.(i) (Some (Handle.current ()));
      let* () =
        Expect.eventually (fun () ->
            Array.for_all (fun h -> Atomic.get h <> None) handles)
      in
      let handle k = Option.get (Atomic.get handles.(k mod n)) in
      (* From domain to domain, and back again. *)
      let rec hop k =
        if k = 0 then Lwt.return []
        else
          let* rest = Handle.spawn (handle k) (fun () -> hop (k - 1)) in
          Lwt.return (k :: rest)
      in
      let* () =
        Lwt_list.iter_p
          (fun k ->
            let* path = hop (1 + (k mod 10)) in
            Expect.int "hops" (1 + (k mod 10)) (List.length path);
            Lwt.return_unit)
          (List.init 300 Fun.id)
      in
      Atomic.incr done_;
      Expect.eventually (fun () -> Atomic.get done_ = n))

let raising_posts () =
  let caught = Atomic.make [] in
  let other = other () in
  Lwt_main.run
    (let hook e = Atomic.set caught (Printexc.to_string e :: Atomic.get caught) in
     let* () =
       Handle.spawn other.handle (fun () ->
           Dlwt.set_async_exception_hook (Some hook);
           Lwt.return_unit)
     in
     let _ = Handle.post other.handle (fun () -> failwith "posted") in
     let* () = Handle.spawn other.handle Lwt.return in
     Expect.that "it went to the hook" (Atomic.get caught = [ {|Failure("posted")|} ]);
     Lwt.return_unit);
  other.end_ ();
  other.join ()

(* A hook that raises ends the loop, not the messages behind it. *)
let raising_hook () =
  let mine = Own (ref 0) in
  let ready = Atomic.make None
  and posted = Atomic.make false
  and first = Atomic.make false in
  let domain =
    Domain.spawn (fun () ->
        let h = Handle.current () in
        Dlwt.set_async_exception_hook (Some raise);
        let forever, u = Lwt.wait () in
        Atomic.set ready (Some h);
        Expect.eventually_blocking (fun () -> Atomic.get posted);
        let raised =
          match Lwt_main.run forever with () -> false | exception e -> e == mine
        in
        Atomic.set first raised;
        Dlwt.set_async_exception_hook None;
        let _ = Handle.post h (fun () -> Lwt.wakeup_later u ()) in
        Lwt_main.run forever)
  in
  Expect.eventually_blocking (fun () -> Atomic.get ready <> None);
  let handle = Option.get (Atomic.get ready) in
  Lwt_main.run
    (let _ = Handle.post handle (fun () -> raise mine) in
     let behind = Handle.spawn handle (fun () -> Lwt.return 5) in
     Atomic.set posted true;
     Domain.join domain;
     Expect.that "the exception came out of the loop" (Atomic.get first);
     (* Were the message lost, nothing would ever settle this. *)
     let* n = Lwt.pick [ behind; Lwt.map (fun () -> -1) (Lwt_unix.sleep 10.) ] in
     Expect.int "the message behind it" 5 n;
     Lwt.return_unit)

let from_a_thread () =
  with_other (fun { handle; id; _ } ->
      (* The domain's executor belongs to the thread that had it first. *)
      ignore (Handle.current () : Handle.t);
      let got = Atomic.make (-1) in
      let refused = Atomic.make "" in
      let thread =
        Thread.create
          (fun () ->
            (try ignore (Handle.spawn handle Lwt.return : unit Lwt.t)
             with Lwt_interop.Wrong_thread text -> Atomic.set refused text);
            ignore (Handle.post handle (fun () -> Atomic.set got (self ())) : bool))
          ()
      in
      Thread.join thread;
      Expect.contains "spawn is refused"
        ~part:(Printf.sprintf "domain %d" (self ()))
        (Atomic.get refused);
      let* () = Handle.spawn handle Lwt.return in
      Expect.int "post works" id (Atomic.get got);
      Lwt.return_unit)

let counters () =
  with_other (fun { handle; _ } ->
      let before = Handle.stats handle in
      let mine = Handle.stats (Handle.current ()) in
      let* () =
        Lwt_list.iter_s (fun () -> Handle.spawn handle Lwt.return) (List.init 10 ignore)
      in
      let after = Handle.stats handle in
      Expect.int "messages in" 10 (after.messages_in - before.messages_in);
      let mine' = Handle.stats (Handle.current ()) in
      Expect.int "messages out" 10 (mine'.messages_out - mine.messages_out);
      Expect.int "answers in" 10 (mine'.messages_in - mine.messages_in);
      Expect.that "time" (after.alive >= after.busy && after.alive >= before.alive);
      let* (_ : int * int) = Rust.visit (Handle.id handle) in
      Expect.that "polls" ((Handle.stats handle).polls > after.polls);
      Lwt.return_unit)

let suites =
  List.map
    (fun (place, tests) -> ("spawn: " ^ place, tests))
    (suites
       [
         case "values" values;
         case "exceptions" exceptions;
         case "to itself" to_self;
         case "cancelled" cancelling;
         case "messages keep their order" order;
         case "one message at a time" ping_pong;
         case "from a systhread" from_a_thread;
         case "counters" counters;
       ])
  @ [
      ( "spawn: all",
        [
          plain "each sender's messages keep their order" order_of_each;
          plain "no message is slept on" never_slept_on;
          plain "from domain to domain" both_ways;
          plain "a message that raises" raising_posts;
          plain "a hook that raises" raising_hook;
        ] );
    ]
