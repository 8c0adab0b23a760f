open Everywhere

module Cases (S : Style.S) = struct
  open S

  let sequence () =
    spawn (fun () ->
        for i = 1 to 20 do
          Expect.int "a ready call" (i + 1) (await (Rust.ready_add i 1));
          Expect.string "a pending call" "x" (await (Rust.yield_n i "x"));
          let text, _ = await (Rust.on_tokio "tokio") in
          Expect.string "on tokio" "tokio" text
        done;
        Expect.int "tokio's blocking pool" 6 (await (Rust.sum_blocking [| 1; 2; 3 |]));
        Expect.int "Domain 0's blocking pool" 7
          (await (Lwt_interop.Blocking.run (fun () -> 7))))

  let exceptions () =
    spawn (fun () ->
        (match await (Rust.checked_div_exn 1 0) with
        | exception Lwt_interop.Rust_error _ -> ()
        | (_ : int) -> Expect.failf "await does not raise the error");
        (match await (Rust.panics 1) with
        | exception e -> Expect.panicked "a panic in a poll" ~message:"in a poll" e
        | (_ : int) -> Expect.failf "await does not raise the panic");
        match await (Rust.await_promise (Lwt.fail Exit)) with
        | exception Exit -> ()
        | (_ : string) -> Expect.failf "await does not raise the promise's exception")

  (* Fibers and Rust calls alternate. *)
  let rec nested n =
    spawn (fun () ->
        if n = 0 then await (Rust.ready_add 0 0)
        else 1 + await (Rust.call_async_once (fun n -> nested n) (n - 1)))

  let nested () =
    spawn (fun () -> Expect.int "each level adds one" 20 (await (nested 20)))

  let many n () =
    let fiber i =
      spawn (fun () ->
          let text = await (Rust.yield_n (i mod 7) (string_of_int i)) in
          await (Lwt.pause ());
          int_of_string text
          + await (Rust.call_async_once (fun i -> Rust.ready_add i 1) i))
    in
    spawn (fun () ->
        let sum = List.fold_left ( + ) 0 (await (Lwt.all (List.init n fiber))) in
        Expect.int "their sum" (n * n) sum)

  (* The fiber is resumed with an exception, so that its finalisers run. *)
  let cancelled () =
    let tag = tag () in
    let call = Rust.never tag and finalised = ref false in
    let fiber =
      spawn (fun () ->
          Fun.protect
            ~finally:(fun () -> finalised := true)
            (fun () ->
              match await call with
              | exception Lwt.Canceled -> "cancelled"
              | () -> "ready"))
    in
    Expect.int "futures before" 1 (Rust.futures_alive tag);
    Lwt.cancel call;
    Expect.int "futures after" 0 (Rust.futures_alive tag);
    spawn (fun () ->
        Expect.string "the fiber's result" "cancelled" (await fiber);
        Expect.that "its finaliser has run" !finalised)

  let domain_ends () =
    let outcome = Atomic.make None in
    let other = other () in
    let posted =
      Lwt_interop.Handle.post other.handle (fun () ->
          ignore
            (spawn (fun () ->
                 try await (Rust.never 0) with e -> Atomic.set outcome (Some e))
              : unit Lwt.t))
    in
    Expect.that "posted" posted;
    other.end_ ();
    other.join ();
    Expect.that "the fiber is resumed with Domain_terminated"
      (Atomic.get outcome = Some (Lwt_interop.Domain_terminated other.id));
    Lwt.return_unit

  let case name f = case (Printf.sprintf "direct style, %s: %s" S.name name) f

  let cases ~scale =
    [
      case "one call after the other" sequence;
      case "await raises errors and panics" exceptions;
      case "Rust calls functions that spawn fibers" nested;
      case "many fibers" (many (scaled ~scale 300));
      case "a cancelled call resumes its fiber" cancelled;
    ]

  (* Not for [Lwt_direct], which resumes a fiber only in a later iteration of the loop. *)
  let at_the_end = case "the domain's end resumes its fibers" domain_ends
end

module By_hand = Cases (Style.By_hand)

(* The loop runs within a handler, and so do the callbacks that it calls for Rust. *)
let around_the_loop () =
  let body () =
    Lwt_main.run
      (Rust.call_async_once
         (fun n -> Lwt.return (n + Effect.perform Style.Ask))
         (Effect.perform Style.Ask))
  in
  let handled () = Style.answering 21 body in
  Expect.int "the sum of both answers" 42 (Domain.join (Domain.spawn handled));
  Lwt.return_unit

let cases ~scale =
  let styles = (module Style.By_hand : Style.S) :: Lwts_direct.all in
  case "direct style: a handler around the loop handles effects" around_the_loop
  :: By_hand.at_the_end
  :: List.concat_map
       (fun (module S : Style.S) ->
         let module C = Cases (S) in
         C.cases ~scale)
       styles
