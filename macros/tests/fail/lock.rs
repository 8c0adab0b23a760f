//! The runtime of the crate `ocaml` is there for unsafe code.

use ocaml_lwt_interop::RuntimeToken;

pub fn releases_the_lock(token: &RuntimeToken<'_>) {
    token.runtime().enter_blocking_section();
}

fn main() {}
