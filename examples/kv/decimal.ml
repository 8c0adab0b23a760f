let rec width m = if m < 10 then 1 else 1 + width (m / 10)

let rec write bytes i m =
  Bytes.set bytes i (Char.chr (Char.code '0' + (m mod 10)));
  if m >= 10 then write bytes (i - 1) (m / 10)

let of_int n =
  if n = min_int then string_of_int n
  else
    let m = abs n in
    let length = width m + if n < 0 then 1 else 0 in
    let bytes = Bytes.make length '-' in
    write bytes (length - 1) m;
    Bytes.unsafe_to_string bytes

let of_int64 n =
  let small = Int64.to_int n in
  if Int64.equal (Int64.of_int small) n then of_int small else Int64.to_string n
