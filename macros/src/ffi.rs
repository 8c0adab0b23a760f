//! Looks up symbols in the C library of this machine.

/// Returns `true` if the C library, or its mathematical part, defines `name`. On systems other than
/// GNU/Linux it always returns `false`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn in_c_library(name: &str) -> bool {
    use std::ffi::{CStr, CString, c_char, c_int, c_void};

    // SAFETY: the signatures are those of `dlfcn.h`.
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
        // SAFETY: both strings are C strings that outlive the calls. Loading these two libraries
        // runs no initialiser that depends on the program, `dlclose` gets a handle that `dlopen`
        // returned, and the address that `dlsym` returns is not used after that.
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

/// Returns `false`: the C library of this system is not asked.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn in_c_library(_name: &str) -> bool {
    false
}
