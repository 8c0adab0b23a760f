//! The parser of commands, as clients send them: `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, or inline, typed by
//! hand, `GET k\r\n`.
//!
//! The crate `redis-protocol` (6.0) parses the same frames for clients, who trust their server. A server
//! needs what it has not: limits on lengths before the bytes arrive, inline commands, Redis's error
//! texts. It also parses nested arrays by recursion, so that 240 kB of `*1\r\n` overflow a thread's stack,
//! and parses an incomplete command from its beginning after each read: an `MSET` of 1.5 MiB that arrives
//! in pieces of 16 KiB takes 24 times as long as here (501 ms instead of 21). For `GET`, `SET` and
//! `MSET` that arrive complete it takes 1.14 to 1.28 times as long, which is up to 5 % of the server's CPU
//! time under `redis-benchmark -P 16`.

use ProtocolError::{Expected, InvalidLength, TooBig, TooLong, UnbalancedQuotes};
use ocaml_lwt_interop::Bytes;
use std::mem;
use thiserror::Error;

/// The name of a command and its arguments; never empty.
pub type Command = Vec<Bytes>;

/// The longest inline command or line with a length, in bytes.
const LONGEST_LINE: usize = 64 << 10;
const MOST_ARGS: i64 = 1 << 20;

/// Parses the bytes of a client, which may arrive in pieces of any size.
#[derive(Debug)]
pub struct Parser {
    max_bulk: usize,
    /// The arguments so far of a command that is incomplete.
    args: Command,
    /// The number of its arguments that are missing.
    missing: usize,
    /// The length of the next argument, if that was parsed.
    length: Option<usize>,
    /// The length of all arguments together.
    size: usize,
}

/// The client violates the protocol. The beginning of its next command is unknown, so nothing more can be
/// parsed.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// A line is too long.
    #[error("too big {0}")]
    TooLong(&'static str),
    /// A length is not a number, or out of bounds.
    #[error("invalid {0} length")]
    InvalidLength(&'static str),
    /// A byte differs from the only one that is valid there.
    #[error("expected '{0}', got '{1}'")]
    Expected(char, char),
    /// All arguments together are too long.
    #[error("too big command")]
    TooBig,
    /// An inline command ends within a string.
    #[error("unbalanced quotes in request")]
    UnbalancedQuotes,
}

impl Parser {
    /// Creates a parser for arguments of up to `max_bulk` bytes, and commands of up to twice as many.
    pub fn new(max_bulk: usize) -> Self {
        Parser {
            max_bulk,
            args: Vec::new(),
            missing: 0,
            length: None,
            size: 0,
        }
    }

    /// Removes the next command from the beginning of `input` and returns it. Returns `None` if the
    /// command is incomplete; the next call needs the rest of `input`, followed by more. Allocates
    /// memory only for bytes that have arrived, not for those that a client announces.
    ///
    /// # Errors
    /// The client violates the protocol. Another call returns the same error.
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
                // As in Redis, no argument or a negative number of them is no command.
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
        for (i, &end) in b"\r\n".iter().enumerate() {
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

/// The first line, without its end, and the rest.
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

/// Splits an inline command into words. Within `"`, backslashes escape as in C; within `'`, only `\'` is
/// an escape.
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

/// Appends to `word` what precedes the closing quote, and returns what follows it.
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
