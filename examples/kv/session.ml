type t = { id : int; resp : int; name : string }
