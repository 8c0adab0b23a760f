open Lwt.Infix
external ready : int -> int Lwt.t = "bench_ready"
external yield : unit -> unit Lwt.t = "bench_yield"
external await : int Lwt.t -> int Lwt.t = "bench_await"
let sink = ref 0
let keep v = sink := v; Lwt.return_unit
let rec chain f n = if n = 0 then Lwt.return_unit else f () >>= fun () -> chain f (n - 1)
let () =
  let n = int_of_string Sys.argv.(2) in
  match Sys.argv.(1) with
  | "bind" -> for i = 1 to n do ignore (Lwt.return i >>= keep : unit Lwt.t) done
  | "wakeup" -> for i = 1 to n do let p, u = Lwt.task () in ignore (p >>= keep : unit Lwt.t); Lwt.wakeup u i done
  | "ready" -> for i = 1 to n do ignore (ready i >>= keep : unit Lwt.t) done
  | "await" -> let p = Lwt.return 1 in for _ = 1 to n do ignore (await p >>= keep : unit Lwt.t) done
  | "yield" -> Lwt_main.run (chain yield n)
  | "spawn" ->
    let pool = Lwt_interop.Pool.create ~domains:1 () in
    Lwt_main.run (Lwt.join (List.init 1000 (fun _ -> chain (fun () -> Lwt_interop.Pool.spawn_on pool 0 (fun () -> Lwt.return_unit)) (n/1000))));
    Lwt_main.run (Lwt_interop.Pool.shutdown pool)
  | _ -> assert false
