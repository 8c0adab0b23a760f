external count : int -> string = "human_count"
external bytes : int -> string = "human_bytes"

let percent share = Printf.sprintf "%.0f %%" (100. *. share)
