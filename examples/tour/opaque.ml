(* A Rust value that OCaml keeps as an abstract type. The garbage collector frees it.

   Prints how often each word occurs; two domains have counted. *)

open Lwt.Syntax
open Lwt_interop

module Counter = struct
  type t

  external create : unit -> t = "opaque_create"
  external count : t -> string -> unit = "opaque_count"
  external counts : t -> (string * int) array = "opaque_counts"
end

let main () =
  let counter = Counter.create () in
  let count word = Lwt.return (Counter.count counter word) in
  let words = String.split_on_char ' ' "to be or not to be" in
  let+ _ = Pool.map (Pool.default ()) count words in
  Array.iter (fun (word, n) -> Printf.printf "%s: %d\n" word n) (Counter.counts counter)

let () = Lwt_interop.run ~domains:2 main
