let rec count n =
  if n < 1000 then string_of_int n
  else Printf.sprintf "%s,%03d" (count (n / 1000)) (n mod 1000)

let bytes n =
  let rec go n = function
    | unit :: _ when n < 999.95 -> Printf.sprintf "%.1f %s" n unit
    | [ unit ] -> Printf.sprintf "%.1f %s" n unit
    | _ :: larger -> go (n /. 1000.) larger
    | [] -> assert false
  in
  if n < 1000 then Printf.sprintf "%d B" n
  else go (float_of_int n /. 1000.) [ "kB"; "MB"; "GB"; "TB" ]

let percent share = Printf.sprintf "%.0f %%" (100. *. share)
