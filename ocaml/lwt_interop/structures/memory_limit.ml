type t = { memory : int; address_space : int }

(* These files are short, and some have no size. *)
let read path =
  try In_channel.with_open_bin path In_channel.input_all with Sys_error _ -> ""

let lines path = String.split_on_char '\n' (read path)

(* "max", a number that is no [int], and a file that is not there are no limits. *)
let number text = Option.value (int_of_string_opt (String.trim text)) ~default:max_int
let words line = List.filter (( <> ) "") (String.split_on_char ' ' line)

let of_machine root =
  let total line =
    match words line with
    | [ "MemTotal:"; n; "kB" ] -> Option.map (( * ) 1024) (int_of_string_opt n)
    | _ -> None
  in
  Option.value (List.find_map total (lines (root ^ "/proc/meminfo"))) ~default:max_int

(* The least limit of a control group and those that it is in. In a container its path may be the one
   outside, and only the last of these is there. *)
let rec of_group directory path file =
  let limit = number (read (directory ^ path ^ "/" ^ file)) in
  match String.rindex_opt path '/' with
  | None -> limit
  | Some i -> Int.min limit (of_group directory (String.sub path 0 i) file)

let of_groups root =
  let group line =
    (* A path may contain colons. *)
    match String.split_on_char ':' line with
    | _ :: "" :: path ->
        of_group (root ^ "/sys/fs/cgroup") (String.concat ":" path) "memory.max"
    | _ :: controllers :: path
      when List.mem "memory" (String.split_on_char ',' controllers) ->
        let path = String.concat ":" path in
        of_group (root ^ "/sys/fs/cgroup/memory") path "memory.limit_in_bytes"
    | _ -> max_int
  in
  List.fold_left
    (fun least line -> Int.min least (group line))
    max_int
    (lines (root ^ "/proc/self/cgroup"))

let of_address_space root =
  let limit line =
    match words line with
    | "Max" :: "address" :: "space" :: n :: _ -> Some (number n)
    | _ -> None
  in
  Option.value (List.find_map limit (lines (root ^ "/proc/self/limits"))) ~default:max_int

let read ?(root = "") () =
  {
    memory = Int.min (of_machine root) (of_groups root);
    address_space = of_address_space root;
  }
