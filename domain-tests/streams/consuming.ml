open Lwt.Syntax
open Everywhere
open Producer
module Stream = Lwt_interop.Stream

exception Broken

(* How a consumer of a stream can end. [consume f s] calls [f] for each element. *)
let each_end consume =
  let closed producer = Expect.int "closed" 1 producer.closed in
  let start ?(f = fun _ -> Lwt.return_unit) () =
    let producer, s = make () in
    (producer, s, consume f s)
  in
  let producer, _, p = start () in
  deliver producer [ 1; 2 ] ~ending:Finished;
  let* () = p in
  closed producer;
  let producer, _, p = start () in
  deliver producer [ 1 ] ~ending:(Failed Broken);
  let* e = Expect.rejected "the stream fails" p in
  Expect.that "its exception" (e = Broken);
  closed producer;
  let fails f =
    let producer, s, p = start ~f () in
    deliver producer [ 1; 2; 3 ];
    let* e = Expect.rejected "the function fails" p in
    Expect.that "its exception" (e = Exit);
    closed producer;
    let* x = Stream.next s in
    Expect.that "closed" (x = None);
    Lwt.return_unit
  in
  let* () = fails (fun x -> if x = 2 then Lwt.fail Exit else Lwt.return_unit) in
  let* () = fails (fun x -> if x = 2 then raise Exit else Lwt.return_unit) in
  let* () = fails (fun _ -> Lwt.bind (Lwt.pause ()) (fun () -> raise Exit)) in
  let cancelled producer p =
    Lwt.cancel p;
    let* () = Expect.cancelled "the consumer" p in
    closed producer;
    Lwt.return_unit
  in
  let producer, _, p = start () in
  let* () = cancelled producer p in
  let producer, _, p = start ~f:(fun _ -> fst (Lwt.task ())) () in
  deliver producer [ 1; 2 ];
  let* () = cancelled producer p in
  let producer, s, p = start () in
  Stream.close s;
  let* () = p in
  closed producer;
  Lwt.return_unit

let iter () =
  let* () = each_end Stream.iter in
  let seen = ref [] and running = ref 0 in
  let f x =
    incr running;
    Expect.int "one at a time" 1 !running;
    let* () = Lwt.pause () in
    decr running;
    seen := x :: !seen;
    Lwt.return_unit
  in
  let* () = Stream.iter f (Stream.of_list (List.init 200 Fun.id)) in
  Expect.that "all, in order" (List.rev !seen = List.init 200 Fun.id);
  Lwt.return_unit

let fold () =
  let* () =
    each_end (fun f s ->
        Lwt.map ignore
          (Stream.fold
             (fun n x ->
               let* () = f x in
               Lwt.return (n + 1))
             0 s))
  in
  let* text =
    Stream.fold
      (fun text n -> Lwt.return (text ^ string_of_int n))
      ""
      (Stream.of_list [ 1; 2; 3 ])
  in
  Expect.string "in order" "123" text;
  Lwt.return_unit

let to_list () =
  let producer, s = make () in
  let p = Stream.to_list s in
  deliver producer [ 1; 2 ];
  deliver producer [ 3 ] ~ending:Finished;
  let* list = p in
  Expect.that "all" (list = [ 1; 2; 3 ]);
  Expect.int "closed" 1 producer.closed;
  let producer, s = make () in
  let p = Stream.to_list s in
  deliver producer [ 1; 2 ];
  fail producer Broken;
  let* e = Expect.rejected "the stream fails" p in
  Expect.that "its exception" (e = Broken && producer.closed = 1);
  let producer, s = make () in
  let p = Stream.to_list s in
  Lwt.cancel p;
  let* () = Expect.cancelled "the consumer" p in
  Expect.int "closed" 1 producer.closed;
  Lwt.return_unit

let with_stream () =
  let* () = each_end (fun f s -> Stream.with_stream s (Stream.iter f)) in
  let producer, s = make () in
  let p =
    Stream.with_stream s (fun s ->
        let* a = Stream.next s in
        let* b = Stream.next s in
        Lwt.return (a, b))
  in
  deliver producer [ 1; 2; 3 ];
  let* pair = p in
  Expect.that "the result" (pair = (Some 1, Some 2));
  Expect.int "closed" 1 producer.closed;
  let producer, s = make () in
  let* e = Expect.rejected "raises" (Stream.with_stream s (fun _ -> raise Exit)) in
  Expect.that "its exception" (e = Exit && producer.closed = 1);
  (* A stream that leaves its scope is not closed. *)
  let producer, s = make () in
  let* moved = Stream.with_stream s (fun s -> Lwt.return (Stream.move s)) in
  Expect.int "not closed" 0 producer.closed;
  Stream.close (Stream.accept moved);
  Expect.int "closed" 1 producer.closed;
  Lwt.return_unit

(* Streams that always have an element. *)
let fair () =
  let endless () = Stream.of_seq (Seq.repeat ()) in
  let consumers =
    [
      ("iter", fun count s -> Stream.iter (fun () -> Lwt.return (count ())) s);
      ("fold", fun count s -> Stream.fold (fun () () -> Lwt.return (count ())) () s);
      ( "to_list",
        fun count s -> Lwt.map ignore (Stream.to_list (Stream.map (fun () -> count ()) s))
      );
    ]
  in
  let* () =
    Lwt_list.iter_s
      (fun (name, consume) ->
        let seen = ref 0 in
        let s = endless () in
        let* () = consume (fun () -> incr seen) s
        and* () =
          let* () = Lwt.pause () in
          let* () = Lwt.pause () in
          Stream.close s;
          Lwt.return_unit
        in
        Expect.that
          (Printf.sprintf "%s: %d elements in three iterations of the loop" name !seen)
          (!seen <= 4 * 64);
        Lwt.return_unit)
      consumers
  in
  let s = endless () in
  let nothing = Stream.next (Stream.filter_map (fun () : unit option -> None) s) in
  let* () = Lwt.pause () in
  pending "all elements are left out" nothing;
  Lwt.cancel nothing;
  Expect.cancelled "nobody waits" nothing

let map () =
  let producer, s = make () in
  let calls = ref 0 in
  let double x =
    incr calls;
    2 * x
  in
  let doubled = Stream.map double s in
  Expect.int "on demand" 0 (pulls producer);
  let first = Stream.next doubled in
  deliver producer [ 1; 2; 3 ];
  let* x = first in
  Expect.that "the first" (x = Some 2);
  Expect.that "buffered" (Lwt.state (Stream.next doubled) = Return (Some 4));
  Stream.close doubled;
  Expect.int "the source is closed" 1 producer.closed;
  Expect.int "each element once" 3 !calls;
  let producer, s = make () in
  let waiting = List.init 3 (fun _ -> Stream.next (Stream.map (fun x -> x) s)) in
  Lwt.cancel (List.nth waiting 1);
  deliver producer [ 1 ];
  Expect.that "the first has taken it" (Lwt.state (List.nth waiting 0) = Return (Some 1));
  deliver producer [ 3 ];
  Expect.that "the third" (Lwt.state (List.nth waiting 2) = Return (Some 3));
  let* all =
    Stream.to_list (Stream.map string_of_int (Stream.map succ (Stream.of_list [ 1; 2 ])))
  in
  Expect.that "of a derived stream" (all = [ "2"; "3" ]);
  Lwt.return_unit

let map_fails () =
  let producer, s = make () in
  let mapped = Stream.map (fun x -> if x = 3 then raise Broken else x) s in
  let first = Stream.next mapped in
  deliver producer [ 1; 2; 3; 4 ];
  let* a = first in
  let* b = Stream.next mapped in
  Expect.that "the elements before" ((a, b) = (Some 1, Some 2));
  let* e = Expect.rejected "the failure" (Stream.next mapped) in
  Expect.that "its exception" (e = Broken);
  let* e = Expect.rejected "it stays" (Stream.next mapped) in
  Expect.that "its exception" (e = Broken);
  Expect.int "closed" 1 producer.closed;
  let producer, s = make () in
  let p = Stream.to_list (Stream.map succ s) in
  deliver producer [ 1 ];
  fail producer Broken;
  let* e = Expect.rejected "the source fails" p in
  Expect.that "its exception" (e = Broken && producer.closed = 1);
  Lwt.return_unit

(* A derived stream does not hold an element that it was not asked for. *)
let map_cancelled () =
  let producer, s = make ~is_cancellable:true () in
  let mapped = Stream.map (fun x -> 10 * x) (Stream.map succ s) in
  let first = Stream.next mapped in
  Expect.that "asked" (is_asked producer);
  Lwt.cancel first;
  Expect.that "no longer" (not (is_asked producer));
  let second = Stream.next mapped in
  deliver producer [ 1 ];
  Expect.that "the element" (Lwt.state second = Return (Some 20));
  let third = Stream.next mapped in
  Lwt.cancel third;
  let fourth = Stream.next mapped in
  deliver producer [ 2; 3 ];
  let* x = fourth in
  let* y = Stream.next mapped in
  Expect.that "nothing is lost" ((x, y) = (Some 30, Some 40));
  Lwt.return_unit

let filter_map () =
  let odd x = if x mod 2 = 1 then Some (string_of_int x) else None in
  let* all =
    Stream.to_list (Stream.filter_map odd (Stream.of_list (List.init 9 Fun.id)))
  in
  Expect.that "the odd ones" (all = [ "1"; "3"; "5"; "7" ]);
  let producer, s = make () in
  let p = Stream.next (Stream.filter_map odd s) in
  deliver producer [ 2; 4 ];
  let* () = Expect.eventually (fun () -> is_asked producer) in
  deliver producer [ 6; 7 ];
  let* x = p in
  Expect.that "the first that is left" (x = Some "7");
  Lwt.return_unit

(* A stream, and a function whose promises are resolved by [answer]. *)
let mapping () =
  let producer, s = make ~is_cancellable:true () in
  let calls = ref [] and running = ref None in
  let f x =
    calls := x :: !calls;
    Expect.that "one at a time" (!running = None);
    let p, u = Lwt.task () in
    running := Some u;
    Lwt.on_cancel p (fun () -> running := None);
    p
  in
  let answer how =
    let u = Option.get !running in
    running := None;
    how u
  in
  let is_running () = !running <> None in
  (producer, Stream.map_s f s, calls, is_running, answer)

let fulfill x u = Lwt.wakeup_later u x

let map_s () =
  let producer, mapped, calls, is_running, answer = mapping () in
  Expect.int "on demand" 0 (pulls producer);
  let first = Stream.next mapped and second = Stream.next mapped in
  deliver producer [ 1; 2; 3 ];
  Expect.that "one call" (!calls = [ 1 ]);
  answer (fulfill "a");
  Expect.that "the first" (Lwt.state first = Return (Some "a"));
  Expect.that "then the next" (!calls = [ 2; 1 ]);
  answer (fulfill "b");
  Expect.that "the second" (Lwt.state second = Return (Some "b"));
  Expect.that "nobody waits" (not (is_running ()));
  (* The value of a call comes with the next wait. *)
  let third = Stream.next mapped in
  Lwt.cancel third;
  let* () = Expect.cancelled "the third" third in
  Expect.that "the call goes on" (is_running ());
  let third = Stream.next mapped in
  Lwt.cancel third;
  answer (fulfill "c");
  Expect.that "kept" (Lwt.state (Stream.next mapped) = Return (Some "c"));
  Expect.that "each element once" (!calls = [ 3; 2; 1 ]);
  (* A wait for the element takes nothing. *)
  let fourth = Stream.next mapped in
  Expect.that "asked" (is_asked producer);
  Lwt.cancel fourth;
  Expect.that "no longer" (not (is_asked producer));
  let fourth = Stream.next mapped in
  deliver producer [ 4 ] ~ending:Finished;
  answer (fulfill "d");
  Expect.that "the fourth" (Lwt.state fourth = Return (Some "d"));
  let* x = Stream.next mapped in
  Expect.that "the end" (x = None);
  let later x = Lwt.map (fun () -> x + 1) (Lwt.pause ()) in
  let* all =
    Stream.to_list (Stream.map_s later (Stream.of_list (List.init 200 Fun.id)))
  in
  Expect.that "all, in order" (all = List.init 200 succ);
  let endless = Stream.map_s Lwt.return (Stream.of_seq (Seq.repeat ())) in
  let seen = ref 0 in
  let* () = Stream.iter (fun () -> Lwt.return (incr seen)) endless
  and* () = Lwt.map (fun () -> Stream.close endless) (Lwt.pause ()) in
  Expect.that "it yields to the loop" (!seen <= 4 * 64);
  Lwt.return_unit

let map_s_ends () =
  let fails how =
    let producer, mapped, _, _, answer = mapping () in
    let first = Stream.next mapped and second = Stream.next mapped in
    deliver producer [ 1; 2; 3 ];
    answer (fulfill 1);
    answer how;
    let* x = first in
    Expect.that "the one before" (x = Some 1);
    let* e = Expect.rejected "the failure" second in
    let* again = Expect.rejected "it stays" (Stream.next mapped) in
    Expect.that "its exception" (e == again);
    Expect.int "the source is closed" 1 producer.closed;
    Lwt.return e
  in
  let* e = fails (fun u -> Lwt.wakeup_later_exn u Broken) in
  Expect.that "rejected" (e = Broken);
  let* e = fails (fun u -> Lwt.wakeup_later_exn u Lwt.Canceled) in
  Expect.that "cancelled" (e = Lwt.Canceled);
  let raises = Stream.map_s (fun _ -> raise Broken) (Stream.of_list [ 1 ]) in
  let* e = Expect.rejected "raises" (Stream.next raises : int option Lwt.t) in
  Expect.that "its exception" (e = Broken);
  (* Closed while the function's promise is pending. *)
  let producer, mapped, _, is_running, _ = mapping () in
  let first : int option Lwt.t = Stream.next mapped in
  deliver producer [ 1; 2 ];
  Expect.that "called" (is_running ());
  Stream.close mapped;
  Expect.that "cancelled" (not (is_running ()));
  let* x = first in
  Expect.that "the end" (x = None);
  Expect.int "the source is closed" 1 producer.closed;
  Lwt.return_unit

let cases =
  [
    case "iter closes the stream however it ends" iter;
    case "fold closes the stream however it ends" fold;
    case "to_list closes the stream however it ends" to_list;
    case "with_stream closes at the end of its scope" with_stream;
    case "consumers yield to the loop" fair;
    case "map" map;
    case "a function of map that raises ends the stream" map_fails;
    case "a cancelled next of a derived stream takes nothing" map_cancelled;
    case "filter_map" filter_map;
    case "map_s calls its function on demand, for one element at a time" map_s;
    case "map_s fails with its function, and closing cancels that" map_s_ends;
  ]
