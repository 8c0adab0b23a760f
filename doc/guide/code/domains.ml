open Lwt.Syntax
module Channel = Lwt_interop.Channel
module Pool = Lwt_interop.Pool

let texts = [ "to be or not"; "to be"; "that is the question" ]

(* Parallel: each text on the domain with the least work. *)
let parallel pool =
  let* counts = Pool.map pool (fun text -> Lwt.return (Rust.count_words text)) texts in
  Lwt_io.printlf "words: %s" (String.concat ", " (List.map string_of_int counts))

(* Sharded: each word belongs to one domain, which alone uses the table that has it. *)
let sharded pool =
  let tables = Array.init (Pool.size pool) (fun _ -> Hashtbl.create 16) in
  let with_table word f =
    let shard = Hashtbl.hash word mod Pool.size pool in
    Pool.spawn_on pool shard (fun () -> Lwt.return (f tables.(shard)))
  in
  let occurrences table word = Option.value (Hashtbl.find_opt table word) ~default:0 in
  let add word =
    with_table word (fun table -> Hashtbl.replace table word (occurrences table word + 1))
  in
  let words = List.concat_map (String.split_on_char ' ') texts in
  let* () = Lwt_list.iter_p add words in
  let* n = with_table "to" (fun table -> occurrences table "to") in
  Lwt_io.printlf "to: %d" n

(* Shared: a value of Rust's with a lock. *)
let shared pool =
  let totals = Rust.Totals.create () in
  let add text = Lwt.return (Rust.Totals.add totals "words" (Rust.count_words text)) in
  let* (_ : unit list) = Pool.map pool add texts in
  let print (name, n) = Lwt_io.printlf "%s: %d" name n in
  Lwt_list.iter_s print (Array.to_list (Rust.Totals.all totals))

(* A channel: tokio sends, and all domains of the pool receive. *)
let channel pool =
  let lines = Channel.create ~capacity:2 in
  let count () =
    let words = ref 0 in
    let add line = Lwt.return (words := !words + Rust.count_words line) in
    let+ () = Channel.iter add lines in
    !words
  in
  let counts = List.init (Pool.size pool) (fun i -> Pool.spawn_on pool i count) in
  let* () = Rust.send_lines (String.concat "\n" texts) lines in
  let* counts = Lwt.all counts in
  Lwt_io.printlf "words in the channel: %d" (List.fold_left ( + ) 0 counts)

(* A promise stays on its domain. *)
let promise pool =
  let promise, _ = Lwt.wait () in
  Lwt.catch
    (fun () -> Pool.spawn_on pool 0 (fun () -> promise))
    (function Invalid_argument problem -> Lwt_io.printl problem | e -> Lwt.fail e)

let () =
  Lwt_interop.run ~domains:2 (fun () ->
      let pool = Pool.default () in
      let* () = parallel pool in
      let* () = sharded pool in
      let* () = shared pool in
      let* () = channel pool in
      promise pool)
