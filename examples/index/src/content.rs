//! What is in a file.

use ocaml::ToValue;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A file longer than this is refused: it would be in memory as a whole.
const LONGEST: u64 = 256 << 20;

/// What a file is judged by, as grep does it: a zero byte in here means that it is no text.
const HEAD: u64 = 8 << 10;

/// `type content = Text of string | Repaired of string | Binary`
#[derive(ToValue)]
pub enum Content {
    /// Text in UTF-8.
    Text(String),
    /// Text with bytes that are not UTF-8: a space took the place of each bad sequence.
    Repaired(String),
    /// No text. Only its head was read.
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
        // The limit holds for a file that grows, too.
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
