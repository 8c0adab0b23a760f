type 'a place =
  | Nobody
  | Place of { who : 'a; mutable ahead : 'a place; mutable behind : 'a place }

type 'a t = { mutable first : 'a place; mutable last : 'a place }

let create () = { first = Nobody; last = Nobody }
let place who = Place { who; ahead = Nobody; behind = Nobody }
let nobody = Nobody
let first line = line.first

let[@poll error] join line place =
  match place with
  | Nobody -> ()
  | Place p ->
      (match line.last with
      | Nobody -> line.first <- place
      | Place last ->
          last.behind <- place;
          p.ahead <- line.last);
      line.last <- place

let[@poll error] leave line place =
  match place with
  | Nobody -> ()
  | Place p ->
      (match p.ahead with
      | Nobody -> line.first <- p.behind
      | Place ahead -> ahead.behind <- p.behind);
      (match p.behind with
      | Nobody -> line.last <- p.ahead
      | Place behind -> behind.ahead <- p.ahead);
      p.ahead <- Nobody;
      p.behind <- Nobody
