(* Domains answer calls from tokio, as in a server: see [examples/http].

   Prints the sum of the squares from 1 to 10. Two domains compute the squares. *)

open Lwt.Syntax
open Lwt_interop

let square n = Lwt.return (n * n)

let main () =
  let join_on i =
    Pool.spawn_on (Pool.default ()) i (fun () -> Lwt.return (Rust.workers_join square))
  in
  let* () = Lwt.join [ join_on 0; join_on 1 ] in
  let+ sum = Rust.workers_sum 10 in
  Printf.printf "sum: %d\n" sum

let () = Lwt_interop.run ~domains:2 main
