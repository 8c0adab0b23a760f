(* TLS between two sockets, with the certificate in the files of the second and the third argument. *)

open Lwt.Syntax

let server_context =
  lazy
    (let context = Ssl.create_context Ssl.TLSv1_3 Ssl.Server_context in
     Ssl.use_certificate context Sys.argv.(2) Sys.argv.(3);
     context)

let client_context = lazy (Ssl.create_context Ssl.TLSv1_3 Ssl.Client_context)
let text = String.init 100_000 (fun i -> Char.chr (i land 127))

let serve descriptor =
  let* socket = Lwt_ssl.ssl_accept descriptor (Lazy.force server_context) in
  let output = Lwt_ssl.out_channel_of_descr socket in
  let* () = Lwt_io.write output text in
  Lwt_io.flush output

let receive descriptor =
  let* socket = Lwt_ssl.ssl_connect descriptor (Lazy.force client_context) in
  let input = Lwt_ssl.in_channel_of_descr socket in
  let received = Bytes.create (String.length text) in
  let* () = Lwt_io.read_into_exactly input received 0 (Bytes.length received) in
  assert (Bytes.to_string received = text);
  Lwt.return_unit

let use () =
  let a, b = Lwt_unix.socketpair ~cloexec:true PF_UNIX SOCK_STREAM 0 in
  let* (), () = Lwt.both (serve a) (receive b) in
  Lwt.join [ Lwt_unix.close a; Lwt_unix.close b ]

let () =
  Ssl.init ~thread_safe:true ();
  ignore (Lazy.force server_context : Ssl.context);
  ignore (Lazy.force client_context : Ssl.context);
  Domains.run use
