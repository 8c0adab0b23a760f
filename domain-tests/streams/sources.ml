open Lwt.Syntax
open Everywhere
open Producer
module Stream = Lwt_interop.Stream
module Channel = Lwt_interop.Channel

exception Broken

let all what expected s =
  let* found = Stream.to_list s in
  Expect.that what (found = expected);
  Lwt.return_unit

let broken what s =
  let* e = Expect.rejected what (Stream.to_list s) in
  Expect.that "its exception" (e = Broken);
  Lwt.return_unit

let lists () =
  let* () = all "none" [] (Stream.of_list ([] : int list)) in
  let* () = all "few" [ 1; 2; 3 ] (Stream.of_list [ 1; 2; 3 ]) in
  let many = List.init 1000 Fun.id in
  let* () = all "many" many (Stream.of_list many) in
  let* () =
    all "functions are elements" [ 7 ]
      (Stream.map (fun f -> f 3) (Stream.of_list [ ( + ) 4 ]))
  in
  let s = Stream.of_list [ 1; 2 ] in
  Stream.close s;
  all "closed" [] s

let seqs () =
  let forced = ref 0 in
  let seq n =
    Seq.map
      (fun x ->
        incr forced;
        x)
      (Seq.take n (Seq.ints 0))
  in
  let* () = all "all" (List.init 100 Fun.id) (Stream.of_seq (seq 100)) in
  forced := 0;
  let s = Stream.of_seq (seq 100) in
  let* (_ : int option) = Stream.next s in
  let* (_ : int option) = Stream.next s in
  Expect.int "evaluated on demand" 2 !forced;
  let* batch = Stream.next_batch ~max:5 s in
  Expect.that "a batch" (batch = [| 2; 3; 4; 5; 6 |]);
  Expect.int "no more than that" 7 !forced;
  let raises = Seq.append (List.to_seq [ 1; 2; 3 ]) (fun () -> raise Broken) in
  let s = Stream.of_seq raises in
  let* x = Stream.next s in
  Expect.that "the element before" (x = Some 1);
  let* batch = Stream.next_batch s in
  Expect.that "the elements before" (batch = [| 2; 3 |]);
  let* () = broken "raises" s in
  let lwt_seq n =
    Lwt_seq.map_s
      (fun x -> Lwt.map (fun () -> x) (Lwt.pause ()))
      (Lwt_seq.of_list (List.init n Fun.id))
  in
  let* () = all "of Lwt" (List.init 100 Fun.id) (Stream.of_lwt_seq (lwt_seq 100)) in
  broken "of Lwt" (Stream.of_lwt_seq (fun () -> Lwt.fail Broken))

let lwt_streams () =
  let stream, push = Lwt_stream.create () in
  let s = Stream.of_lwt_stream stream in
  let waiting = List.init 2 (fun _ -> Stream.next s) in
  push (Some 1);
  push (Some 2);
  push (Some 3);
  let* found = Lwt.all waiting in
  Expect.that "waiting" (found = [ Some 1; Some 2 ]);
  let cancelled = Stream.next s in
  Expect.that "there was one" (Lwt.state cancelled = Return (Some 3));
  let cancelled = Stream.next s in
  Lwt.cancel cancelled;
  push (Some 4);
  push (Some 5);
  let* x = Lwt_stream.get stream in
  Expect.that "it stays, since nobody waits" (x = Some 4);
  let* x = Stream.next s in
  Expect.that "the next" (x = Some 5);
  push (Some 6);
  Stream.close s;
  let* x = Lwt_stream.get stream in
  Expect.that "closing leaves the rest" (x = Some 6);
  let* () =
    all "of a list" [ 1; 2 ] (Stream.of_lwt_stream (Lwt_stream.of_list [ 1; 2 ]))
  in
  broken "fails" (Stream.of_lwt_stream (Lwt_stream.from (fun () -> Lwt.fail Broken)))

(* Elements that are there are taken at once, but no more than somebody waits for. *)
let lwt_stream_batches () =
  let stream, push = Lwt_stream.create () in
  let s = Stream.of_lwt_stream stream in
  List.iter (fun x -> push (Some x)) [ 1; 2; 3; 4; 5 ];
  let at_once what expected p = Expect.that what (Lwt.state p = Return expected) in
  at_once "three" [| 1; 2; 3 |] (Stream.next_batch ~max:3 s);
  Expect.that "it has the others" (Lwt_stream.get_available stream = [ 4; 5 ]);
  let waiting = Stream.next_batch ~max:3 s in
  push (Some 6);
  let* six = waiting in
  Expect.that "the first that comes" (six = [| 6 |]);
  List.iter (fun x -> push (Some x)) [ 7; 8 ];
  push None;
  at_once "the last" [| 7; 8 |] (Stream.next_batch s);
  at_once "the end" [||] (Stream.next_batch s);
  (* The elements before a failure are not lost. *)
  let failing () =
    let n = ref 0 in
    fun () ->
      incr n;
      if !n > 2 then raise Broken else Some !n
  in
  let fails what stream =
    let s = Stream.of_lwt_stream stream in
    at_once what [| 1; 2 |] (Stream.next_batch s);
    let* e = Expect.rejected what (Stream.next_batch s) in
    Expect.that "its exception" (e = Broken);
    Lwt.return_unit
  in
  let* () = fails "direct" (Lwt_stream.from_direct (failing ())) in
  let next = failing () in
  let* () = fails "of promises" (Lwt_stream.from (fun () -> Lwt.return (next ()))) in
  (* The senders of a bounded one go on. *)
  let stream, push = Lwt_stream.create_bounded 2 in
  let sent = Lwt_list.iter_s push#push (List.init 100 Fun.id) in
  let s = Stream.of_lwt_stream stream in
  let* list =
    Stream.fold
      (fun list x ->
        if x = 99 then push#close;
        Lwt.return (x :: list))
      [] s
  in
  let* () = sent in
  Expect.that "all" (List.rev list = List.init 100 Fun.id);
  Lwt.return_unit

let functions () =
  let calls = ref 0 in
  let counting () =
    incr calls;
    let n = !calls in
    if n > 3 then Lwt.return_none
    else
      let* () = Lwt.pause () in
      Lwt.return (Some n)
  in
  let s = Stream.from counting in
  let first = Stream.next s and second = Stream.next s in
  Expect.int "one call at a time" 1 !calls;
  let* a = first and* b = second in
  Expect.that "in order" ((a, b) = (Some 1, Some 2));
  let third = Stream.next s in
  Lwt.cancel third;
  let* x = Stream.next s in
  Expect.that "nothing is lost" (x = Some 3);
  let* x = Stream.next s in
  Expect.that "the end" (x = None);
  let* x = Stream.next s in
  Expect.that "the end" (x = None);
  Expect.int "no call after the end" 4 !calls;
  (* A function that waits for an element of its own stream is not called again within the call. *)
  let s = ref (Stream.of_list []) and inner = ref Lwt.return_none in
  let n = ref 0 in
  let f () =
    incr n;
    let x = !n in
    if x = 1 then inner := Stream.next !s;
    Lwt.return (Some x)
  in
  s := Stream.from f;
  let* outer = Stream.next !s in
  let* inner = !inner in
  Expect.that "in the order of their waits" ((inner, outer) = (Some 1, Some 2));
  let* () = broken "raises" (Stream.from (fun () -> raise Broken)) in
  broken "fails" (Stream.from (fun () -> Lwt.fail Broken))

(* Promises of another domain, which refuse callbacks, and may not be cancelled. *)
let foreign () =
  let promise = Atomic.make None and is_over = Atomic.make false in
  let body () =
    Atomic.set promise (Some (fst (Lwt.wait ())));
    Expect.eventually_blocking (fun () -> Atomic.get is_over)
  in
  let domain = Domain.spawn body in
  let* () = Expect.eventually (fun () -> Atomic.get promise <> None) in
  let get () : int option Lwt.t = Option.get (Atomic.get promise) in
  let is_refused s =
    let* e = Expect.rejected "its error" (Stream.next s) in
    match e with Invalid_argument _ -> Lwt.return_unit | e -> raise e
  in
  let* () = is_refused (Stream.from get) in
  let closed = ref 0 in
  let elements pause =
    Stream.from
      ~close:(fun () -> incr closed)
      (fun () -> Lwt.map (fun () -> Some ()) (pause ()))
  in
  let* () = is_refused (Stream.map_s get (elements Lwt.pause)) in
  let* () = is_refused (Stream.map_s get (elements Lwt.return)) in
  Expect.int "the sources are closed" 2 !closed;
  Atomic.set is_over true;
  Domain.join domain;
  Lwt.return_unit

let closes () =
  let closed = ref 0 in
  let close () = incr closed in
  let once what =
    Expect.int what 1 !closed;
    closed := 0
  in
  let* () =
    all "the end" [] (Stream.from ~close (fun () -> Lwt.return (None : int option)))
  in
  once "the end";
  let* () = broken "a failure" (Stream.from ~close (fun () -> raise Broken)) in
  once "a failure";
  let s = Stream.from ~close (fun () -> fst (Lwt.wait ())) in
  let waiting = Stream.next s in
  Expect.int "open" 0 !closed;
  Stream.close s;
  Stream.close s;
  once "closed";
  let* x = waiting in
  Expect.that "the end" (x = (None : int option));
  (* The function closes the stream that has called it. *)
  let s = ref (Stream.of_list []) in
  let f () =
    Stream.close !s;
    Lwt.return (Some 1)
  in
  s := Stream.from ~close f;
  let* x = Stream.next !s in
  Expect.that "too late" (x = None);
  once "within";
  let hooked = ref [] in
  let hook = Dlwt.async_exception_hook () in
  Dlwt.set_async_exception_hook (Some (fun e -> hooked := e :: !hooked));
  let s =
    Stream.from
      ~close:(fun () ->
        incr closed;
        raise Broken)
      (fun () -> Lwt.return (None : int option))
  in
  let* () = all "raises" [] s in
  Dlwt.set_async_exception_hook hook;
  once "raises";
  Expect.that "the hook gets it" (!hooked = [ Broken ]);
  Lwt.return_unit

let channels () =
  let contents c =
    let rec go found =
      match Channel.try_recv c with
      | `Received x -> go (x :: found)
      | `Empty | `Closed -> List.rev found
    in
    go []
  in
  let c = Channel.create ~capacity:10 in
  let* () = Lwt_list.iter_s (Channel.send c) [ 1; 2; 3; 4; 5 ] in
  let s = Stream.of_channel c in
  let* x = Stream.next s in
  Expect.that "the first" (x = Some 1);
  let* x = Channel.recv c in
  Expect.that "the channel has the second" (x = Some 2);
  let* x = Stream.next s in
  Expect.that "the third" (x = Some 3);
  Stream.close s;
  Expect.that "the channel is open" (not (Channel.is_closed c));
  Expect.that "and has the rest" (contents c = [ 4; 5 ]);
  let s = Stream.of_channel c in
  let first = Stream.next s and second = Stream.next s in
  Lwt.cancel first;
  Lwt.cancel second;
  let* () = Channel.send c 6 in
  let* () = Lwt_interop.Handle.spawn (Lwt_interop.Handle.current ()) Lwt.return in
  Expect.that "nobody waits" (contents c = [ 6 ]);
  let third = Stream.next (Stream.map (( * ) 10) s) in
  pending "the third" third;
  Stream.close s;
  let* x = third in
  Expect.that "closed" (x = None);
  let* () = Channel.send c 7 in
  let* () = Lwt_interop.Handle.spawn (Lwt_interop.Handle.current ()) Lwt.return in
  Expect.that "the wait has left the channel" (contents c = [ 7 ]);
  let* () = Channel.send_all c (Array.init 10 Fun.id) in
  let s = Stream.of_channel c in
  let three = Stream.next_batch ~max:3 s in
  Expect.that "three at once" (Lwt.state three = Return [| 0; 1; 2 |]);
  Stream.close s;
  Expect.that "the others stay" (contents c = List.init 7 (( + ) 3));
  let s = Stream.of_channel c in
  let list = Stream.to_list s in
  let* () = Lwt_list.iter_s (Channel.send c) (List.init 100 Fun.id) in
  Channel.close c;
  let* found = list in
  Expect.that "until it is closed" (found = List.init 100 Fun.id);
  Lwt.return_unit

let lwt_stream_views () =
  let producer, s = make () in
  let view = Stream.to_lwt_stream s in
  let two = Lwt_stream.nget 2 view in
  deliver producer [ 1; 2; 3 ];
  let* list = two in
  Expect.that "two" (list = [ 1; 2 ]);
  let* list = Lwt_stream.nget 1 view in
  Expect.that "three" (list = [ 3 ]);
  let cancelled = Lwt_stream.get view in
  Lwt.cancel cancelled;
  deliver producer [ 4 ] ~ending:(Failed Broken);
  let* x = Lwt_stream.get view in
  Expect.that "nothing is lost" (x = Some 4);
  let* e = Expect.rejected "fails" (Lwt.apply Lwt_stream.get view) in
  Expect.that "its exception" (e = Broken);
  let* list = Lwt_stream.to_list (Stream.to_lwt_stream (Stream.of_list [ 1; 2 ])) in
  Expect.that "until the end" (list = [ 1; 2 ]);
  Lwt.return_unit

let rec take n seq =
  if n = 0 then Lwt.return_nil
  else
    let* node = seq () in
    match node with
    | Lwt_seq.Nil -> Lwt.return_nil
    | Cons (x, rest) -> Lwt.map (List.cons x) (take (n - 1) rest)

let lwt_seq_views () =
  let producer, s = make () in
  let view = Stream.to_lwt_seq s in
  let first = take 2 view in
  let second = take 3 view in
  deliver producer [ 1; 2; 3 ];
  let* first = first and* second = second in
  Expect.that "one" (first = [ 1; 2 ]);
  Expect.that "the same elements" (second = [ 1; 2; 3 ]);
  let waiting = Lwt_seq.to_list view in
  Lwt.cancel waiting;
  let* () = Expect.cancelled "the third" waiting in
  let all = Lwt_seq.to_list view in
  deliver producer [ 4 ] ~ending:Finished;
  let* list = all in
  Expect.that "nothing is lost" (list = [ 1; 2; 3; 4 ]);
  let* list = Lwt_seq.to_list view in
  Expect.that "once more" (list = [ 1; 2; 3; 4 ]);
  let producer, s = make () in
  let view = Lwt_seq.to_list (Stream.to_lwt_seq s) in
  fail producer Broken;
  let* e = Expect.rejected "fails" view in
  Expect.that "its exception" (e = Broken);
  Lwt.return_unit

let cases =
  [
    case "streams of lists" lists;
    case "streams of sequences" seqs;
    case "streams of Lwt_streams" lwt_streams;
    case "a stream of a Lwt_stream takes no more than somebody waits for"
      lwt_stream_batches;
    case "streams of functions" functions;
    case "another domain's promise fails the stream" foreign;
    case "the function that closes a source is called once" closes;
    case "streams of channels leave the channel open" channels;
    case "a stream as a Lwt_stream" lwt_stream_views;
    case "a stream as a Lwt_seq, which can be read twice" lwt_seq_views;
  ]
