open Lwt.Infix
open Support

let timers () =
  let start = Unix.gettimeofday () in
  List.init 100 (fun i ->
      let delay = 0.001 *. float (i mod 50) in
      Lwt_unix.sleep delay >|= fun () ->
      (* The loop's clock may be slightly behind. *)
      check "a timer does not fire early" (Unix.gettimeofday () -. start >= delay -. 0.002))
  |> Lwt.join

let cancelled p =
  Lwt.catch
    (fun () -> p >|= fun _ -> false)
    (function Lwt.Canceled -> Lwt.return true | exn -> Lwt.fail exn)

let cancel () =
  let sleep = Lwt_unix.sleep 100. in
  let dependent = sleep >|= fun () -> 1 in
  Lwt.cancel dependent;
  cancelled sleep >>= fun a ->
  cancelled dependent >|= fun b ->
  check "cancel reaches the timer" a;
  check "cancel reaches what depends on it" b

let timeout () =
  Lwt.catch
    (fun () ->
      Lwt_unix.with_timeout 0.01 (fun () -> fst (Lwt.task ())) >|= fun () -> false)
    (function Lwt_unix.Timeout -> Lwt.return true | exn -> Lwt.fail exn)
  >|= check "timeout"

let pauses () =
  let count = ref 0 in
  let rec loop k =
    if k = 0 then Lwt.return_unit
    else
      Lwt.pause () >>= fun () ->
      incr count;
      loop (k - 1)
  in
  Lwt.join (List.init 50 (fun _ -> loop 100)) >|= fun () -> check "pauses" (!count = 5000)

let pick_and_choose () =
  let rec go k =
    if k = 0 then Lwt.return_unit
    else
      Lwt.pick [ Lwt.return 1; Lwt.return 2; Lwt.return 3 ] >>= fun n ->
      check "pick" (n >= 1 && n <= 3);
      Lwt.choose [ Lwt.pause (); Lwt.return_unit ] >>= fun () -> go (k - 1)
  in
  go 500

let pipe () =
  let input, output = Lwt_unix.pipe ~cloexec:true () in
  let size = 300_000 in
  let chunk = Bytes.make 1000 'x' and buffer = Bytes.create 4096 in
  let rec write left =
    if left = 0 then Lwt_unix.close output
    else Lwt_unix.write output chunk 0 (min 1000 left) >>= fun n -> write (left - n)
  in
  let rec read sum =
    Lwt_unix.read input buffer 0 4096 >>= function
    | 0 -> Lwt.return sum
    | n -> read (sum + n)
  in
  Lwt.both (write size) (read 0) >>= fun ((), n) ->
  Lwt_unix.close input >|= fun () -> check "all bytes come through a pipe" (n = size)

let any_port = Unix.ADDR_INET (Unix.inet_addr_loopback, 0)

let listen () =
  let socket = Lwt_unix.socket ~cloexec:true Unix.PF_INET Unix.SOCK_STREAM 0 in
  Lwt_unix.bind socket any_port >|= fun () ->
  Lwt_unix.listen socket 20;
  socket

(* Lines through Lwt_io over TCP, eight clients at once. *)
let tcp () =
  listen () >>= fun socket ->
  let answer client =
    let ic = Lwt_io.of_fd ~mode:Lwt_io.input client in
    let oc = Lwt_io.of_fd ~close:Lwt.return ~mode:Lwt_io.output client in
    let rec go () =
      Lwt_io.read_line_opt ic >>= function
      | None -> Lwt_io.close oc >>= fun () -> Lwt_io.close ic
      | Some line -> Lwt_io.write_line oc (String.uppercase_ascii line) >>= go
    in
    go ()
  in
  let rec serve k =
    if k = 0 then Lwt_unix.close socket
    else
      Lwt_unix.accept ~cloexec:true socket >>= fun (client, _) ->
      Lwt.both (answer client) (serve (k - 1)) >|= fun ((), ()) -> ()
  in
  let client i =
    Lwt_io.with_connection (Lwt_unix.getsockname socket) (fun (ic, oc) ->
        let rec go k =
          if k = 0 then Lwt.return_unit
          else
            let line = Printf.sprintf "d%d-c%d-m%d" (domain ()) i k in
            Lwt_io.write_line oc line >>= fun () ->
            Lwt_io.read_line ic >>= fun answer ->
            check_string "echo" ~expected:(String.uppercase_ascii line) answer;
            go (k - 1)
        in
        go 20)
  in
  Lwt.join (serve 8 :: List.init 8 client)

let detach () =
  let me = domain () in
  Lwt_list.map_p
    (Lwt_preemptive.detach (fun i ->
         Thread.delay 0.001;
         (domain (), i * i)))
    (List.init 20 Fun.id)
  >|= fun l ->
  check "detached calls run in their own domain" (l = List.init 20 (fun i -> (me, i * i)))

let detach_exception () =
  Lwt.catch
    (fun () -> Lwt_preemptive.detach (fun () -> raise Exit) ())
    (function Exit -> Lwt.return_unit | exn -> Lwt.fail exn)

let run_in_main () =
  let me = domain () in
  Lwt_preemptive.detach
    (fun () ->
      Lwt_preemptive.run_in_main (fun () -> Lwt_unix.sleep 0.002 >|= fun () -> domain ()))
    ()
  >|= fun d -> check "run_in_main goes to the loop of the same domain" (d = me)

let resolve () =
  Lwt_list.map_p
    (fun _ -> Lwt_unix.getaddrinfo "127.0.0.1" "80" [ Unix.AI_FAMILY Unix.PF_INET ])
    (List.init 20 Fun.id)
  >|= fun l -> check "getaddrinfo" (List.for_all (fun x -> x <> []) l)

let files () =
  Lwt_io.with_temp_file (fun (name, oc) ->
      Lwt_io.write oc (String.make 100_000 'z') >>= fun () ->
      Lwt_io.flush oc >>= fun () ->
      Lwt_io.with_file ~mode:Lwt_io.input name (fun ic -> Lwt_io.read ic) >>= fun s ->
      check "a file has what was written" (s = String.make 100_000 'z');
      Lwt_unix.stat name >>= fun st ->
      check "stat" (st.st_size = 100_000);
      Lwt_stream.to_list (Lwt_unix.files_of_directory (Filename.dirname name))
      >|= fun l -> check "files_of_directory" (List.mem (Filename.basename name) l))

let process_pipes () =
  let text = Printf.sprintf "from domain %d" (domain ()) in
  Lwt_process.pmap ("", [| "cat" |]) text >|= check_string "cat" ~expected:text

let process_status () =
  Lwt_process.exec ("", [| "sh"; "-c"; "exit 7" |]) >>= fun a ->
  Lwt_unix.system "exit 3" >>= fun b ->
  Lwt_process.exec ("/no/such/program", [| "x" |]) >>= fun c ->
  let p = Lwt_process.open_process_none ("", [| "sleep"; "100" |]) in
  p#terminate;
  p#status >|= fun d ->
  check "exec" (a = Unix.WEXITED 7);
  check "system" (b = Unix.WEXITED 3);
  check "a program that is not there" (c = Unix.WEXITED 127);
  check "terminate" (d = Unix.WSIGNALED Sys.sigkill)

let process_environment () =
  Lwt_process.pread ~cwd:"/"
    ~env:[| "A=b c"; "PATH=/bin:/usr/bin" |]
    ("", [| "sh"; "-c"; "pwd; echo $A" |])
  >|= check_string "working directory and environment" ~expected:"/\nb c\n"

(* 2>&1, /dev/null and a closed descriptor. *)
let process_redirections () =
  let input, output = Unix.pipe ~cloexec:true () in
  Lwt_process.exec ~stdin:`Dev_null ~stdout:(`FD_move output)
    ~stderr:(`FD_copy Unix.stdout)
    ("", [| "sh"; "-c"; "cat; echo out; echo err >&2" |])
  >>= fun status ->
  check "redirected" (status = Unix.WEXITED 0);
  let ic = Lwt_io.of_unix_fd ~mode:Lwt_io.input input in
  Lwt_io.read ic >>= fun text ->
  Lwt_io.close ic >>= fun () ->
  check_string "stderr follows stdout" ~expected:"out\nerr\n" text;
  Lwt_process.exec ~stdin:`Close ~stderr:`Dev_null ("", [| "cat" |]) >|= fun status ->
  check "a closed stdin" (status = Unix.WEXITED 1)

let storage_key : string Lwt.key = Lwt.new_key ()
let other_key : int Lwt.key = Lwt.new_key ()

let storage () =
  let mine = Some (Printf.sprintf "domain %d" (domain ())) in
  check "no value at first" (Lwt.get storage_key = None);
  Lwt.with_value storage_key mine (fun () ->
      Lwt.with_value other_key (Some 3) (fun () ->
          let rec go k =
            if k = 0 then Lwt.return_unit
            else
              (if k mod 10 = 0 then Lwt.pause () else Lwt.return_unit) >>= fun () ->
              check "storage" (Lwt.get storage_key = mine && Lwt.get other_key = Some 3);
              go (k - 1)
          in
          go 2000))
  >|= fun () -> check "no value afterwards" (Lwt.get storage_key = None)

let streams_and_locks () =
  let stream, push = Lwt_stream.create () in
  let mutex = Lwt_mutex.create () and inside = ref 0 in
  let worker i =
    Lwt_mutex.with_lock mutex (fun () ->
        incr inside;
        check "one at a time" (!inside = 1);
        Lwt.pause () >|= fun () ->
        push (Some i);
        decr inside)
  in
  Lwt.join (List.init 20 worker) >>= fun () ->
  push None;
  Lwt_stream.to_list stream >|= fun l -> check "stream" (l = List.init 20 Fun.id)

let raw_notification () =
  let p, w = Lwt.wait () in
  let id = Lwt_unix.make_notification ~once:true (fun () -> Lwt.wakeup w ()) in
  ignore (Thread.create (fun () -> Lwt_unix.send_notification id) ());
  p

let all =
  [
    ("timers", timers);
    ("cancel", cancel);
    ("timeout", timeout);
    ("pauses", pauses);
    ("pick and choose", pick_and_choose);
    ("pipe", pipe);
    ("tcp", tcp);
    ("detach", detach);
    ("detach, exception", detach_exception);
    ("run_in_main", run_in_main);
    ("getaddrinfo", resolve);
    ("files", files);
    ("process: pipes", process_pipes);
    ("process: status", process_status);
    ("process: environment", process_environment);
    ("process: redirections", process_redirections);
    ("storage", storage);
    ("streams and locks", streams_and_locks);
    ("notification", raw_notification);
  ]
  @ Direct_style.all
