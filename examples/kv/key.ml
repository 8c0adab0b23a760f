type t = { text : string; hash : int }

(* Without the seed, a client cannot construct many keys for one bucket. *)
let seed = Random.State.bits (Random.State.make_self_init ())
let of_string text = { text; hash = String.seeded_hash seed text }

(* The upper of 30 bits: the tables use the lower ones. *)
let slot_bits = 10
let slots = 1 lsl slot_bits
let slot key = key.hash lsr (30 - slot_bits)
