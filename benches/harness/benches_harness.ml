module Bench = Bench
module Native = Native

let main = Program.main
