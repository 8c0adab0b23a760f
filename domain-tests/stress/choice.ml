type t = Random.State.t

let make path = Random.State.make (Array.of_list path)
let int = Random.State.int
let chance t n = int t n = 0

let weighted t choices =
  let total = List.fold_left (fun sum (_, weight) -> sum + weight) 0 choices in
  let rec find at = function
    | (choice, weight) :: rest -> if at < weight then choice else find (at - weight) rest
    | [] -> invalid_arg "Choice.weighted: no choices"
  in
  find (int t total) choices

let text t = String.init (int t 40) (fun _ -> Char.chr (97 + int t 26))
