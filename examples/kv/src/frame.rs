//! Commands, as clients send them: `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, or inline, for people,
//! `GET k\r\n`.

use ProtocolError::{Expected, InvalidLength, TooBig, TooLong, UnbalancedQuotes};
use ocaml_lwt_interop::Bytes;
use std::fmt;
use std::mem;

/// The name of a command and its arguments; never empty.
pub type Command = Vec<Bytes>;

/// Of an inline command, and of a line with a length.
const LONGEST_LINE: usize = 64 << 10;
const MOST_ARGS: i64 = 1 << 20;

/// Finds commands in what has come from a client so far, however it was split on its way.
#[derive(Debug)]
pub struct Parser {
    max_bulk: usize,
    /// What there is of a command whose end has not come.
    args: Command,
    /// How many arguments it lacks.
    missing: usize,
    /// The length of the next one.
    length: Option<usize>,
    /// The length of them all.
    size: usize,
}

/// The client does not speak our language: there is no way to tell where its next command begins.
#[derive(Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// No end of line where one has to come soon.
    TooLong(&'static str),
    /// A number that is none, or out of bounds.
    InvalidLength(&'static str),
    /// Another byte than the one that must be here.
    Expected(char, char),
    /// All arguments together.
    TooBig,
    /// An inline command with half a string.
    UnbalancedQuotes,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProtocolError::TooLong(what) => write!(f, "too big {what}"),
            ProtocolError::InvalidLength(what) => write!(f, "invalid {what} length"),
            ProtocolError::Expected(wanted, got) => write!(f, "expected '{wanted}', got '{got}'"),
            ProtocolError::TooBig => write!(f, "too big command"),
            ProtocolError::UnbalancedQuotes => write!(f, "unbalanced quotes in request"),
        }
    }
}

impl std::error::Error for ProtocolError {}

impl Parser {
    /// One that takes arguments of `max_bulk` bytes, and twice that for all of a command.
    pub fn new(max_bulk: usize) -> Self {
        Parser {
            max_bulk,
            args: Vec::new(),
            missing: 0,
            length: None,
            size: 0,
        }
    }

    /// Takes the next command from the beginning of `input`. `None`: its end is not there yet; what
    /// is left of `input` has to be there again, with more behind it. No memory is taken for what a
    /// client only announces.
    ///
    /// # Errors
    /// Nothing more can be parsed: called again, it gives the same error.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Command>, ProtocolError> {
        loop {
            if self.missing > 0 {
                while self.missing > 0 {
                    let Some(arg) = self.argument(input)? else {
                        return Ok(None);
                    };
                    self.args.push(arg);
                    self.missing -= 1;
                }
                self.size = 0;
                return Ok(Some(mem::take(&mut self.args)));
            }
            let Some(&first) = input.first() else {
                return Ok(None);
            };
            let what = match first {
                b'*' => "mbulk count string",
                _ => "inline request",
            };
            let Some((line, rest)) = line(input, what)? else {
                return Ok(None);
            };
            if first == b'*' {
                let count = number(&line[1..]).filter(|n| *n <= MOST_ARGS);
                let count = count.ok_or(InvalidLength("multibulk"))?;
                // Redis takes no arguments, or fewer, for no command.
                self.missing = count.max(0) as usize;
                *input = rest;
            } else {
                let args = split(line)?;
                *input = rest;
                if !args.is_empty() {
                    return Ok(Some(args));
                }
            }
        }
    }

    fn argument(&mut self, input: &mut &[u8]) -> Result<Option<Bytes>, ProtocolError> {
        let length = match self.length {
            Some(length) => length,
            None => {
                match input.first() {
                    None => return Ok(None),
                    Some(b'$') => {}
                    Some(&other) => return Err(Expected('$', other as char)),
                }
                let Some((line, rest)) = line(input, "bulk count string")? else {
                    return Ok(None);
                };
                let length = number(&line[1..])
                    .and_then(|n| usize::try_from(n).ok())
                    .filter(|n| *n <= self.max_bulk)
                    .ok_or(InvalidLength("bulk"))?;
                if self.size + length > 2 * self.max_bulk {
                    return Err(TooBig);
                }
                self.size += length;
                self.length = Some(length);
                *input = rest;
                length
            }
        };
        let Some((arg, rest)) = input.split_at_checked(length) else {
            return Ok(None);
        };
        for (i, end) in [b'\r', b'\n'].into_iter().enumerate() {
            match rest.get(i) {
                None => return Ok(None),
                Some(&byte) if byte == end => {}
                Some(&byte) => return Err(Expected(end as char, byte as char)),
            }
        }
        *input = &rest[2..];
        self.length = None;
        Ok(Some(Bytes(arg.to_vec())))
    }
}

/// The first line, without its end, and what comes after it.
type Line<'a> = (&'a [u8], &'a [u8]);

fn line<'a>(input: &'a [u8], what: &'static str) -> Result<Option<Line<'a>>, ProtocolError> {
    let head = &input[..input.len().min(LONGEST_LINE)];
    match head.iter().position(|&byte| byte == b'\n') {
        Some(end) => {
            let line = &head[..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            Ok(Some((line, &input[end + 1..])))
        }
        None if head.len() == LONGEST_LINE => Err(TooLong(what)),
        None => Ok(None),
    }
}

fn number(text: &[u8]) -> Option<i64> {
    if text.first() == Some(&b'+') {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The words of an inline command. In `"` a backslash is that of C, in `'` it only saves a `'`.
fn split(line: &[u8]) -> Result<Command, ProtocolError> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while let Some(&first) = rest.first() {
        let mut word = Vec::new();
        rest = match first {
            b'"' | b'\'' => quoted(first, &rest[1..], &mut word)?,
            _ => {
                let space = rest.iter().position(u8::is_ascii_whitespace);
                let (plain, after) = rest.split_at(space.unwrap_or(rest.len()));
                word.extend_from_slice(plain);
                after
            }
        };
        words.push(Bytes(word));
        rest = rest.trim_ascii_start();
    }
    Ok(words)
}

/// Adds to `word` what is before the quote that ends it, and returns what is behind.
fn quoted<'a>(
    quote: u8,
    mut rest: &'a [u8],
    word: &mut Vec<u8>,
) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, after) = match rest {
            [end, after @ ..] if *end == quote => {
                let ends = after.first().is_none_or(u8::is_ascii_whitespace);
                return if ends {
                    Ok(after)
                } else {
                    Err(UnbalancedQuotes)
                };
            }
            [b'\\', b'\'', after @ ..] if quote == b'\'' => (b'\'', after),
            [b'\\', b'x', high, low, after @ ..]
                if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex(*high) << 4 | hex(*low), after)
            }
            [b'\\', escaped, after @ ..] if quote == b'"' => {
                let byte = match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                };
                (byte, after)
            }
            [byte, after @ ..] => (*byte, after),
            [] => return Err(UnbalancedQuotes),
        };
        word.push(byte);
        rest = after;
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests;
