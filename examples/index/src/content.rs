//! Reads files.

use ocaml_lwt_interop::ToOCaml;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Longer files are rejected, since a file is in memory as a whole.
const LONGEST: u64 = 256 << 20;

/// A file with a zero byte in its head is binary, as in grep.
const HEAD: u64 = 8 << 10;

/// The content of a file.
#[derive(ToOCaml)]
pub enum Content {
    /// Text in UTF-8.
    Text(String),
    /// Text that was not UTF-8; a space has replaced each invalid sequence.
    Repaired(String),
    /// Not text: it has a zero byte in its first 8 KiB. The rest was not read.
    Binary,
}

impl Content {
    pub fn read(path: &Path) -> io::Result<Content> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        if length > LONGEST {
            let limit = LONGEST >> 20;
            return Err(io::Error::other(format!("longer than {limit} MiB")));
        }
        let mut bytes = Vec::with_capacity(length as usize + 1);
        (&mut file).take(HEAD).read_to_end(&mut bytes)?;
        if bytes.contains(&0) {
            return Ok(Content::Binary);
        }
        // The limit holds also for a file that grows.
        file.take(LONGEST).read_to_end(&mut bytes)?;
        Ok(Content::from(bytes))
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Content::Text(text),
            Err(e) => {
                let valid: Vec<_> = e.as_bytes().utf8_chunks().map(|c| c.valid()).collect();
                Content::Repaired(valid.join(" "))
            }
        }
    }
}
