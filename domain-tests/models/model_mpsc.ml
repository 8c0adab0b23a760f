(* [Mpsc], the queue of a domain's mailbox. *)

(* All elements, oldest first. A producer may be within [push] meanwhile. *)
let rec take_all reader =
  match Mpsc.take reader with
  | Nothing -> []
  | Item { value; _ } -> value :: take_all reader

let rec drain reader =
  let elements = take_all reader in
  if Mpsc.is_drained reader then elements else elements @ drain reader

module Spec = struct
  type cmd = Push of int | Is_empty | Is_closed | Take_all | Close

  let show_cmd = function
    | Push x -> Printf.sprintf "push %d" x
    | Is_empty -> "is_empty"
    | Is_closed -> "is_closed"
    | Take_all -> "take_all"
    | Close -> "close"

  (* Newest first. *)
  type state = Open of int list | Closed
  type sut = int Mpsc.t * int Mpsc.reader

  let push = QCheck.Gen.(map (fun x -> Push x) (int_bound 99))

  let producer (_ : state) =
    QCheck.make ~print:show_cmd
      QCheck.Gen.(frequency [ (4, push); (1, return Is_closed) ])

  let arb_cmd (_ : state) =
    QCheck.make ~print:show_cmd
      QCheck.Gen.(
        frequency
          [
            (6, push);
            (2, return Is_empty);
            (1, return Is_closed);
            (4, return Take_all);
            (1, return Close);
          ])

  let init_state = Open []
  let init_sut = Mpsc.create
  let cleanup _ = ()
  let precond _ _ = true

  let next_state cmd state =
    match (cmd, state) with
    | Push x, Open l -> Open (x :: l)
    | Take_all, Open _ -> Open []
    | Close, _ -> Closed
    | (Push _ | Is_empty | Is_closed | Take_all), _ -> state

  let run cmd (q, reader) =
    let open STM in
    match cmd with
    | Push x -> Res (bool, Mpsc.push q x)
    | Is_empty -> Res (bool, Mpsc.is_empty reader)
    | Is_closed -> Res (bool, Mpsc.is_closed q)
    | Take_all -> Res (list int, take_all reader)
    | Close ->
        Mpsc.close reader;
        Res (list int, drain reader)

  let contents = function Open l -> List.rev l | Closed -> []

  let postcond cmd state res =
    let open STM in
    match (cmd, res) with
    | Push _, Res ((Bool, _), pushed) -> pushed = (state <> Closed)
    | Is_empty, Res ((Bool, _), empty) -> empty = (contents state = [])
    | Is_closed, Res ((Bool, _), closed) -> closed = (state = Closed)
    | (Take_all | Close), Res ((List Int, _), l) -> l = contents state
    | _ -> false
end

module Sequential = STM_sequential.Make (Spec)
module Parallel = STM_domain.Make (Spec)

(* One domain consumes, the other one pushes. *)
let parallel =
  QCheck.Test.make ~retries:10 ~count:(Model.count 40)
    ~name:"Mpsc: pushes race with its consumer"
    (Parallel.arb_triple_asym 15 12 Spec.arb_cmd Spec.arb_cmd Spec.producer)
    (Model.repeated 20 Parallel.agree_prop_par_asym)

let () =
  Model.run
    [
      Sequential.agree_test ~count:(Model.count 500) ~name:"Mpsc: in one domain"; parallel;
    ]
