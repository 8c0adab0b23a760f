open Example_kv
module Map = Map.Make (String)

type entry = { value : string; until : int option }
type t = { now : int; keys : entry Map.t }

let empty ~now = { now; keys = Map.empty }

let later t ms =
  let now = t.now + ms in
  let stays _ { until; _ } = match until with Some d -> d > now | None -> true in
  { now; keys = Map.filter stays t.keys }

let find t key = Map.find_opt key t.keys
let value t key = Option.map (fun e -> e.value) (find t key)
let until t key = Option.bind (find t key) (fun e -> e.until)
let put t key ?until value = later { t with keys = Map.add key { value; until } t.keys } 0
let drop t key = { t with keys = Map.remove key t.keys }

(* ---- commands *)

let bulk : string option -> Reply.t = function Some text -> Bulk text | None -> Null
let integer : Reply.t = Error "ERR value is not an integer or out of range"
let syntax : Reply.t = Error "ERR syntax error"
let overflow : Reply.t = Error "ERR increment or decrement would overflow"

(* The generated numbers are short or at the bounds of 64 bits. *)
let number text =
  match Int64.of_string_opt text with
  | Some n when Int64.to_string n = text -> Some n
  | _ -> None

let add t key by =
  match number (Option.value (value t key) ~default:"0") with
  | None -> (t, integer)
  | Some n ->
      let sum = Int64.add n by in
      let fits = if by >= 0L then sum >= n else sum < n in
      if not fits then (t, overflow)
      else (put t key ?until:(until t key) (Int64.to_string sum), Reply.Int sum)

let invalid command : Reply.t =
  Error (Printf.sprintf "ERR invalid expire time in '%s' command" command)

let set t key text options =
  let has o = List.mem o options in
  let rec time = function
    | (("EX" | "PX" | "EXAT" | "PXAT") as unit) :: n :: _ -> Some (unit, number n)
    | _ :: rest -> time rest
    | [] -> None
  in
  let allowed =
    not ((has "NX" && Map.mem key t.keys) || (has "XX" && not (Map.mem key t.keys)))
  in
  let done_ until =
    let reply : Reply.t =
      if has "GET" then bulk (value t key) else if allowed then Reply.ok else Null
    in
    ((if allowed then put t key ?until text else t), reply)
  in
  if has "NX" && has "XX" then (t, syntax)
  else
    match time options with
    | Some _ when has "KEEPTTL" -> (t, syntax)
    | Some (_, None) -> (t, integer)
    | Some (_, Some n) when n <= 0L -> (t, invalid "set")
    | Some (unit, Some n) ->
        let n = Int64.to_int n in
        done_
          (Some
             (match unit with
             | "EX" -> t.now + (n * 1000)
             | "PX" -> t.now + n
             | "EXAT" -> n * 1000
             | _ -> n))
    | None -> done_ (if has "KEEPTTL" then until t key else None)

let expire t key unit n =
  match (number n, find t key) with
  | None, _ -> (t, integer)
  | _, None -> (t, Reply.bool false)
  | Some n, Some { value; _ } ->
      (put t key ~until:(t.now + (Int64.to_int n * unit)) value, Reply.bool true)

let left t key unit =
  Reply.int
    (match find t key with
    | None -> -2
    | Some { until = None; _ } -> -1
    | Some { until = Some d; _ } ->
        int_of_float (Float.round (float_of_int (d - t.now) /. float_of_int unit)))

let count p list = Reply.int (List.length (List.filter p list))
let rec mset t = function key :: text :: rest -> mset (put t key text) rest | _ -> t

let answer t command : t * Reply.t =
  match command with
  | [ "GET"; k ] -> (t, bulk (value t k))
  | "SET" :: k :: v :: options -> set t k v options
  | [ "SETNX"; k; v ] -> if Map.mem k t.keys then (t, Int 0L) else (put t k v, Int 1L)
  | [ "GETSET"; k; v ] -> (put t k v, bulk (value t k))
  | [ "GETDEL"; k ] -> (drop t k, bulk (value t k))
  | [ "INCR"; k ] -> add t k 1L
  | [ "DECR"; k ] -> add t k (-1L)
  | [ "INCRBY"; k; n ] -> (
      match number n with Some n -> add t k n | None -> (t, integer))
  | [ "DECRBY"; k; n ] -> (
      match number n with
      | Some n when n = Int64.min_int -> (t, Error "ERR decrement would overflow")
      | Some n -> add t k (Int64.neg n)
      | None -> (t, integer))
  | [ "APPEND"; k; v ] ->
      let v = Option.value (value t k) ~default:"" ^ v in
      (put t k ?until:(until t k) v, Reply.int (String.length v))
  | [ "STRLEN"; k ] ->
      (t, Reply.int (String.length (Option.value (value t k) ~default:"")))
  | [ "TYPE"; k ] -> (t, Simple (if Map.mem k t.keys then "string" else "none"))
  | [ "EXPIRE"; k; n ] -> expire t k 1000 n
  | [ "PEXPIRE"; k; n ] -> expire t k 1 n
  | [ "PERSIST"; k ] -> (
      match find t k with
      | Some { value; until = Some _ } -> (put t k value, Int 1L)
      | _ -> (t, Int 0L))
  | [ "TTL"; k ] -> (t, left t k 1000)
  | [ "PTTL"; k ] -> (t, left t k 1)
  | "MGET" :: keys -> (t, Array (List.map (fun k -> bulk (value t k)) keys))
  | "MSET" :: arguments when List.length arguments mod 2 = 0 ->
      (mset t arguments, Reply.ok)
  | "MSET" :: _ -> (t, Error "ERR wrong number of arguments for 'mset' command")
  | ("DEL" | "UNLINK") :: keys ->
      let distinct = List.sort_uniq compare keys in
      (List.fold_left drop t keys, count (fun k -> Map.mem k t.keys) distinct)
  | "EXISTS" :: keys -> (t, count (fun k -> Map.mem k t.keys) keys)
  | [ "KEYS"; "*" ] -> (t, Reply.strings (List.map fst (Map.bindings t.keys)))
  | [ "FLUSHALL" ] -> ({ t with keys = Map.empty }, Reply.ok)
  | [ "ECHO"; text ] -> (t, Bulk text)
  | _ -> invalid_arg (String.concat " " command)

let rec sorted : Reply.t -> Reply.t = function
  | Array items when List.for_all (function Reply.Bulk _ -> true | _ -> false) items ->
      Array (List.sort compare items)
  | Array items -> Array (List.map sorted items)
  | other -> other

(* Ignores the order of arrays, which is that of the keys for KEYS. *)
let same a b = a = b || sorted a = sorted b

(* ---- random commands *)

type step = Command of string list | Wait of int

let show steps =
  let step = function
    | Command words -> String.concat " " (List.map (Printf.sprintf "%S") words)
    | Wait ms -> Printf.sprintf "(%d ms)" ms
  in
  String.concat "\n" (List.map step steps)

let command =
  let open QCheck.Gen in
  let key = oneofl [ "a"; "b"; "c"; "d"; "e"; "\000\r\n"; "" ] in
  let text =
    oneofl
      [
        "0";
        "1";
        "-1";
        "10";
        "x";
        "";
        "01";
        "+1";
        " 1";
        "1\r\n";
        "-0";
        "9223372036854775807";
      ]
  in
  let by =
    oneofl
      [
        "1";
        "-1";
        "7";
        "x";
        "1.5";
        "9223372036854775807";
        "-9223372036854775808";
        "9223372036854775808";
      ]
  in
  let time = oneofl [ "1"; "2"; "3"; "5"; "10"; "0"; "-1"; "x" ] in
  let keys = list_size (int_range 1 4) key in
  let option =
    oneof
      [
        oneofl [ [ "NX" ]; [ "XX" ]; [ "GET" ]; [ "KEEPTTL" ] ];
        map2 (fun unit n -> [ unit; n ]) (oneofl [ "EX"; "PX"; "EXAT"; "PXAT" ]) time;
      ]
  in
  (* At most one time, and each flag once. *)
  let options =
    let* flags = list_size (int_range 0 2) (oneofl [ "NX"; "XX"; "GET"; "KEEPTTL" ]) in
    let* time = frequency [ (2, return []); (1, option) ] in
    let time = match time with [ _ ] -> [] | time -> time in
    return (List.sort_uniq compare flags @ time)
  in
  let k name = map (fun key -> [ name; key ]) key in
  let kv name gen = map2 (fun key v -> [ name; key; v ]) key gen in
  let ks name = map (fun keys -> name :: keys) keys in
  frequency
    [
      (4, k "GET");
      (4, kv "SET" text);
      (6, map3 (fun key v o -> "SET" :: key :: v :: o) key text options);
      (1, kv "SETNX" text);
      (1, kv "GETSET" text);
      (1, k "GETDEL");
      (2, k "INCR");
      (1, k "DECR");
      (2, kv "INCRBY" by);
      (1, kv "DECRBY" by);
      (1, kv "APPEND" text);
      (1, k "STRLEN");
      (1, k "TYPE");
      (1, kv "EXPIRE" time);
      (2, kv "PEXPIRE" time);
      (1, k "PERSIST");
      (1, k "TTL");
      (1, k "PTTL");
      (3, ks "MGET");
      ( 2,
        map
          (fun pairs -> "MSET" :: List.concat_map (fun (k, v) -> [ k; v ]) pairs)
          (list_size (int_range 1 4) (pair key text)) );
      (1, ks "DEL");
      (1, ks "UNLINK");
      (1, ks "EXISTS");
      (1, return [ "KEYS"; "*" ]);
      (1, return [ "FLUSHALL" ]);
      (1, map (fun text -> [ "ECHO"; text ]) text);
    ]

let gen =
  let open QCheck.Gen in
  let step =
    frequency
      [
        (8, map (fun c -> Command c) command); (1, map (fun ms -> Wait ms) (int_range 1 4));
      ]
  in
  QCheck.make ~print:show ~shrink:QCheck.Shrink.list_spine
    (list_size (int_range 1 60) step)
