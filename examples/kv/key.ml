type t = { name : string; hash : int }

(* Nobody who does not know the seed can find many keys for one bucket. *)
let seed = Random.State.bits (Random.State.make_self_init ())
let of_string name = { name; hash = String.seeded_hash seed name }

(* The upper bits of 30: the tables go by the lower ones. *)
let slot_bits = 10
let slots = 1 lsl slot_bits
let slot key = key.hash lsr (30 - slot_bits)
let compare a b = String.compare a.name b.name

module Table = Hashtbl.Make (struct
  type nonrec t = t

  let hash key = key.hash
  let equal a b = a.hash = b.hash && String.equal a.name b.name
end)
