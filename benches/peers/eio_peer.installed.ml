open Benches_harness

let baseline = Native.condvar_ping_pong

let times n f =
  for _ = 1 to n do
    f ()
  done

let executor_pool ~sw domains in_flight =
  Bench.operation (Printf.sprintf "eio_executor_pool_%d" in_flight)
    ~baseline ~at_least:in_flight (fun () ->
      let pool = Eio.Executor_pool.create ~sw ~domain_count:1 domains in
      let submit () = Eio.Executor_pool.submit_exn pool ~weight:0. ignore in
      fun n ->
        let fiber share () = times share submit in
        Eio.Fiber.all (List.map fiber (Bench.shares n ~ways:in_flight)))

(* Each sample spawns a domain. Samples are so long that this costs little beside the
   operations. *)
let beside domains ~there ~here =
  Eio.Fiber.both (fun () -> Eio.Domain_manager.run domains there) here

let stream_one_way domains =
  Bench.operation "eio_stream_one_way" ~baseline ~at_least:1_000 (fun () ->
      let stream = Eio.Stream.create 1_000 in
      fun n ->
        beside domains
          ~there:(fun () -> times n (fun () -> Eio.Stream.take stream))
          ~here:(fun () -> times n (Eio.Stream.add stream)))

let stream_ping_pong domains =
  Bench.operation "eio_stream_ping_pong" ~baseline ~at_least:1_000 (fun () ->
      let there = Eio.Stream.create 1 and back = Eio.Stream.create 1 in
      let answer () = Eio.Stream.add back (Eio.Stream.take there)
      and ask () =
        Eio.Stream.add there ();
        Eio.Stream.take back
      in
      fun n ->
        beside domains ~there:(fun () -> times n answer) ~here:(fun () -> times n ask))

let () =
  Eio_main.run (fun env ->
      let domains = Eio.Stdenv.domain_mgr env in
      Eio.Switch.run (fun sw ->
          main
            [
              executor_pool ~sw domains 1;
              executor_pool ~sw domains 1000;
              stream_one_way domains;
              stream_ping_pong domains;
            ]))
