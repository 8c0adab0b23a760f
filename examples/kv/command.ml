type op = Shard.t -> Reply.t

type plan =
  | Now of Reply.t
  | One of int * op
  | Many of (int * op) list * (Reply.t list -> Reply.t)
  | Everywhere of op * (Reply.t list -> Reply.t)
  | Agree of Session.t * Reply.t
  | Quit

(* The reply to a command that cannot be planned. *)
exception Rejected of Reply.t

let reject format = Printf.ksprintf (fun text -> raise (Rejected (Error text))) format
let syntax_error () = reject "ERR syntax error"
let not_an_integer = Reply.error "value is not an integer or out of range"

(* Only the form in which Redis writes integers: no plus sign, no leading zeros. *)
let int64_of_string text =
  match Int64.of_string_opt text with
  | Some n when Int64.to_string n = text -> Some n
  | _ -> None

let int64 text =
  match int64_of_string text with Some n -> n | None -> raise (Rejected not_an_integer)

let int text =
  let n = int64 text in
  match Int64.unsigned_to_int (Int64.abs n) with
  | Some _ -> Int64.to_int n
  | None -> raise (Rejected not_an_integer)

let upper = String.uppercase_ascii

(* ---- one key *)

let on key op = One (Key.slot key, op key)
let each keys op = List.map (fun key -> (Key.slot key, op key)) keys

let value key shard =
  Option.map (fun (entry : Shard.entry) -> entry.value) (Shard.find shard key)

let get key shard = Reply.bulk (value key shard)

let set text key shard =
  Shard.set shard key ~deadline:Shard.never text;
  Reply.ok

let remove key shard = Reply.bool (Shard.remove shard key)
let exists key shard = Reply.bool (Option.is_some (Shard.find shard key))

let set_if_absent text key shard =
  let absent = Option.is_none (Shard.find shard key) in
  if absent then ignore (set text key shard : Reply.t);
  Reply.bool absent

let exchange text key shard =
  let before = get key shard in
  ignore (set text key shard : Reply.t);
  before

let get_and_remove key shard =
  let before = get key shard in
  ignore (Shard.remove shard key : bool);
  before

let type_of key shard =
  Reply.Simple (if Option.is_some (Shard.find shard key) then "string" else "none")

(* Replaces the value of a key, [default] if there is none, and keeps its deadline. *)
let update key shard ~default f =
  let value, deadline =
    match Shard.find shard key with
    | Some entry -> (entry.value, entry.deadline)
    | None -> (default, Shard.never)
  in
  match f value with
  | Ok (value, reply) ->
      Shard.set shard key ~deadline value;
      reply
  | Error reply -> reply

let increment by key shard =
  update key shard ~default:"0" (fun text ->
      match int64_of_string text with
      | None -> Error not_an_integer
      | Some n ->
          let sum = Int64.add n by in
          (* Overflow: both operands have a sign that the sum has not. *)
          if Int64.(logand (logxor n sum) (logxor by sum)) < 0L then
            Error (Reply.error "increment or decrement would overflow")
          else Ok (Int64.to_string sum, Reply.Int sum))

let decrement by =
  if by = Int64.min_int then reject "ERR decrement would overflow"
  else increment (Int64.neg by)

let longest_value = 512 lsl 20

let append text key shard =
  update key shard ~default:"" (fun before ->
      let length = String.length before + String.length text in
      if length > longest_value then
        Error (Reply.error "string exceeds maximum allowed size (proto-max-bulk-len)")
      else Ok (before ^ text, Reply.int length))

let length key shard =
  Reply.int (match value key shard with Some text -> String.length text | None -> 0)

(* ---- time *)

type time = After of int | At of int

(* In milliseconds, up to 73 million years. *)
let time ~command ~unit make text =
  let n = int64 text in
  let invalid () = reject "ERR invalid expire time in '%s' command" command in
  match Int64.unsigned_to_int (Int64.abs n) with
  | Some size when size <= max_int / 2 / unit -> make ~invalid (Int64.to_int n * unit)
  | _ -> invalid ()

let positive make ~invalid n = if n <= 0 then invalid () else make n
let deadline shard = function After ms -> Shard.now shard + ms | At ms -> ms

let expire time key shard =
  match Shard.find shard key with
  | None -> Reply.bool false
  | Some entry ->
      let deadline = deadline shard time in
      if deadline <= Shard.now shard then ignore (Shard.remove shard key : bool)
      else Shard.set shard key ~deadline entry.value;
      Reply.bool true

let expire_after ~command ~unit text =
  expire (time ~command ~unit (fun ~invalid:_ ms -> After ms) text)

let persist key shard =
  match Shard.find shard key with
  | Some entry when entry.deadline <> Shard.never ->
      Shard.set shard key ~deadline:Shard.never entry.value;
      Reply.bool true
  | _ -> Reply.bool false

let time_left ~unit key shard =
  Reply.int
    (match Shard.find shard key with
    | None -> -2
    | Some entry when entry.deadline = Shard.never -> -1
    | Some entry -> (entry.deadline - Shard.now shard + (unit / 2)) / unit)

(* ---- SET *)

type condition = Always | If_absent | If_present
type lifetime = Forever | As_before | Until of time
type set = { condition : condition; lifetime : lifetime; return_old : bool }

let plain = { condition = Always; lifetime = Forever; return_old = false }

let rec set_options options rest =
  let time ~unit make text rest =
    let make = positive (fun ms -> Until (make ms)) in
    let lifetime = time ~command:"set" ~unit make text in
    set_options { options with lifetime } rest
  in
  match (options, rest) with
  | _, [] -> options
  | { lifetime; condition; _ }, option :: rest -> (
      match (upper option, lifetime, condition, rest) with
      | "GET", _, _, rest -> set_options { options with return_old = true } rest
      | "NX", _, (Always | If_absent), rest ->
          set_options { options with condition = If_absent } rest
      | "XX", _, (Always | If_present), rest ->
          set_options { options with condition = If_present } rest
      | "KEEPTTL", (Forever | As_before), _, rest ->
          set_options { options with lifetime = As_before } rest
      | "EX", Forever, _, n :: rest -> time ~unit:1000 (fun ms -> After ms) n rest
      | "PX", Forever, _, n :: rest -> time ~unit:1 (fun ms -> After ms) n rest
      | "EXAT", Forever, _, n :: rest -> time ~unit:1000 (fun ms -> At ms) n rest
      | "PXAT", Forever, _, n :: rest -> time ~unit:1 (fun ms -> At ms) n rest
      | _ -> syntax_error ())

let set_with { condition; lifetime; return_old } text key shard : Reply.t =
  let before = Shard.find shard key in
  let allowed =
    match (condition, before) with
    | Always, _ | If_absent, None | If_present, Some _ -> true
    | If_absent, Some _ | If_present, None -> false
  in
  let deadline =
    match (lifetime, before) with
    | Until time, _ -> deadline shard time
    | As_before, Some { deadline; _ } -> deadline
    | As_before, None | Forever, _ -> Shard.never
  in
  if allowed then Shard.set shard key ~deadline text;
  match before with
  | Some { value; _ } when return_old -> Bulk value
  | _ when allowed && not return_old -> Reply.ok
  | _ -> Null

(* ---- several keys *)

let sum replies =
  let add n = function Reply.Int m -> Int64.add n m | _ -> n in
  Reply.Int (List.fold_left add 0L replies)

let all_ok _ = Reply.ok

let rec pairs = function
  | key :: text :: rest -> (key, text) :: pairs rest
  | [] -> []
  | [ _ ] -> reject "ERR wrong number of arguments for 'mset' command"

let set_pair (key, text) = (Key.slot key, set text key)

(* ---- all keys *)

let matching pattern keys =
  if pattern = "*" then keys else List.filter (Glob.matches pattern) keys

let concat replies =
  Reply.Array (List.concat_map (function Reply.Array items -> items | _ -> []) replies)

let rec scan_options ~pattern ~count = function
  | [] -> (pattern, count)
  | option :: argument :: rest -> (
      match upper option with
      | "MATCH" -> scan_options ~pattern:argument ~count rest
      | "COUNT" ->
          let count = int argument in
          if count < 1 then syntax_error ();
          scan_options ~pattern ~count rest
      | _ -> syntax_error ())
  | [ _ ] -> syntax_error ()

let scan cursor options =
  let pattern, count = scan_options ~pattern:"*" ~count:10 options in
  let page keys ~next =
    let next = if next = Key.slots then 0 else next in
    Reply.Array [ Bulk (string_of_int next); Reply.strings (matching pattern keys) ]
  in
  match int_of_string_opt cursor with
  | None -> reject "ERR invalid cursor"
  | Some slot when slot < 0 || slot >= Key.slots -> Now (page [] ~next:0)
  | Some slot ->
      One
        ( slot,
          fun shard ->
            let keys, next = Shard.scan shard ~slot ~count in
            page keys ~next )

let flush = function
  | [] | [ ("ASYNC" | "SYNC") ] ->
      let clear shard =
        Shard.clear shard;
        Reply.ok
      in
      Everywhere (clear, all_ok)
  | _ -> syntax_error ()

(* ---- the server and the client *)

let version = "7.0.0"

let info_of_shard shard =
  Reply.Array [ Reply.int (Shard.length shard); Reply.int (Shard.expiring shard) ]

let info shards =
  let nth i = function Reply.Array items -> List.nth items i | other -> other in
  let total i =
    match sum (List.map (nth i) shards) with Int n -> Int64.to_string n | _ -> "0"
  in
  let lines =
    [
      "# Server";
      "redis_version:" ^ version;
      "server_name:kv";
      "ocaml_version:" ^ Sys.ocaml_version;
      "process_id:" ^ string_of_int (Unix.getpid ());
      "shards:" ^ string_of_int (List.length shards);
      "";
      "# Memory";
      Printf.sprintf "used_memory:%d" (8 * (Gc.quick_stat ()).heap_words);
      "";
      "# Keyspace";
      Printf.sprintf "db0:keys=%s,expires=%s,avg_ttl=0" (total 0) (total 1);
    ]
  in
  Reply.Bulk (String.concat "" (List.map (fun line -> line ^ "\r\n") lines))

(* The settings that redis-benchmark asks for. *)
let settings = [ ("save", ""); ("appendonly", "no") ]

let config = function
  | "GET" :: (_ :: _ as patterns) ->
      let asked (name, _) = List.exists (fun p -> Glob.matches p name) patterns in
      let entry (name, value) = (Reply.Bulk name, Reply.Bulk value) in
      Reply.Map (List.map entry (List.filter asked settings))
  | _ -> reject "ERR unknown subcommand. Only CONFIG GET is supported."

let named (session : Session.t) name =
  if String.for_all (fun c -> c > ' ' && c <= '~') name then { session with name }
  else reject "ERR Client names cannot contain spaces, newlines or special characters."

let client (session : Session.t) = function
  | [ "ID" ] -> Now (Reply.int session.id)
  | [ "GETNAME" ] -> Now (if session.name = "" then Null else Bulk session.name)
  | [ "SETNAME"; name ] -> Agree (named session name, Reply.ok)
  | [ "SETINFO"; _; _ ] -> Now Reply.ok
  | _ ->
      reject
        "ERR unknown subcommand or wrong number of arguments. Supported are CLIENT ID, \
         GETNAME, SETNAME and SETINFO."

let greeting (session : Session.t) =
  let text t = Reply.Bulk t in
  Reply.Map
    [
      (text "server", text "kv");
      (text "version", text version);
      (text "proto", Reply.int session.resp);
      (text "id", Reply.int session.id);
      (text "mode", text "standalone");
      (text "role", text "master");
      (text "modules", Array []);
    ]

let hello (session : Session.t) arguments =
  let session, options =
    match arguments with
    | [] -> (session, [])
    | version :: options -> (
        match int64_of_string version with
        | Some ((2L | 3L) as resp) -> ({ session with resp = Int64.to_int resp }, options)
        | Some _ -> reject "NOPROTO unsupported protocol version"
        | None -> reject "ERR Protocol version is not an integer or out of range")
  in
  let rec agree session = function
    | [] -> Agree (session, greeting session)
    | option :: name :: rest when upper option = "SETNAME" ->
        agree (named session name) rest
    | option :: _ -> reject "ERR Syntax error in HELLO option '%s'" option
  in
  agree session options

let select index =
  if int index = 0 then Reply.ok else reject "ERR DB index is out of range"

let upper_first = function first :: rest -> upper first :: rest | [] -> []

(* ---- all commands *)

let names_of_commands =
  String.split_on_char ' '
    "APPEND CLIENT COMMAND CONFIG DBSIZE DECR DECRBY DEL ECHO EXISTS EXPIRE FLUSHALL GET \
     GETDEL GETSET HELLO INCR INCRBY INFO KEYS MGET MSET PERSIST PEXPIRE PING PTTL QUIT \
     SCAN SELECT SET SETNX STRLEN TTL TYPE UNLINK"

let describe = function
  | [] -> Reply.Array (List.map (fun name -> Reply.strings [ name ]) names_of_commands)
  | [ "COUNT" ] -> Reply.int (List.length names_of_commands)
  | "DOCS" :: _ -> Map []
  | _ ->
      reject
        "ERR unknown subcommand. Supported are COMMAND, COMMAND COUNT and COMMAND DOCS."

let not_understood name arguments =
  if List.mem (upper name) names_of_commands then
    reject "ERR wrong number of arguments for '%s' command" (String.lowercase_ascii name)
  else
    let shown text = String.sub text 0 (min 128 (String.length text)) in
    let arguments = List.filteri (fun i _ -> i < 8) arguments in
    reject "ERR unknown command '%s', with args beginning with: %s" (shown name)
      (String.concat "" (List.map (fun a -> "'" ^ shown a ^ "' ") arguments))

let plan_for session name arguments =
  match (upper name, arguments) with
  | "GET", [ key ] -> on key get
  | "SET", [ key; text ] -> on key (set text)
  | "SET", key :: text :: options -> on key (set_with (set_options plain options) text)
  | "SETNX", [ key; text ] -> on key (set_if_absent text)
  | "GETSET", [ key; text ] -> on key (exchange text)
  | "GETDEL", [ key ] -> on key get_and_remove
  | "INCR", [ key ] -> on key (increment 1L)
  | "DECR", [ key ] -> on key (increment (-1L))
  | "INCRBY", [ key; by ] -> on key (increment (int64 by))
  | "DECRBY", [ key; by ] -> on key (decrement (int64 by))
  | "APPEND", [ key; text ] -> on key (append text)
  | "STRLEN", [ key ] -> on key length
  | "TYPE", [ key ] -> on key type_of
  | "EXPIRE", [ key; s ] -> on key (expire_after ~command:"expire" ~unit:1000 s)
  | "PEXPIRE", [ key; ms ] -> on key (expire_after ~command:"pexpire" ~unit:1 ms)
  | "PERSIST", [ key ] -> on key persist
  | "TTL", [ key ] -> on key (time_left ~unit:1000)
  | "PTTL", [ key ] -> on key (time_left ~unit:1)
  | "MGET", (_ :: _ as keys) -> Many (each keys get, fun values -> Array values)
  | "MSET", (_ :: _ as arguments) -> Many (List.map set_pair (pairs arguments), all_ok)
  | ("DEL" | "UNLINK"), (_ :: _ as keys) -> Many (each keys remove, sum)
  | "EXISTS", (_ :: _ as keys) -> Many (each keys exists, sum)
  | "KEYS", [ pattern ] ->
      let find shard = Reply.strings (matching pattern (Shard.keys shard)) in
      Everywhere (find, concat)
  | "SCAN", cursor :: options -> scan cursor options
  | "DBSIZE", [] -> Everywhere ((fun shard -> Reply.int (Shard.length shard)), sum)
  | "FLUSHALL", options -> flush (List.map upper options)
  | "INFO", _ -> Everywhere (info_of_shard, info)
  | "PING", [] -> Now (Simple "PONG")
  | ("PING" | "ECHO"), [ text ] -> Now (Bulk text)
  | "SELECT", [ index ] -> Now (select index)
  | "COMMAND", arguments -> Now (describe (upper_first arguments))
  | "CONFIG", (_ :: _ as arguments) -> Now (config (upper_first arguments))
  | "CLIENT", (_ :: _ as arguments) -> client session (upper_first arguments)
  | "HELLO", arguments -> hello session arguments
  | "QUIT", _ -> Quit
  | _ -> not_understood name arguments

let plan session command =
  match Array.to_list command with
  | [] -> Now (Reply.error "no command")
  | name :: arguments -> (
      try plan_for session name arguments with Rejected reply -> Now reply)
