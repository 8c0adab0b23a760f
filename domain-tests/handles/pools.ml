(* Pools: creating one, sending work to it, and the program's default pool. *)

open Lwt.Syntax
open Everywhere
open Pool_fixture
module Pool = Lwt_interop.Pool
module Handle = Lwt_interop.Handle

let create () =
  with_pool ~domains:3 (fun pool ->
      Expect.int "size" 3 (Pool.size pool);
      let ids = List.init 3 (fun i -> Handle.id (Pool.handle pool i)) in
      Expect.int "distinct domains" 4
        (List.length (List.sort_uniq compare (self () :: ids)));
      let* seen =
        Lwt_list.mapi_p
          (fun i _ -> Pool.spawn_on pool i (fun () -> Lwt.return (self ())))
          ids
      in
      Expect.that "each function runs on its domain" (seen = ids);
      invalid "handle 3" (fun () -> Pool.handle pool 3);
      invalid "handle -1" (fun () -> Pool.handle pool (-1));
      invalid "spawn_on 3" (fun () -> Pool.spawn_on pool 3 Lwt.return);
      invalid "0 domains" (fun () -> Pool.create ~domains:0 ());
      invalid "-1 domains" (fun () -> Pool.create ~domains:(-1) ());
      invalid "a minor heap of 0 words" (fun () ->
          Pool.create ~domains:1 ~minor_heap:0 ());
      Lwt.return_unit)

let least_loaded () =
  with_pool ~domains:3 (fun pool ->
      let gate = Atomic.make false in
      let wait () = Expect.eventually (fun () -> Atomic.get gate) in
      let blocked = [ Pool.spawn_on pool 0 wait; Pool.spawn_on pool 2 wait ] in
      let free = Handle.id (Pool.handle pool 1) in
      let rec go n =
        if n = 0 then Lwt.return_unit
        else
          let* seen = Pool.spawn pool (fun () -> Lwt.return (self ())) in
          Expect.int "the domain without work" free seen;
          go (n - 1)
      in
      Lwt.finalize
        (fun () ->
          let* () = go 10 in
          let more =
            List.init 3 (fun _ -> Pool.spawn pool (fun () -> Lwt.map self (wait ())))
          in
          Atomic.set gate true;
          let* seen = Lwt.all more in
          Expect.that "the functions are spread over domains"
            (List.length (List.sort_uniq compare seen) >= 2);
          Lwt.join blocked)
        (fun () ->
          Atomic.set gate true;
          Lwt.return_unit))

(* The function is no longer in progress, so that the shutdown does not wait for it. *)
let foreign_promise () =
  with_pool ~domains:1 (fun pool ->
      let p, _ = Lwt.wait () in
      let* e =
        Expect.rejected "another domain's promise" (Pool.spawn pool (fun () -> p))
      in
      match e with Invalid_argument _ -> Pool.shutdown pool | e -> raise e)

let map () =
  with_pool ~domains:2 (fun pool ->
      let n = 500 in
      let f i =
        let* text = Rust.yield_n (i mod 5) (string_of_int i) in
        Lwt.return (text, self ())
      in
      let* all = Pool.map pool f (List.init n Fun.id) in
      Expect.that "results are in order" (List.map fst all = List.init n string_of_int);
      Expect.int "domains that took part" 2
        (List.length (List.sort_uniq compare (List.map snd all)));
      let* none = Pool.map pool f [] in
      Expect.that "an empty list" (none = []);
      let* e =
        Expect.rejected "one fails"
          (Pool.map pool
             (fun i -> if i = 3 then failwith "three" else Lwt.return i)
             [ 1; 2; 3; 4 ])
      in
      Expect.that "its exception" (e = Failure "three");
      Lwt.return_unit)

let cancelled () =
  with_pool ~domains:1 (fun pool ->
      let tag = tag () in
      let p = Pool.spawn pool (fun () -> Rust.never tag) in
      let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 1) in
      Lwt.cancel p;
      let* () = Expect.cancelled "the promise" p in
      (* If the function were still pending, the pool would never shut down. *)
      Expect.eventually (fun () -> Rust.futures_alive tag = 0))

let too_many () =
  let before = Array.length (Rust.known_domains ()) in
  (match Expect.raised "too many" (fun () -> Pool.create ~domains:200 ()) with
  | Failure _ -> ()
  | e -> raise e);
  Expect.int "domains, after the error" before (Array.length (Rust.known_domains ()));
  Lwt_main.run
    (with_pool ~domains:2 (fun pool ->
         let* n = Pool.spawn pool (fun () -> Lwt.return 1) in
         Expect.int "a smaller pool's result" 1 n;
         Lwt.return_unit))

let from_within () =
  with_pool ~domains:2 (fun pool ->
      let rec fib n =
        if n < 2 then Lwt.return n
        else
          let* a = Pool.spawn pool (fun () -> fib (n - 1))
          and* b = Pool.spawn pool (fun () -> fib (n - 2)) in
          Lwt.return (a + b)
      in
      let* n = fib 12 in
      Expect.int "fib 12" 144 n;
      Lwt.return_unit)

let run () =
  invalid "no pool" Pool.default;
  let n =
    Lwt_interop.run ~domains:2 (fun () ->
        let pool = Pool.default () in
        Expect.int "the default pool's size" 2 (Pool.size pool);
        let* there =
          Pool.spawn pool (fun () -> Lwt.return (Pool.size (Pool.default ())))
        in
        invalid "a run within a run" (fun () -> Lwt_interop.run Lwt.return);
        Lwt.return there)
  in
  Expect.int "the value of run" 2 n;
  invalid "no pool after run" Pool.default;
  let e =
    Expect.raised "rejected" (fun () ->
        Lwt_interop.run ~domains:1 (fun () -> Lwt.fail Exit))
  in
  Expect.that "its exception" (e = Exit);
  let e =
    Expect.raised "raised" (fun () -> Lwt_interop.run ~domains:1 (fun () -> raise Exit))
  in
  Expect.that "its exception" (e = Exit);
  invalid "0 domains" (fun () -> Lwt_interop.run ~domains:0 Lwt.return);
  Expect.int "a second run" 3 (Lwt_interop.run ~domains:1 (fun () -> Lwt.return 3));

  let n =
    Domain.join
      (Domain.spawn (fun () -> Lwt_interop.run ~domains:1 (fun () -> Rust.ready_add 1 2)))
  in
  Expect.int "a run on another domain" 3 n

let minor_heap () =
  let size () = (Gc.get ()).minor_heap_size in
  let here = size () in
  let pool = Pool.create ~domains:2 ~minor_heap:(2 * here) () in
  Lwt.finalize
    (fun () ->
      let* sizes = Pool.map pool (fun () -> Lwt.return (size ())) [ (); () ] in
      List.iter (Expect.int "words of the pool's minor heaps" (2 * here)) sizes;
      Expect.int "words of the creator's minor heap" here (size ());
      Lwt.return_unit)
    (fun () -> Pool.shutdown pool)

let suites =
  List.map
    (fun (place, tests) -> ("pool: " ^ place, tests))
    (suites
       [
         case "create starts distinct domains" create;
         alone "create sets the size of minor heaps" minor_heap;
         case "spawn picks the least loaded domain" least_loaded;
         case "another domain's promise is rejected" foreign_promise;
         case "map keeps the order of the elements" map;
         case "cancelling the promise cancels the function" cancelled;
         case "functions of a pool spawn on the pool" from_within;
       ])
  @ [
      ( "pool: all",
        [
          plain "more domains than OCaml allows is an error" too_many;
          plain "run has a default pool until it returns" run;
        ] );
    ]
