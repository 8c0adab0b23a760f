open Lwt.Syntax

(* A test that runs in a Lwt loop, beside a pool of two domains. Functions on the pool return what the test
   checks, because Alcotest has one formatter for all domains. *)
let case name test =
  Alcotest.test_case name `Quick (fun () -> Lwt_interop.run ~domains:2 test)

let greet_all () =
  let+ greetings = {{Module}}.greet_all [ "a"; "b" ] in
  let parse greeting =
    Scanf.sscanf greeting "hello %s@, from domain %d" (fun name domain ->
        (name, domain))
  in
  match List.map parse greetings with
  | [ ("a", one); ("b", other) ] ->
      Alcotest.(check bool) "two domains" true (one <> other)
  | _ -> Alcotest.fail (String.concat "; " greetings)

let no_name () =
  let+ result = Lwt_result.catch (fun () -> {{Module}}.greet "") in
  match result with
  | Error (Lwt_interop.Rust_error { message; _ }) ->
      Alcotest.(check string) "message" "the name is empty" message
  | Error e -> raise e
  | Ok greeting -> Alcotest.fail greeting

let () =
  Alcotest.run "{{name}}"
    [
      ( "greet",
        [
          case "on two domains" greet_all;
          case "an empty name is an error" no_name;
        ] );
    ]
