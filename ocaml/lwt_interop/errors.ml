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

external unix_error : int -> Unix.error = "lwt_interop_unix_error"

(* In the order of the numbers of [of_rust]. *)
let kinds =
  "Rust_panic Rust_error Domain_terminated Invalid_argument Out_of_memory Failure \
   Not_found End_of_file Division_by_zero Sys_error Exit Unix_error"

let of_rust kind (strings : string array) =
  let count = Array.length strings in
  let string i = if i < count then strings.(i) else "" in
  let get i = match string i with "" -> None | s -> Some s in
  match kind with
  | 0 -> Rust_panic { message = string 0; location = get 1; backtrace = get 2 }
  | 2 -> Domain_terminated (int_of_string (string 0))
  | 3 -> Invalid_argument (string 0)
  | 4 -> Out_of_memory
  | 5 -> Failure (string 0)
  | 6 -> Not_found
  | 7 -> End_of_file
  | 8 -> Division_by_zero
  | 9 -> Sys_error (string 0)
  | 10 -> Exit
  | 11 -> Unix.Unix_error (unix_error (int_of_string (string 0)), string 1, string 2)
  | _ ->
      let sources = List.init (max 0 (count - 2)) (fun i -> strings.(i + 2)) in
      Rust_error { message = string 0; sources; backtrace = get 1 }
