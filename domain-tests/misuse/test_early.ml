let refused what = function
  | Error (Failure text) ->
      Expect.contains what ~part:"lwt_interop" text;
      Expect.contains what ~part:"not initialised" text
  | Error e -> raise e
  | Ok _ -> Expect.failf "%s was not refused" what

let () =
  Alcotest.run "early"
    [
      ( "before lwt_interop",
        [
          Alcotest.test_case "a synchronous function" `Quick (fun () ->
              refused "sync" Early.sync);
          Alcotest.test_case "an asynchronous function" `Quick (fun () ->
              refused "async" Early.async);
          Alcotest.test_case "it works afterwards" `Quick (fun () ->
              Expect.int "sync" 5 (Rust.length "12345");
              Lwt_main.run (Rust.my_async_func ()));
        ] );
    ]
