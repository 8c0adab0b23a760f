type command = {
  name : string;
  (* As Redis counts: with the name, and negative if there may be more. *)
  arity : int;
  flags : string;
  (* The first and the last key among the arguments, and the step between keys. *)
  keys : int * int * int;
  categories : string;
}

let command name arity flags keys categories = { name; arity; flags; keys; categories }
let no_key = (0, 0, 0)
let one_key = (1, 1, 1)
let all_keys = (1, -1, 1)

let commands =
  [
    command "append" 3 "write denyoom fast" one_key "@write @string @fast";
    command "client" (-2) "" no_key "@slow";
    command "command" (-1) "loading stale" no_key "@slow @connection";
    command "config" (-2) "" no_key "@slow";
    command "dbsize" 1 "readonly fast" no_key "@keyspace @read @fast";
    command "decr" 2 "write denyoom fast" one_key "@write @string @fast";
    command "decrby" 3 "write denyoom fast" one_key "@write @string @fast";
    command "del" (-2) "write" all_keys "@keyspace @write @slow";
    command "discard" 1 "noscript loading stale fast allow_busy" no_key "@fast @transaction";
    command "echo" 2 "loading stale fast" no_key "@fast @connection";
    command "exec" 1 "noscript loading stale skip_slowlog" no_key "@slow @transaction";
    command "exists" (-2) "readonly fast" all_keys "@keyspace @read @fast";
    command "expire" (-3) "write fast" one_key "@keyspace @write @fast";
    command "expireat" (-3) "write fast" one_key "@keyspace @write @fast";
    command "flushall" (-1) "write" no_key "@keyspace @write @slow @dangerous";
    command "flushdb" (-1) "write" no_key "@keyspace @write @slow @dangerous";
    command "get" 2 "readonly fast" one_key "@read @string @fast";
    command "getdel" 2 "write fast" one_key "@write @string @fast";
    command "getrange" 4 "readonly" one_key "@read @string @slow";
    command "getset" 3 "write denyoom fast" one_key "@write @string @fast";
    command "hello" (-1) "noscript loading stale fast no_auth allow_busy" no_key "@fast @connection";
    command "incr" 2 "write denyoom fast" one_key "@write @string @fast";
    command "incrby" 3 "write denyoom fast" one_key "@write @string @fast";
    command "info" (-1) "loading stale" no_key "@slow @dangerous";
    command "keys" 2 "readonly" no_key "@keyspace @read @slow @dangerous";
    command "mget" (-2) "readonly fast" all_keys "@read @string @fast";
    command "mset" (-3) "write denyoom" (1, -1, 2) "@write @string @slow";
    command "multi" 1 "noscript loading stale fast allow_busy" no_key "@fast @transaction";
    command "persist" 2 "write fast" one_key "@keyspace @write @fast";
    command "pexpire" (-3) "write fast" one_key "@keyspace @write @fast";
    command "pexpireat" (-3) "write fast" one_key "@keyspace @write @fast";
    command "ping" (-1) "fast" no_key "@fast @connection";
    command "psetex" 4 "write denyoom" one_key "@write @string @slow";
    command "pttl" 2 "readonly fast" one_key "@keyspace @read @fast";
    command "quit" (-1) "noscript loading stale fast no_auth allow_busy" no_key "@fast @connection";
    command "scan" (-2) "readonly" no_key "@keyspace @read @slow";
    command "select" 2 "loading stale fast" no_key "@fast @connection";
    command "set" (-3) "write denyoom" one_key "@write @string @slow";
    command "setex" 4 "write denyoom" one_key "@write @string @slow";
    command "setnx" 3 "write denyoom fast" one_key "@write @string @fast";
    command "setrange" 4 "write denyoom" one_key "@write @string @slow";
    command "strlen" 2 "readonly fast" one_key "@read @string @fast";
    command "ttl" 2 "readonly fast" one_key "@keyspace @read @fast";
    command "type" 2 "readonly fast" one_key "@keyspace @read @fast";
    command "unlink" (-2) "write fast" all_keys "@keyspace @write @fast";
  ]
[@@ocamlformat "disable"]

let names = List.map (fun c -> c.name) commands

let by_name =
  let table = Hashtbl.create 64 in
  List.iter (fun c -> Hashtbl.add table c.name c) commands;
  Hashtbl.find_opt table

let find name = by_name (String.lowercase_ascii name)

let wrong name arguments =
  let count = 1 + List.length arguments in
  match find name with
  | Some { arity; _ } when if arity < 0 then count >= -arity else count = arity -> None
  | Some { name; _ } ->
      Some (Reply.error "wrong number of arguments for '%s' command" name)
  | None ->
      let shown text = String.sub text 0 (min 128 (String.length text)) in
      let shown_arguments =
        List.filteri (fun i _ -> i < 8) arguments
        |> List.map (fun a -> "'" ^ shown a ^ "' ")
        |> String.concat ""
      in
      Some
        (Reply.error "unknown command '%s', with args beginning with: %s" (shown name)
           shown_arguments)

(* ---- COMMAND *)

let words text =
  let word = function "" -> None | word -> Some (Reply.Simple word) in
  Reply.Array (List.filter_map word (String.split_on_char ' ' text))

(* Redis's form; the last three are hints, key specifications and subcommands. *)
let describe { name; arity; flags; keys = first, last, step; categories } =
  let none = Reply.Array [] in
  let keys = List.map Reply.int [ first; last; step ] in
  Reply.Array
    ([ Reply.Bulk name; Reply.int arity; words flags ]
    @ keys
    @ [ words categories; none; none; none ])

let reply arguments : Reply.t =
  let all () = Reply.Array (List.map describe commands) in
  match arguments with
  | [] | [ "INFO" ] -> all ()
  | "INFO" :: names ->
      Array
        (List.map (fun n -> Option.fold (find n) ~none:Reply.Null ~some:describe) names)
  | [ "COUNT" ] -> Reply.int (List.length commands)
  | [ "LIST" ] -> Reply.strings names
  | "DOCS" :: _ -> Map []
  | _ ->
      Reply.error
        "unknown subcommand. Supported are COMMAND, COMMAND INFO, COUNT, LIST and DOCS."
