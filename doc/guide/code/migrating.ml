open Lwt.Syntax
module Pool = Lwt_interop.Pool

let read path = In_channel.with_open_bin path In_channel.input_all
let rec sum n = if n = 0 then 0 else n + sum (n - 1)

let main () =
  let pool = Pool.default () in
  (* Lwt_preemptive.detach read path *)
  let* text = Lwt_interop.Blocking.run (fun () -> read Sys.executable_name) in
  (* Lwt_domain.detach pool sum 1_000 *)
  let* total = Pool.spawn pool (fun () -> Lwt.return (sum 1_000)) in
  (* Unix.fork, to use another core for a function *)
  let* totals = Pool.map pool (fun n -> Lwt.return (sum n)) [ 10; 20 ] in
  (* Unix.fork and Unix.execv, for another program *)
  let* words = Lwt_process.pread ("", [| "echo"; "another program" |]) in
  let* () = Lwt_io.printlf "%b %d" (String.length text > 0) total in
  let* () = Lwt_list.iter_s (Lwt_io.printlf "%d") totals in
  let* () = Lwt_io.print words in
  Lwt_io.printlf "%d" (Rust.apply_to succ 41)

let () = Lwt_interop.run ~domains:2 main
