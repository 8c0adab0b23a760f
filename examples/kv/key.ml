type t = string

(* Nobody who does not know the seed can find many keys for one bucket. *)
let seed = Random.State.bits (Random.State.make_self_init ())
let hash = String.seeded_hash seed

(* The upper bits of 30: the tables go by the lower ones. *)
let slot_bits = 10
let slots = 1 lsl slot_bits
let slot key = hash key lsr (30 - slot_bits)

module Table = Hashtbl.Make (struct
  type t = string

  let hash = hash
  let equal = String.equal
end)
