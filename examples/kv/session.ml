type queue = { commands : string array list; bytes : int; failed : bool }
type t = { id : int; resp : int; name : string; transaction : queue option }

let no_commands = { commands = []; bytes = 0; failed = false }
