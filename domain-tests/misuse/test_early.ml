let fails what = function
  | Error (Failure text) ->
      Expect.contains what ~part:"lwt_interop" text;
      Expect.contains what ~part:"not initialised" text
  | Error e -> raise e
  | Ok _ -> Expect.failf "%s: expected Failure, but it succeeded" what

let () =
  Alcotest.run "early"
    [
      ( "before lwt_interop",
        [
          Alcotest.test_case "a synchronous function fails" `Quick (fun () ->
              fails "a synchronous function" Early.sync);
          Alcotest.test_case "an asynchronous function fails" `Quick (fun () ->
              fails "an asynchronous function" Early.async);
          Alcotest.test_case "calls work after the initialisation" `Quick (fun () ->
              Expect.int "a synchronous function" 5 (Rust.length "12345");
              Lwt_main.run (Rust.my_async_func ()));
        ] );
    ]
