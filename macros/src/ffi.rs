//! Asks the C library of this machine for its names.

/// Whether the C library, or its mathematical part, defines `name`.
///
/// Only GNU/Linux is asked: elsewhere the answer is no.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn in_c_library(name: &str) -> bool {
    use std::ffi::{CStr, CString, c_char, c_int, c_void};

    // SAFETY: the C library's own declarations.
    unsafe extern "C" {
        fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
        fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
        fn dlclose(handle: *mut c_void) -> c_int;
    }
    const RTLD_LAZY: c_int = 1;
    const LIBRARIES: [&CStr; 2] = [c"libc.so.6", c"libm.so.6"];

    let Ok(name) = CString::new(name) else {
        return false;
    };
    LIBRARIES.iter().any(|library| {
        // SAFETY: the strings end in a zero; both libraries may be loaded at any time, and the
        // address is compared, not used.
        unsafe {
            let handle = dlopen(library.as_ptr(), RTLD_LAZY);
            if handle.is_null() {
                return false;
            }
            let found = !dlsym(handle, name.as_ptr()).is_null();
            dlclose(handle);
            found
        }
    })
}

/// Whether the C library defines `name`: unknown here.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn in_c_library(_name: &str) -> bool {
    false
}
