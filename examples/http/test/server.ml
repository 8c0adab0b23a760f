type t = { pid : int; port : int }

let port t = t.port

let run ?(options = []) test =
  let out, write_out = Unix.pipe ~cloexec:true () in
  let io = Option.value (Sys.getenv_opt "IO") ~default:"shared" in
  let fixed =
    [ "--listen"; "127.0.0.1:0"; "--domains"; "2"; "--rounds-per-us"; "500"; "--io"; io ]
  in
  let args = Array.of_list (("../http.exe" :: fixed) @ options) in
  let pid = Unix.create_process args.(0) args Unix.stdin write_out Unix.stderr in
  Unix.close write_out;
  let out = Unix.in_channel_of_descr out in
  let port = Scanf.sscanf (input_line out) "http: listening on 127.0.0.1:%d" Fun.id in
  let kill signal =
    Unix.kill pid signal;
    snd (Unix.waitpid [] pid)
  in
  Fun.protect
    ~finally:(fun () -> close_in out)
    (fun () ->
      (try test { pid; port }
       with e ->
         ignore (kill Sys.sigkill : Unix.process_status);
         raise e);
      if kill Sys.sigterm <> WEXITED 0 then failwith "the server's exit code is not 0")

let peak_memory t =
  let status = open_in (Printf.sprintf "/proc/%d/status" t.pid) in
  let rec find () =
    match Scanf.sscanf_opt (input_line status) "VmHWM: %d kB" Fun.id with
    | Some kb -> kb / 1024
    | None -> find ()
  in
  Fun.protect ~finally:(fun () -> close_in status) find
