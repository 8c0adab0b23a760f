(* Returns whether [c] is in the class that begins after the bracket at [p - 1], and the
   position after the class. A class without a closing bracket extends to the end. *)
let in_class pattern p c =
  let last = String.length pattern - 1 in
  let rec go p found =
    if p > last then (found, p)
    else
      match pattern.[p] with
      | ']' -> (found, p + 1)
      | '\\' when p < last -> go (p + 2) (found || pattern.[p + 1] = c)
      | low when p + 1 < last && pattern.[p + 1] = '-' ->
          let high = pattern.[p + 2] in
          go (p + 3) (found || (min low high <= c && c <= max low high))
      | one -> go (p + 1) (found || one = c)
  in
  if p <= last && pattern.[p] = '^' then
    let found, p = go (p + 1) false in
    (not found, p)
  else go p false

let matches pattern text =
  let m = String.length pattern and n = String.length text in
  (* The position after the pattern's element at [p], if that matches [c]. *)
  let take p c =
    match pattern.[p] with
    | '?' -> Some (p + 1)
    | '[' ->
        let found, p = in_class pattern (p + 1) c in
        if found then Some p else None
    | '\\' when p + 1 < m -> if pattern.[p + 1] = c then Some (p + 2) else None
    | one -> if one = c then Some (p + 1) else None
  in
  (* [star] is the position after the last star, and the position in the text where it was
     last tried. Only the last star may have to match more: a longer match of an earlier one
     never helps. *)
  let rec go p i star =
    if p < m && pattern.[p] = '*' then go (p + 1) i (Some (p + 1, i))
    else if i = n then p = m
    else
      match if p < m then take p text.[i] else None with
      | Some p -> go p (i + 1) star
      | None -> (
          match star with
          | Some (p, i) -> i < n && go p (i + 1) (Some (p, i + 1))
          | None -> false)
  in
  go 0 0 None
