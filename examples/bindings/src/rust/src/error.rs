//! OpenDAL's errors as an exception.

use ocaml_lwt_interop::{Exception, OCamlException, ToOCaml};

/// An operation has failed.
#[derive(OCamlException)]
#[ocaml(name = "Opendal_error")]
pub struct Error {
    kind: ErrorKind,
    /// OpenDAL's description, with the operation, the service, the path and the cause.
    message: String,
    /// The operation may succeed if it is repeated.
    temporary: bool,
}

/// Why an operation has failed.
#[derive(ToOCaml)]
pub enum ErrorKind {
    /// OpenDAL does not know the reason: it is in the message.
    Unexpected,
    /// The service does not have the operation.
    Unsupported,
    /// The service is unknown, or its options are wrong.
    ConfigInvalid,
    NotFound,
    PermissionDenied,
    IsADirectory,
    NotADirectory,
    AlreadyExists,
    /// The service got too many requests.
    RateLimited,
    /// Source and target are the same file.
    IsSameFile,
    /// A condition of the operation, such as that a file does not exist, is not met.
    ConditionNotMatch,
    /// The file has fewer bytes than the range that was to be read.
    RangeNotSatisfied,
}

impl From<opendal::Error> for Error {
    fn from(error: opendal::Error) -> Self {
        use opendal::ErrorKind as Kind;
        Error {
            kind: match error.kind() {
                Kind::Unsupported => ErrorKind::Unsupported,
                Kind::ConfigInvalid => ErrorKind::ConfigInvalid,
                Kind::NotFound => ErrorKind::NotFound,
                Kind::PermissionDenied => ErrorKind::PermissionDenied,
                Kind::IsADirectory => ErrorKind::IsADirectory,
                Kind::NotADirectory => ErrorKind::NotADirectory,
                Kind::AlreadyExists => ErrorKind::AlreadyExists,
                Kind::RateLimited => ErrorKind::RateLimited,
                Kind::IsSameFile => ErrorKind::IsSameFile,
                Kind::ConditionNotMatch => ErrorKind::ConditionNotMatch,
                Kind::RangeNotSatisfied => ErrorKind::RangeNotSatisfied,
                _ => ErrorKind::Unexpected,
            },
            message: error.to_string(),
            temporary: error.is_temporary(),
        }
    }
}

impl From<Error> for Box<dyn std::error::Error> {
    fn from(error: Error) -> Self {
        Box::new(Exception::from(error))
    }
}
