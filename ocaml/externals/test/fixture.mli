type person = { name : string; initial : Uchar.t }

external greet : person -> string Lwt.t = "greet"
