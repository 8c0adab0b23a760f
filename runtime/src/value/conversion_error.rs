//! Why a value does not convert, and where in it.

use crate::ffi::root::{Exn, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::kept::Kept;
use crate::value::types::Function;
use std::borrow::Cow;
use std::fmt;

/// The error of a conversion: what does not fit, where it is, and what to do.
///
/// It says `insert: argument 1 (rows), field age of element 17: expected int`. In OCaml it is
/// `Invalid_argument` with this text, `Out_of_memory`, or an exception that came while OCaml prepared the value, such as
/// that of a signal handler.
pub struct ConversionError(
    /// `None` says that a value is larger than what is being measured: see `value/write.rs`.
    Option<Box<Details>>,
);

struct Details {
    problem: Problem,
    /// From the innermost place.
    path: Vec<Place>,
    /// The function, and the argument unless it is about the result.
    function: Option<(&'static Function, Option<usize>)>,
}

enum Problem {
    Message(Cow<'static, str>),
    OutOfMemory,
    /// OCaml code that prepared the value was interrupted by this exception, which has this text.
    Raised(Kept<Exn>, String),
    /// OCaml has to change the value first.
    Unprepared(Kept, Prepare),
}

/// Has OCaml change a value, so that it converts. Runs OCaml code.
pub(crate) type Prepare = fn(&RuntimeToken<'_>, &Root) -> Result<(), ConversionError>;

/// How many places of a path are shown, from the innermost and from the outermost.
const SHOWN_INNER: usize = 6;
const SHOWN_OUTER: usize = 4;

/// A place in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A field of a record.
    Field(&'static str),
    /// An element of an array, list or map, from 0.
    Element(usize),
    /// A component of a tuple, from 0.
    Component(usize),
    /// An argument of a constructor, from 0.
    Argument(&'static str, usize),
    /// The content of `Some`, `Ok` or `Error`.
    Content(&'static str),
    /// A field of a block that users do not see, which paths leave out.
    #[doc(hidden)]
    Hidden,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Field(name) => write!(f, "field {name}"),
            Place::Element(i) => write!(f, "element {i}"),
            Place::Component(i) => write!(f, "component {i}"),
            Place::Argument(constructor, i) => write!(f, "argument {} of {constructor}", i + 1),
            Place::Content(constructor) => write!(f, "the content of {constructor}"),
            Place::Hidden => Ok(()),
        }
    }
}

impl ConversionError {
    /// Makes an error with this message, which begins in lower case, has no full stop, and says what to do, if that
    /// is not obvious: `expected a UTF-8 string; take Bytes for arbitrary bytes`.
    #[cold]
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        ConversionError::from_problem(Problem::Message(message.into()))
    }

    /// Makes the error of a number that is not in the range of a type.
    #[cold]
    pub fn does_not_fit(number: impl fmt::Display, ty: &str) -> Self {
        ConversionError::new(format!("{number} does not fit {ty}"))
    }

    #[cold]
    pub(crate) fn out_of_memory() -> Self {
        ConversionError::from_problem(Problem::OutOfMemory)
    }

    #[cold]
    pub(crate) fn raised(exn: Root<Exn>, text: String) -> Self {
        ConversionError::from_problem(Problem::Raised(Kept::new(exn), text))
    }

    /// Makes the error of a value that converts once OCaml has changed it, which `prepare` does. A type whose values fail
    /// so has to be known to [`mentions_channel`](crate::value::types::encode::mentions_channel): then the callers of
    /// conversions [prepare](Self::prepare) the value, and convert again.
    #[cold]
    pub(crate) fn unprepared(value: Root, prepare: Prepare) -> Self {
        ConversionError::from_problem(Problem::Unprepared(Kept::new(value), prepare))
    }

    /// Prepares the value that this error is about.
    ///
    /// # Errors
    /// This error, or the one that it becomes, at the same place.
    #[cold]
    pub(crate) fn prepare(self, token: &RuntimeToken<'_>) -> Result<(), Self> {
        let Some(Problem::Unprepared(value, prepare)) = self.0.as_ref().map(|d| &d.problem) else {
            return Err(self);
        };
        let prepared = prepare(token, value.root());
        let path = self.0.map(|details| details.path).unwrap_or_default();
        prepared.map_err(|e| path.into_iter().fold(e, Self::at))
    }

    fn from_problem(problem: Problem) -> Self {
        ConversionError(Some(Box::new(Details {
            problem,
            path: Vec::new(),
            function: None,
        })))
    }

    /// Says that a value is larger than what is being measured.
    pub(crate) const TOO_LARGE: Self = ConversionError(None);

    pub(crate) fn is_too_large(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn is_out_of_memory(&self) -> bool {
        matches!(&self.0, Some(details) if matches!(details.problem, Problem::OutOfMemory))
    }

    /// The exception that came from elsewhere.
    pub(crate) fn exception(&self) -> Option<&Root<Exn>> {
        match &self.0.as_ref()?.problem {
            Problem::Raised(exn, _) => Some(exn.root()),
            Problem::Message(_) | Problem::OutOfMemory | Problem::Unprepared(..) => None,
        }
    }

    /// Adds where the value is in the value around it.
    #[inline(always)]
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        // Each kind in its turn: a place that were passed as a whole would be stored before it is known whether there
        // is an error.
        match place {
            Place::Field(name) => self.at_name(Place::Field, name),
            Place::Element(i) => self.at_index(Place::Element, i),
            Place::Component(i) => self.at_index(Place::Component, i),
            Place::Argument(constructor, i) => self.at_argument(constructor, i),
            Place::Content(constructor) => self.at_name(Place::Content, constructor),
            Place::Hidden => self,
        }
    }

    #[cold]
    fn at_name(self, place: fn(&'static str) -> Place, name: &'static str) -> Self {
        self.push(place(name))
    }

    #[cold]
    fn at_index(self, place: fn(usize) -> Place, i: usize) -> Self {
        self.push(place(i))
    }

    #[cold]
    fn at_argument(self, constructor: &'static str, i: usize) -> Self {
        self.push(Place::Argument(constructor, i))
    }

    fn push(mut self, place: Place) -> Self {
        if let Some(details) = &mut self.0 {
            details.path.push(place);
        }
        self
    }

    /// Removes the outermost place: that in an array which users do not see.
    pub(crate) fn without_outermost(mut self) -> Self {
        if let Some(details) = &mut self.0 {
            details.path.pop();
        }
        self
    }

    /// Adds the function, and the argument unless it is about the result.
    #[cold]
    pub(crate) fn of(mut self, function: &'static Function, argument: Option<usize>) -> Self {
        if let Some(details) = &mut self.0 {
            details.function = Some((function, argument));
        }
        self
    }
}

impl fmt::Display for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(details) = &self.0 else {
            return f.write_str("the value is too large");
        };
        let mut separator = "";
        if let Some((function, argument)) = details.function {
            write!(f, "{}: ", function.symbol)?;
            match argument.and_then(|i| Some((i, function.arguments.get(i)?))) {
                Some((i, argument)) => {
                    write!(f, "argument {}", i + 1)?;
                    if !argument.name.is_empty() {
                        write!(f, " ({})", argument.name)?;
                    }
                }
                None => f.write_str("result")?,
            }
            separator = ", ";
        }
        let len = details.path.len();
        for (i, place) in details.path.iter().enumerate() {
            match len > SHOWN_INNER + SHOWN_OUTER && (SHOWN_INNER..len - SHOWN_OUTER).contains(&i) {
                false => write!(f, "{separator}{place}")?,
                true if i == SHOWN_INNER => write!(f, "{separator}...")?,
                true => {}
            }
            separator = " of ";
        }
        if !separator.is_empty() {
            f.write_str(": ")?;
        }
        match &details.problem {
            Problem::Message(message) => f.write_str(message),
            Problem::OutOfMemory => f.write_str("out of memory"),
            Problem::Raised(_, text) => write!(f, "OCaml exception {text}"),
            Problem::Unprepared(..) => f.write_str("OCaml has not prepared the value"),
        }
    }
}

impl fmt::Debug for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConversionError({:?})", self.to_string())
    }
}

impl std::error::Error for ConversionError {}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use crate::value::types::{Argument, Label, Mode, Type};

    #[test]
    fn an_error_says_where_the_value_is() {
        static INSERT: Function = Function {
            symbol: "insert",
            owner: "",
            name: "insert",
            rust_name: "insert",
            doc: "",
            module: "m",
            place: ("m.rs", 1),
            mode: Mode::Sync,
            raises: false,
            unboxed: false,
            noalloc: false,
            arguments: &[
                Argument {
                    name: "rows",
                    label: Label::None,
                    ty: &Type::Unit,
                    rust: "Rows",
                },
                Argument {
                    name: "",
                    label: Label::None,
                    ty: &Type::Unit,
                    rust: "()",
                },
            ],
            result: &Type::Unit,
            rust_result: "()",
        };
        let error = || ConversionError::new("expected int");
        let row = || error().at(Place::Field("age")).at(Place::Element(17));
        let shown = [
            (error(), "expected int"),
            (error().at(Place::Hidden), "expected int"),
            (row(), "field age of element 17: expected int"),
            (
                row().of(&INSERT, Some(0)),
                "insert: argument 1 (rows), field age of element 17: expected int",
            ),
            (
                error().of(&INSERT, Some(1)),
                "insert: argument 2: expected int",
            ),
            (
                ConversionError::does_not_fit(70_000, "u16").of(&INSERT, None),
                "insert: result: 70000 does not fit u16",
            ),
        ];
        for (error, text) in shown {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn a_long_path_is_shortened() {
        let at = |n: usize| {
            (0..n).fold(ConversionError::new("too deep"), |e, i| {
                e.at(Place::Element(i))
            })
        };
        assert_eq!(
            at(10).to_string(),
            "element 0 of element 1 of element 2 of element 3 of element 4 of element 5 of element 6 of element 7 of \
             element 8 of element 9: too deep"
        );
        assert_eq!(
            at(2_000).to_string(),
            "element 0 of element 1 of element 2 of element 3 of element 4 of element 5 of ... of element 1996 of \
             element 1997 of element 1998 of element 1999: too deep"
        );
    }
}
