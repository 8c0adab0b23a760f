type panic = { message : string; location : string option; backtrace : string option }

exception Rust_panic of panic

exception
  Rust_error of { message : string; sources : string list; backtrace : string option }

exception Domain_terminated of int
exception Wrong_thread of string

let () =
  Printexc.register_printer (function
    | Rust_panic { message; location; backtrace } ->
        let place = match location with Some l -> " at " ^ l | None -> "" in
        let stack = match backtrace with Some b -> "\n" ^ b | None -> "" in
        Some (Printf.sprintf "Lwt_interop.Rust_panic%s: %s%s" place message stack)
    | Rust_error { message; sources; backtrace } ->
        let stack = match backtrace with Some b -> "\n" ^ b | None -> "" in
        let causes =
          String.concat ", caused by: " (("Lwt_interop.Rust_error: " ^ message) :: sources)
        in
        Some (causes ^ stack)
    | Domain_terminated id ->
        Some (Printf.sprintf "Lwt_interop.Domain_terminated: domain %d has terminated" id)
    | Wrong_thread why -> Some ("Lwt_interop.Wrong_thread: " ^ why)
    | _ -> None)

(* In the order of the numbers of [of_rust]. *)
let kinds = "Rust_panic Rust_error Domain_terminated Invalid_argument Out_of_memory"

let of_rust kind (strings : string array) =
  let count = Array.length strings in
  let get i = if i < count && strings.(i) <> "" then Some strings.(i) else None in
  let first = Option.value (get 0) ~default:"" in
  match kind with
  | 0 -> Rust_panic { message = first; location = get 1; backtrace = get 2 }
  | 2 -> Domain_terminated (int_of_string first)
  | 3 -> Invalid_argument first
  | 4 -> Out_of_memory
  | _ ->
      let sources = List.init (max 0 (count - 2)) (fun i -> strings.(i + 2)) in
      Rust_error { message = first; sources; backtrace = get 1 }
