(* Each feature of Lwt on 1, 2 and 4 domains at once, alone and together. *)

open Support

let case n (name, f) = Alcotest.test_case name `Quick (fun () -> on_domains n f)

let mixed n =
  Alcotest.test_case "all at once, three rounds" `Quick (fun () ->
      let before = descriptors () in
      on_domains n (fun () ->
          let round () = Lwt.join (List.map (fun (_, f) -> f ()) Features.all) in
          Lwt.bind (round ()) (fun () -> Lwt.bind (round ()) round));
      Alcotest.(check int) "descriptors" before (descriptors ()))

let suite n = (Printf.sprintf "%d domains" n, List.map (case n) Features.all @ [ mixed n ])

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  Alcotest.run "dlwt features" (List.map suite [ 1; 2; 4 ])
