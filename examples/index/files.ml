type unreadable = string * string
type content = Text of string | Repaired of string | Binary

external list_files :
  string array -> (string array -> unit Lwt.t) -> unreadable array Lwt.t = "list_files"

external read : string array -> (content, string) result array Lwt.t = "read_files"

let list roots take = Lwt.map Array.to_list (list_files (Array.of_list roots) take)
