let start ?(env = Unix.environment ()) command =
  let reading, writing = Unix.pipe ~cloexec:true () in
  let pid =
    Unix.create_process_env command.(0) command env Unix.stdin writing Unix.stderr
  in
  Unix.close writing;
  (pid, Unix.in_channel_of_descr reading)

let finish (pid, output) =
  let rest = In_channel.input_all output in
  close_in output;
  (rest, Expect.status_of pid)

let program name = [| Sys.executable_name; "program"; name |]

let signals name text =
  let prefix = name ^ ":\t" in
  match List.find_opt (String.starts_with ~prefix) (String.split_on_char '\n' text) with
  | None -> Expect.failf "there is no %s in %s" name text
  | Some line -> Scanf.sscanf line "%s@:\t%Lx" (fun _ set -> set)
