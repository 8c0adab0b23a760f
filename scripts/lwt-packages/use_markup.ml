(* Parses HTML that arrives in pieces. *)

open Lwt.Syntax

let html = "<p>one<p>two <em>three</em>"

let use () =
  let at = ref 0 in
  let pieces =
    Lwt_stream.from (fun () ->
        let* () = Lwt.pause () in
        if !at = String.length html then Lwt.return_none
        else begin
          incr at;
          Lwt.return_some html.[!at - 1]
        end)
  in
  let* written =
    Markup_lwt.lwt_stream pieces |> Markup_lwt.parse_html |> Markup.signals
    |> Markup.write_html |> Markup_lwt.to_string
  in
  let expected = "<p>one</p><p>two <em>three</em></p>" in
  if written <> expected then failwith written;
  Lwt.return_unit

let () = Domains.run use
