let describe = function
  | Rust.Empty -> "no readings"
  | Between { lowest; highest } -> Printf.sprintf "from %.1f to %.1f" lowest highest

let readings =
  [| { Rust.sensor = "roof"; celsius = 3.5 }; { sensor = "cellar"; celsius = 11. } |]

let () =
  print_endline (describe (Rust.summary readings));
  (* A value of Rust's, which the garbage collector frees. *)
  let history = Rust.History.create () in
  Array.iter (Rust.History.add history) readings;
  (match Rust.History.latest history "roof" with
  | Some reading -> Printf.printf "on the roof: %.1f\n" reading.celsius
  | None -> print_endline "on the roof: unknown");
  (* A value that the Rust type does not have is refused. *)
  match Rust.share 300 with
  | share -> Printf.printf "share: %f\n" share
  | exception Invalid_argument problem -> print_endline problem
