//! Macros that put descriptors into the static library, where tools read them.

/// Exports the `#[func]`s of another crate: names the crate, which a static library lacks if nothing does.
///
/// ```
/// // In the crate that becomes the static library; `bytes` stands for a crate that has `#[func]`s.
/// ocaml_lwt_interop::export!(bytes);
/// ```
#[macro_export]
macro_rules! export {
    ($($krate:ident),+ $(,)?) => {$(
        #[allow(unused_imports)]
        use ::$krate as _;
    )+};
}

/// Gives a trait object, or another type that cannot derive it, an [`OpaqueType`](trait@crate::OpaqueType): the name of an
/// abstract type in OCaml.
///
/// ```
/// use ocaml_lwt_interop::opaque_type;
///
/// pub trait Shape: Send + Sync {
///     fn area(&self) -> f64;
/// }
///
/// opaque_type! {
///     /// Anything that has an area.
///     dyn Shape as "shape"
/// }
/// ```
#[macro_export]
macro_rules! opaque_type {
    ($(#[doc = $doc:expr])* $type:ty as $name:literal) => {
        // SAFETY: within this module no other type is written like this one.
        unsafe impl $crate::OpaqueType for $type {
            const NAME: $crate::__private::TypeName = $crate::__private::TypeName {
                ocaml: {
                    assert!(
                        $crate::__private::is_type_name($name),
                        "not the name of an OCaml type: write a lower-case letter, and then letters, digits and `_`"
                    );
                    $name
                },
                rust: ::core::stringify!($type),
                module: ::core::module_path!(),
            };
            const PLACE: (&'static ::core::primitive::str, ::core::primitive::u32) = (::core::file!(), ::core::line!());
            const DOC: &'static ::core::primitive::str = ::core::concat!("" $(, $doc, "\n")*);
        }
        $crate::__describe!(definition: $crate::__private::opaque::<$type>());
    };
    ($(#[doc = $doc:expr])* $type:ty as $name:literal;) => {
        $crate::opaque_type!($(#[doc = $doc])* $type as $name);
    };
}

/// Puts the description of a type, or of exceptions, into the static library.
#[doc(hidden)]
#[macro_export]
macro_rules! __describe {
    (definition: $type:expr) => {
        $crate::__describe!(entry: $type, definition, definition_length);
    };
    (exceptions: $exceptions:expr) => {
        $crate::__describe!(entry: $exceptions, exceptions, exceptions_length);
    };
    (entry: $described:expr, $encode:ident, $length:ident) => {
        #[allow(deprecated)]
        const _: () = {
            // `#[used]` keeps it, although nothing refers to it. The section is one that the program loads like its
            // other constants.
            #[used]
            #[allow(long_running_const_eval)]
            #[unsafe(link_section = ".ocaml_lwt_interop")]
            static ENTRY: [::core::primitive::u8; $crate::__private::encode::$length($described)] =
                $crate::__private::encode::$encode($described);
        };
    };
}

/// Returns `true` for what OCaml accepts as the name of a type.
pub const fn is_type_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() || !(bytes[0].is_ascii_lowercase() || bytes[0] == b'_') {
        return false;
    }
    let mut i = 0;
    while i < bytes.len() {
        if !(bytes[i].is_ascii_alphanumeric() || bytes[i] == b'_' || bytes[i] == b'\'') {
            return false;
        }
        i += 1;
    }
    true
}
