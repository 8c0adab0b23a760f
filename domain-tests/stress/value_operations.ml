open Lwt.Syntax
open Operation
open Outcome

let drop_elsewhere =
  make "value dropped elsewhere" (fun _ choice ->
      let peer = Peers.any choice in
      let value_ = Choice.text choice in
      let where = Choice.int choice 5 in
      if where = 4 then
        let text = Rust.drop_exception_elsewhere (Lwt.fail (Own (ref 1))) in
        Lwt.map (fun (_ : string) -> value) text
      else
        unless_terminated peer
          (Lwt.map
             (fun () -> value)
             (Any_value.drop_elsewhere value_ where (Handle.id peer))))

let kept =
  make "value kept across domains" (fun self choice ->
      let n = Everywhere.tag () and text = Choice.text choice in
      let peer = Peers.any choice in
      Rust.keep n text;
      let forget = cleaning_up self (fun () -> Rust.forget n) in
      let* () = a_while choice in
      let* outcome =
        unless_terminated peer
          (gives "the kept value" (Some text)
             (Handle.spawn peer (fun () -> Lwt.return (Rust.kept n))))
      in
      forget ();
      Lwt.return outcome)

let garbage =
  make "garbage" (fun _ choice ->
      let words = List.init (Choice.int choice 3000) (fun _ -> Choice.text choice) in
      if Choice.chance choice 10 then Gc.full_major ()
      else if Choice.chance choice 3 then Gc.minor ();
      check "the words" (List.for_all (fun w -> String.length w < 40) words) value)

let all = [ (drop_elsewhere, 6); (kept, 5); (garbage, 3) ]
