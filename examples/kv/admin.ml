open Argument

let version = "7.0.0"

let info_of_shard shard =
  Reply.Array [ Reply.int (Shard.length shard); Reply.int (Shard.expiring shard) ]

let info shards =
  let nth i = function Reply.Array items -> List.nth items i | other -> other in
  let total i =
    match Reply.sum (List.map (nth i) shards) with Int n -> Int64.to_string n | _ -> "0"
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

let named (session : Rust.session) name =
  if String.for_all (fun c -> c > ' ' && c <= '~') name then { session with name }
  else reject "ERR Client names cannot contain spaces, newlines or special characters."

let client (session : Rust.session) = function
  | [ "ID" ] -> (session, Reply.int session.id)
  | [ "GETNAME" ] -> (session, if session.name = "" then Null else Bulk session.name)
  | [ "SETNAME"; name ] -> (named session name, Reply.ok)
  | [ "SETINFO"; _; _ ] -> (session, Reply.ok)
  | _ ->
      reject
        "ERR unknown subcommand or wrong number of arguments. Supported are CLIENT ID, \
         GETNAME, SETNAME and SETINFO."

let greeting (session : Rust.session) =
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

let hello (session : Rust.session) arguments =
  let session, options =
    match arguments with
    | [] -> (session, [])
    | version :: options -> (
        match int64_opt version with
        | Some ((2L | 3L) as resp) -> ({ session with resp = Int64.to_int resp }, options)
        | Some _ -> reject "NOPROTO unsupported protocol version"
        | None -> reject "ERR Protocol version is not an integer or out of range")
  in
  let rec agree session = function
    | [] -> (session, greeting session)
    | option :: name :: rest when upper option = "SETNAME" ->
        agree (named session name) rest
    | option :: _ -> reject "ERR Syntax error in HELLO option '%s'" option
  in
  agree session options
