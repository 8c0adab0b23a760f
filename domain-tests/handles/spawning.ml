(* OCaml sends functions to domains, with [Handle.spawn] and [Handle.post]. *)

open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

exception Own of int ref

let self () = (Domain.self () :> int)

let values () =
  with_other (fun { handle; id; _ } ->
      let* seen = Handle.spawn handle (fun () -> Lwt.return (self ())) in
      Expect.int "where the function runs" id seen;
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
      Expect.that "the same exception" (e == mine);
      let* e =
        Expect.rejected "rejected" (Handle.spawn handle (fun () -> Lwt.fail mine))
      in
      Expect.that "the same exception, rejected" (e == mine);
      let later () =
        let* () = Lwt.pause () in
        raise mine
      in
      let* e = Expect.rejected "later" (Handle.spawn handle later) in
      Expect.that "the same exception, later" (e == mine);
      let* seen = Handle.spawn handle (fun () -> Lwt.return (self ())) in
      Expect.int "the domain still works" (Handle.id handle) seen;
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
  Expect.that "the caller continues first" (!order = [ "spawned"; "caller" ]);
  let rec deep k =
    if k = 0 then Lwt.return 0
    else Lwt.map succ (Handle.spawn me (fun () -> deep (k - 1)))
  in
  let* depth = deep 100 in
  Expect.int "nested spawns" 100 depth;
  Lwt.return_unit

(* Lwt calls what cancels a call after the call's reply, when the next call has its key. *)
let cancelled_late () =
  with_other (fun { handle; _ } ->
      let me = Handle.current () in
      let send f = ignore (Handle.spawn me f : unit Lwt.t) in
      let sent = Atomic.make false and gate = Atomic.make false in
      let p = ref Lwt.return_unit and next = ref [] in
      let start_next () =
        let work i () =
          Lwt.map (fun () -> i) (Expect.eventually (fun () -> Atomic.get gate))
        in
        next := List.init 3 (fun i -> Handle.spawn handle (work i));
        Lwt.return_unit
      in
      (* This domain's mailbox gets a function, the reply of [p], and another function. *)
      p :=
        Handle.spawn handle (fun () ->
            send (fun () -> Lwt.return (Interrupted.cancel !p));
            Lwt.return_unit);
      let last =
        Handle.spawn handle (fun () ->
            send start_next;
            Atomic.set sent true;
            Lwt.return_unit)
      in
      Expect.eventually_blocking (fun () -> Atomic.get sent);
      let* () = last in
      let* () = Expect.cancelled "the call" !p in
      let* () = Expect.eventually (fun () -> !next <> []) in
      let* () = Handle.spawn handle Lwt.return in
      Atomic.set gate true;
      let* found = Lwt.all !next in
      Expect.that "the next calls return" (found = [ 0; 1; 2 ]);
      Lwt.return_unit)

let cancelling () =
  with_other (fun { handle; _ } ->
      let tag = tag () in
      let p = Handle.spawn handle (fun () -> Rust.never tag) in
      let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 1) in
      Lwt.cancel p;
      let* () = Expect.cancelled "the promise" p in
      let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 0) in
      (* A function that has not started does not start. *)
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
      let* () = Expect.cancelled "the queued function" p in
      Atomic.set gate true;
      let* () = busy in
      let* () = Handle.spawn handle Lwt.return in
      Expect.that "it has not started" (not (Atomic.get started));
      (* One that may have started goes no further than its first wait. *)
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
      Expect.that "the function went no further" stopped;
      (* Cancelling has no effect on a function that has finished. *)
      let p = Handle.spawn handle (fun () -> Lwt.return 1) in
      let* (_ : int) = p in
      Lwt.cancel p;
      Expect.that "the promise keeps its value" (Lwt.state p = Lwt.Return 1);
      (* A promise that ignores cancelling stays pending there, and no one waits for it here. *)
      let cancelled = Atomic.make false in
      let pending () = Expect.eventually (fun () -> Atomic.get cancelled) in
      let p = Handle.spawn handle (fun () -> Lwt.protected (pending ())) in
      let* () = Lwt.pause () in
      Lwt.cancel p;
      let* () = Expect.cancelled "a function that ignores cancelling" p in
      Atomic.set cancelled true;
      (* A promise of this domain's, which the other one may not cancel. *)
      let foreign, _ = Lwt.wait () in
      let returned = Atomic.make false in
      let p =
        Handle.spawn handle (fun () ->
            Atomic.set returned true;
            foreign)
      in
      (* This loop does not run, and has not got the reply. *)
      Expect.eventually_blocking (fun () -> Atomic.get returned);
      Lwt.cancel p;
      let* () = Expect.cancelled "a promise of another domain's" p in
      let* (n : int) = Handle.spawn handle (fun () -> Lwt.return 1) in
      Expect.int "the domain still works" 1 n;
      Lwt.return_unit)

let order () =
  with_other (fun { handle; _ } ->
      let seen = ref [] in
      let n = 10_000 in
      for i = 1 to n do
        if not (Handle.post handle (fun () -> seen := i :: !seen)) then
          Expect.failf "post: the domain has terminated"
      done;
      let* all = Handle.spawn handle (fun () -> Lwt.return (List.rev !seen)) in
      Expect.that "messages are received in order" (all = List.init n succ);
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
  Expect.int "messages out of order" 0 (Atomic.get wrong);
  Array.iter (Expect.int "messages of each sender" n) seen

(* Both domains sleep between two messages. *)
let one_at_a_time () =
  with_other (fun { handle; _ } ->
      let rec go n =
        if n = 0 then Lwt.return_unit
        else
          let* m = Handle.spawn handle (fun () -> Lwt.return n) in
          Expect.int "the answer" n m;
          go (n - 1)
      in
      go 2_000)

(* The messages arrive while the domain is busy, so that its loop keeps deciding whether to sleep. *)
let no_lost_message () =
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

let chains () =
  let n = 4 in
  let handles = Array.init n (fun _ -> Atomic.make None) and done_ = Atomic.make 0 in
  on_domains n (fun i ->
      Atomic.set handles.(i) (Some (Handle.current ()));
      let* () =
        Expect.eventually (fun () ->
            Array.for_all (fun h -> Atomic.get h <> None) handles)
      in
      let handle k = Option.get (Atomic.get handles.(k mod n)) in
      (* A chain of spawns through all domains, whose results return the same way. *)
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
     Expect.that "the hook gets the exception"
       (Atomic.get caught = [ {|Failure("posted")|} ]);
     Lwt.return_unit);
  other.end_ ();
  other.join ()

(* If the hook raises, the loop ends, and the messages in the queue stay there. *)
let raising_hook () =
  let mine = Own (ref 0) in
  let ready = Atomic.make None
  and posted = Atomic.make false
  and loop_raised = Atomic.make false in
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
        Atomic.set loop_raised raised;
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
     Expect.that "Lwt_main.run raises the exception" (Atomic.get loop_raised);
     (* If the message were lost, this promise would stay pending. *)
     let* n = Lwt.pick [ behind; Lwt.map (fun () -> -1) (Lwt_unix.sleep 10.) ] in
     Expect.int "the next message's result" 5 n;
     Lwt.return_unit)

let from_a_thread () =
  with_other (fun { handle; id; _ } ->
      (* The domain's executor belongs to the first thread that uses it. *)
      ignore (Handle.current () : Handle.t);
      let ran_on = Atomic.make (-1) in
      let error = Atomic.make "" in
      let thread =
        Thread.create
          (fun () ->
            (try ignore (Handle.spawn handle Lwt.return : unit Lwt.t)
             with Lwt_interop.Wrong_thread text -> Atomic.set error text);
            ignore (Handle.post handle (fun () -> Atomic.set ran_on (self ())) : bool))
          ()
      in
      Thread.join thread;
      Expect.contains "spawn raises Wrong_thread"
        ~part:(Printf.sprintf "domain %d" (self ()))
        (Atomic.get error);
      let* () = Handle.spawn handle Lwt.return in
      Expect.int "where the posted function runs" id (Atomic.get ran_on);
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
      Expect.int "results in" 10 (mine'.messages_in - mine.messages_in);
      Expect.that "the times are consistent"
        (after.alive >= after.busy && after.alive >= before.alive);
      let* (_ : int * int) = Rust.task_on (Handle.id handle) in
      Expect.that "polls are counted" ((Handle.stats handle).polls > after.polls);
      Lwt.return_unit)

(* Whatever has woken a loop: what it runs then is busy time. *)
let busy_time () =
  with_other (fun { handle; _ } ->
      let compute seconds =
        let until = Unix.gettimeofday () +. seconds in
        while Unix.gettimeofday () < until do
          ()
        done
      in
      let busy_since what =
        let before = Handle.stats handle in
        compute 0.001;
        let after = Handle.stats handle in
        let busy = after.busy -. before.busy and alive = after.alive -. before.alive in
        Expect.that
          (Printf.sprintf "%s: busy for %g s of %g" what busy alive)
          (Float.abs (busy -. alive) < 1e-7)
      in
      let job () =
        busy_since "a message";
        Lwt.return_unit
      in
      let* () = Lwt_unix.sleep 0.02 in
      let* () = Handle.spawn handle job in
      Handle.spawn handle (fun () ->
          let* () = Lwt_unix.sleep 0.01 in
          busy_since "a timer";
          let due = Lwt_unix.sleep 0.001 in
          compute 0.002;
          let* () = due in
          busy_since "a timer that was due before the loop could sleep";
          let read, write = Lwt_unix.pipe ~cloexec:true () in
          let send () =
            Unix.sleepf 0.01;
            Unix.write_substring (Lwt_unix.unix_file_descr write) "x" 0 1
          in
          let sender = Domain.spawn send in
          let* (_ : int) = Lwt_unix.read read (Bytes.create 1) 0 1 in
          busy_since "a descriptor";
          ignore (Domain.join sender : int);
          let* () = Lwt_unix.close read in
          Lwt_unix.close write))

let suites =
  List.map
    (fun (place, tests) -> ("spawn: " ^ place, tests))
    (suites
       [
         case "the function runs there, and its value comes back" values;
         case "its exception comes back unchanged" exceptions;
         case "a domain sends to itself" to_self;
         case "cancelling the promise cancels the function" cancelling;
         case "an interrupted cancellation cancels no other call" cancelled_late;
         case "messages keep their order" order;
         case "a message wakes a loop that sleeps" one_at_a_time;
         case "a systhread may post, but not spawn" from_a_thread;
         case "messages and polls are counted" counters;
         case "what a loop runs after a wait is busy time" busy_time;
       ])
  @ [
      ( "spawn: all",
        [
          plain "each sender's messages keep their order" order_of_each;
          plain "a message wakes a loop that is about to sleep" no_lost_message;
          plain "domains send to each other" chains;
          plain "an exception of a message goes to the hook" raising_posts;
          plain "a hook that raises loses no message" raising_hook;
        ] );
    ]
