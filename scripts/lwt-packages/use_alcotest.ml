(* A test suite of a test with a promise, in each domain in turn: Alcotest prints to one terminal. *)

let use () =
  let switch_is_on = ref false in
  let test _switch () = Lwt.map (fun () -> switch_is_on := true) (Lwt_unix.sleep 0.001) in
  let run =
    Alcotest_lwt.run ~and_exit:false
      ~argv:[| "use"; "--compact"; "-q" |]
      "use"
      [ ("suite", [ Alcotest_lwt.test_case "test" `Quick test ]) ]
  in
  Lwt.map (fun () -> assert !switch_is_on) run

let () = Domains.run ~rounds:3 use
