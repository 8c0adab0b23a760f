open Benches_harness
open Lwt.Syntax
open Lwt_interop

let cpu_seconds () =
  let times = Unix.times () in
  times.tms_utime +. times.tms_stime

(* Eight domains besides Domain 0, each of which has called Rust. *)
let idle_cpu =
  Bench.metric "idle_cpu" ~unit:"ms/10s" (fun ~quick ->
      let pool = Pool.create ~domains:8 () in
      let everywhere = List.init (Pool.size pool) Fun.id in
      Lwt_main.run (Lwt_list.iter_p (fun i -> Pool.spawn_on pool i Rust.tokio) everywhere);
      fun () ->
        Lwt_main.run
          (let warm_up, seconds = if quick then (0.1, 2.) else (1., 10.) in
           let* () = Lwt_unix.sleep warm_up in
           let before = cpu_seconds () in
           let* () = Lwt_unix.sleep seconds in
           let used = cpu_seconds () -. before in
           Lwt.return (used *. 1e3 *. (10. /. seconds))))

let benches = [ idle_cpu ]
