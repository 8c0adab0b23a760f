(* Bodies of requests: clients that send them in every way, and what the server answers. *)

let with_client server f =
  let client = Client.connect server in
  Fun.protect ~finally:(fun () -> Client.close client) (fun () -> f client)

let check_int = Alcotest.(check int)
let check_string = Alcotest.(check string)
let check_bool = Alcotest.(check bool)
let content_length n = Printf.sprintf "content-length: %d" n
let chunked = "transfer-encoding: chunked"

let rec eventually condition =
  if not (condition ()) then (
    Thread.delay 0.01;
    eventually condition)

let get server path =
  with_client server (fun client ->
      Client.send client (Client.head ("GET " ^ path));
      (Client.reply client).body)

(* The number of bodies that handlers read. *)
let readers server =
  Scanf.sscanf (get server "/stats") "{\"sleepers\":%d,\"readers\":%d" (fun _ n -> n)

let nobody_reads server = eventually (fun () -> readers server = 0)

let is_last (reply : Client.reply) =
  List.assoc_opt "connection" reply.headers = Some "close"

(* Sends pieces of a body, [bytes] in all, and counts them in [sent]. *)
let block = String.init 65536 (fun i -> if i mod 64 = 63 then '\n' else 'a')

let send_body ?(sent = ref 0) client bytes =
  while !sent < bytes do
    let length = min (String.length block) (bytes - !sent) in
    Client.send client (String.sub block 0 length);
    sent := !sent + length
  done

let counted bytes lines = Printf.sprintf {|{"bytes":%d,"lines":%d}|} bytes lines

(* ---- bodies that arrive *)

let every_framing () =
  Server.run (fun server ->
      with_client server (fun client ->
          let expect name bytes lines =
            let reply = Client.reply client in
            check_string name (counted bytes lines) reply.body;
            check_bool (name ^ ": the connection is kept") false (is_last reply)
          in
          let post headers = Client.send client (Client.head ~headers "POST /count") in
          post [ content_length 0 ];
          expect "empty" 0 0;
          post [];
          expect "none" 0 0;
          post [ content_length 200_000 ];
          send_body client 200_000;
          expect "with a length" 200_000 3125;
          post [ chunked ];
          List.iter (Client.send client)
            [ "1\r\na\r\n"; "3\r\n\nb\n\r\n"; "0\r\nx-trailer: 1\r\n\r\n" ];
          expect "chunked" 4 2;
          post [ chunked ];
          Client.send client "30d40\r\n";
          send_body client 200_000;
          Client.send client "\r\n0\r\n\r\n";
          expect "one long chunk" 200_000 3125;
          (* Two requests at once. *)
          let two = Client.head ~headers:[ content_length 2 ] "POST /upper" ^ "ab" in
          Client.send client (two ^ two);
          check_string "the first" "AB" (Client.reply client).body;
          check_string "the second" "AB" (Client.reply client).body))

let gigabyte = 1_000_000_000
let most_growth = 100

let constant_memory () =
  Server.run (fun server ->
      check_string "warm" "Hello, world!\n" (get server "/");
      let before = Server.peak_memory server in
      with_client server (fun client ->
          Client.send client
            (Client.head ~headers:[ content_length gigabyte ] "POST /count");
          send_body client gigabyte;
          let reply = Client.reply client in
          check_string "all of it" (counted gigabyte (gigabyte / 64)) reply.body);
      let growth = Server.peak_memory server - before in
      Printf.printf "%d MB more\n%!" growth;
      check_bool "memory is bounded" true (growth < most_growth))

let slow_reader () =
  let bytes = 300_000_000 in
  Server.run (fun server ->
      check_string "warm" "Hello, world!\n" (get server "/");
      let before = Server.peak_memory server in
      with_client server (fun client ->
          let sent = ref 0 in
          let send () =
            Client.send client
              (Client.head ~headers:[ content_length bytes ] "POST /upper");
            send_body ~sent client bytes
          in
          let sender = Thread.create send () in
          (* As long as nothing is read, the sender has to stop. *)
          let stopped () =
            let before = !sent in
            Thread.delay 0.2;
            before > 0 && !sent = before
          in
          eventually stopped;
          check_bool "the client is held up" true (!sent < bytes);
          let upper = String.uppercase_ascii block in
          let check at part =
            let length = String.length part in
            let first = min length (65536 - (at land 65535)) in
            let same =
              String.sub part 0 first = String.sub upper (at land 65535) first
              && String.sub part first (length - first)
                 = String.sub upper 0 (length - first)
            in
            if not same then Alcotest.failf "wrong bytes after %d" at;
            at + length
          in
          let _, headers = Client.reply_head client in
          check_int "all of it" bytes (Client.fold_body client headers check 0);
          Thread.join sender);
      let growth = Server.peak_memory server - before in
      Printf.printf "%d MB more\n%!" growth;
      check_bool "memory is bounded" true (growth < most_growth))

let continue () =
  Server.run ~options:[ "--max-body"; "1000" ] (fun server ->
      let request client what length =
        let headers = [ content_length length; "expect: 100-continue" ] in
        Client.send client (Client.head ~headers what)
      in
      with_client server (fun client ->
          request client "POST /count" 5;
          check_int "count" 100 (fst (Client.reply_head client));
          Client.send client "a\nb\nc";
          check_string "count" (counted 5 2) (Client.reply client).body;
          request client "POST /echo" 2;
          check_int "echo" 100 (fst (Client.reply_head client));
          Client.send client "[]";
          check_string "echo" "[]" (Client.reply client).body);
      let refused what status =
        with_client server (fun client ->
            request client what 1_000_000;
            let reply = Client.reply client in
            check_int what status reply.status;
            check_bool (what ^ ": close") true (is_last reply);
            check_bool (what ^ ": closed") true (Client.is_closed client))
      in
      refused "POST /echo" 413;
      refused "POST /nowhere" 404;
      refused "DELETE /count" 405)

(* ---- refusals, and handlers that do not read all *)

let too_long () =
  Server.run ~options:[ "--max-body"; "1000" ] (fun server ->
      let refused name headers send =
        with_client server (fun client ->
            Client.send client (Client.head ~headers "POST /echo");
            send client;
            let reply = Client.reply client in
            check_int name 413 reply.status;
            check_bool (name ^ ": close") true (is_last reply))
      in
      refused "before it is sent" [ content_length 1001 ] ignore;
      refused "without a length" [ chunked ] (fun client ->
          Client.send client "3e9\r\n";
          send_body client 1001);
      refused "while it is sent"
        [ content_length 5_000_000 ]
        (fun client -> send_body client 5_000_000);
      with_client server (fun client ->
          let headers = [ content_length 5_000_000 ] in
          Client.send client (Client.head ~headers "POST /count");
          send_body client 5_000_000;
          check_string "a stream has no limit" (counted 5_000_000 78_125)
            (Client.reply client).body))

(* More than sockets hold. A server that closed the connection at once would fail the client. *)
let long = 20_000_000

(* The reply reaches a client that sends all before it reads. *)
let not_read () =
  Server.run (fun server ->
      let answers what status body =
        with_client server (fun client ->
            let headers = [ content_length long ] in
            Client.send client (Client.head ~headers what);
            send_body client long;
            let reply = Client.reply client in
            check_int what status reply.status;
            Option.iter (fun body -> check_string what body reply.body) body;
            check_bool (what ^ ": close") true (is_last reply);
            check_bool (what ^ ": closed") true (Client.is_closed client))
      in
      answers "POST /nowhere" 404 None;
      answers "POST /raise" 405 None;
      answers "GET /raise" 500 None;
      answers "GET /" 200 None;
      answers "GET /lines?n=2" 200 (Some "1\n2\n");
      answers "POST /first-line" 200 (Some (String.sub block 0 64));
      nobody_reads server)

(* ---- clients that stop *)

let stalled () =
  Server.run ~options:[ "--read-timeout"; "0.2"; "--timeout"; "0.1" ] (fun server ->
      let half client what =
        Client.send client (Client.head ~headers:[ content_length 10 ] what);
        Client.send client "[1, 2"
      in
      List.iter
        (fun what ->
          with_client server (fun client ->
              half client what;
              let reply = Client.reply client in
              check_int what 408 reply.status;
              check_bool (what ^ ": close") true (is_last reply)))
        [ "POST /echo"; "POST /count" ];
      with_client server (fun client ->
          half client "POST /upper";
          let status, headers = Client.reply_head client in
          check_int "upper" 200 status;
          Alcotest.check_raises "upper ends early" End_of_file (fun () ->
              Client.fold_body client headers (fun () _ -> ()) ()));
      nobody_reads server)

let broken () =
  Server.run (fun server ->
      let half client what =
        Client.send client (Client.head ~headers:[ chunked ] what);
        Client.send client "5\r\n[1, 2\r\n"
      in
      List.iter
        (fun what ->
          with_client server (fun client ->
              half client what;
              Client.send client "not a number\r\n";
              check_int (what ^ ", malformed") 400 (Client.reply client).status);
          with_client server (fun client ->
              half client what;
              Client.shutdown client;
              check_int (what ^ ", ends early") 400 (Client.reply client).status))
        [ "POST /echo"; "POST /count" ];
      List.iter
        (fun what ->
          with_client server (fun client ->
              half client what;
              eventually (fun () -> readers server = 1));
          nobody_reads server)
        [ "POST /echo"; "POST /count"; "POST /upper"; "POST /first-line" ])

let () =
  Sys.set_signal Sys.sigpipe Signal_ignore;
  let case name f = Alcotest.test_case name `Quick f in
  Alcotest.run "http bodies"
    [
      ( "bodies",
        [
          case "every framing, one after the other" every_framing;
          case "a gigabyte in constant memory" constant_memory;
          case "a client that does not read is not read" slow_reader;
          case "100-continue" continue;
          case "too long" too_long;
          case "not read to its end" not_read;
          case "a client that stalls" stalled;
          case "malformed, or cut off" broken;
        ] );
    ]
