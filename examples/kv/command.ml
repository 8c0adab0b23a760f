open Argument

type op = { key : Key.t option; run : Shard.t -> Reply.t }

type plan =
  | Now of Reply.t
  | One of int * op
  | Many of (int * op) list * (Reply.t list -> Reply.t)
  | Everywhere of op * (Reply.t list -> Reply.t)
  | Agree of Rust.session * Reply.t
  | Together of Rust.session * plan list
  | Quit
  | Drop

let on_shard run = { key = None; run }

(* ---- one key *)

let slot_and_op op text =
  let key = Key.of_string text in
  (Key.slot key, { key = Some key; run = op key })

let on text op =
  let slot, op = slot_and_op op text in
  One (slot, op)

let each keys op = List.map (slot_and_op op) keys

let is_present key shard =
  match Shard.find shard key with Entry _ -> true | Absent -> false

let get key shard : Reply.t =
  match Shard.find shard key with Entry { value; _ } -> Bulk value | Absent -> Null

let set text key shard =
  Shard.set shard key ~deadline:Shard.never text;
  Reply.ok

let remove key shard = Reply.bool (Shard.remove shard key)
let exists key shard = Reply.bool (is_present key shard)

let set_if_absent text key shard =
  let absent = not (is_present key shard) in
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

let type_of key shard = Reply.Simple (if is_present key shard then "string" else "none")

(* Replaces the value of a key, [default] if there is none, and keeps its deadline. *)
let update key shard ~default f =
  let value, deadline =
    match Shard.find shard key with
    | Entry { value; deadline; _ } -> (value, deadline)
    | Absent -> (default, Shard.never)
  in
  match f value with
  | Ok (value, reply) ->
      Shard.set shard key ~deadline value;
      reply
  | Error reply -> reply

let increment by key shard =
  update key shard ~default:"0" (fun text ->
      match int64_opt text with
      | None -> Error not_an_integer
      | Some n ->
          let sum = Int64.add n by in
          (* Overflow: both operands have a sign that the sum has not. *)
          if Int64.(logand (logxor n sum) (logxor by sum)) < 0L then
            Error (Reply.error "increment or decrement would overflow")
          else Ok (Decimal.of_int64 sum, Reply.Int sum))

let decrement by =
  if by = Int64.min_int then reject "ERR decrement would overflow"
  else increment (Int64.neg by)

let longest_value = 512 lsl 20
let too_long = Reply.error "string exceeds maximum allowed size (proto-max-bulk-len)"

let append text key shard =
  update key shard ~default:"" (fun before ->
      let length = String.length before + String.length text in
      if length > longest_value then Error too_long
      else Ok (before ^ text, Reply.int length))

let value key shard =
  match Shard.find shard key with Entry { value; _ } -> value | Absent -> ""

let length key shard = Reply.int (String.length (value key shard))

(* Negative positions count from the end. *)
let range first last key shard =
  let text = value key shard in
  let length = String.length text in
  let position n = max 0 (if n < 0 then n + length else n) in
  let start = position first and stop = min (position last) (length - 1) in
  let backwards = first < 0 && last < 0 && first > last in
  Reply.Bulk
    (if backwards || start > stop then "" else String.sub text start (stop - start + 1))

let set_range offset text =
  if offset < 0 then reject "ERR offset is out of range";
  fun key shard ->
    if text = "" then length key shard
    else
      update key shard ~default:"" (fun before ->
          let stop = offset + String.length text in
          if stop > longest_value then Error too_long
          else
            let bytes = Bytes.make (max stop (String.length before)) '\000' in
            Bytes.blit_string before 0 bytes 0 (String.length before);
            Bytes.blit_string text 0 bytes offset (String.length text);
            Ok (Bytes.unsafe_to_string bytes, Reply.int (Bytes.length bytes)))

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

(* Returns whether the deadline of a key may be changed from [before] to [after]. *)
let expire_condition options =
  let known = [ "NX"; "XX"; "GT"; "LT" ] in
  let check option =
    if not (List.mem (upper option) known) then reject "ERR Unsupported option %s" option
  in
  List.iter check options;
  let has option = List.exists (fun o -> upper o = option) options in
  let nx = has "NX" and xx = has "XX" and gt = has "GT" and lt = has "LT" in
  if nx && (xx || gt || lt) then
    reject "ERR NX and XX, GT or LT options at the same time are not compatible";
  if gt && lt then reject "ERR GT and LT options at the same time are not compatible";
  fun ~before ~after ->
    ((not nx) || before = Shard.never)
    && ((not xx) || before <> Shard.never)
    && ((not gt) || after > before)
    && ((not lt) || after < before)

let expire time allowed key shard =
  match Shard.find shard key with
  | Absent -> Reply.bool false
  | Entry { value; deadline = before; _ } ->
      let after = deadline shard time in
      let allowed = allowed ~before ~after in
      if allowed then
        if after <= Shard.now shard then ignore (Shard.remove shard key : bool)
        else Shard.set shard key ~deadline:after value;
      Reply.bool allowed

let expire ~command ~unit make text options =
  let allowed = expire_condition options in
  expire (time ~command ~unit (fun ~invalid:_ ms -> make ms) text) allowed

let after ms = After ms
let at ms = At ms

let set_for ~command ~unit text value =
  let time = time ~command ~unit (positive after) text in
  fun key shard ->
    Shard.set shard key ~deadline:(deadline shard time) value;
    Reply.ok

let persist key shard =
  match Shard.find shard key with
  | Entry { value; deadline; _ } when deadline <> Shard.never ->
      Shard.set shard key ~deadline:Shard.never value;
      Reply.bool true
  | Entry _ | Absent -> Reply.bool false

let time_left ~unit key shard =
  Reply.int
    (match Shard.find shard key with
    | Absent -> -2
    | Entry { deadline; _ } when deadline = Shard.never -> -1
    | Entry { deadline; _ } -> (deadline - Shard.now shard + (unit / 2)) / unit)

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
    | Always, _ | If_absent, Absent | If_present, Entry _ -> true
    | If_absent, Entry _ | If_present, Absent -> false
  in
  let deadline =
    match (lifetime, before) with
    | Until time, _ -> deadline shard time
    | As_before, Entry { deadline; _ } -> deadline
    | As_before, Absent | Forever, _ -> Shard.never
  in
  let reply : Reply.t =
    match before with
    | Entry { value; _ } when return_old -> Bulk value
    | _ when allowed && not return_old -> Reply.ok
    | _ -> Null
  in
  if allowed then Shard.set shard key ~deadline text;
  reply

(* ---- several keys *)

let all_ok _ = Reply.ok

let rec pairs = function
  | key :: text :: rest -> (key, text) :: pairs rest
  | [] -> []
  | [ _ ] -> reject "ERR wrong number of arguments for 'mset' command"

let set_pair (key, text) = slot_and_op (set text) key

(* ---- all keys *)

let matching pattern keys =
  if pattern = "*" then keys else List.filter (Glob.matches pattern) keys

let concat replies =
  Reply.Array (List.concat_map (function Reply.Array items -> items | _ -> []) replies)

type scan = { pattern : string; count : int; of_type : string }

let rec scan_options options = function
  | [] -> options
  | option :: argument :: rest -> (
      match upper option with
      | "MATCH" -> scan_options { options with pattern = argument } rest
      | "TYPE" -> scan_options { options with of_type = upper argument } rest
      | "COUNT" ->
          let count = int argument in
          if count < 1 then syntax_error ();
          scan_options { options with count } rest
      | _ -> syntax_error ())
  | [ _ ] -> syntax_error ()

let scan cursor options =
  let all = { pattern = "*"; count = 10; of_type = "STRING" } in
  let { pattern; count; of_type } = scan_options all options in
  let page keys ~next =
    let next = if next = Key.slots then 0 else next in
    let keys = if of_type = "STRING" then matching pattern keys else [] in
    Reply.Array [ Bulk (string_of_int next); Reply.strings keys ]
  in
  match int_of_string_opt cursor with
  | None -> reject "ERR invalid cursor"
  | Some slot when slot < 0 || slot >= Key.slots -> Now (page [] ~next:0)
  | Some slot ->
      One
        ( slot,
          on_shard (fun shard ->
              let keys, next = Shard.scan shard ~slot ~count in
              page keys ~next) )

let flush = function
  | [] | [ ("ASYNC" | "SYNC") ] ->
      let clear shard =
        Shard.clear shard;
        Reply.ok
      in
      Everywhere (on_shard clear, all_ok)
  | _ -> syntax_error ()

(* ---- all commands *)

let select index =
  if int index = 0 then Reply.ok else reject "ERR DB index is out of range"

let no_watch =
  Reply.error
    "WATCH is not supported: a transaction is atomic on each owner of keys, and always \
     runs"

let not_understood name arguments =
  match Catalog.wrong name arguments with
  | Some error -> raise (Rejected error)
  | None ->
      reject "ERR wrong number of arguments for '%s' command"
        (String.lowercase_ascii name)

let upper_first = function first :: rest -> upper first :: rest | [] -> []
let agree (session, reply) = Agree (session, reply)

let plan_for (session : Rust.session) name arguments =
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
  | "GETRANGE", [ key; first; last ] -> on key (range (position first) (position last))
  | "SETRANGE", [ key; offset; text ] -> on key (set_range (position offset) text)
  | "SETEX", [ key; s; text ] -> on key (set_for ~command:"setex" ~unit:1000 s text)
  | "PSETEX", [ key; ms; text ] -> on key (set_for ~command:"psetex" ~unit:1 ms text)
  | "EXPIRE", key :: s :: options ->
      on key (expire ~command:"expire" ~unit:1000 after s options)
  | "PEXPIRE", key :: ms :: options ->
      on key (expire ~command:"pexpire" ~unit:1 after ms options)
  | "EXPIREAT", key :: s :: options ->
      on key (expire ~command:"expireat" ~unit:1000 at s options)
  | "PEXPIREAT", key :: ms :: options ->
      on key (expire ~command:"pexpireat" ~unit:1 at ms options)
  | "PERSIST", [ key ] -> on key persist
  | "TTL", [ key ] -> on key (time_left ~unit:1000)
  | "PTTL", [ key ] -> on key (time_left ~unit:1)
  | "MGET", (_ :: _ as keys) -> Many (each keys get, fun values -> Array values)
  | "MSET", (_ :: _ as arguments) -> Many (List.map set_pair (pairs arguments), all_ok)
  | ("DEL" | "UNLINK"), (_ :: _ as keys) -> Many (each keys remove, Reply.sum)
  | "EXISTS", (_ :: _ as keys) -> Many (each keys exists, Reply.sum)
  | "KEYS", [ pattern ] ->
      let find shard = Reply.strings (matching pattern (Shard.keys shard)) in
      Everywhere (on_shard find, concat)
  | "SCAN", cursor :: options -> scan cursor options
  | "DBSIZE", [] ->
      Everywhere (on_shard (fun shard -> Reply.int (Shard.length shard)), Reply.sum)
  | ("FLUSHALL" | "FLUSHDB"), options -> flush (List.map upper options)
  | "INFO", _ -> Everywhere (on_shard Admin.info_of_shard, Admin.info)
  | "PING", [] -> Now (Simple "PONG")
  | ("PING" | "ECHO"), [ text ] -> Now (Bulk text)
  | "SELECT", [ index ] -> Now (select index)
  | "COMMAND", arguments -> Now (Catalog.reply (upper_first arguments))
  | "CONFIG", (_ :: _ as arguments) -> Now (Admin.config (upper_first arguments))
  | "CLIENT", (_ :: _ as arguments) ->
      agree (Admin.client session (upper_first arguments))
  | "HELLO", arguments -> agree (Admin.hello session arguments)
  | "MULTI", [] ->
      Agree
        ( { session with transaction = Some { commands = []; bytes = 0; failed = false } },
          Reply.ok )
  | ("EXEC" | "DISCARD"), [] -> Now (Reply.error "%s without MULTI" (upper name))
  | "WATCH", _ -> Now no_watch
  | "QUIT", _ -> Quit
  (* The first line and a header of HTTP, which a web page can have a browser send. *)
  | ("POST" | "HOST:"), _ -> Drop
  | _ -> not_understood name arguments

let plan session command =
  match Array.to_list command with
  | [] -> Now (Reply.error "no command")
  | name :: arguments -> (
      try plan_for session name arguments with Rejected reply -> Now reply)
