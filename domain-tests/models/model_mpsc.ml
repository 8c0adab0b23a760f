(* [Mpsc], the queue of a domain's mailbox. *)

(* All elements, oldest first. *)
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
  type sut = { queue : int Mpsc.t; reader : int Mpsc.reader; pushing : int Atomic.t }

  let gen_push = QCheck.Gen.(map (fun x -> Push x) (int_bound 99))

  let producer (_ : state) =
    QCheck.make ~print:show_cmd
      QCheck.Gen.(frequency [ (4, gen_push); (1, return Is_closed) ])

  let arb_cmd (_ : state) =
    QCheck.make ~print:show_cmd
      QCheck.Gen.(
        frequency
          [
            (6, gen_push);
            (2, return Is_empty);
            (1, return Is_closed);
            (4, return Take_all);
            (1, return Close);
          ])

  let init_state = Open []

  let init_sut () =
    let queue, reader = Mpsc.create () in
    { queue; reader; pushing = Atomic.make 0 }

  let cleanup _ = ()
  let precond _ _ = true

  let next_state cmd state =
    match (cmd, state) with
    | Push x, Open l -> Open (x :: l)
    | Take_all, Open _ -> Open []
    | Close, _ -> Closed
    | (Push _ | Is_empty | Is_closed | Take_all), _ -> state

  let push { queue; pushing; _ } x =
    Atomic.incr pushing;
    let pushed = Mpsc.push queue x in
    Atomic.decr pushing;
    pushed

  (* An element of the consumer's own may be behind one whose producer is within [push], and is not seen until that has
     returned. What is pushed from here on comes after it. *)
  let reader { reader; pushing; _ } =
    while Atomic.get pushing > 0 do
      Domain.cpu_relax ()
    done;
    reader

  let run cmd sut =
    let open STM in
    match cmd with
    | Push x -> Res (bool, push sut x)
    | Is_empty -> Res (bool, Mpsc.is_empty (reader sut))
    | Is_closed -> Res (bool, Mpsc.is_closed sut.queue)
    | Take_all -> Res (list int, take_all (reader sut))
    | Close ->
        Mpsc.close sut.reader;
        Res (list int, drain sut.reader)

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
