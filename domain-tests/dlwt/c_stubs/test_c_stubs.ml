(* A library with C stubs that include lwt_unix.h. *)

open Lwt.Infix
open Support

let jobs () =
  Lwt_list.map_p Stubs.square (List.init 100 Fun.id) >|= fun l ->
  check "squares" (l = List.init 100 (fun n -> n * n))

let notifications () = Lwt.join (List.init 20 (fun _ -> Stubs.notified ()))

let case name f =
  [
    Alcotest.test_case name `Quick (fun () -> on_domains 1 f);
    Alcotest.test_case (name ^ ", three domains") `Quick (fun () -> on_domains 3 f);
  ]

let () =
  Alcotest.run "dlwt C stubs"
    [ ("lwt_unix.h", case "jobs" jobs @ case "notifications" notifications) ]
