//! Decodes descriptors: the inverse of `runtime/src/value/types/encode.rs`, which documents the format.

use crate::model::{
    Argument, Arguments, Body, Constructor, Definition, Exception, Exceptions, Field, Function, Id,
    Kind, Label, Mode, Place, Type,
};

/// The section of an object file that has the entries.
pub const SECTION: &str = ".ocaml_lwt_interop";

/// The version of the format.
const VERSION: u8 = 2;

/// What an entry begins with.
const MAGIC: &[u8; 4] = b"OLWI";

/// What an entry describes.
#[derive(Debug)]
pub enum Entry {
    Function(Function),
    Definition(Definition),
    Exceptions(Exceptions),
}

/// Why a section cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The crate was compiled with another version of the runtime.
    #[error("the descriptors have the format {found}, and this program reads the format {VERSION}")]
    Version {
        /// The format of the entry.
        found: u8,
    },
    /// It is not what the runtime writes.
    #[error("the descriptors are damaged")]
    Damaged,
}

/// Decodes the entries of a section.
pub fn entries(section: &[u8]) -> Result<Vec<Entry>, DecodeError> {
    let mut input = Input(section);
    let mut entries = Vec::new();
    loop {
        // The linker may align what it joins.
        while let Some((0, rest)) = input.0.split_first() {
            input.0 = rest;
        }
        if input.0.is_empty() {
            return Ok(entries);
        }
        if input.bytes(MAGIC.len())? != MAGIC {
            return Err(DecodeError::Damaged);
        }
        let version = input.byte()?;
        if version != VERSION {
            return Err(DecodeError::Version { found: version });
        }
        let kind = input.byte()?;
        let length = input.number()? as usize;
        let mut payload = Input(input.bytes(length)?);
        entries.push(match kind {
            b'F' => Entry::Function(payload.function()?),
            b'T' => Entry::Definition(payload.definition()?),
            b'E' => Entry::Exceptions(payload.exceptions()?),
            _ => return Err(DecodeError::Damaged),
        });
        if !payload.0.is_empty() {
            return Err(DecodeError::Damaged);
        }
    }
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

type Decoded<T> = Result<T, DecodeError>;

impl<'a> Input<'a> {
    fn bytes(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(DecodeError::Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn byte(&mut self) -> Decoded<u8> {
        Ok(self.bytes(1)?[0])
    }

    fn flag(&mut self) -> Decoded<bool> {
        Ok(self.byte()? != 0)
    }

    fn number(&mut self) -> Decoded<u32> {
        let bytes = self.bytes(4)?;
        Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
    }

    fn hash(&mut self) -> Decoded<u64> {
        let bytes = self.bytes(8)?;
        Ok(u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
    }

    fn string(&mut self) -> Decoded<String> {
        let length = self.number()? as usize;
        let bytes = self.bytes(length)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| DecodeError::Damaged)
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Decoded<T>) -> Decoded<Vec<T>> {
        let count = self.number()?;
        (0..count).map(|_| item(self)).collect()
    }

    fn function(&mut self) -> Decoded<Function> {
        Ok(Function {
            symbol: self.string()?,
            owner: self.string()?,
            name: self.string()?,
            rust_name: self.string()?,
            doc: self.string()?,
            module: self.string()?,
            place: self.place()?,
            mode: match self.byte()? {
                0 => Mode::Async,
                1 => Mode::Sync,
                2 => Mode::Tokio,
                3 => Mode::Blocking,
                4 => Mode::Promise,
                _ => return Err(DecodeError::Damaged),
            },
            raises: self.flag()?,
            unboxed: self.flag()?,
            noalloc: self.flag()?,
            hash: self.hash()?,
            arguments: self.list(Self::argument)?,
            result: self.ty()?,
            rust_result: self.string()?,
        })
    }

    fn argument(&mut self) -> Decoded<Argument> {
        Ok(Argument {
            name: self.string()?,
            label: {
                let (kind, label) = (self.byte()?, self.string()?);
                match kind {
                    0 => Label::None,
                    1 => Label::Labelled(label),
                    2 => Label::Optional(label),
                    _ => return Err(DecodeError::Damaged),
                }
            },
            ty: self.ty()?,
            rust: self.string()?,
        })
    }

    fn place(&mut self) -> Decoded<Place> {
        Ok(Place {
            file: self.string()?,
            line: self.number()?,
        })
    }

    fn id(&mut self) -> Decoded<Id> {
        Ok(Id {
            module: self.string()?,
            name: self.string()?,
        })
    }

    fn definition(&mut self) -> Decoded<Definition> {
        Ok(Definition {
            id: self.id()?,
            name: self.string()?,
            doc: self.string()?,
            place: self.place()?,
            hash: self.hash()?,
            body: match self.byte()? {
                0 => Body::Alias(self.ty()?),
                1 => Body::Record(self.list(Self::field)?),
                2 => Body::Variant(self.list(Self::constructor)?),
                3 => Body::Polymorphic(self.list(Self::constructor)?),
                4 => Body::Abstract,
                _ => return Err(DecodeError::Damaged),
            },
        })
    }

    fn field(&mut self) -> Decoded<Field> {
        Ok(Field {
            name: self.string()?,
            doc: self.string()?,
            ty: self.ty()?,
        })
    }

    fn constructor(&mut self) -> Decoded<Constructor> {
        Ok(Constructor {
            name: self.string()?,
            doc: self.string()?,
            arguments: match self.byte()? {
                0 => Arguments::Positional(self.list(Self::ty)?),
                1 => Arguments::Record(self.list(Self::field)?),
                _ => return Err(DecodeError::Damaged),
            },
        })
    }

    fn exceptions(&mut self) -> Decoded<Exceptions> {
        Ok(Exceptions {
            id: self.id()?,
            doc: self.string()?,
            place: self.place()?,
            exceptions: self.list(|input| {
                Ok(Exception {
                    registered: input.string()?,
                    constructor: input.constructor()?,
                })
            })?,
        })
    }

    fn boxed(&mut self) -> Decoded<Box<Type>> {
        self.ty().map(Box::new)
    }

    fn ty(&mut self) -> Decoded<Type> {
        Ok(match self.byte()? {
            0 => Type::Unit,
            1 => Type::Bool,
            2 => Type::Int,
            3 => Type::Char,
            4 => Type::Uchar,
            5 => Type::Float,
            6 => Type::Int32,
            7 => Type::Int64,
            8 => Type::Nativeint,
            9 => Type::String,
            10 => Type::Bytes,
            11 => Type::Exn,
            12 => Type::Handle,
            13 => Type::Any,
            14 => Type::Unchecked,
            20 => Type::Array(self.boxed()?),
            21 => Type::List(self.boxed()?),
            22 => Type::Option(self.boxed()?),
            23 => Type::Promise(self.boxed()?),
            28 => Type::Stream(self.boxed()?),
            24 => Type::Result(self.boxed()?, self.boxed()?),
            25 => Type::Tuple(self.list(Self::ty)?),
            26 => Type::Function(self.list(Self::ty)?, self.boxed()?),
            27 => Type::Bigarray(self.kind()?),
            29 => Type::Channel(self.boxed()?),
            30 => Type::Named(self.id()?),
            _ => return Err(DecodeError::Damaged),
        })
    }

    fn kind(&mut self) -> Decoded<Kind> {
        Ok(match self.byte()? {
            0 => Kind::Int8Signed,
            1 => Kind::Int8Unsigned,
            2 => Kind::Int16Signed,
            3 => Kind::Int16Unsigned,
            4 => Kind::Int32,
            5 => Kind::Int64,
            6 => Kind::Nativeint,
            7 => Kind::Float32,
            8 => Kind::Float64,
            _ => return Err(DecodeError::Damaged),
        })
    }
}
