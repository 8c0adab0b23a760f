(* Tests of commands, without sockets and domains. *)

open Example_kv

let now = ref 0
let new_shard () = Shard.create ~clock:(fun () -> !now) ~first:0 ~slots:Key.slots
let session = { Rust.id = 7; resp = 2; name = ""; transaction = None }

(* Does what the router does, for one shard that has all slots. *)
let rec run_plan shard : Command.plan -> Reply.t = function
  | Now reply | Agree (_, reply) -> reply
  | Together (_, plans) -> Array (List.map (run_plan shard) plans)
  | One (_, op) -> op.run shard
  | Many (ops, combine) -> combine (List.map (fun (_, op) -> op.Command.run shard) ops)
  | Everywhere (op, combine) -> combine [ op.run shard ]
  | Quit -> Reply.ok
  | Drop -> Alcotest.fail "the connection is dropped"

let run ?(session = session) shard command =
  run_plan shard (Transaction.plan session (Array.of_list command))

let words text = String.split_on_char ' ' text

(* ---- replies as they are written *)

let written ?(resp = 2) reply =
  let b = Buffer.create 16 in
  assert (Reply.write b ~limit:max_int [ (resp, [ reply ]) ] = []);
  Buffer.contents b

let check_string = Alcotest.(check string)

let writes () =
  check_string "simple" "+OK\r\n" (written Reply.ok);
  check_string "error" "-ERR a b\r\n" (written (Error "ERR a\nb"));
  check_string "int" ":-9223372036854775808\r\n" (written (Int Int64.min_int));
  check_string "bulk" "$4\r\n\r\n\000x\r\n" (written (Bulk "\r\n\000x"));
  check_string "null" "$-1\r\n" (written Null);
  check_string "null, 3" "_\r\n" (written ~resp:3 Null);
  let map = Reply.(Map [ (Bulk "a", int 1); (Bulk "b", Array [ Null ]) ]) in
  check_string "map" "*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*1\r\n$-1\r\n" (written map);
  check_string "map, 3" "%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*1\r\n_\r\n"
    (written ~resp:3 map)

(* Parts of any size make up the same bytes. *)
let parts =
  let open QCheck in
  let rec reply n =
    let open Gen in
    let leaf =
      oneofl
        Reply.
          [ ok; Null; Int 5L; Bulk "some text"; Bulk ""; Error "ERR"; Array []; Map [] ]
    in
    if n = 0 then leaf
    else
      let items = list_size (int_bound 3) (reply (n - 1)) in
      oneof
        [
          leaf;
          map (fun items -> Reply.Array items) items;
          map (fun items -> Reply.Map (List.map (fun r -> (r, r)) items)) items;
        ]
  in
  let pending =
    Gen.(
      list_size (int_bound 5)
        (map2 (fun resp r -> (resp, [ r ])) (int_range 2 3) (reply 3)))
  in
  Test.make ~name:"replies in parts" ~count:500
    (make Gen.(pair pending (int_range 1 30)))
    (fun (pending, limit) ->
      let whole = Buffer.create 16 in
      assert (Reply.write whole ~limit:max_int pending = []);
      let rec parts pending =
        let b = Buffer.create 16 in
        let rest = Reply.write b ~limit pending in
        let part = Buffer.contents b in
        assert (rest = [] || String.length part >= limit);
        if rest = [] then [ part ] else part :: parts rest
      in
      String.concat "" (parts pending) = Buffer.contents whole)

(* ---- patterns *)

let patterns () =
  let is matches (pattern, text) =
    Alcotest.(check bool) (pattern ^ " " ^ text) matches (Glob.matches pattern text)
  in
  List.iter (is true)
    [
      ("*", "");
      ("", "");
      ("a*", "a");
      ("*a", "bba");
      ("a?c", "abc");
      ("[abc]", "b");
      ("[a-c]x", "bx");
      ("[^a]", "b");
      ("a\\*", "a*");
      ("*a*b*", "xxaxxbxx");
      ("[\\]]", "]");
      ("[c-a]", "b");
      ("a**b", "ab");
      ("*.ml", ".ml.ml");
      ("[a", "a");
    ];
  List.iter (is false)
    [
      ("", "a");
      ("a", "");
      ("a*", "ba");
      ("a?c", "ac");
      ("[abc]", "d");
      ("[^a]", "a");
      ("a\\*", "ab");
      ("*a*b", "ba");
      ("[a-c", "d");
      ("?", "");
      ("[]", "]");
      ("\\", "");
    ];
  (* The time must not double with each star. *)
  is false (String.concat "" (List.init 40 (fun _ -> "a*")) ^ "b", String.make 5000 'a')

(* ---- commands against the model *)

let against_the_model =
  QCheck.Test.make ~name:"the model" ~count:3000 Model.gen (fun steps ->
      now := 100;
      let shard = new_shard () in
      let step model : Model.step -> Model.t = function
        | Wait ms ->
            now := !now + ms;
            Model.later model ms
        | Command command ->
            let model, wanted = Model.answer model command in
            let got = run shard command in
            if not (Model.same wanted got) then
              QCheck.Test.fail_reportf "%s\ngave %S\ninstead of %S"
                (Model.show [ Command command ])
                (written got) (written wanted);
            model
      in
      ignore (List.fold_left step (Model.empty ~now:!now) steps : Model.t);
      true)

(* ---- commands that the model does not have *)

let replies expected () =
  let shard = new_shard () in
  let check (command, wanted) =
    check_string command wanted (written (run shard (words command)))
  in
  List.iter check expected

let error text = Printf.sprintf "-%s\r\n" text

let wrong_number name =
  error (Printf.sprintf "ERR wrong number of arguments for '%s' command" name)

let errors =
  [
    ("get", wrong_number "get");
    ("GET a b", wrong_number "get");
    ("Set a", wrong_number "set");
    ("mset a b c", wrong_number "mset");
    ("del", wrong_number "del");
    ("ping a b", wrong_number "ping");
    ("nonsense a b", error "ERR unknown command 'nonsense', with args beginning with: 'a' 'b' ");
    ("set a b EX", error "ERR syntax error");
    ("set a b EX 1 PX 1", error "ERR syntax error");
    ("set a b nonsense", error "ERR syntax error");
    ("set a b EX 0", error "ERR invalid expire time in 'set' command");
    ("set a b EX 9223372036854775807", error "ERR invalid expire time in 'set' command");
    ("set a b EX 4611686018427387", error "ERR invalid expire time in 'set' command");
    ("expire a 4611686018427387903", error "ERR invalid expire time in 'expire' command");
    ("pexpire a x", error "ERR value is not an integer or out of range");
    ("select 1", error "ERR DB index is out of range");
    ("select x", error "ERR value is not an integer or out of range");
    ("hello 4", error "NOPROTO unsupported protocol version");
    ("hello x", error "ERR Protocol version is not an integer or out of range");
    ("hello 3 AUTH x", error "ERR Syntax error in HELLO option 'AUTH'");
    ("scan x", error "ERR invalid cursor");
    ("scan 0 COUNT 0", error "ERR syntax error");
    ("scan 0 MATCH", error "ERR syntax error");
    ("flushall now", error "ERR syntax error");
    ("flushdb now", error "ERR syntax error");
    ("expire a 1 EX", error "ERR Unsupported option EX");
    ("expire a 1 NX gt", error "ERR NX and XX, GT or LT options at the same time are not compatible");
    ("expire a 1 GT LT", error "ERR GT and LT options at the same time are not compatible");
    ("setex a 0 b", error "ERR invalid expire time in 'setex' command");
    ("psetex a x b", error "ERR value is not an integer or out of range");
    ("setrange a -1 b", error "ERR offset is out of range");
    ("setrange a 536870912 b", error "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    ("getrange a x 1", error "ERR value is not an integer or out of range");
    ("scan 0 TYPE", error "ERR syntax error");
    ("exec", error "ERR EXEC without MULTI");
    ("discard", error "ERR DISCARD without MULTI");
    ("multi a", wrong_number "multi");
    ("command nonsense", error "ERR unknown subcommand. Supported are COMMAND, COMMAND INFO, COUNT, LIST and DOCS.");
  ]
[@@ocamlformat "disable"]

let others =
  [
    ("PING", "+PONG\r\n");
    ("ping hello", "$5\r\nhello\r\n");
    ("select 0", "+OK\r\n");
    ("client id", ":7\r\n");
    ("client getname", "$-1\r\n");
    ("client setinfo LIB-NAME x", "+OK\r\n");
    ("command docs", "*0\r\n");
    ("config get save", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
    ("config get nonsense", "*0\r\n");
    ("scan 0", "*2\r\n$1\r\n0\r\n*0\r\n");
    ("scan 5000", "*2\r\n$1\r\n0\r\n*0\r\n");
    ("dbsize", ":0\r\n");
    ("mset a 1 b 2 ab 3", "+OK\r\n");
    ("dbsize", ":3\r\n");
    ("keys ?b", "*1\r\n$2\r\nab\r\n");
    ("scan 0 COUNT 1000 MATCH ab", "*2\r\n$1\r\n0\r\n*1\r\n$2\r\nab\r\n");
    ("scan 0 COUNT 1000 MATCH ab TYPE String", "*2\r\n$1\r\n0\r\n*1\r\n$2\r\nab\r\n");
    ("scan 0 COUNT 1000 TYPE hash", "*2\r\n$1\r\n0\r\n*0\r\n");
    ("setrange new 2 xyz", ":5\r\n");
    ("get new", "$5\r\n\000\000xyz\r\n");
    ("setrange new 0 abcdef", ":6\r\n");
    ("getrange new 1 -2", "$4\r\nbcde\r\n");
    ("getrange new -3 9223372036854775807", "$3\r\ndef\r\n");
    ("getrange new -9223372036854775808 1", "$2\r\nab\r\n");
    ("getrange new -1 -2", "$0\r\n\r\n");
    ("getrange none 0 -1", "$0\r\n\r\n");
    ("setex new 100 v", "+OK\r\n");
    ("ttl new", ":100\r\n");
    ("expire new 200 NX", ":0\r\n");
    ("expire new 200 LT", ":0\r\n");
    ("expire new 200 xx gt", ":1\r\n");
    ("ttl new", ":200\r\n");
    ("persist new", ":1\r\n");
    ("expire new 200 GT", ":0\r\n");
    ("expire new 200 XX", ":0\r\n");
    ("expire new 200 LT", ":1\r\n");
    ("psetex new 5000 v", "+OK\r\n");
    ("pttl new", ":5000\r\n");
    ("expireat new 0", ":1\r\n");
    ("exists new", ":0\r\n");
    ("command info get nonsense",
     "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n*0\r\n*0\r\n$-1\r\n");
    ("flushdb async", "+OK\r\n");
    ("dbsize", ":0\r\n");
    ("quit", "+OK\r\n");
  ]
[@@ocamlformat "disable"]

(* Every command of the table exists, with the numbers of arguments that the table says. *)
let all_are_known () =
  let entry : Reply.t -> string * int = function
    | Array (Bulk name :: Int arity :: _) -> (name, Int64.to_int arity)
    | _ -> Alcotest.fail "an entry of COMMAND"
  in
  let understood (name, arity) =
    let arguments = List.init (abs arity - 1) string_of_int in
    let wrong = Printf.sprintf "ERR wrong number of arguments for '%s' command" name in
    (match run (new_shard ()) (name :: arguments) with
    | Error text when text = wrong -> Alcotest.fail text
    | Error text when String.starts_with ~prefix:"ERR unknown command" text ->
        Alcotest.fail text
    | _ -> ());
    if arity > 0 then
      check_string name (wrong_number name)
        (written (run (new_shard ()) ((name :: arguments) @ [ "more" ])))
  in
  match run (new_shard ()) [ "COMMAND" ] with
  | Array (_ :: _ as commands) -> List.iter (fun c -> understood (entry c)) commands
  | _ -> Alcotest.fail "COMMAND lists nothing"

(* The README lists all commands, and no others. *)
let listed () =
  let readme = In_channel.with_open_bin "../README.md" In_channel.input_all in
  let lines = String.split_on_char '\n' readme in
  let rec section = function
    | [] -> []
    | "## Commands" :: rest -> rest
    | _ :: rest -> section rest
  in
  let rec rows = function
    | line :: _ when String.starts_with ~prefix:"## " line -> []
    | line :: rest when String.starts_with ~prefix:"| `" line -> line :: rows rest
    | _ :: rest -> rows rest
    | [] -> []
  in
  let command row =
    match String.split_on_char '`' row with
    | _ :: text :: _ -> String.lowercase_ascii (List.hd (words text))
    | _ -> Alcotest.fail row
  in
  let commands = List.sort_uniq compare (List.map command (rows (section lines))) in
  Alcotest.(check (list string)) "commands" (List.sort compare Catalog.names) commands

(* ---- transactions *)

(* Runs the commands of one client, and returns the replies. *)
let session_of shard texts =
  let step session text =
    let plan = Transaction.plan session (Array.of_list (words text)) in
    let next =
      match plan with Agree (next, _) | Together (next, _) -> next | _ -> session
    in
    (next, written (run_plan shard plan))
  in
  snd (List.fold_left_map step session texts)

let transactions () =
  let check what texts wanted =
    let replies = session_of (new_shard ()) texts in
    Alcotest.(check (list string)) what wanted replies
  in
  let queued = "+QUEUED\r\n" and ok = "+OK\r\n" in
  check "exec"
    [ "multi"; "set a 1"; "incr a"; "get a"; "exec"; "get a" ]
    [ ok; queued; queued; queued; "*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n"; "$1\r\n2\r\n" ];
  check "empty" [ "multi"; "exec"; "exec" ]
    [ ok; "*0\r\n"; error "ERR EXEC without MULTI" ];
  check "discard"
    [ "multi"; "set a 1"; "discard"; "get a"; "discard" ]
    [ ok; queued; ok; "$-1\r\n"; error "ERR DISCARD without MULTI" ];
  check "an error when it runs"
    [ "multi"; "set a x"; "incr a"; "expire a x"; "set a y"; "exec"; "get a" ]
    [
      ok;
      queued;
      queued;
      queued;
      queued;
      "*4\r\n\
       +OK\r\n\
       -ERR value is not an integer or out of range\r\n\
       -ERR value is not an integer or out of range\r\n\
       +OK\r\n";
      "$1\r\ny\r\n";
    ];
  check "an error when it is queued"
    [ "multi"; "set a 1"; "get"; "set a 2"; "exec"; "get a"; "exec" ]
    [
      ok;
      queued;
      wrong_number "get";
      queued;
      error "EXECABORT Transaction discarded because of previous errors.";
      "$-1\r\n";
      error "ERR EXEC without MULTI";
    ];
  check "what is not queued"
    [ "multi"; "multi"; "watch a"; "set a 1"; "exec" ]
    [
      ok;
      error "ERR MULTI calls can not be nested";
      written Command.no_watch;
      queued;
      "*1\r\n+OK\r\n";
    ];
  check "the session"
    [ "multi"; "client setname me"; "client getname"; "exec"; "client getname" ]
    [ ok; queued; queued; "*2\r\n+OK\r\n$2\r\nme\r\n"; "$2\r\nme\r\n" ];
  let long = String.make (1 lsl 20) 'x' in
  let replies =
    session_of (new_shard ())
      (("multi" :: List.init 100 (fun _ -> "set a " ^ long)) @ [ "exec"; "get a" ])
  in
  let last = List.filteri (fun i _ -> i >= 101) replies in
  Alcotest.(check (list string))
    "a long one"
    [ error "EXECABORT Transaction discarded because of previous errors."; "$-1\r\n" ]
    last

let http () =
  let drops text =
    match Transaction.plan session (Array.of_list (words text)) with
    | Drop -> ()
    | _ -> Alcotest.failf "%s does not close the connection" text
  in
  List.iter drops [ "POST / HTTP/1.1"; "Host: localhost:6380"; "post"; "host: x" ]

let sessions () =
  let plan session command = Command.plan session (Array.of_list (words command)) in
  (match plan session "hello 3 setname me" with
  | Agree ({ id = 7; resp = 3; name = "me"; _ }, Map entries) ->
      Alcotest.(check bool)
        "proto" true
        (List.mem (Reply.Bulk "proto", Reply.int 3) entries)
  | _ -> Alcotest.fail "hello");
  (match plan session "client setname me" with
  | Agree ({ id = 7; resp = 2; name = "me"; _ }, Simple "OK") -> ()
  | _ -> Alcotest.fail "setname");
  let named = { session with name = "me" } in
  check_string "getname" "$2\r\nme\r\n"
    (written (run ~session:named (new_shard ()) [ "CLIENT"; "GETNAME" ]));
  match Command.plan session [| "client"; "setname"; "a b" |] with
  | Now (Error _) -> ()
  | _ -> Alcotest.fail "a name with a space"

(* ---- expiry, and all keys *)

let sweeping () =
  now := 0;
  let shard = new_shard () in
  let set i = ignore (run shard [ "SET"; string_of_int i; "x"; "PX"; string_of_int i ]) in
  List.iter set (List.init 100 succ);
  ignore (run shard [ "SET"; "stays"; "x" ]);
  let sweeps at_most swept =
    Alcotest.(check int) "swept" swept (Shard.sweep shard ~at_most)
  in
  sweeps 100 0;
  now := 50;
  Alcotest.(check int) "not yet swept" 101 (Shard.length shard);
  check_string "but not found" "$-1\r\n" (written (run shard [ "GET"; "50" ]));
  sweeps 20 20;
  sweeps 100 29;
  Alcotest.(check int) "not expired" 51 (Shard.length shard);
  Alcotest.(check int) "with a deadline" 50 (Shard.expiring shard);
  check_string "without its deadline" ":1\r\n" (written (run shard [ "PERSIST"; "60" ]));
  now := 1000;
  sweeps 100 49;
  Alcotest.(check int) "two stay" 2 (Shard.length shard)

(* A scan finds each key that stays, while others are added. *)
let scanning =
  QCheck.Test.make ~name:"scan" ~count:50
    QCheck.(pair (int_range 0 500) (int_range 1 100))
    (fun (stay, count) ->
      let shard = new_shard () in
      let set prefix i = ignore (run shard [ "SET"; prefix ^ string_of_int i; "x" ]) in
      List.iter (set "stays ") (List.init stay Fun.id);
      let rec scan cursor found =
        match
          run shard [ "SCAN"; cursor; "COUNT"; string_of_int count; "MATCH"; "stays*" ]
        with
        | Array [ Bulk next; Array keys ] ->
            List.iter (set ("passes " ^ next)) (List.init 20 Fun.id);
            let found = keys @ found in
            if next = "0" then found else scan next found
        | other -> QCheck.Test.fail_reportf "%S" (written other)
      in
      List.length (List.sort_uniq compare (scan "0" [])) = stay)

(* ---- tables *)

(* The same steps with a map. A table of 150 keys has grown five times. *)
let tables =
  let module Model = Map.Make (String) in
  QCheck.Test.make ~name:"a table" ~count:500
    QCheck.(list (pair (int_bound 150) (option (pair small_int small_int))))
    (fun steps ->
      let table = Table.create () in
      let step model (key, change) =
        let text = string_of_int key in
        let key = Key.of_string text in
        Table.prefetch table key;
        let found =
          match Table.find table key with
          | Entry { text = found; value; deadline; _ } when found = text ->
              Some (value, deadline)
          | Entry _ -> QCheck.Test.fail_report "another key"
          | Absent -> None
        in
        if found <> Model.find_opt text model then QCheck.Test.fail_report text;
        match change with
        | Some (value, deadline) ->
            let value = string_of_int value in
            Table.set table key ~deadline value;
            Model.add text (value, deadline) model
        | None ->
            Table.remove table key;
            Model.remove text model
      in
      let model = List.fold_left step Model.empty steps in
      let all = Table.fold (fun key ~deadline all -> (key, deadline) :: all) table [] in
      let wanted = List.map (fun (key, (_, d)) -> (key, d)) (Model.bindings model) in
      Table.length table = Model.cardinal model && List.sort compare all = wanted)

(* Among so many keys two have the same hash. *)
let same_hash () =
  let seen = Hashtbl.create 100_000 in
  let rec search i =
    let key = Key.of_string (string_of_int i) in
    match Hashtbl.find_opt seen key.hash with
    | Some other -> (other, key)
    | None ->
        Hashtbl.add seen key.hash key;
        search (i + 1)
  in
  let a, b = search 0 in
  let table = Table.create () in
  let has key wanted =
    let found =
      match Table.find table key with Entry { value; _ } -> Some value | Absent -> None
    in
    Alcotest.(check (option string)) key.Key.text wanted found
  in
  Table.set table a ~deadline:0 "a";
  has b None;
  Table.set table b ~deadline:0 "b";
  has a (Some "a");
  has b (Some "b");
  Table.remove table a;
  has a None;
  has b (Some "b")

(* ---- numbers *)

let any_int64 =
  let near n =
    QCheck.Gen.map (fun d -> Int64.add n (Int64.of_int d)) (QCheck.Gen.int_range (-9) 9)
  in
  let power n = Int64.of_float (10. ** float_of_int n) in
  QCheck.make ~print:Int64.to_string
    QCheck.Gen.(
      oneof
        [
          ui64;
          (int_range 0 18 >>= fun n -> near (power n));
          (int_range 0 18 >>= fun n -> near (Int64.neg (power n)));
          oneofl Int64.[ min_int; max_int; of_int Int.min_int; of_int Int.max_int ]
          >>= near;
        ])

let printed =
  QCheck.Test.make ~name:"printed" ~count:10_000 any_int64 (fun n ->
      Decimal.of_int64 n = Int64.to_string n
      && Decimal.of_int (Int64.to_int n) = string_of_int (Int64.to_int n))

let parsed =
  let text =
    QCheck.Gen.(
      string_size ~gen:(oneofl [ '0'; '1'; '9'; '-'; '+'; '_'; 'x'; ' ' ]) (int_bound 4))
  in
  let text =
    QCheck.Gen.(oneof [ text; map Int64.to_string (QCheck.get_gen any_int64) ])
  in
  QCheck.Test.make ~name:"parsed" ~count:10_000 (QCheck.make ~print:Fun.id text)
    (fun text ->
      let wanted =
        match Int64.of_string_opt text with
        | Some n when Int64.to_string n = text -> Some n
        | _ -> None
      in
      Argument.int64_opt text = wanted)

let case name f = Alcotest.test_case name `Quick f

let property (QCheck2.Test.Test cell as test) =
  case (QCheck2.Test.get_name cell) (fun () -> QCheck2.Test.check_exn test)

let () =
  Alcotest.run "commands"
    [
      ("replies", [ case "written" writes; property parts ]);
      ("patterns", [ case "which match" patterns ]);
      ( "commands",
        [
          property against_the_model;
          case "errors" (replies errors);
          case "others" (replies others);
          case "all are known" all_are_known;
          case "the README lists them" listed;
          case "transactions" transactions;
          case "HTTP" http;
          case "sessions" sessions;
        ] );
      ( "shards",
        [
          property tables;
          case "keys of one hash" same_hash;
          case "sweeping" sweeping;
          property scanning;
        ] );
      ("numbers", [ property printed; property parsed ]);
    ]
