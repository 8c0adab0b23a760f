//! A watchdog against tests that hang: a thread that OCaml cannot stop.

use crate::Int;
use ocaml_lwt_interop::func;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

static CURRENT: Mutex<Option<(String, Instant)>> = Mutex::new(None);

/// Aborts the process unless this is called again within `seconds`. An empty text turns the watchdog
/// off.
#[func(sync)]
pub fn watch(what: String, seconds: Int) {
    static THREAD: Once = Once::new();
    let until = Instant::now() + Duration::from_secs(seconds as u64);
    let current = (!what.is_empty()).then_some((what, until));
    *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = current;
    THREAD.call_once(|| {
        // The test framework redirects descriptor 2 while a test runs.
        let stderr = std::io::stderr().as_fd().try_clone_to_owned();
        std::thread::spawn(|| {
            let mut stderr = stderr.map(File::from);
            loop {
                std::thread::sleep(Duration::from_millis(500));
                let current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
                let late = current
                    .as_ref()
                    .filter(|(_, until)| Instant::now() > *until);
                if let Some((what, _)) = late {
                    if let Ok(stderr) = &mut stderr {
                        let _ = writeln!(stderr, "domain-tests: \"{what}\" hangs");
                    }
                    std::process::abort();
                }
            }
        });
    });
}
