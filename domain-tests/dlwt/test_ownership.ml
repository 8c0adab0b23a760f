(* Promises, descriptors and channels used in a domain that does not own them: the use raises
   an error that names both domains and does not affect the owner. *)

open Lwt.Infix
open Support

let me = domain ()

(* Calls [f] in another domain with two pending promises of this domain and the resolver of the
   first. [f] must be refused, and the promises still work here afterwards. *)
let misuse name f =
  Alcotest.test_case name `Quick (fun () ->
      let p, w = Lwt.task () in
      let before = ref 0 in
      let mine = p >|= fun v -> before := v in
      elsewhere (fun () -> refused ~what:name ~owner:me (fun () -> f p mine w));
      Lwt.wakeup w 7;
      Lwt_main.run mine;
      Alcotest.(check int) "the owner's callback ran" 7 !before)

let misuses =
  let on name f = misuse name (fun p _ _ -> Obj.repr (f p)) in
  let on_unit name f = misuse name (fun _ u _ -> Obj.repr (f u)) in
  let with_resolver name f = misuse name (fun _ _ w -> Obj.repr (f w)) in
  [
    on "bind" (fun p -> p >>= Lwt.return);
    on "map" (fun p -> p >|= succ);
    on "catch" (fun p -> Lwt.catch (fun () -> p) (fun _ -> Lwt.return 0));
    on "try_bind" (fun p -> Lwt.try_bind (fun () -> p) Lwt.return (fun _ -> Lwt.return 0));
    on "finalize" (fun p -> Lwt.finalize (fun () -> p) Lwt.return);
    on "on_success" (fun p -> Lwt.on_success p ignore);
    on "on_failure" (fun p -> Lwt.on_failure p ignore);
    on "on_termination" (fun p -> Lwt.on_termination p ignore);
    on "on_any" (fun p -> Lwt.on_any p ignore ignore);
    on "on_cancel" (fun p -> Lwt.on_cancel p ignore);
    on_unit "async" (fun u -> Lwt.async (fun () -> u));
    on_unit "dont_wait" (fun u -> Lwt.dont_wait (fun () -> u) raise);
    on "ignore_result" (fun p -> Lwt.ignore_result p);
    on_unit "join" (fun u -> Lwt.join [ Lwt.pause (); u ]);
    on "both" (fun p -> Lwt.both (Lwt.pause ()) p);
    on "all" (fun p -> Lwt.all [ p ]);
    on "choose" (fun p -> Lwt.choose [ fst (Lwt.task ()); p ]);
    on "pick" (fun p -> Lwt.pick [ fst (Lwt.task ()); p ]);
    on "nchoose" (fun p -> Lwt.nchoose [ p ]);
    on "npick" (fun p -> Lwt.npick [ p ]);
    on "nchoose_split" (fun p -> Lwt.nchoose_split [ p ]);
    on "protected" (fun p -> Lwt.protected p);
    on "no_cancel" (fun p -> Lwt.no_cancel p);
    on "cancel" (fun p -> Lwt.cancel p);
    on "Lwt_main.run" (fun p -> Lwt_main.run p);
    on "check_owner" (fun p -> Dlwt.check_owner ~what:"test: this promise" p);
    with_resolver "wakeup" (fun w -> Lwt.wakeup w 1);
    with_resolver "wakeup_later" (fun w -> Lwt.wakeup_later w 1);
    with_resolver "wakeup_exn" (fun w -> Lwt.wakeup_exn w Exit);
    with_resolver "wakeup_later_result" (fun w -> Lwt.wakeup_later_result w (Ok 1));
  ]

(* If a function given to bind returns another domain's promise, the result is rejected. *)
let returned_by_bind () =
  let p, w = Lwt.wait () in
  elsewhere (fun () ->
      let rejected q =
        refused ~what:"returned by a callback" ~owner:me (fun () -> Lwt_main.run q)
      in
      rejected (Lwt.pause () >>= fun () -> p);
      rejected
        (Lwt.catch (fun () -> Lwt.pause () >>= fun () -> Lwt.fail Exit) (fun _ -> p));
      rejected (Lwt.try_bind Lwt.pause (fun () -> p) Lwt.fail);
      rejected (Lwt.finalize Lwt.pause (fun () -> p)));
  Lwt.wakeup w ();
  Lwt_main.run p

let resolved_is_a_value () =
  let a = Lwt.return 3 and b = Lwt.fail Exit in
  elsewhere (fun () ->
      check "resolved" (Lwt_main.run (a >|= succ) = 4);
      check "rejected"
        (Lwt_main.run (Lwt.catch (fun () -> b) (fun e -> Lwt.return (e = Exit))));
      check "resolved earlier" (Dlwt.is_owner a && Dlwt.is_owner b))

let is_owner () =
  let p, w = Lwt.wait () in
  Alcotest.(check bool) "here" true (Dlwt.is_owner p);
  elsewhere (fun () -> check "not there" (not (Dlwt.is_owner p)));
  Lwt.wakeup w ();
  elsewhere (fun () -> check "resolved: anywhere" (Dlwt.is_owner p))

let owner_has_terminated () =
  let p, other =
    elsewhere (fun () ->
        Lwt_main.run (Lwt.pause ());
        (fst (Lwt.wait ()), domain ()))
  in
  match Lwt.bind p Lwt.return with
  | exception Invalid_argument text ->
      check text
        (contains text ~part:(Printf.sprintf "domain %d (which has terminated)" other))
  | _ -> Alcotest.fail "not refused"

(* Lwt counts callbacks to be cleaned up in the word that also holds a promise's owner. *)
let counted () =
  let pass n p =
    for _ = 1 to n do
      let q, w = Lwt.wait () in
      let first = Lwt.choose [ p; q ] in
      Lwt.wakeup w ();
      check "the other one" (Lwt.state first = Return ())
    done
  in
  let still_mine p =
    check "mine" (Dlwt.is_owner p);
    elsewhere (fun () ->
        refused ~what:"counted" ~owner:me (fun () -> Lwt.on_termination p ignore))
  in
  let counted_and_merged n =
    let inner, w = Lwt.wait () in
    let start, go = Lwt.wait () in
    let outer = start >>= fun () -> inner in
    List.iter
      (fun p ->
        Lwt.on_termination p ignore;
        Lwt.on_termination p ignore;
        pass n p;
        still_mine p)
      [ inner; outer ];
    Lwt.wakeup go ();
    pass n inner;
    still_mine outer;
    Lwt.wakeup w ();
    check "resolved" (Lwt.state outer = Return ())
  in
  List.iter counted_and_merged [ 0; 1; 30; 42; 43; 300 ];
  elsewhere (fun () ->
      let p, _ = Lwt.wait () in
      Lwt.on_termination p ignore;
      Lwt.on_termination p ignore;
      pass 300 p;
      check "of the other domain" (Dlwt.is_owner p))

(* Structures that are built on promises raise the same error. *)
let structures () =
  let mutex = Lwt_mutex.create () in
  let condition = Lwt_condition.create () in
  let mvar = Lwt_mvar.create_empty () in
  let stream, push = Lwt_stream.create () in
  let waiting =
    [
      (Lwt_mutex.lock mutex >>= fun () -> Lwt_mutex.lock mutex);
      Lwt_condition.wait condition;
      Lwt_mvar.take mvar;
      Lwt_stream.next stream;
    ]
  in
  elsewhere (fun () ->
      refused ~what:"unlock" ~owner:me (fun () -> Lwt_mutex.unlock mutex);
      refused ~what:"signal" ~owner:me (fun () -> Lwt_condition.signal condition ());
      refused ~what:"put" ~owner:me (fun () -> Lwt_mvar.put mvar ());
      refused ~what:"push" ~owner:me (fun () -> push (Some ())));
  List.iter Lwt.cancel waiting

(* --------------------------------------------------------------- descriptors *)

let byte = Bytes.make 1 'x'

let busy_descriptor () =
  let input, output = Lwt_unix.pipe ~cloexec:true () in
  let reading = Lwt_unix.read input (Bytes.create 1) 0 1 in
  elsewhere (fun () ->
      let refused what f = refused ~what ~owner:me (fun () -> Lwt_main.run (f ())) in
      refused "read" (fun () -> Lwt_unix.read input (Bytes.create 1) 0 1);
      refused "wait_read" (fun () -> Lwt_unix.wait_read input);
      refused "close" (fun () -> Lwt_unix.close input));
  Lwt_main.run
    ( Lwt_unix.write output byte 0 1 >>= fun _ ->
      reading >>= fun n ->
      check "the owner still reads" (n = 1);
      Lwt_unix.close input >>= fun () -> Lwt_unix.close output )

let idle_descriptor_moves () =
  let input, output = Lwt_unix.pipe ~cloexec:true () in
  let exchange () =
    Lwt_main.run
      ( Lwt.both
          (Lwt_unix.read input (Bytes.create 1) 0 1)
          (Lwt.pause () >>= fun () -> Lwt_unix.write output byte 0 1)
      >>= fun (n, m) ->
        check "one byte" (n = 1 && m = 1);
        (* The loop releases a descriptor one iteration after its last use. *)
        Lwt.pause () )
  in
  exchange ();
  elsewhere exchange;
  elsewhere exchange;
  exchange ();
  elsewhere (fun () ->
      Lwt_main.run (Lwt_unix.close input >>= fun () -> Lwt_unix.close output))

(* One domain accepts a connection, another serves it. *)
let handed_over_connection () =
  let socket = Lwt_unix.socket ~cloexec:true Unix.PF_INET Unix.SOCK_STREAM 0 in
  let serve connection () =
    Lwt_main.run
      (let ic = Lwt_io.of_fd ~mode:Lwt_io.input ~close:Lwt.return connection in
       let oc = Lwt_io.of_fd ~mode:Lwt_io.output connection in
       Lwt_io.read_line ic >>= fun line ->
       Lwt_io.write_line oc (Printf.sprintf "%s from %d" line (domain ())) >>= fun () ->
       Lwt_io.close ic >>= fun () -> Lwt_io.close oc >|= domain)
  in
  Lwt_main.run
    ( Lwt_unix.bind socket (Unix.ADDR_INET (Unix.inet_addr_loopback, 0)) >>= fun () ->
      Lwt_unix.listen socket 1;
      let client =
        Lwt_io.with_connection (Lwt_unix.getsockname socket) (fun (ic, oc) ->
            Lwt_io.write_line oc "hello" >>= fun () -> Lwt_io.read_line ic)
      in
      Lwt_unix.accept ~cloexec:true socket >>= fun (connection, _) ->
      Lwt.pause () >>= fun () ->
      let server = Domain.spawn (serve connection) in
      client >>= fun line ->
      let number = Domain.join server in
      check_string "answer" ~expected:(Printf.sprintf "hello from %d" number) line;
      Lwt_unix.close socket )

let channel () =
  let ic, oc = Lwt_io.pipe ~cloexec:true () in
  let line = Lwt_io.read_line ic in
  elsewhere (fun () ->
      refused ~what:"read_line" (fun () -> Lwt_main.run (Lwt_io.read_line ic)));
  Lwt_main.run
    ( Lwt_io.write_line oc "hello" >>= fun () ->
      line >>= fun l ->
      check_string "the owner still reads" ~expected:"hello" l;
      Lwt_io.close ic >>= fun () -> Lwt_io.close oc )

(* Lwt closes some resources when they are collected. Their domain may have terminated by then,
   and an exception would be raised in unrelated code of the collecting domain. *)
let collected_later leak () =
  let before = descriptors () in
  for _ = 1 to 5 do
    elsewhere leak
  done;
  Alcotest.(check bool) "descriptors are open" true (descriptors () > before);
  let closed () =
    Gc.full_major ();
    Lwt_main.run (Lwt_unix.sleep 0.005);
    descriptors () = before
  in
  eventually closed

let lines_of_file () =
  let file = Filename.temp_file "dlwt" ".txt" in
  Out_channel.with_open_bin file (fun oc -> output_string oc "one\ntwo\nthree\n");
  let line = Lwt_main.run (Lwt_stream.next (Lwt_io.lines_of_file file)) in
  Sys.remove file;
  check_string "first line" ~expected:"one" line

let process () =
  let p = Lwt_process.open_process_full ("", [| "true" |]) in
  check "true" (Lwt_main.run p#status = Unix.WEXITED 0)

(* More entries than Lwt reads at once. *)
let directory () =
  let directory = Filename.temp_dir "dlwt" "" in
  let files = List.init 1100 (fun i -> Filename.concat directory (string_of_int i)) in
  List.iter (fun f -> Out_channel.with_open_bin f ignore) files;
  ignore (Lwt_main.run (Lwt_stream.next (Lwt_unix.files_of_directory directory)));
  List.iter Sys.remove files;
  Sys.rmdir directory

let case name f = Alcotest.test_case name `Quick f

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  Alcotest.run "dlwt ownership"
    [
      ("misuse", misuses);
      ( "promises",
        [
          case "returned by a callback" returned_by_bind;
          case "a resolved promise is a value" resolved_is_a_value;
          case "is_owner" is_owner;
          case "the owner has terminated" owner_has_terminated;
          case "after many clean-ups" counted;
          case "structures" structures;
        ] );
      ( "descriptors",
        [
          case "in use: refused" busy_descriptor;
          case "idle: moves" idle_descriptor_moves;
          case "a connection is handed over" handed_over_connection;
          case "channel" channel;
        ] );
      ( "collected when the domain has terminated",
        [
          case "file" (collected_later lines_of_file);
          case "process" (collected_later process);
          case "directory" (collected_later directory);
        ] );
    ]
