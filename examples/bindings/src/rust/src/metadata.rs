//! What services know about files.

use ocaml_lwt_interop::ToOCaml;
use std::time::SystemTime;

/// What a path names.
#[derive(ToOCaml)]
pub enum Mode {
    File,
    Dir,
    /// Something else, such as a device.
    Unknown,
}

/// What a service knows about a file or a directory. Not every service knows all of it.
#[derive(ToOCaml)]
pub struct Metadata {
    mode: Mode,
    /// In bytes.
    content_length: usize,
    /// In seconds since 1970.
    last_modified: Option<SystemTime>,
    content_type: Option<String>,
    etag: Option<String>,
}

/// An entry of a directory.
#[derive(ToOCaml)]
pub struct Entry {
    /// From the root of the service.
    path: String,
    /// The last part of the path.
    name: String,
    #[ocaml(name = "entry_mode")]
    mode: Mode,
}

impl From<opendal::EntryMode> for Mode {
    fn from(mode: opendal::EntryMode) -> Self {
        match mode {
            opendal::EntryMode::FILE => Mode::File,
            opendal::EntryMode::DIR => Mode::Dir,
            opendal::EntryMode::Unknown => Mode::Unknown,
        }
    }
}

impl From<opendal::Metadata> for Metadata {
    fn from(metadata: opendal::Metadata) -> Self {
        Metadata {
            mode: metadata.mode().into(),
            content_length: metadata.content_length() as usize,
            last_modified: metadata.last_modified().map(SystemTime::from),
            content_type: metadata.content_type().map(str::to_owned),
            etag: metadata.etag().map(str::to_owned),
        }
    }
}

impl From<opendal::Entry> for Entry {
    fn from(entry: opendal::Entry) -> Self {
        Entry {
            name: entry.name().to_owned(),
            mode: entry.metadata().mode().into(),
            path: entry.into_parts().0,
        }
    }
}
