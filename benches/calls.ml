open Lwt.Infix

external ready : int -> int Lwt.t = "bench_ready"
external yield : unit -> unit Lwt.t = "bench_yield"
external await : int Lwt.t -> int Lwt.t = "bench_await"
external tokio : unit -> unit Lwt.t = "bench_tokio"

let rounds = 7
let sink = ref 0

let keep v =
  sink := v;
  Lwt.return_unit

(* [f] one after the other, [n] times. *)
let rec chain f n = if n = 0 then Lwt.return_unit else f () >>= fun () -> chain f (n - 1)

(* [width] chains at a time, [n] times in all. *)
let wide width f n =
  Lwt_main.run (Lwt.join (List.init width (fun _ -> chain f (n / width))))

let bind n =
  for i = 1 to n do
    ignore (Lwt.return i >>= keep : unit Lwt.t)
  done

let wakeup n =
  for i = 1 to n do
    let p, u = Lwt.task () in
    ignore (p >>= keep : unit Lwt.t);
    Lwt.wakeup u i
  done

let ready_call n =
  for i = 1 to n do
    ignore (ready i >>= keep : unit Lwt.t)
  done

let await_resolved n =
  let p = Lwt.return 1 in
  for _ = 1 to n do
    ignore (await p >>= keep : unit Lwt.t)
  done

(* Two threads that wake each other: what the operating system asks for it. *)
let ping_pong n =
  let mutex = Mutex.create () and turn = Condition.create () and mine = ref true in
  let play me =
    for _ = 1 to n do
      Mutex.protect mutex (fun () ->
          while !mine <> me do
            Condition.wait turn mutex
          done;
          mine := not me;
          Condition.signal turn)
    done
  in
  let other = Domain.spawn (fun () -> play false) in
  play true;
  Domain.join other

let spawn_on pool () = Lwt_interop.Pool.spawn_on pool 0 (fun () -> Lwt.return_unit)

(* Nanoseconds for one: the median of the rounds, the least and the most. *)
let measure (name, n, f) =
  f (n / 10);
  let once _ =
    let start = Unix.gettimeofday () in
    f n;
    (Unix.gettimeofday () -. start) /. float_of_int n *. 1e9
  in
  let times = List.sort Float.compare (List.init rounds once) in
  (name, List.nth times (rounds / 2), List.hd times, List.nth times (rounds - 1))

let () =
  Lwt_main.run (yield ());
  let pool = Lwt_interop.Pool.create ~domains:1 () in
  let floors =
    [
      ("lwt_bind", 1_000_000, bind);
      ("lwt_wakeup", 500_000, wakeup);
      ("condvar_ping_pong", 2_000, ping_pong);
    ]
  in
  let benches =
    [
      ("ready_call", "lwt_bind", 500_000, ready_call);
      ("yield_call", "lwt_wakeup", 100_000, wide 1 yield);
      ("yield_call_10k_in_flight", "lwt_wakeup", 100_000, wide 10_000 yield);
      ("await_resolved", "lwt_wakeup", 100_000, await_resolved);
      ("tokio_round_trip_1", "condvar_ping_pong", 2_000, wide 1 tokio);
      ("tokio_round_trip_100", "condvar_ping_pong", 50_000, wide 100 tokio);
      ("spawn_on_1", "condvar_ping_pong", 2_000, wide 1 (spawn_on pool));
      ("spawn_on_1000", "condvar_ping_pong", 100_000, wide 1_000 (spawn_on pool));
    ]
  in
  Printf.printf "%-26s %12s %12s %12s   %s\n%!" "" "median ns" "least" "most" "ratio";
  let floors =
    List.map
      (fun floor ->
        let name, median, least, most = measure floor in
        Printf.printf "%-26s %12.1f %12.1f %12.1f\n%!" name median least most;
        (name, median))
      floors
  in
  List.iter
    (fun (name, floor, n, f) ->
      let _, median, least, most = measure (name, n, f) in
      Printf.printf "%-26s %12.1f %12.1f %12.1f   %.2f x %s\n%!" name median least most
        (median /. List.assoc floor floors)
        floor)
    benches;
  Lwt_main.run (Lwt_interop.Pool.shutdown pool)
