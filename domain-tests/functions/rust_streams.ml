open Lwt.Syntax
open Everywhere
module Channel = Lwt_interop.Channel
module Stream = Lwt_interop.Stream
module Handle = Lwt_interop.Handle

let alive tag what n = Expect.int what n (Rust.futures_alive tag)
let gone tag = Expect.eventually (fun () -> Rust.futures_alive tag = 0)

let collected tag =
  Expect.eventually (fun () ->
      Gc.full_major ();
      Rust.futures_alive tag = 0)

let numbers n = List.init n Fun.id
let is_list what expected found = Expect.that what (List.equal Int.equal expected found)

(* Every way in which a function returns a stream of numbers. *)
let producers =
  [
    ("ready", fun tag n -> Rust.stream_numbers tag n false);
    ("waiting", fun tag n -> Rust.stream_numbers tag n true);
    ("later", fun tag n -> Rust.stream_numbers_later tag n);
    ("on tokio", fun tag n -> Rust.stream_numbers_tokio tag n false);
    ("waiting on tokio", fun tag n -> Rust.stream_numbers_tokio tag n true);
    ("later on tokio", fun tag n -> Rust.stream_numbers_later_tokio tag n);
  ]

let all_elements ~scale () =
  Lwt_list.iter_s
    (fun (what, make) ->
      Lwt_list.iter_s
        (fun n ->
          let tag = tag () in
          let* found = Stream.to_list (make tag n) in
          is_list (Printf.sprintf "%s: %d numbers" what n) (numbers n) found;
          gone tag)
        [ 0; 1; 63; 64; 65; 1 + scaled ~scale 1000 ])
    producers

let one_by_one () =
  Lwt_list.iter_s
    (fun (what, make) ->
      let tag = tag () in
      let s = make tag 3 in
      let* a = Stream.next s in
      let* b = Stream.next s in
      let* c = Stream.next s in
      let* d = Stream.next s in
      let* e = Stream.next s in
      Expect.that
        (what ^ ": the numbers, and the end twice")
        ([ a; b; c; d; e ] = [ Some 0; Some 1; Some 2; None; None ]);
      gone tag)
    producers

let of_other_types () =
  let* floats = Stream.to_list (Rust.stream_floats 100) in
  Expect.that "floats" (floats = List.init 100 (fun i -> float_of_int i /. 2.));
  let* floats = Stream.to_list (Rust.stream_floats 0) in
  Expect.that "no floats" (floats = []);
  let* bytes = Stream.to_list (Rust.stream_bytes (Bytes.of_string "a\255b")) in
  Expect.that "bytes" (bytes = [ 97; 255; 98 ]);
  let* results = Stream.to_list (Rust.stream_results 3) in
  Expect.that "results" (results = [ Ok 0; Error "1"; Ok 2 ]);
  let rows = Array.init 200 string_of_int in
  let* found = Stream.to_list (Rust.Table.rows (Rust.Table.create rows)) in
  Expect.that "rows of an opaque value" (found = Array.to_list rows);
  Lwt.return_unit

(* ---- failures *)

let rec until_failure s elements =
  Lwt.try_bind
    (fun () -> Stream.next s)
    (function
      | Some n -> until_failure s (n :: elements)
      | None -> Expect.failf "the stream ended without a failure")
    (fun e -> Lwt.return (List.rev elements, e))

let failures () =
  Lwt_list.iter_s
    (fun (what, make) ->
      let fails how check =
        Lwt_list.iter_s
          (fun n ->
            let tag = tag () in
            let s = Stream.map Int64.to_int (make tag n how) in
            let* elements, e = until_failure s [] in
            let before = if how = 3 then numbers n @ [ 0; 1 ] else numbers n in
            let before = if how = 2 then before @ [ 0 ] else before in
            is_list (what ^ ": the elements before") before elements;
            check e;
            let* again = Expect.rejected "the next one" (Stream.next s) in
            Expect.that (what ^ ": the same exception") (again == e);
            gone tag)
          [ 0; 1; 64; 100 ]
      in
      let* () =
        fails 0 (function
          | Lwt_interop.Rust_error { message; _ } ->
              Expect.string "the error" "the stream's error" message
          | e -> raise e)
      in
      let* () =
        fails 1 (Expect.panicked "a poll" ~place:"streams.rs:" ~message:"in the stream")
      in
      let* () =
        fails 2
          (Expect.panicked "a destructor" ~place:"streams.rs:"
             ~message:"in the stream's destructor")
      in
      fails 3 (function
        | Invalid_argument message ->
            Expect.contains "the number" ~part:"18446744073709551615" message;
            Expect.contains "the function" ~part:"stream_fails" message
        | e -> raise e))
    [ ("on the domain", Rust.stream_fails); ("on tokio", Rust.stream_fails_tokio) ]

let refused () =
  (match Expect.raised "the call" (fun () -> Rust.stream_refused ()) with
  | Lwt_interop.Rust_error { message; _ } -> Expect.string "the error" "no stream" message
  | e -> raise e);
  let s = Rust.stream_refused_later () in
  let* e = Expect.rejected "the first element" (Stream.next s) in
  match e with
  | Lwt_interop.Rust_error { message; _ } ->
      Expect.string "the error, later" "no stream, later" message;
      Lwt.return_unit
  | e -> raise e

(* ---- the end of the consumer *)

let never_ending =
  [ ("on the domain", Rust.stream_never); ("on tokio", Rust.stream_never_tokio) ]

let closed () =
  Lwt_list.iter_s
    (fun (what, make) ->
      let tag = tag () in
      (* Before the first element; with a rest in the buffer; while an element is awaited. *)
      Stream.close (make tag 0);
      let* () = gone tag in
      let s = make tag 10 in
      let* first = Stream.next s in
      Expect.that (what ^ ": the first") (first = Some 0);
      Stream.close s;
      let* () = gone tag in
      let* none = Stream.next s in
      Expect.that (what ^ ": nothing follows") (none = None);
      let s = make tag 1 in
      let* first = Stream.next s in
      let second = Stream.next s in
      let* (_ : string) = Rust.yield_n 3 "" in
      Stream.close s;
      let* second = second in
      Expect.that (what ^ ": the end") (first = Some 0 && second = None);
      gone tag)
    never_ending

(* A stream of a domain is dropped within [close]. *)
let closed_at_once () =
  let tag = tag () in
  let s = Rust.stream_never tag 3 in
  let* (_ : int option) = Stream.next s in
  Stream.close s;
  alive tag "streams" 0;
  Lwt.return_unit

let closed_on_a_thread () =
  let tag = tag () in
  let s = Rust.stream_never tag 0 in
  let raised = ref false in
  let close () =
    match Stream.close s with
    | () -> ()
    | exception Lwt_interop.Wrong_thread _ -> raised := true
  in
  Thread.join (Thread.create close ());
  Expect.that "Wrong_thread" !raised;
  Expect.that "it is open" (Rust.futures_alive tag > 0);
  Stream.close s;
  alive tag "closed" 0;
  Lwt.return_unit

let cancelled_next () =
  Lwt_list.iter_s
    (fun (what, make) ->
      let tag = tag () in
      let s = make tag 100 in
      let rec go expected =
        if expected = 100 then Lwt.return_unit
        else
          let first = Stream.next s in
          Lwt.cancel first;
          match Lwt.state first with
          | Lwt.Return (Some n) ->
              Expect.int what expected n;
              go (expected + 1)
          | _ ->
              let* () = Expect.cancelled what first in
              let* n = Stream.next s in
              Expect.that (what ^ ": not lost") (n = Some expected);
              go (expected + 1)
      in
      let* () = go 0 in
      let* none = Stream.next s in
      Expect.that (what ^ ": the end") (none = None);
      gone tag)
    producers

let cancelled_consumer () =
  Lwt_list.iter_s
    (fun (what, make) ->
      let tag = tag () in
      let seen = ref 0 in
      let iter =
        Stream.iter
          (fun _ ->
            incr seen;
            Lwt.return_unit)
          (make tag 100)
      in
      let* () = Expect.eventually (fun () -> !seen = 100) in
      Lwt.cancel iter;
      let* () = Expect.cancelled what iter in
      gone tag)
    never_ending

let dropped () =
  Lwt_list.iter_s
    (fun (_, make) ->
      let tag = tag () in
      let abandon () =
        (* Never read; read; with a pull that is pending, for nobody. *)
        ignore (make tag 1 : int Stream.t);
        let s = make tag 1 in
        let* (_ : int option) = Stream.next s in
        let s = make tag 1 in
        let* (_ : int option) = Stream.next s in
        let second = Stream.next s in
        let* (_ : string) = Rust.yield_n 3 "" in
        Lwt.cancel second;
        Lwt.return_unit
      in
      let* () = abandon () in
      collected tag)
    never_ending

let awaited_is_kept () =
  let tag = tag () in
  let seen = ref None in
  let start () =
    let s = Rust.stream_numbers tag 2 true in
    Lwt.async (fun () ->
        let* n = Stream.next s in
        Gc.full_major ();
        seen := n;
        Lwt.return_unit)
  in
  start ();
  Gc.full_major ();
  let* () = Expect.eventually (fun () -> !seen = Some 0) in
  collected tag

let fairness () =
  let turns = ref 0 and stop = ref false in
  let rec other () =
    incr turns;
    if !stop then Lwt.return_unit
    else
      let* () = Lwt.pause () in
      other ()
  in
  let other = other () in
  let seen = ref 0 in
  let iter =
    Stream.iter
      (fun _ ->
        incr seen;
        if !turns > 100 then Lwt.fail Exit else Lwt.return_unit)
      (Rust.stream_endless ())
  in
  let* e = Expect.rejected "iter" iter in
  Expect.that "Exit" (e = Exit);
  stop := true;
  let* () = other in
  Expect.that "elements were seen" (!seen > 100);
  Lwt.return_unit

(* A consumer that does not read holds the producer up. *)
let bounded () =
  let s = Rust.stream_blocks_tokio 100_000 in
  let* (_ : bytes option) = Stream.next s in
  let rec settled n =
    let* () = Lwt_unix.sleep 0.01 in
    let now = Rust.stream_blocks_produced () in
    if now = n then Lwt.return now else settled now
  in
  let* produced = settled 0 in
  (* What OCaml has, what the channel holds, and a batch on its way. *)
  Expect.that
    (Printf.sprintf "%d blocks were produced for one that was read" produced)
    (produced <= 4 * 3);
  Stream.close s;
  Lwt.return_unit

(* ---- domains *)

let ended_domain () =
  let tag = tag () and rejected = Atomic.make [] in
  let reject p =
    Lwt.on_failure p (fun e -> Atomic.set rejected (e :: Atomic.get rejected))
  in
  let* id =
    with_other (fun { handle; id; _ } ->
        Handle.spawn handle (fun () ->
            let s = Rust.stream_never tag 1 in
            let* (_ : int option) = Stream.next s in
            reject (Stream.next s);
            reject (Stream.next_batch s);
            ignore (Rust.stream_never_tokio tag 1 : int Stream.t);
            Lwt.return id))
  in
  let terminated = Lwt_interop.Domain_terminated id in
  Expect.that "the waits" (Atomic.get rejected = [ terminated; terminated ]);
  gone tag

(* However a stream ends, its destructor runs on its own domain. *)
let dropped_at_home () =
  let dropped_on tag =
    let found = ref None in
    let+ () =
      Expect.eventually (fun () ->
          Gc.full_major ();
          found := Rust.stream_dropped_on tag;
          !found <> None)
    in
    Option.get !found
  in
  let cancelled s =
    let next = Stream.next s in
    let* () = Lwt.pause () in
    Lwt.cancel next;
    Lwt.return_unit
  in
  (* [there] is called on the stream's domain, and [here] with its result on this one. *)
  let at_home what there here =
    with_other (fun { handle; id; _ } ->
        let tag = tag () in
        let* result =
          Handle.spawn handle (fun () -> there (Rust.stream_records_drop tag))
        in
        here result;
        let+ found = dropped_on tag in
        Expect.int what id found)
  in
  let close s = Lwt.return (Stream.close s) in
  let* () = at_home "closed" close ignore in
  let* () =
    at_home "its consumer ends" (fun s -> Stream.with_stream s cancelled) ignore
  in
  let* () = at_home "collected, by another domain's collection" cancelled ignore in
  let* () =
    at_home "closed by another domain"
      (fun s -> Lwt.return (Stream.move s))
      (fun moved -> Stream.close (Stream.accept moved))
  in
  let tag = tag () in
  let* id =
    with_other (fun { handle; id; _ } ->
        Handle.spawn handle (fun () ->
            ignore (Stream.next (Rust.stream_records_drop tag) : int option Lwt.t);
            Lwt.return id))
  in
  let+ found = dropped_on tag in
  Expect.int "its domain terminates" id found

let moved ~scale () =
  let tag = tag () and n = 1 + scaled ~scale 200 in
  let* () =
    with_other (fun { handle; id; _ } ->
        let s = Rust.stream_numbers tag n true in
        let* first = Stream.next s in
        Expect.that "the first" (first = Some 0);
        (* Not without a move. *)
        let* e =
          Expect.rejected "another domain" (Handle.spawn handle (fun () -> Stream.next s))
        in
        (match e with
        | Invalid_argument message ->
            Expect.contains "this domain"
              ~part:(string_of_int (Domain.self () :> int))
              message;
            Expect.contains "that domain" ~part:(string_of_int id) message
        | e -> raise e);
        let m = Stream.move s in
        let* rest = Handle.spawn handle (fun () -> Stream.to_list (Stream.accept m)) in
        is_list "the others" (List.tl (numbers n)) rest;
        Lwt.return_unit)
  in
  gone tag

(* ---- OCaml's streams in Rust *)

let to_rust () =
  let* total = Rust.stream_total (Stream.of_list (numbers 1000)) in
  Expect.int "the sum" 499_500 total;
  let* total = Rust.stream_total (Stream.of_list []) in
  Expect.int "nothing" 0 total;
  let* total = Rust.stream_total_floats (Stream.of_list [ 0.5; 1.5; 2. ]) in
  Expect.that "floats" (total = 4.);
  let lwt_stream, push = Lwt_stream.create () in
  let total = Rust.stream_total (Stream.of_lwt_stream lwt_stream) in
  let* () =
    Lwt_list.iter_s
      (fun n ->
        push (Some n);
        Lwt.pause ())
      (numbers 100)
  in
  push None;
  let* total = total in
  Expect.int "of a Lwt_stream" 4950 total;
  let* doubled = Stream.to_list (Rust.stream_doubled (Stream.of_list (numbers 150))) in
  is_list "there and back" (List.map (( * ) 2) (numbers 150)) doubled;
  Lwt.return_unit

let to_rust_fails () =
  let fail =
    Stream.from
      (let n = ref 0 in
       fun () ->
         incr n;
         if !n > 3 then raise Not_found else Lwt.return (Some !n))
  in
  let* e = Expect.rejected "an exception" (Rust.stream_total fail) in
  Expect.that "the same exception" (e = Not_found);
  let* elements, message = Rust.stream_until_error (Stream.of_list [ 1; 2; 300; 4 ]) in
  Expect.that "the elements before" (elements = [| 1; 2 |]);
  Expect.contains "the refusal" ~part:"300 does not fit u8" (Option.get message);
  let* () =
    with_other (fun { handle; id; _ } ->
        let s = Stream.of_list [ 1 ] in
        let* e =
          Expect.rejected "another domain's stream"
            (Handle.spawn handle (fun () -> Rust.stream_total s))
        in
        match e with
        | Invalid_argument message ->
            Expect.contains "the argument" ~part:"stream_total: argument 1" message;
            Expect.contains "that domain" ~part:(string_of_int id) message;
            Lwt.return_unit
        | e -> raise e)
  in
  Lwt.return_unit

let on_tokio () =
  let* total = Rust.stream_total_on_tokio (Stream.of_list (numbers 1000)) in
  Expect.int "the sum" 499_500 total;
  let* e =
    Expect.rejected "an exception"
      (Rust.stream_total_on_tokio (Stream.from (fun () -> raise Not_found)))
  in
  Expect.that "the same exception" (e = Not_found);
  let closed = ref 0 in
  let endless =
    Stream.from ~close:(fun () -> incr closed) (fun () -> Lwt.return (Some 1))
  in
  let* first = Rust.stream_first_on_tokio endless 100 in
  Expect.that "the first hundred" (first = Array.make 100 1);
  let* () = Expect.eventually (fun () -> !closed = 1) in
  (* Its domain ends. *)
  let tag = tag () in
  let* id =
    with_other (fun { handle; id; _ } ->
        Handle.spawn handle (fun () ->
            Rust.stream_count_on_tokio tag (Stream.from (fun () -> fst (Lwt.task ())));
            let* () = Lwt.pause () in
            Lwt.return id))
  in
  let outcome = ref None in
  let* () =
    Expect.eventually (fun () ->
        outcome := Rust.stream_count_of tag;
        !outcome <> None)
  in
  match !outcome with
  | Some (Error message) ->
      Expect.contains "the domain" ~part:(string_of_int id) message;
      Lwt.return_unit
  | _ -> Expect.failf "the reader on tokio was not told that the domain has terminated"

(* ---- the size of batches *)

let megabyte = 1 lsl 20

let batches () =
  let check what sizes element n =
    let s = Stream.of_list (List.init n (fun _ -> Obj.repr element)) in
    let* found = Rust.stream_batches s in
    Expect.that
      (Printf.sprintf "%s: %s" what
         (String.concat " " (List.map string_of_int (Array.to_list found))))
      (found = sizes);
    Lwt.return_unit
  in
  let large = String.make megabyte 'x' and medium = String.make 100_000 'x' in
  let* () = check "small strings" [| 64; 36 |] "x" 100 in
  let* () = check "numbers" [| 64; 36 |] 1 100 in
  let* () = check "strings" [| 3; 3; 1 |] medium 7 in
  let* () = check "large strings" [| 1; 1; 1 |] large 3 in
  let* () = check "bytes" [| 1; 1 |] (Bytes.of_string large) 2 in
  let* () = check "floats" [| 1; 1 |] (Array.make 100_000 0.5) 2 in
  let* () = check "an array" [| 1; 1 |] (Array.make 100_000 1) 2 in
  let* () = check "strings of an array" [| 1; 1 |] (Array.make 4 medium) 2 in
  let* () = check "a tuple" [| 3; 1 |] (1, medium) 4 in
  let* () = check "options" [| 3; 1 |] (Some medium) 4 in
  let bigarray = Bigarray.(Array2.create int32 c_layout 256 256) in
  let* () = check "a Bigarray" [| 1; 1 |] bigarray 2 in
  let* () = check "a Bigarray in a tuple" [| 1; 1 |] (bigarray, 1) 2 in
  (* Deeper blocks do not count, nor do the fields of closures, objects and suspensions. *)
  let* () = check "deep" [| 64; 6 |] (Some (1, large)) 70 in
  let* () = check "a closure" [| 64; 6 |] (fun () -> large) 70 in
  let* () = check "a suspension" [| 64; 6 |] (lazy (large ^ "y")) 70 in
  let o =
    object
      method text = large
    end
  in
  let* () = check "an object" [| 64; 6 |] o 70 in
  (* Like a weak array: the tests make none on domains that terminate, because of OCaml's issue 14349. *)
  let* () = check "an abstract block" [| 64; 6 |] (Obj.new_block Obj.abstract_tag 1) 70 in
  let rec cyclic = medium :: cyclic in
  let* () = check "a cyclic list" [| 3; 1 |] cyclic 4 in
  Lwt.return_unit

(* At most so many elements are ahead of the reader, if one is a batch: see [RemoteStream]. *)
let batches_ahead = 4

let in_flight ~scale what make =
  let produced = ref 0 and received = ref 0 in
  let block () =
    incr produced;
    if !produced - !received > batches_ahead then
      Expect.failf "%s: %d blocks, and %d were read" what !produced !received;
    String.make megabyte 'x'
  in
  let blocks = Rust.Blocks.read (make block) in
  let rec read n =
    if n = 0 then Lwt.return_unit
    else
      let rec turns n =
        if n = 0 then Lwt.return_unit
        else
          let* () = Lwt.pause () in
          turns (n - 1)
      in
      let* () = turns (scaled ~scale 50) in
      let* size = Rust.Blocks.next blocks in
      Expect.that (what ^ ": a block") (size = Some megabyte);
      incr received;
      read (n - 1)
  in
  let* () = read 10 in
  Expect.that (what ^ ": the reader is held up by nothing") (!produced >= 10);
  Lwt.return_unit

let bounded_to_tokio ~scale () =
  let* () =
    in_flight ~scale "one at a time" (fun block ->
        Stream.from (fun () -> Lwt.return (Some (block ()))))
  in
  in_flight ~scale "later" (fun block ->
      Stream.from (fun () -> Lwt.map (fun () -> Some (block ())) (Lwt.pause ())))

(* ---- streams and channels *)

let channel elements =
  let c = Channel.create ~capacity:10 in
  List.iter (fun x -> Expect.that "sent" (Channel.try_send c x = `Sent)) elements;
  c

let of_channels () =
  let one (what, f) =
    let last = channel [ 5 ] in
    let* contents, error =
      f (Stream.of_list [ channel [ 1; 2 ]; channel []; channel [ 3 ]; last ])
    in
    Expect.that what (contents = [| [| 1; 2 |]; [||]; [| 3 |]; [| 5 |] |]);
    Expect.that (what ^ ": no error") (error = None);
    Expect.that (what ^ ": it is Rust's") (Channel.try_send last 6 = `Sent);
    let closed = ref 0 in
    let elements = ref [ channel [ 1 ]; channel [ 2; 300 ]; channel [ 3 ] ] in
    let s =
      Stream.from
        ~close:(fun () -> incr closed)
        (fun () ->
          match !elements with
          | [] -> Lwt.return_none
          | c :: rest ->
              elements := rest;
              Lwt.return (Some c))
    in
    let* contents, error = f s in
    Expect.that (what ^ ": those before") (contents = [| [| 1 |] |]);
    Expect.contains what ~part:"element 1: 300 does not fit u8" (Option.get error);
    let* () = Expect.eventually (fun () -> !closed = 1) in
    (* In one batch. *)
    let refused = channel [ 300 ] in
    let* contents, error = f (Stream.of_list [ channel [ 1 ]; refused; channel [] ]) in
    Expect.that (what ^ ": those before, of the batch") (contents = [| [| 1 |] |]);
    Expect.contains what ~part:"300 does not fit u8" (Option.get error);
    Expect.that (what ^ ": it stays") (Channel.try_recv refused = `Received 300);
    Lwt.return_unit
  in
  Lwt_list.iter_s one
    [
      ("on the domain", Rust.stream_of_channels);
      ("on tokio", Rust.stream_of_channels_on_tokio);
    ]

(* A panic of a conversion ends the stream, also if the elements are converted twice for their channels. *)
let conversions_that_panic () =
  let one (what, count) =
    let closed = ref 0 and given = ref 0 in
    let channels = List.init 3 (fun _ -> Channel.create ~capacity:1) in
    let s =
      Stream.from
        ~close:(fun () -> incr closed)
        (fun () ->
          incr given;
          let channel = List.nth channels ((!given - 1) mod 3) in
          Lwt.return (Some (channel, if !given mod 3 = 0 then Some 1 else None)))
    in
    let* e = Expect.rejected what (count s) in
    Expect.panicked what ~place:"types.rs:" ~message:"a conversion to Rust" e;
    let* () = Expect.eventually (fun () -> !closed = 1) in
    (* The channels are as good as before. *)
    Lwt_list.iter_s
      (fun channel ->
        let* () = Channel.send channel 1 in
        let* x = Channel.recv channel in
        Expect.that what (x = Some 1);
        Lwt.return_unit)
      channels
  in
  Lwt_list.iter_s one
    [
      ("on the domain", Rust.stream_that_panics);
      ("on tokio", Rust.stream_that_panics_on_tokio);
    ]

(* A stream that is converted again, because the channel beside it is new to Rust, stays open. *)
let beside_channels () =
  let closed = ref 0 in
  let pair () =
    let n = ref 0 in
    let s =
      Stream.from
        ~close:(fun () -> incr closed)
        (fun () ->
          let* () = Lwt.pause () in
          incr n;
          Lwt.return (if !n > 5 then None else Some !n))
    in
    (s, Channel.create ~capacity:10)
  in
  let is_sent what (_, c) =
    let* all = Channel.recv_many c in
    Expect.that what (all = [| 1; 2; 3; 4; 5 |]);
    Lwt.return_unit
  in
  let one = pair () in
  let* () = Rust.stream_to_channel one in
  let* () = is_sent "an argument" one in
  let two = [ pair (); pair () ] in
  let* () = Rust.stream_to_channels (Stream.of_list two) in
  let* () = Lwt_list.iter_s (is_sent "elements of a stream") two in
  Expect.int "closed once each" 3 !closed;
  (* A channel that is refused: the stream beside it is closed. *)
  let s, _ = pair () and c = channel [ 1 ] in
  Expect.int "of bytes" 1 (Rust.channel_share_bytes c);
  let* e = Expect.rejected "a channel of bytes" (Rust.stream_to_channel (s, c)) in
  (match e with
  | Invalid_argument text -> Expect.contains "the channel" ~part:"Channel<u8>" text
  | e -> raise e);
  Expect.eventually (fun () -> !closed = 4)

let rust_is_gone () =
  let closed = ref 0 in
  let endless () =
    Stream.from
      ~close:(fun () -> incr closed)
      (let n = ref 0 in
       fun () ->
         n := (!n + 1) mod 256;
         Lwt.return (Some !n))
  in
  let* first = Rust.stream_first (endless ()) 3 in
  Expect.that "the first three" (first = [| 1; 2; 3 |]);
  let* () = Expect.eventually (fun () -> !closed = 1) in
  Rust.stream_dropped (endless ());
  let* () = Expect.eventually (fun () -> !closed = 2) in
  (* The function is cancelled while it waits for an element. *)
  let never = Stream.from ~close:(fun () -> incr closed) (fun () -> fst (Lwt.task ())) in
  let total = Rust.stream_total never in
  let* (_ : string) = Rust.yield_n 3 "" in
  Lwt.cancel total;
  let* () = Expect.cancelled "the call" total in
  Expect.eventually (fun () -> !closed = 3)

let cases ~scale =
  [
    case "streams: all elements" (all_elements ~scale);
    case "streams: one by one" one_by_one;
    case "streams: elements of other types" of_other_types;
    case "streams: failures" failures;
    case "streams: a function that returns no stream" refused;
    case "streams: close" closed;
    case "streams: close drops the stream at once" closed_at_once;
    case "streams: close on a thread that is not the loop's" closed_on_a_thread;
    case "streams: a cancelled next loses nothing" cancelled_next;
    case "streams: a cancelled consumer" cancelled_consumer;
    alone "streams: collected streams" dropped;
    alone "streams: a stream that is awaited" awaited_is_kept;
    case "streams: a stream that is always ready" fairness;
    alone "streams: a slow consumer" bounded;
    case "streams: a domain that ends" ended_domain;
    alone "streams: the destructor runs on the stream's domain" dropped_at_home;
    case "streams: a stream that is moved" (moved ~scale);
    case "streams: OCaml's streams in Rust" to_rust;
    case "streams: OCaml's streams that fail" to_rust_fails;
    case "streams: OCaml's streams on tokio" on_tokio;
    case "streams: Rust stops reading" rust_is_gone;
    case "streams: the size of batches" batches;
    case "streams: large elements on their way to tokio" (bounded_to_tokio ~scale);
    case "streams: of channels" of_channels;
    case "streams: conversions that panic" conversions_that_panic;
    case "streams: beside channels" beside_channels;
  ]
