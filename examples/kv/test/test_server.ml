(* Tests of the server and its domains through sockets. *)

open Lwt.Syntax
open Example_kv
module Handle = Lwt_interop.Handle
module Pool = Lwt_interop.Pool

let limits = { Rust.max_clients = 100; max_bulk = 4 lsl 20; write_timeout = 60. }

type server = {
  address : string;
  workers : Workers.t;
  now : int Atomic.t;
  stop : unit -> unit Lwt.t;
}

(* Ends a test that hangs; no test waits for so long. *)
let time_limit = 120.

let with_server ?(domains = 3) ?(limits = limits) test () =
  let now = Atomic.make 100 in
  let run () =
    let* server = Server.listen Client.io ~domains "127.0.0.1:0" limits in
    let server = match server with Ok server -> server | Error why -> failwith why in
    let* workers = Workers.start ~clock:(fun () -> Atomic.get now) ~domains server in
    let stop () = server.stop ~grace:10. in
    Lwt.finalize
      (fun () ->
        let* () = test { address = server.address; workers; now; stop } in
        stop ())
      (fun () -> Workers.stop workers)
  in
  Lwt_main.run (Lwt_unix.with_timeout time_limit run)

let with_client server f =
  let* client = Client.connect server.address in
  Lwt.finalize (fun () -> f client) (fun () -> Client.close client)

let shown reply =
  let b = Buffer.create 16 in
  ignore (Reply.write b ~limit:1000 [ (3, [ reply ]) ] : Reply.pending);
  Printf.sprintf "%S" (Buffer.contents b)

let is what wanted got =
  if not (Model.same wanted got) then
    Alcotest.failf "%s: %s instead of %s" what (shown got) (shown wanted)

let expect client command wanted =
  let+ got = Client.call client command in
  is (String.concat " " command) wanted got

let rec eventually holds =
  let* yes = holds () in
  if yes then Lwt.return_unit
  else
    let* () = Lwt_unix.sleep 0.01 in
    eventually holds

let works server =
  with_client server (fun client -> expect client [ "PING" ] (Simple "PONG"))

(* ---- commands *)

let random steps = QCheck.Gen.generate1 ~rand:(Random.State.make [| steps |])

(* Replies as the model predicts, also for several domains in one pipeline. *)
let as_the_model server =
  with_client server (fun client ->
      let model = ref (Model.empty ~now:(Atomic.get server.now)) in
      let pipeline commands =
        let* got = Client.pipeline client commands in
        let check command got =
          let next, wanted = Model.answer !model command in
          model := next;
          is (Model.show [ Command command ]) wanted got
        in
        List.iter2 check commands got;
        Lwt.return_unit
      in
      let rec run commands = function
        | Model.Command command :: rest -> run (command :: commands) rest
        | steps -> (
            let* () = pipeline (List.rev commands) in
            match steps with
            | Wait ms :: rest ->
                ignore (Atomic.fetch_and_add server.now ms : int);
                model := Model.later !model ms;
                run [] rest
            | _ -> Lwt.return_unit)
      in
      let steps i = random i (QCheck.gen Model.gen) in
      run [] (List.concat (List.init 300 steps)))

let long_pipeline server =
  with_client server (fun client ->
      let n = 20_000 in
      let* got = Client.pipeline client (List.init n (fun _ -> [ "INCR"; "n" ])) in
      List.iteri (fun i reply -> is "INCR" (Reply.int (i + 1)) reply) got;
      expect client [ "GET"; "n" ] (Bulk (string_of_int n)))

let byte_by_byte server =
  with_client server (fun client ->
      let frame = Client.encode [ "SET"; "k"; "v\r\n" ] ^ "get k\r\n" in
      let* () =
        Lwt_list.iter_s
          (fun i ->
            let* () = Client.write client (String.make 1 frame.[i]) in
            Lwt.pause ())
          (List.init (String.length frame) Fun.id)
      in
      let* set = Client.read client in
      is "SET" Reply.ok set;
      let+ got = Client.read client in
      is "GET" (Bulk "v\r\n") got)

let resp3 server =
  with_client server (fun client ->
      let bytes text =
        let+ got = Client.read_bytes client (String.length text) in
        Alcotest.(check string) "bytes" text got
      in
      let* () = Client.write client "get k\r\nhello 3\r\nget k\r\n" in
      let* () = bytes "$-1\r\n%7\r\n$6\r\nserver\r\n$2\r\nkv\r\n" in
      let* rest = Lwt_list.map_s (fun _ -> Client.read client) (List.init 12 Fun.id) in
      is "the last of HELLO" (Array []) (List.nth rest 11);
      let* () = bytes "_\r\n" in
      let* () = expect client [ "CLIENT"; "SETNAME"; "me" ] Reply.ok in
      let* () = expect client [ "CLIENT"; "GETNAME" ] (Bulk "me") in
      let* () = Client.write client "hello 2\r\nget k\r\nquit\r\nget k\r\n" in
      let* _hello = Client.read client in
      let* () = bytes "$-1\r\n+OK\r\n" in
      Client.ends client)

(* Replies that are longer than what is written at once. *)
let long_replies server =
  with_client server (fun client ->
      let value i = String.make (300_000 + i) 'x' in
      let set i = [ "SET"; string_of_int i; value i ] in
      let numbers = List.init 10 Fun.id in
      let* _ = Client.pipeline client (List.map set numbers) in
      let mget = "MGET" :: List.map string_of_int numbers in
      let values = Reply.strings (List.map value numbers) in
      let* got = Client.pipeline client [ mget; [ "PING" ]; mget; [ "QUIT" ] ] in
      List.iter2 (is "MGET") [ values; Simple "PONG"; values; Reply.ok ] got;
      Client.ends client)

let expiry server =
  with_client server (fun client ->
      let keys = List.init 1000 string_of_int in
      let set key = [ "SET"; key; "x"; "PX"; "50" ] in
      let* _ = Client.pipeline client (List.map set keys) in
      let* () = expect client [ "DBSIZE" ] (Int 1000L) in
      Atomic.set server.now 149;
      let* () = expect client [ "GET"; "5" ] (Bulk "x") in
      Atomic.set server.now 150;
      let* () = expect client [ "GET"; "5" ] Null in
      (* No client uses the others: their owners remove them. *)
      eventually (fun () ->
          Lwt.map (( = ) (Reply.Int 0L)) (Client.call client [ "DBSIZE" ])))

let scan server =
  with_client server (fun client ->
      let keys = List.init 3000 (Printf.sprintf "key:%d") in
      let* _ = Client.pipeline client (List.map (fun k -> [ "SET"; k; k ]) keys) in
      let rec go cursor found =
        let* page =
          Client.call client [ "SCAN"; cursor; "COUNT"; "100"; "MATCH"; "key:*" ]
        in
        match page with
        | Array [ Bulk next; Array keys ] ->
            let* () = expect client [ "SET"; "other" ^ next; "x" ] Reply.ok in
            if next = "0" then Lwt.return (keys @ found) else go next (keys @ found)
        | other -> Alcotest.failf "SCAN: %s" (shown other)
      in
      let+ found = go "0" [] in
      Alcotest.(check int) "each once" 3000 (List.length found);
      is "all" (Reply.strings keys) (Array found))

(* Transactions that several clients run at once on the same keys: each sees all of the others or
   nothing of them, on each owner. *)
let transactions server =
  let rounds = 200 and clients = 6 in
  (* Keys of one slot have one owner. *)
  let slot key = Key.slot (Key.of_string key) in
  let same_slot = List.filter (fun k -> slot k = slot "0") in
  let keys = same_slot (List.init 20_000 string_of_int) in
  let client _ =
    with_client server (fun client ->
        let transaction =
          ([ "MULTI" ] :: List.map (fun key -> [ "INCR"; key ]) keys) @ [ [ "EXEC" ] ]
        in
        let rec go n =
          if n = 0 then Lwt.return_unit
          else
            let* got = Client.pipeline client transaction in
            match List.nth got (List.length got - 1) with
            | Array (first :: _ as values) ->
                is "EXEC" (Array (List.map (fun _ -> first) keys)) (Array values);
                go (n - 1)
            | other -> Alcotest.failf "EXEC: %s" (shown other)
        in
        go rounds)
  in
  let* () = Lwt.join (List.init clients client) in
  with_client server (fun client ->
      let total = Reply.Bulk (string_of_int (rounds * clients)) in
      let* () = Lwt_list.iter_s (fun key -> expect client [ "GET"; key ] total) keys in
      (* Commands that arrive one at a time, for several owners. *)
      let* () = expect client [ "MULTI" ] Reply.ok in
      let numbers = List.init 100 string_of_int in
      let* () =
        Lwt_list.iter_s
          (fun n -> expect client [ "SET"; "key" ^ n; n ] (Simple "QUEUED"))
          numbers
      in
      let* () =
        with_client server (fun other -> expect other [ "EXISTS"; "key5" ] (Int 0L))
      in
      (* The queue outlives the domains that have served the client so far. *)
      let* () = Lwt_list.iter_s (Workers.replace server.workers) [ 0; 1; 2 ] in
      let* () = expect client [ "EXEC" ] (Array (List.map (fun _ -> Reply.ok) numbers)) in
      let read = "MGET" :: List.map (( ^ ) "key") numbers in
      expect client read (Reply.strings numbers))

(* A form of a web page, sent to the server by a browser. *)
let http server =
  let request head =
    with_client server (fun client ->
        let* () = Client.write client (head ^ "\r\nset stolen yes\r\n") in
        let* () = Client.ends client in
        with_client server (fun other -> expect other [ "EXISTS"; "stolen" ] (Int 0L)))
  in
  let* () = request "POST / HTTP/1.1\r\nContent-Length: 20\r\nHost: x\r\n" in
  request "GET / HTTP/1.1\r\nHost: x\r\n"

(* ---- domains that are replaced *)

let handing_over server =
  let replacements = 30 in
  let replaced = ref 0 in
  let rec replace i =
    if i = replacements then Lwt.return_unit
    else
      let* () = Workers.replace server.workers (i mod 3) in
      incr replaced;
      replace (i + 1)
  in
  (* Each client has keys of its own, on all domains, and knows their values. *)
  let rec write client keys n =
    let incr key = [ "INCR"; key ] in
    let* got = Client.pipeline client (List.map incr keys @ [ "MGET" :: keys ]) in
    let numbers = List.map (fun _ -> Reply.int n) keys in
    let all = Reply.strings (List.map (fun _ -> string_of_int n) keys) in
    List.iter2 (is "INCR and MGET") (numbers @ [ all ]) got;
    if !replaced = replacements then Lwt.return_unit else write client keys (n + 1)
  in
  let client i =
    with_client server (fun client ->
        write client (List.init 10 (fun j -> Printf.sprintf "%d:%d" i j)) 1)
  in
  Lwt.join (replace 0 :: List.init 8 client)

(* An operation that reaches a former owner is neither lost nor run twice. *)
let messages_under_way () =
  let pool () = Pool.create ~domains:1 () in
  let old = pool () and fresh = pool () in
  let owner pool = Pool.handle pool 0 in
  let keyspace = Keyspace.create ~clock:(fun () -> 0) [| owner old |] in
  let count = Atomic.make 0 in
  let count_here _ =
    let here = (Domain.self () :> int) in
    if here <> Handle.id (owner fresh) then failwith "an operation ran elsewhere";
    Reply.int (Atomic.fetch_and_add count 1)
  in
  let op = { Command.key = None; run = count_here } in
  let run () = Keyspace.run keyspace ~me:(Handle.current ()) 0 [ op; op ] in
  let sent = Atomic.make false in
  let hand_over () =
    (* Until there is a message after this one. *)
    while not (Atomic.get sent) do
      Domain.cpu_relax ()
    done;
    Keyspace.hand_over keyspace ~from:(owner old) (owner fresh);
    Lwt.return_unit
  in
  let handed_over = Pool.spawn_on old 0 hand_over in
  let replies = run () in
  Atomic.set sent true;
  let* () = handed_over in
  let* replies = replies in
  is "once, and in order" (Array [ Int 0L; Int 1L ]) (Array replies);
  let* () = Pool.shutdown old in
  let* replies = run () in
  is "by the new owner" (Array [ Int 2L; Int 3L ]) (Array replies);
  let* () = Pool.shutdown fresh in
  Lwt.try_bind run
    (fun _ -> Alcotest.fail "no owner, but a reply")
    (function Lwt_interop.Domain_terminated _ -> Lwt.return_unit | e -> Lwt.fail e)

(* ---- clients that misbehave *)

let mistakes server =
  let mistake (bytes, why) =
    with_client server (fun client ->
        let* () = Client.write client ("PING\r\n" ^ bytes) in
        let* pong = Client.read client in
        is "before" (Simple "PONG") pong;
        let* error = Client.read client in
        is bytes (Error ("ERR Protocol error: " ^ why)) error;
        Client.ends client)
  in
  let* () =
    Lwt_list.iter_s mistake
      [
        ("*1\r\nPING\r\n", "expected '$', got 'P'");
        ("*99999999999\r\n", "invalid multibulk length");
        ("*1\r\n$99999999999\r\n", "invalid bulk length");
        ("*1\r\n$4194305\r\n", "invalid bulk length");
        ("*1\r\n$-5\r\n", "invalid bulk length");
        ("*1\r\n$1\r\nabc\r\n", "expected ' ', got 'b'");
        ("get 'k\r\n", "unbalanced quotes in request");
        (* The server reads all of it before it sees the error. With unread bytes it would reset
           the connection. *)
        (String.make 65_536 'x', "too big inline request");
      ]
  in
  works server

let half_a_command server =
  let frame = Client.encode [ "SET"; "k"; String.make 1000 'v' ] in
  let half i =
    with_client server (fun client ->
        Client.write client (String.sub frame 0 (i * 9 mod String.length frame)))
  in
  let* () = Lwt_list.iter_p half (List.init 90 succ) in
  with_client server (fun client ->
      let* () = expect client [ "GET"; "k" ] Null in
      expect client [ "PING" ] (Simple "PONG"))

(* A client that sends commands and never reads is disconnected. *)
let never_reads server =
  let big = String.make (1 lsl 20) 'x' in
  let rss () =
    let* lines = Lwt_io.lines_of_file "/proc/self/status" |> Lwt_stream.to_list in
    let line = List.find (String.starts_with ~prefix:"VmRSS:") lines in
    Lwt.return (Scanf.sscanf line "VmRSS: %d kB" (fun kb -> kb / 1024))
  in
  with_client server (fun other ->
      let* () = expect other [ "SET"; "big"; big ] Reply.ok in
      let* before = rss () in
      let* silent = Client.connect server.address in
      let gets =
        String.concat "" (List.init 1000 (fun _ -> Client.encode [ "GET"; "big" ]))
      in
      let rec ask () =
        let* () = Client.write silent gets in
        ask ()
      in
      let disconnected =
        Lwt.catch ask (function
          | Unix.Unix_error ((ECONNRESET | EPIPE), _, _) -> Lwt.return_unit
          | e -> Lwt.fail e)
      in
      let rec others most =
        (* A short reply, so that the server never waits for this client. *)
        let* () = expect other [ "STRLEN"; "big" ] (Reply.int (String.length big)) in
        let* mb = rss () in
        if Lwt.is_sleeping disconnected then others (max mb most)
        else Lwt.return (max mb most)
      in
      let* most = others 0 in
      let* () = disconnected in
      let+ () = Client.close silent in
      (* The replies would be gigabytes. *)
      if most - before > 500 then Alcotest.failf "%d MB instead of %d" most before)

let too_many server =
  let* clients = Lwt_list.map_s (fun _ -> Client.connect server.address) [ 1; 2 ] in
  let* () = Lwt_list.iter_s (fun c -> expect c [ "PING" ] (Simple "PONG")) clients in
  let* () =
    with_client server (fun third ->
        let* reply = Client.read third in
        is "the third" (Error "ERR max number of clients reached") reply;
        Client.ends third)
  in
  let* () = Client.close (List.hd clients) in
  let* () =
    eventually (fun () ->
        with_client server (fun third ->
            Lwt.catch
              (fun () ->
                Lwt.map (( = ) (Reply.Simple "PONG")) (Client.call third [ "PING" ]))
              (fun _ -> Lwt.return_false)))
  in
  Client.close (List.nth clients 1)

(* Noise and damaged frames from many clients, while another checks its replies. *)
let fuzz server =
  let rand = Random.State.make [| 42 |] in
  let noise =
    QCheck.Gen.(
      string_size
        ~gen:(oneof [ char; oneofl [ '*'; '$'; '1'; '\r'; '\n' ] ])
        (int_bound 200))
  in
  let mutated =
    let open QCheck.Gen in
    let* commands =
      list_size (int_range 1 5)
        (oneofl
           [
             [ "SET"; "f"; "x" ];
             [ "GET"; "f" ];
             [ "MSET"; "f"; "1"; "g"; "2" ];
             [ "KEYS"; "*" ];
             [ "SCAN"; "0" ];
             [ "APPEND"; "f"; "yy" ];
           ])
    in
    let bytes = Bytes.of_string (String.concat "" (List.map Client.encode commands)) in
    let* changes =
      list_size (int_bound 5) (pair (int_bound (Bytes.length bytes - 1)) char)
    in
    List.iter (fun (i, c) -> Bytes.set bytes i c) changes;
    return (Bytes.to_string bytes)
  in
  let quietly f =
    Lwt.catch f (function
      | Unix.Unix_error ((ECONNRESET | EPIPE), _, _) -> Lwt.return_unit
      | e -> Lwt.fail e)
  in
  let rounds = 40 and senders = 10 in
  let left = ref (rounds * senders) in
  let rec send n =
    if n = 0 then Lwt.return_unit
    else
      let bytes = QCheck.Gen.(generate1 ~rand (frequency [ (1, noise); (3, mutated) ])) in
      let* () =
        with_client server (fun client ->
            quietly (fun () ->
                let* () = Client.write client (bytes ^ "\r\n\r\nQUIT\r\n\r\n*x\r\n") in
                if n mod 2 = 0 then Client.ends client else Lwt.return_unit))
      in
      decr left;
      send (n - 1)
  in
  let rec check client n =
    let value = string_of_int n in
    let* () = expect client [ "SET"; "mine"; value ] Reply.ok in
    let* () = expect client [ "GET"; "mine" ] (Bulk value) in
    if !left = 0 then Lwt.return_unit else check client (n + 1)
  in
  Lwt.join
    (with_client server (fun client -> check client 0)
    :: List.init senders (fun _ -> send rounds))

(* Replies that a client has not read follow it to another domain. *)
let unread_replies server =
  let value = String.make 1_000_000 'v' and n = 40 in
  with_client server (fun client ->
      let* () = expect client [ "SET"; "k"; value ] Reply.ok in
      let* () =
        Client.write client
          (String.concat "" (List.init n (fun _ -> Client.encode [ "GET"; "k" ])))
      in
      let* () = Lwt_list.iter_s (Workers.replace server.workers) [ 0; 1; 2; 0 ] in
      let rec read i =
        if i = n then Lwt.return_unit
        else
          let* reply = Client.read client in
          is "GET" (Bulk value) reply;
          read (i + 1)
      in
      let* () = read 0 in
      expect client [ "PING" ] (Simple "PONG"))

(* ---- the end *)

let stopping server =
  let* idle = Client.connect server.address in
  let* busy = Client.connect server.address in
  let* () = expect idle [ "PING" ] (Simple "PONG") in
  let n = 2000 in
  let* () =
    Client.write busy
      (String.concat "" (List.init n (fun _ -> Client.encode [ "INCR"; "n" ])))
  in
  let* first = Client.read busy in
  is "the first" (Int 1L) first;
  let* () = server.stop () in
  let* () = Client.ends idle and* () = Client.ends busy in
  let* () = Client.close idle and* () = Client.close busy in
  Lwt.catch
    (fun () ->
      let* client = Client.connect server.address in
      let* () = Client.close client in
      Alcotest.fail "it still accepts connections")
    (function Unix.Unix_error (ECONNREFUSED, _, _) -> Lwt.return_unit | e -> Lwt.fail e)

let address_in_use server =
  let listen address = Server.listen Client.io ~domains:3 address limits in
  let* again = listen server.address in
  match again with
  | Ok _ -> Alcotest.fail "two servers at one address"
  | Error _ ->
      let* nonsense = listen "nonsense" in
      Alcotest.(check bool) "nonsense" true (Result.is_error nonsense);
      works server

let case ?domains ?limits name test =
  Alcotest.test_case name `Quick (with_server ?domains ?limits test)

let () =
  Alcotest.run "server"
    [
      ( "commands",
        [
          case ~domains:1 "as the model, 1 domain" as_the_model;
          case "as the model, 3 domains" as_the_model;
          case "a long pipeline" long_pipeline;
          case "byte by byte" byte_by_byte;
          case "the session" resp3;
          case "long replies" long_replies;
          case "expiry" expiry;
          case "scan" scan;
          case "transactions" transactions;
        ] );
      ( "domains",
        [
          Alcotest.test_case "messages under way" `Quick (fun () ->
              Lwt_main.run (Lwt_unix.with_timeout time_limit messages_under_way));
          case "handing over" handing_over;
          case "unread replies" unread_replies;
        ] );
      ( "clients",
        [
          case "mistakes" mistakes;
          case "HTTP" http;
          case "half a command" half_a_command;
          case ~limits:{ limits with write_timeout = 0.2 } "never reads" never_reads;
          case ~limits:{ limits with max_clients = 2 } "too many" too_many;
          case "fuzz" fuzz;
        ] );
      ("stopping", [ case "stopping" stopping; case "address in use" address_in_use ]);
    ]
