(* The same commands for this server and for a real redis-server, whose replies must be the same.
   Skipped if there is no redis-server 7.0: other versions have other error texts. *)

open Lwt.Syntax
open Example_kv

let rounds = 300
let commands_in_a_round = 200

(* ---- random commands *)

module Commands = struct
  open QCheck.Gen

  (* Clocks differ by milliseconds: all times are years away, in the future or the past. *)
  let far =
    List.map (fun word -> if word = "" || word = "0" then word else word ^ "0000000000")

  let without_near_times = function
    | (("EXPIRE" | "PEXPIRE") as name) :: key :: time -> name :: key :: far time
    | "SET" :: key :: text :: options ->
        let rec times = function
          | (("EX" | "PX" | "EXAT" | "PXAT") as unit) :: n :: rest ->
              (unit :: far [ n ]) @ times rest
          | option :: rest -> option :: times rest
          | [] -> []
        in
        "SET" :: key :: text :: times options
    | other -> other

  let key = oneofl [ "a"; "b"; "c"; "d"; "" ]
  let text = oneofl [ "0"; "x"; ""; "hello"; "\r\n\000" ]

  let position =
    oneofl
      [
        "0";
        "1";
        "3";
        "100";
        "-1";
        "-2";
        "-100";
        "x";
        "9223372036854775807";
        "-9223372036854775808";
        "9223372036854775808";
      ]

  let offset = oneofl [ "0"; "1"; "5"; "40"; "-1"; "x"; "536870912" ]

  (* A time in 64 bits is an error here, and in Redis only if it has to be multiplied. *)
  let time = oneofl [ "1000000000"; "20000000000"; "40000000000"; "0"; "-1"; "x" ]
  let flags = list_size (int_range 0 2) (oneofl [ "NX"; "xx"; "GT"; "lt"; "LT"; "EX" ])

  let added =
    oneof
      [
        map3 (fun key a b -> [ "GETRANGE"; key; a; b ]) key position position;
        map3 (fun key n text -> [ "SETRANGE"; key; n; text ]) key offset text;
        map3
          (fun name key (n, text) -> [ name; key; n; text ])
          (oneofl [ "SETEX"; "PSETEX" ])
          key (pair time text);
        map3
          (fun name key (n, flags) -> name :: key :: n :: flags)
          (oneofl [ "EXPIRE"; "PEXPIRE"; "EXPIREAT"; "PEXPIREAT" ])
          key (pair time flags);
        map (fun key -> [ "EXISTS"; key; key ]) key;
        return [ "FLUSHDB" ];
        return [ "DBSIZE" ];
        return [ "GET" ];
        return [ "MSET"; "a" ];
        return [ "nonsense"; "a" ];
        oneofl [ [ "PING" ]; [ "ECHO" ]; [ "SELECT"; "0" ]; [ "CLIENT"; "GETNAME" ] ];
      ]

  let model_command =
    let+ steps = QCheck.gen Model.gen in
    List.filter_map
      (function Model.Command c -> Some (without_near_times c) | Wait _ -> None)
      steps

  let plain = oneof [ model_command; list_size (int_range 1 10) added ]

  let transaction =
    let* commands = plain in
    let* ends = frequencyl [ (4, [ "EXEC" ]); (1, [ "DISCARD" ]); (1, [ "MULTI" ]) ] in
    return (([ "MULTI" ] :: commands) @ [ ends; [ "EXEC" ]; [ "EXEC" ] ])

  let commands =
    let* parts = list_size (return 10) (frequency [ (3, plain); (1, transaction) ]) in
    return (List.filteri (fun i _ -> i < commands_in_a_round) (List.concat parts))
end

(* ---- replies *)

(* Remaining times differ a little, and the order of keys is not defined. *)
let comparable command (reply : Reply.t) =
  match (command, reply) with
  | ("TTL" | "PTTL") :: _, Int n when n > 0L -> Reply.Simple "a time"
  | _ -> reply

let rec times_in_transaction (reply : Reply.t) =
  match reply with
  | Int n when n > 10_000_000L -> Reply.Simple "a large number"
  | Array items -> Array (List.map times_in_transaction items)
  | other -> other

let shown reply =
  let b = Buffer.create 16 in
  ignore (Reply.write b ~limit:1000 [ (2, [ reply ]) ] : Reply.pending);
  Printf.sprintf "%S" (Buffer.contents b)

let same wanted got =
  let normal reply = times_in_transaction reply in
  Model.same (normal wanted) (normal got)

let compare_replies kv redis commands =
  let* got = Client.pipeline kv commands and* wanted = Client.pipeline redis commands in
  List.iteri
    (fun i (got, wanted) ->
      let command = List.nth commands i in
      if not (same (comparable command wanted) (comparable command got)) then
        Alcotest.failf "%s\n%s instead of %s"
          (Model.show
             (List.filteri (fun j _ -> j <= i) commands
             |> List.map (fun c -> Model.Command c)))
          (shown got) (shown wanted))
    (List.combine got wanted);
  Lwt.return_unit

(* Cursors differ: the keys of a whole scan are compared. *)
let compare_scans kv redis =
  let both command =
    let+ _ = Client.call kv command and+ _ = Client.call redis command in
    ()
  in
  let scan options client =
    let rec go cursor found =
      let* page = Client.call client ([ "SCAN"; cursor ] @ options) in
      match page with
      | Array [ Bulk "0"; Array keys ] ->
          Lwt.return (List.sort_uniq compare (keys @ found))
      | Array [ Bulk next; Array keys ] -> go next (keys @ found)
      | other -> Alcotest.failf "SCAN: %s" (shown other)
    in
    go "0" []
  in
  let* () =
    Lwt_list.iter_s (fun i -> both [ "SET"; string_of_int i; "x" ]) (List.init 100 Fun.id)
  in
  Lwt_list.iter_s
    (fun options ->
      let* got = scan options kv and* wanted = scan options redis in
      if got <> wanted then
        Alcotest.failf "SCAN %s: %s instead of %s" (String.concat " " options)
          (shown (Array got)) (shown (Array wanted));
      Lwt.return_unit)
    [
      [];
      [ "TYPE"; "string" ];
      [ "type"; "STRING"; "MATCH"; "1*"; "COUNT"; "7" ];
      [ "TYPE"; "hash" ];
      [ "TYPE"; "stream"; "COUNT"; "1000" ];
    ]

(* What COMMAND says of each command, but for hints, key specifications and subcommands. *)
let compare_catalogs kv redis =
  let entry name client =
    let+ reply = Client.call client [ "COMMAND"; "INFO"; name ] in
    match reply with
    | Array
        [
          Array [ name; arity; Array flags; first; last; step; Array categories; _; _; _ ];
        ] ->
        [
          name;
          arity;
          Array (List.sort compare flags);
          first;
          last;
          step;
          Array (List.sort compare categories);
        ]
    | other -> Alcotest.failf "COMMAND INFO %s: %s" name (shown other)
  in
  Lwt_list.iter_s
    (fun name ->
      let* got = entry name kv in
      let+ wanted = entry name redis in
      if got <> wanted then
        Alcotest.failf "COMMAND INFO %s: %s instead of %s" name (shown (Array got))
          (shown (Array wanted)))
    Catalog.names

(* ---- the servers *)

let limits = { Rust.max_clients = 10; max_bulk = 4 lsl 20; write_timeout = 60. }

let rec connect path tries =
  Lwt.catch
    (fun () -> Client.connect path)
    (fun e ->
      if tries = 0 then Lwt.fail e
      else
        let* () = Lwt_unix.sleep 0.05 in
        connect path (tries - 1))

let with_servers path test () =
  Lwt_main.run
    (Lwt_unix.with_timeout 300. (fun () ->
         let* server = Server.listen Client.io ~domains:3 "127.0.0.1:0" limits in
         let server = Result.get_ok server in
         let* workers = Workers.start ~domains:3 server in
         let* kv = Client.connect server.address in
         let* redis = connect path 400 in
         Lwt.finalize
           (fun () ->
             let* _ = Client.call redis [ "FLUSHALL" ] in
             test kv redis)
           (fun () ->
             let* () = Client.close kv and* () = Client.close redis in
             let* () = server.stop ~grace:10. in
             Workers.stop workers)))

let random kv redis =
  let rand = Random.State.make [| 9 |] in
  let rec go n =
    if n = 0 then Lwt.return_unit
    else
      let* () = compare_replies kv redis (QCheck.Gen.generate1 ~rand Commands.commands) in
      go (n - 1)
  in
  go rounds

let with_redis f =
  let directory = Filename.temp_dir "kv" "" in
  let path = Filename.concat directory "redis.sock" in
  let nowhere = Unix.openfile "/dev/null" [ O_RDWR ] 0 in
  let redis =
    Unix.create_process "redis-server"
      [|
        "redis-server";
        "--port";
        "0";
        "--unixsocket";
        path;
        "--save";
        "";
        "--dir";
        directory;
      |]
      nowhere nowhere nowhere
  in
  let end_redis () =
    Unix.kill redis Sys.sigkill;
    ignore (Unix.waitpid [] redis : int * Unix.process_status);
    if Sys.file_exists path then Sys.remove path;
    Sys.rmdir directory
  in
  Fun.protect ~finally:end_redis (fun () -> f path)

let has_redis () =
  Sys.command "redis-server --version 2>/dev/null | grep -q 'v=7\\.0\\.'" = 0

let () =
  if not (has_redis ()) then
    print_endline "skipped: there is no redis-server 7.0 to compare replies with"
  else
    with_redis (fun path ->
        let case name test = Alcotest.test_case name `Quick (with_servers path test) in
        Alcotest.run ~and_exit:false "redis"
          [
            ( "replies",
              [
                case "of random commands" random;
                case "of SCAN" compare_scans;
                case "of COMMAND" compare_catalogs;
              ] );
          ])
