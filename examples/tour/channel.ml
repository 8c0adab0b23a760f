(* A channel between domains. It holds at most four numbers, and [send] waits while it is full, so
   a sender is never faster than the receivers.

   Prints the sum of the numbers from 1 to 1000, which two domains added up. *)

open Lwt.Syntax
open Lwt_interop

let add_up channel () =
  let sum = ref 0 in
  let add n = Lwt.return (sum := !sum + n) in
  let+ () = Channel.iter add channel in
  !sum

let main () =
  let channel = Channel.create ~capacity:4 in
  let receivers =
    List.map (fun i -> Pool.spawn_on (Pool.default ()) i (add_up channel)) [ 0; 1 ]
  in
  let* () = Lwt_list.iter_s (Channel.send channel) (List.init 1000 succ) in
  (* Ends [Channel.iter] once the channel is empty. *)
  Channel.close channel;
  let+ sums = Lwt.all receivers in
  Printf.printf "sum: %d\n" (List.fold_left ( + ) 0 sums)

let () = Lwt_interop.run ~domains:2 main
