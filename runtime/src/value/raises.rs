//! Rust errors that are OCaml exceptions of their own.

use crate::ffi::root::{Exn, Root};
use crate::ffi::runtime as ffi;
use crate::ffi::token::RuntimeToken;
use crate::value::conversion_error::ConversionError;
use crate::value::declare::Stored;
use crate::value::types::encode::hash_exception;
use crate::value::types::{Arguments, Constructor, Type};
use crate::value::write::{ToOCaml, Writer, write};
use std::borrow::Cow;
use std::ffi::CString;
use std::fmt;
use std::io;

/// An exception of OCaml's standard library, as an error. `#[func(raise)]` raises it:
///
/// ```
/// use ocaml_lwt_interop::{StandardException, func};
///
/// #[func(sync, raise)]
/// pub fn score(name: String) -> Result<u32, StandardException> {
///     match &*name {
///         "" => Err(StandardException::InvalidArgument("score: no name".into())),
///         "ada" => Ok(36),
///         _ => Err(StandardException::NotFound),
///     }
/// }
/// ```
///
/// ```ocaml
/// external score : string -> int = "score"
///
/// let score_or_zero name = try score name with Not_found -> 0
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StandardException {
    /// `Failure`
    Failure(Cow<'static, str>),
    /// `Invalid_argument`
    InvalidArgument(Cow<'static, str>),
    /// `Not_found`
    NotFound,
    /// `End_of_file`
    EndOfFile,
    /// `Division_by_zero`
    DivisionByZero,
    /// `Sys_error`
    SysError(Cow<'static, str>),
    /// `Exit`
    Exit,
}

impl fmt::Display for StandardException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StandardException::Failure(message)
            | StandardException::InvalidArgument(message)
            | StandardException::SysError(message) => f.write_str(message),
            StandardException::NotFound => f.write_str("not found"),
            StandardException::EndOfFile => f.write_str("end of file"),
            StandardException::DivisionByZero => f.write_str("division by zero"),
            StandardException::Exit => f.write_str("exit"),
        }
    }
}

impl std::error::Error for StandardException {}

/// An error of the operating system, with the function and the argument that OCaml's `Unix.Unix_error` has.
///
/// An [`io::Error`] that `#[func(raise)]` returns is `Unix.Unix_error` as well, with empty strings. An error that has no
/// number of the operating system is a `Rust_error`, in both cases.
///
/// ```
/// use ocaml_lwt_interop::{UnixError, func};
///
/// #[func(blocking, raise)]
/// pub fn load(path: String) -> Result<String, UnixError> {
///     std::fs::read_to_string(&path).map_err(|e| UnixError::new(e, "load", path))
/// }
/// ```
#[derive(Debug)]
pub struct UnixError {
    /// The error.
    pub error: io::Error,
    /// The function that failed.
    pub function: String,
    /// Its argument, such as the name of a file.
    pub argument: String,
}

impl UnixError {
    /// Adds the function and the argument to an error.
    pub fn new(error: io::Error, function: impl Into<String>, argument: impl Into<String>) -> Self {
        UnixError {
            error,
            function: function.into(),
            argument: argument.into(),
        }
    }
}

impl fmt::Display for UnixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        if !self.argument.is_empty() {
            write!(f, " {}", self.argument)?;
        }
        match (&*self.function, &*self.argument) {
            ("", "") => write!(f, "{}", self.error),
            _ => write!(f, ": {}", self.error),
        }
    }
}

impl std::error::Error for UnixError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// An error whose values are exceptions that OCaml code defines.
///
/// Derive it: [`macro@OCamlException`](macro@crate::OCamlException).
///
/// # Safety
/// For who implements it by hand: `write_arguments` writes as many fields as `exception` has arguments, of these types,
/// and does not use OCaml in another way than through the writer. OCaml code registers, under the name of the exception,
/// one that has these arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no exceptions in OCaml",
    note = "derive `ocaml_lwt_interop::OCamlException` for an error of your own"
)]
pub unsafe trait RaisesException: Send + Sync + 'static {
    /// The Rust module that defines the error, such as `my_crate::accounts`. OCaml registers an exception under the name
    /// of the crate and its own: `my_crate.Closed`.
    const MODULE: &'static str;

    /// The exceptions.
    const EXCEPTIONS: &'static [Constructor];

    /// Returns the index of the value's exception.
    fn exception(&self) -> usize;

    /// Writes the arguments of the exception as the next fields of a block.
    ///
    /// # Errors
    /// An argument does not convert.
    fn write_arguments<W: Writer>(
        &self,
        writer: &mut W,
        block: &mut W::Block,
    ) -> Result<(), ConversionError>;
}

/// Any error that [`RaisesException`], as an error that can be boxed: what `?` needs in a function that returns
/// `Box<dyn Error>`.
///
/// ```
/// use ocaml_lwt_interop::{Exception, OCamlException, func};
/// use std::error::Error;
///
/// #[derive(OCamlException)]
/// pub enum Account {
///     NotEnough(isize),
/// }
///
/// fn take(amount: isize) -> Result<isize, Account> {
///     Err(Account::NotEnough(amount))
/// }
///
/// #[func(sync, raise)]
/// pub fn account_take(amount: String) -> Result<isize, Box<dyn Error>> {
///     Ok(take(amount.parse()?).map_err(Exception::from)?)
/// }
/// ```
pub struct Exception(pub(crate) Box<dyn Raisable>);

impl<E: RaisesException> From<E> for Exception {
    fn from(error: E) -> Self {
        Exception(Box::new(error))
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OCaml exception {}", self.0.registered_name())
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exception({})", self.0.registered_name())
    }
}

impl std::error::Error for Exception {}

/// An error that [`RaisesException`], whatever its type.
pub(crate) trait Raisable: Send + Sync {
    /// Returns the name that OCaml registers the exception under.
    fn registered_name(&self) -> String;

    /// Returns the exception. Fails if OCaml has not registered it, or if an argument does not convert.
    fn to_exception(&self, token: &RuntimeToken<'_>) -> Result<Root<Exn>, NoException>;
}

/// Why there is no exception.
#[derive(Debug)]
pub(crate) enum NoException {
    /// What OCaml code has to do.
    NotRegistered(String),
    Conversion(ConversionError),
}

impl<E: RaisesException> Raisable for E {
    fn registered_name(&self) -> String {
        let krate = E::MODULE.split("::").next().unwrap_or_default();
        format!("{krate}.{}", E::EXCEPTIONS[self.exception()].name)
    }

    fn to_exception(&self, token: &RuntimeToken<'_>) -> Result<Root<Exn>, NoException> {
        let name = self.registered_name();
        let exception = &E::EXCEPTIONS[self.exception()];
        // Generated code registers it with a hash of its types, so that a stale module does not find it.
        let with_hash = format!("{name}#{}", hash_exception(exception));
        let constructor = registered(token, &with_hash)
            .or_else(|_| registered(token, &name))
            .map_err(|problem| NoException::NotRegistered(problem.message(&name, exception)))?;
        if count(&exception.arguments) == 0 {
            return Ok(constructor);
        }
        let block = Block {
            constructor: constructor.into_any(),
            error: self,
        };
        let exn = write(token, &block).map_err(NoException::Conversion)?;
        // SAFETY: the token proves the lock, and nothing has allocated since the exception was made. It is a block of a
        // constructor and its arguments.
        Ok(unsafe { Root::new(exn) })
    }
}

/// An exception with arguments: its constructor and they are the fields of a block.
struct Block<'a, E> {
    constructor: Root,
    error: &'a E,
}

// SAFETY: the block is that of the exception that the constructor was registered for.
unsafe impl<E: RaisesException> ToOCaml for Block<'_, E> {
    const TYPE: &'static Type = &Type::Exn;

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        use crate::value::conversion_error::Place;
        let exception = &E::EXCEPTIONS[self.error.exception()];
        let mut block = writer.begin(0, 1 + count(&exception.arguments))?;
        let constructor = Stored(&self.constructor);
        writer.field(&mut block, Place::Component(0), &constructor)?;
        self.error.write_arguments(writer, &mut block)?;
        writer.end(block)
    }
}

fn count(arguments: &Arguments) -> usize {
    match arguments {
        Arguments::Positional(types) => types.len(),
        Arguments::Record(fields) => fields.len(),
    }
}

enum Problem {
    NotRegistered,
    /// Something is registered under this name, but not by `Callback.register_exception`.
    NoException,
}

impl Problem {
    fn message(self, name: &str, exception: &Constructor) -> String {
        let what = match self {
            Problem::NotRegistered => "is not registered",
            Problem::NoException => "is registered, but is no exception",
        };
        let (constructor, arguments) = (exception.name, ArgumentTypes(&exception.arguments));
        let example = match &exception.arguments {
            Arguments::Positional([]) => constructor.to_owned(),
            Arguments::Positional([_]) => format!("({constructor} x)"),
            Arguments::Positional(_) => format!("({constructor} (x, ...))"),
            Arguments::Record(_) => format!("({constructor} {{ ... }})"),
        };
        format!(
            "the OCaml exception {name} {what}: write `exception {constructor}{arguments}` and `let () = \
             Callback.register_exception \"{name}\" {example}`, with any arguments, in an OCaml module that the \
             program links"
        )
    }
}

/// Shows ` of int * string`.
struct ArgumentTypes<'a>(&'a Arguments);

impl fmt::Display for ArgumentTypes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Arguments::Positional([]) => Ok(()),
            Arguments::Positional([ty]) => write!(f, " of {ty}"),
            Arguments::Positional(types) => write!(f, " of {}", Type::Tuple(types)),
            Arguments::Record(fields) => {
                for (i, field) in fields.iter().enumerate() {
                    let before = if i == 0 { " of { " } else { "; " };
                    write!(f, "{before}{} : {}", field.name, field.ty)?;
                }
                f.write_str(" }")
            }
        }
    }
}

/// Returns the constructor of an exception that OCaml has registered. One without arguments is its constructor.
fn registered(_token: &RuntimeToken<'_>, name: &str) -> Result<Root<Exn>, Problem> {
    let name = CString::new(name).map_err(|_| Problem::NotRegistered)?;
    // SAFETY: the token proves the lock, so the runtime is started. The value is read from a root, and is looked into and
    // rooted before anything allocates. `Callback.register_exception` registers constructors, which are objects.
    unsafe {
        let location = ffi::named_value(&name).ok_or(Problem::NotRegistered)?;
        let value = location.read();
        // Other objects than constructors have no name in field 0.
        let is_constructor = ffi::is_block(value)
            && ffi::tag(value) == ocaml_sys::OBJECT
            && ffi::size(value) == 2
            && ffi::is_block(ffi::field(value, 0))
            && ffi::tag(ffi::field(value, 0)) == ocaml_sys::STRING;
        match is_constructor {
            true => Ok(Root::new(value)),
            false => Err(Problem::NoException),
        }
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use crate::value::types::Field;

    const fn constructor(name: &'static str, arguments: Arguments) -> Constructor {
        Constructor {
            name,
            doc: "",
            arguments,
        }
    }

    #[test]
    fn a_missing_exception_is_shown_as_ocaml_defines_it() {
        const PAIR: Type = Type::Tuple(&[&Type::Int, &Type::Bool]);
        const FIELDS: &[Field] = &[
            Field {
                name: "x",
                doc: "",
                ty: &Type::Int,
            },
            Field {
                name: "y",
                doc: "",
                ty: &Type::String,
            },
        ];
        let shown = [
            (Arguments::Positional(&[]), "`exception Lost`", " Lost`"),
            (
                Arguments::Positional(&[&PAIR]),
                "`exception Lost of int * bool`",
                " (Lost x)`",
            ),
            (
                Arguments::Positional(&[&Type::Int, &PAIR]),
                "`exception Lost of int * (int * bool)`",
                " (Lost (x, ...))`",
            ),
            (
                Arguments::Record(FIELDS),
                "`exception Lost of { x : int; y : string }`",
                " (Lost { ... })`",
            ),
        ];
        for (arguments, definition, example) in shown {
            let exception = constructor("Lost", arguments);
            let message = Problem::NotRegistered.message("bank.Lost", &exception);
            assert!(message.contains(definition), "{message}");
            assert!(message.contains(example), "{message}");
            assert!(message.contains("the OCaml exception bank.Lost is not registered"));
        }
    }

    #[test]
    fn errors_of_the_system_show_what_failed() {
        let error = || io::Error::from_raw_os_error(libc::ENOENT);
        let shown = |function, argument| UnixError::new(error(), function, argument).to_string();
        assert_eq!(shown("", ""), error().to_string());
        assert_eq!(shown("load", ""), format!("load: {}", error()));
        assert_eq!(shown("load", "a.txt"), format!("load a.txt: {}", error()));
    }
}
