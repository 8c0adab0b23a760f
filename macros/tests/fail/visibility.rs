//! Only public functions can be exported.

use ocaml_lwt_interop::func;

#[func]
fn private() {}

#[func]
async fn private_async() {}

#[func]
pub(crate) fn of_the_crate() {}

mod inner {
    #[ocaml_lwt_interop::func]
    pub(super) fn of_the_parent() {}
}

fn main() {
    // A rejected function causes no further errors at its callers.
    let _ = (private(), of_the_crate());
}
