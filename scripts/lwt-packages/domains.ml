open Lwt.Syntax

let run ?(rounds = 30) use =
  let domains = int_of_string Sys.argv.(1) in
  let loop () =
    Lwt_main.run
      (Lwt_unix.with_timeout 60. (fun () ->
           let rec repeat n =
             if n = 0 then Lwt.return_unit
             else
               let* () = use () in
               repeat (n - 1)
           in
           repeat rounds))
  in
  let spawned =
    List.init domains (fun _ ->
        Domain.spawn (fun () ->
            match loop () with () -> None | exception e -> Some (Printexc.to_string e)))
  in
  match List.filter_map Domain.join spawned with
  | [] -> ()
  | error :: _ ->
      print_endline error;
      exit 1

let listen () =
  let socket = Lwt_unix.socket ~cloexec:true PF_INET SOCK_STREAM 0 in
  let* () = Lwt_unix.bind socket (ADDR_INET (Unix.inet_addr_loopback, 0)) in
  Lwt_unix.listen socket 64;
  match Lwt_unix.getsockname socket with
  | ADDR_INET (_, port) -> Lwt.return (socket, port)
  | ADDR_UNIX _ -> assert false

let count = Atomic.make 0

let temporary suffix =
  let name =
    Printf.sprintf "use-%d-%d%s" (Unix.getpid ()) (Atomic.fetch_and_add count 1) suffix
  in
  let path = Filename.concat (Filename.get_temp_dir_name ()) name in
  at_exit (fun () -> try Sys.remove path with Sys_error _ -> ());
  path
