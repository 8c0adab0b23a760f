module Channel = Lwt_interop.Channel

module type S = sig
  val name : string
  val create : capacity:int -> int Channel.t
  val create_pairs : capacity:int -> (int * int) Channel.t
end

module Ocaml = struct
  let name = "of OCaml"
  let create ~capacity = Channel.create ~capacity
  let create_pairs ~capacity = Channel.create ~capacity
end

module Shared = struct
  let name = "shared with Rust"

  let create ~capacity =
    let c = Channel.create ~capacity in
    Expect.int "empty" 0 (Rust.channel_share c);
    c

  let create_pairs ~capacity =
    let c = Channel.create ~capacity in
    Expect.int "empty" 0 (Rust.channel_share_pairs c);
    c
end

module Rust_made = struct
  let name = "of Rust"

  let create ~capacity =
    if capacity < 1 || capacity > Sys.max_array_length then Channel.create ~capacity
    else Rust.channel_of_rust capacity

  let create_pairs = Shared.create_pairs
end

let all : (module S) list = [ (module Ocaml); (module Shared); (module Rust_made) ]
