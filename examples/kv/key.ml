type t = string

(* Without the seed, a client cannot construct many keys for one bucket. *)
let seed = Random.State.bits (Random.State.make_self_init ())
let hash = String.seeded_hash seed

(* The upper of 30 bits: the tables use the lower ones. *)
let slot_bits = 10
let slots = 1 lsl slot_bits
let slot key = hash key lsr (30 - slot_bits)

module Table = Hashtbl.Make (struct
  type t = string

  let hash = hash
  let equal = String.equal
end)
