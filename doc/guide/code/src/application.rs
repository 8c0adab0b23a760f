use ocaml_lwt_interop::func;
use tracing::{debug, info_span, warn};

/// Returns how many words a line has.
#[func(sync)]
pub fn words_of(line: String) -> usize {
    let _span = info_span!("words_of", bytes = line.len()).entered();
    if line.trim().is_empty() {
        warn!("the line is empty");
    }
    let words = line.split_whitespace().count();
    debug!(words, "counted");
    words
}
