(* A suite in each domain, one at a time: Alcotest redirects the output of the process. *)

let turn = Mutex.create ()

let use () =
  let has_run = ref false in
  let test _switch () = Lwt.map (fun () -> has_run := true) (Lwt_unix.sleep 0.001) in
  Mutex.lock turn;
  Lwt.finalize
    (fun () ->
      Lwt.map
        (fun () -> assert !has_run)
        (Alcotest_lwt.run ~and_exit:false
           ~argv:[| "use"; "--compact"; "-q" |]
           "use"
           [ ("suite", [ Alcotest_lwt.test_case "test" `Quick test ]) ]))
    (fun () -> Lwt.return (Mutex.unlock turn))

let () = Domains.run ~rounds:3 use
