(* A client that checks the replies: [check.exe ADDRESS SECONDS].

   Eight connections send pipelines of commands, each for keys of its own, half of them as
   transactions, and compare the replies with [Model]. Prints the number of replies, or fails at
   the first that is wrong. *)

open Lwt.Syntax
open Example_kv

let connections = 8
let replies = ref 0

let commands ~client =
  let open QCheck.Gen in
  let key = map (Printf.sprintf "check:%d:%d" client) (int_bound 99) in
  let keys = list_size (int_range 1 10) key in
  let text = string_size ~gen:char (int_bound 1000) in
  let command =
    frequency
      [
        (4, map (fun k -> [ "GET"; k ]) key);
        (4, map2 (fun k v -> [ "SET"; k; v ]) key text);
        (4, map (fun k -> [ "SET"; k; "17" ]) key);
        (8, map (fun k -> [ "INCR"; k ]) key);
        (1, map (fun k -> [ "STRLEN"; k ]) key);
        (4, map (fun keys -> "MGET" :: keys) keys);
        ( 4,
          map
            (fun pairs -> "MSET" :: List.concat_map (fun (k, v) -> [ k; v ]) pairs)
            (list_size (int_range 1 10) (pair key text)) );
        (2, map (fun keys -> "DEL" :: keys) keys);
      ]
  in
  list_size (int_range 1 30) command

let shown reply =
  let b = Buffer.create 16 in
  ignore (Reply.write b ~limit:1000 [ (2, [ reply ]) ] : Reply.pending);
  Printf.sprintf "%S" (Buffer.contents b)

let check model command got =
  let model, wanted = Model.answer model command in
  incr replies;
  if got <> wanted then
    failwith
      (Printf.sprintf "%s: %s instead of %s"
         (Model.show [ Command command ])
         (shown got) (shown wanted));
  model

let transaction client commands =
  let+ got = Client.pipeline client (([ "MULTI" ] :: commands) @ [ [ "EXEC" ] ]) in
  match List.nth got (List.length commands + 1) with
  | Array replies when List.length replies = List.length commands -> replies
  | other -> failwith ("EXEC: " ^ shown other)

let client address ~until number =
  let rand = Random.State.make_self_init () in
  let* client = Client.connect address in
  let rec go model =
    if Unix.gettimeofday () >= until then Client.close client
    else
      let commands = QCheck.Gen.generate1 ~rand (commands ~client:number) in
      let* got =
        if Random.State.bool rand then Client.pipeline client commands
        else transaction client commands
      in
      go (List.fold_left2 check model commands got)
  in
  (* Remove the keys of an earlier run. *)
  let own = List.init 100 (Printf.sprintf "check:%d:%d" number) in
  let* _ = Client.call client ("DEL" :: own) in
  go (Model.empty ~now:0)

let () =
  match Sys.argv with
  | [| _; address; seconds |] -> (
      let until = Unix.gettimeofday () +. float_of_string seconds in
      try
        Lwt_main.run (Lwt.join (List.init connections (client address ~until)));
        Printf.printf "%d\n" !replies
      with Failure why ->
        prerr_endline ("check: " ^ why);
        exit 1)
  | _ ->
      prerr_endline "usage: check.exe ADDRESS SECONDS";
      exit 2
