//! Descriptors as bytes, written at compile time: what a static library contains for the tools that read it, and the
//! hashes of signatures.
//!
//! The section `.ocaml_lwt_interop` of an object file is a sequence of entries, between which there may be zeros:
//!
//! ```text
//! entry      = "OLWI" version:u8 kind:u8 length:u32 payload
//! kind       = 'F' function | 'T' definition | 'E' exceptions
//! function   = symbol owner name rust_name doc module : string, place, mode:u8,
//!              raises unboxed noalloc : u8, hash:u64, list(argument), result:type, rust_result:string
//! argument   = name:string, label_kind:u8 label:string, type, rust:string
//! definition = module rust_name name doc : string, place, hash:u64, body:u8,
//!              (type | list(field) | list(constructor) | nothing)
//! field      = name doc : string, type
//! constructor= name doc : string, (0 list(type) | 1 list(field))
//! exceptions = module rust_name doc : string, place, list(registered:string constructor)
//! place      = file:string line:u32
//! type       = tag:u8 and its parts; a type that a crate defines is the module and the name in Rust
//! string     = length:u32 UTF-8
//! list(x)    = count:u32 x...
//! ```
//!
//! Numbers are little-endian. The crate `ocaml-lwt-bindgen` decodes it.

use super::{
    Argument, Arguments, Body, Constructor, Definition, DefinitionRef, Exceptions, Field, Function,
    Kind, Label, Mode, Type, TypeName,
};

/// The version of the format. Change it with the format.
const VERSION: u8 = 2;

/// The bytes before an entry's payload.
const HEADER: usize = 10;

impl Definition {
    /// Defines a type.
    pub const fn new(
        name: TypeName,
        place: (&'static str, u32),
        doc: &'static str,
        body: Body,
    ) -> Self {
        Definition {
            name,
            place,
            doc,
            body,
        }
    }

    /// Returns the hash of what it defines, down to the primitive types. The names of fields and constructors are part of
    /// it, and neither the name of the type nor the documentation.
    pub const fn hash(&'static self) -> u64 {
        let mut hash = Hash::new();
        hash.definition(DefinitionRef::new(self));
        hash.finish()
    }
}

/// Returns the number of bytes of a function's entry.
pub const fn function_length(function: &Function) -> usize {
    let mut encoder = Encoder::<0>::new(b'F');
    encoder.function(function);
    encoder.length
}

/// Returns the entry of a function; `N` is its [`function_length`].
pub const fn function<const N: usize>(function: &Function) -> [u8; N] {
    let mut encoder = Encoder::new(b'F');
    encoder.function(function);
    encoder.bytes
}

/// Returns the number of bytes of the entry of the type that `ty` names, and zero if it names none.
pub const fn definition_length(ty: &Type) -> usize {
    let Type::Named(definition) = ty else {
        return 0;
    };
    let mut encoder = Encoder::<0>::new(b'T');
    encoder.definition(definition.get());
    encoder.length
}

/// Returns the entry of the type that `ty` names; `N` is its [`definition_length`].
pub const fn definition<const N: usize>(ty: &Type) -> [u8; N] {
    let Type::Named(definition) = ty else {
        return [0; N];
    };
    let mut encoder = Encoder::new(b'T');
    encoder.definition(definition.get());
    encoder.bytes
}

/// Returns the number of bytes of the entry of exceptions.
pub const fn exceptions_length(exceptions: &Exceptions) -> usize {
    let mut encoder = Encoder::<0>::new(b'E');
    encoder.exceptions(exceptions);
    encoder.length
}

/// Returns the entry of exceptions; `N` is its [`exceptions_length`].
pub const fn exceptions<const N: usize>(exceptions: &Exceptions) -> [u8; N] {
    let mut encoder = Encoder::new(b'E');
    encoder.exceptions(exceptions);
    encoder.bytes
}

/// Returns the hash of a function's signature: of the types of its arguments and its result, down to the primitive
/// types, and of what else a caller relies on.
pub const fn hash_function(function: &Function) -> u64 {
    let mut hash = Hash::new();
    hash.number(function.arguments.len());
    let mut i = 0;
    while i < function.arguments.len() {
        let (kind, label) = encoded(function.arguments[i].label);
        hash.byte(kind);
        hash.string(label);
        hash.ty(function.arguments[i].ty);
        i += 1;
    }
    hash.ty(function.result);
    hash.byte(function.noalloc as u8);
    hash.finish()
}

/// Returns `true` if a type mentions a channel, or another type that does, so that OCaml may have to prepare a value of it
/// before it is converted: see
/// [`ConversionError::unprepared`](crate::value::conversion_error::ConversionError::unprepared).
pub(crate) const fn mentions_channel(ty: &Type) -> bool {
    let mut hash = Hash::new();
    hash.ty(ty);
    hash.bodies();
    hash.has_channel
}

/// Returns `true` if a type mentions a stream, or another type that does.
pub(crate) const fn mentions_stream(ty: &Type) -> bool {
    let mut hash = Hash::new();
    hash.ty(ty);
    hash.bodies();
    hash.has_stream
}

/// Returns the hash of an exception: of its name and the types of its arguments.
pub const fn hash_exception(constructor: &Constructor) -> u64 {
    let mut hash = Hash::new();
    hash.constructors(&[*constructor]);
    hash.finish()
}

const fn decimal_length(number: u64) -> usize {
    match number.checked_ilog10() {
        Some(log) => log as usize + 1,
        None => 1,
    }
}

/// Returns the kind of a label, and its text.
const fn encoded(label: Label) -> (u8, &'static str) {
    match label {
        Label::None => (0, ""),
        Label::Labelled(label) => (1, label),
        Label::Optional(label) => (2, label),
    }
}

const fn body_tag(body: &Body) -> u8 {
    match body {
        Body::Alias(_) => 0,
        Body::Record(_) => 1,
        Body::Variant(_) => 2,
        Body::PolymorphicVariant(_) => 3,
        Body::Abstract => 4,
    }
}

const fn type_tag(ty: &Type) -> u8 {
    match ty {
        Type::Unit => 0,
        Type::Bool => 1,
        Type::Int => 2,
        Type::Char => 3,
        Type::Uchar => 4,
        Type::Float => 5,
        Type::Int32 => 6,
        Type::Int64 => 7,
        Type::Nativeint => 8,
        Type::String => 9,
        Type::Bytes => 10,
        Type::Exn => 11,
        Type::Handle => 12,
        Type::Any => 13,
        Type::Unchecked => 14,
        Type::Array(_) => 20,
        Type::List(_) => 21,
        Type::Option(_) => 22,
        Type::Promise(_) => 23,
        Type::Result(..) => 24,
        Type::Tuple(_) => 25,
        Type::Function(..) => 26,
        Type::Bigarray(_) => 27,
        Type::Stream(_) => 28,
        Type::Channel(_) => 29,
        Type::Named(_) => 30,
    }
}

const fn kind_tag(kind: Kind) -> u8 {
    match kind {
        Kind::Int8Signed => 0,
        Kind::Int8Unsigned => 1,
        Kind::Int16Signed => 2,
        Kind::Int16Unsigned => 3,
        Kind::Int32 => 4,
        Kind::Int64 => 5,
        Kind::Nativeint => 6,
        Kind::Float32 => 7,
        Kind::Float64 => 8,
    }
}

/// The number of types that one signature may mention, directly and in other types.
const MAX_DEFINITIONS: usize = 1024;

/// FNV-1a, of 64 bits.
///
/// The hash of a type that the program defines is its number, in the order in which types are mentioned. What the types
/// define follows in that order ([`finish`](Hash::finish)): types may contain each other, and the compiler limits the depth
/// of calls at compile time.
struct Hash {
    state: u64,
    /// The types that were mentioned, followed by `None`.
    definitions: [Option<DefinitionRef>; MAX_DEFINITIONS + 1],
    /// A channel was mentioned.
    has_channel: bool,
    /// A stream was mentioned.
    has_stream: bool,
}

impl Hash {
    const fn new() -> Self {
        Hash {
            state: 0xcbf2_9ce4_8422_2325,
            definitions: [None; MAX_DEFINITIONS + 1],
            has_channel: false,
            has_stream: false,
        }
    }

    /// Hashes what the types that were mentioned define, and returns the hash.
    const fn finish(mut self) -> u64 {
        self.bodies();
        self.state
    }

    const fn bodies(&mut self) {
        let mut i = 0;
        while let Some(definition) = self.definitions[i] {
            self.body(definition.get());
            i += 1;
        }
    }

    const fn definition(&mut self, definition: DefinitionRef) {
        let name = &definition.get().name;
        let mut i = 0;
        while let Some(mentioned) = self.definitions[i] {
            let mentioned = &mentioned.get().name;
            if equal(mentioned.rust, name.rust) && equal(mentioned.module, name.module) {
                return self.number(i);
            }
            i += 1;
        }
        assert!(i < MAX_DEFINITIONS, "a signature mentions too many types");
        self.definitions[i] = Some(definition);
        self.number(i);
    }

    const fn body(&mut self, definition: &Definition) {
        self.byte(body_tag(&definition.body));
        match definition.body {
            Body::Alias(ty) => self.ty(ty),
            Body::Record(fields) => self.fields(fields),
            Body::Variant(constructors) | Body::PolymorphicVariant(constructors) => {
                self.constructors(constructors);
            }
            // Nothing but its identity distinguishes it from others.
            Body::Abstract => {
                self.string(definition.name.module);
                self.string(definition.name.rust);
            }
        }
    }

    const fn byte(&mut self, byte: u8) {
        self.state = (self.state ^ byte as u64).wrapping_mul(0x0100_0000_01b3);
    }

    const fn number(&mut self, number: usize) {
        self.bytes(&(number as u64).to_le_bytes());
    }

    const fn bytes(&mut self, bytes: &[u8]) {
        let mut i = 0;
        while i < bytes.len() {
            self.byte(bytes[i]);
            i += 1;
        }
    }

    const fn string(&mut self, string: &str) {
        self.number(string.len());
        self.bytes(string.as_bytes());
    }

    const fn fields(&mut self, fields: &[Field]) {
        self.number(fields.len());
        let mut i = 0;
        while i < fields.len() {
            self.string(fields[i].name);
            self.ty(fields[i].ty);
            i += 1;
        }
    }

    const fn constructors(&mut self, constructors: &[Constructor]) {
        self.number(constructors.len());
        let mut i = 0;
        while i < constructors.len() {
            self.string(constructors[i].name);
            match constructors[i].arguments {
                Arguments::Positional(types) => {
                    self.byte(0);
                    self.types(types);
                }
                Arguments::Record(fields) => {
                    self.byte(1);
                    self.fields(fields);
                }
            }
            i += 1;
        }
    }

    const fn types(&mut self, types: &[&Type]) {
        self.number(types.len());
        let mut i = 0;
        while i < types.len() {
            self.ty(types[i]);
            i += 1;
        }
    }

    const fn ty(&mut self, ty: &Type) {
        self.byte(type_tag(ty));
        match ty {
            Type::Array(t) | Type::List(t) | Type::Option(t) | Type::Promise(t) => self.ty(t),
            Type::Stream(t) => {
                self.has_stream = true;
                self.ty(t);
            }
            Type::Channel(t) => {
                self.has_channel = true;
                self.ty(t);
            }
            Type::Result(ok, error) => {
                self.ty(ok);
                self.ty(error);
            }
            Type::Tuple(types) => self.types(types),
            Type::Function(arguments, result) => {
                self.types(arguments);
                self.ty(result);
            }
            Type::Bigarray(kind) => self.byte(kind_tag(*kind)),
            Type::Named(definition) => self.definition(*definition),
            _ => {}
        }
    }
}

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Writes an entry. With `N` zero it writes nothing, and counts.
struct Encoder<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Encoder<N> {
    const fn new(kind: u8) -> Self {
        let mut encoder = Encoder {
            bytes: [0; N],
            length: 0,
        };
        encoder.bytes(b"OLWI");
        encoder.byte(VERSION);
        encoder.byte(kind);
        encoder.number(N.saturating_sub(HEADER));
        encoder
    }

    const fn byte(&mut self, byte: u8) {
        if N > 0 {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
    }

    const fn bytes(&mut self, bytes: &[u8]) {
        if N == 0 {
            self.length += bytes.len();
            return;
        }
        let mut i = 0;
        while i < bytes.len() {
            self.byte(bytes[i]);
            i += 1;
        }
    }

    const fn number(&mut self, number: usize) {
        assert!(number <= u32::MAX as usize, "a description is too long");
        self.bytes(&(number as u32).to_le_bytes());
    }

    const fn string(&mut self, string: &str) {
        self.number(string.len());
        self.bytes(string.as_bytes());
    }

    const fn place(&mut self, (file, line): (&str, u32)) {
        self.string(file);
        self.number(line as usize);
    }

    const fn function(&mut self, function: &Function) {
        self.string(function.symbol);
        self.string(function.owner);
        self.string(function.name);
        self.string(function.rust_name);
        self.string(function.doc);
        self.string(function.module);
        self.place(function.place);
        self.byte(match function.mode {
            Mode::Async => 0,
            Mode::Sync => 1,
            Mode::Tokio => 2,
            Mode::Blocking => 3,
            Mode::Promise => 4,
        });
        self.byte(function.raises as u8);
        self.byte(function.unboxed as u8);
        self.byte(function.noalloc as u8);
        self.bytes(&hash_function(function).to_le_bytes());
        self.number(function.arguments.len());
        let mut i = 0;
        while i < function.arguments.len() {
            self.argument(&function.arguments[i]);
            i += 1;
        }
        self.ty(function.result);
        self.string(function.rust_result);
    }

    const fn argument(&mut self, argument: &Argument) {
        self.string(argument.name);
        let (kind, label) = encoded(argument.label);
        self.byte(kind);
        self.string(label);
        self.ty(argument.ty);
        self.string(argument.rust);
    }

    const fn definition(&mut self, definition: &'static Definition) {
        self.name(&definition.name);
        self.string(definition.name.ocaml);
        self.string(definition.doc);
        self.place(definition.place);
        self.bytes(&definition.hash().to_le_bytes());
        self.byte(body_tag(&definition.body));
        match definition.body {
            Body::Alias(ty) => self.ty(ty),
            Body::Record(fields) => self.fields(fields),
            Body::Variant(constructors) | Body::PolymorphicVariant(constructors) => {
                self.number(constructors.len());
                let mut i = 0;
                while i < constructors.len() {
                    self.constructor(&constructors[i]);
                    i += 1;
                }
            }
            Body::Abstract => {}
        }
    }

    /// Writes what identifies a type.
    const fn name(&mut self, name: &TypeName) {
        self.string(name.module);
        self.string(name.rust);
    }

    const fn fields(&mut self, fields: &[Field]) {
        self.number(fields.len());
        let mut i = 0;
        while i < fields.len() {
            self.string(fields[i].name);
            self.string(fields[i].doc);
            self.ty(fields[i].ty);
            i += 1;
        }
    }

    const fn constructor(&mut self, constructor: &Constructor) {
        self.string(constructor.name);
        self.string(constructor.doc);
        match constructor.arguments {
            Arguments::Positional(types) => {
                self.byte(0);
                self.types(types);
            }
            Arguments::Record(fields) => {
                self.byte(1);
                self.fields(fields);
            }
        }
    }

    const fn exceptions(&mut self, exceptions: &Exceptions) {
        self.string(exceptions.module);
        self.string(exceptions.rust_name);
        self.string(exceptions.doc);
        self.place(exceptions.place);
        self.number(exceptions.constructors.len());
        let mut i = 0;
        while i < exceptions.constructors.len() {
            let constructor = &exceptions.constructors[i];
            self.registered(exceptions.module, constructor);
            self.constructor(constructor);
            i += 1;
        }
    }

    /// Writes the name that generated OCaml code registers an exception under: `krate.Lost#` and the hash.
    const fn registered(&mut self, module: &str, constructor: &Constructor) {
        let name = constructor.name;
        let hash = hash_exception(constructor);
        let module = module.as_bytes();
        let mut krate = 0;
        while krate < module.len() && module[krate] != b':' {
            krate += 1;
        }
        self.number(krate + 1 + name.len() + 1 + decimal_length(hash));
        let mut i = 0;
        while i < krate {
            self.byte(module[i]);
            i += 1;
        }
        self.byte(b'.');
        self.bytes(name.as_bytes());
        self.byte(b'#');
        self.decimal(hash);
    }

    const fn decimal(&mut self, number: u64) {
        let mut digits = [0; 20];
        let (mut rest, mut i) = (number, 0);
        while i == 0 || rest > 0 {
            digits[i] = b'0' + (rest % 10) as u8;
            rest /= 10;
            i += 1;
        }
        while i > 0 {
            i -= 1;
            self.byte(digits[i]);
        }
    }

    const fn types(&mut self, types: &[&Type]) {
        self.number(types.len());
        let mut i = 0;
        while i < types.len() {
            self.ty(types[i]);
            i += 1;
        }
    }

    const fn ty(&mut self, ty: &Type) {
        self.byte(type_tag(ty));
        match ty {
            Type::Array(t)
            | Type::List(t)
            | Type::Option(t)
            | Type::Promise(t)
            | Type::Stream(t)
            | Type::Channel(t) => self.ty(t),
            Type::Result(ok, error) => {
                self.ty(ok);
                self.ty(error);
            }
            Type::Tuple(types) => self.types(types),
            Type::Function(arguments, result) => {
                self.types(arguments);
                self.ty(result);
            }
            Type::Bigarray(kind) => self.byte(kind_tag(*kind)),
            Type::Named(definition) => self.name(&definition.get().name),
            _ => {}
        }
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    const INT: Field = field("x", &Type::Int);
    const FLOAT: Field = field("y", &Type::Float);

    const fn field(name: &'static str, ty: &'static Type) -> Field {
        Field { name, doc: "", ty }
    }

    const fn named(rust: &'static str) -> TypeName {
        TypeName {
            ocaml: "t",
            rust,
            module: "krate::m",
        }
    }

    fn hash(body: Body) -> u64 {
        hash_of(named("T"), body)
    }

    fn hash_of(name: TypeName, body: Body) -> u64 {
        let definition = Definition::new(name, ("m.rs", 1), "", body);
        Box::leak(Box::new(definition)).hash()
    }

    #[test]
    fn definitions_of_different_structure_have_different_hashes() {
        static ALIAS: Definition =
            Definition::new(named("A"), ("m.rs", 1), "", Body::Alias(&Type::Int));
        const NAMED: &Type = &Type::Named(DefinitionRef::new(&ALIAS));
        const fn constructor(name: &'static str, arguments: Arguments) -> Constructor {
            Constructor {
                name,
                doc: "",
                arguments,
            }
        }
        const NONE: Arguments = Arguments::Positional(&[]);
        const INTS: Arguments = Arguments::Positional(&[&Type::Int, &Type::Int]);
        const BODIES: &[Body] = &[
            Body::Alias(&Type::Int),
            Body::Alias(&Type::Float),
            Body::Alias(NAMED),
            Body::Alias(&Type::Array(&Type::Int)),
            Body::Alias(&Type::List(&Type::Int)),
            Body::Alias(&Type::Promise(&Type::Int)),
            Body::Alias(&Type::Channel(&Type::Int)),
            Body::Alias(&Type::Result(&Type::Int, &Type::Float)),
            Body::Alias(&Type::Result(&Type::Float, &Type::Int)),
            Body::Alias(&Type::Tuple(&[&Type::Int, &Type::Int])),
            Body::Alias(&Type::Function(&[&Type::Int], &Type::Int)),
            Body::Alias(&Type::Function(
                &[],
                &Type::Function(&[&Type::Int], &Type::Int),
            )),
            Body::Alias(&Type::Bigarray(Kind::Int8Signed)),
            Body::Alias(&Type::Bigarray(Kind::Int8Unsigned)),
            Body::Record(&[INT, FLOAT]),
            Body::Record(&[FLOAT, INT]),
            Body::Record(&[INT, field("z", &Type::Float)]),
            Body::Record(&[INT]),
            Body::Variant(&[constructor("A", NONE), constructor("B", INTS)]),
            Body::Variant(&[constructor("B", INTS), constructor("A", NONE)]),
            Body::Variant(&[constructor("A", NONE), constructor("C", INTS)]),
            Body::Variant(&[constructor("A", NONE)]),
            Body::Variant(&[constructor("A", Arguments::Record(&[INT]))]),
            Body::Variant(&[constructor("A", Arguments::Positional(&[&Type::Int]))]),
            Body::PolymorphicVariant(&[constructor("A", NONE)]),
            Body::Abstract,
        ];
        let hashes: std::collections::BTreeSet<u64> =
            BODIES.iter().map(|body| hash(*body)).collect();
        assert_eq!(hashes.len(), BODIES.len());
    }

    #[test]
    fn a_hash_depends_on_what_a_caller_relies_on() {
        const DOCUMENTED: Field = Field {
            doc: "A number.",
            ..INT
        };
        assert_eq!(
            hash(Body::Record(&[INT])),
            hash(Body::Record(&[DOCUMENTED]))
        );
        let opaque = |name| hash_of(name, Body::Abstract);
        assert_ne!(opaque(named("A")), opaque(named("B")));

        let mut function = function_of(&[]);
        let plain = hash_function(&function);
        function.noalloc = true;
        assert_ne!(hash_function(&function), plain);
        function.noalloc = false;
        function.result = &Type::Promise(&Type::Unit);
        assert_ne!(hash_function(&function), plain);
        const UNIT: Argument = Argument {
            name: "x",
            label: Label::None,
            ty: &Type::Unit,
            rust: "()",
        };
        assert_ne!(hash_function(&function_of(&[UNIT])), plain);
        function = function_of(&[]);
        function.doc = "Documented.";
        function.place = ("other.rs", 7);
        assert_eq!(hash_function(&function), plain);
    }

    const fn function_of(arguments: &'static [Argument]) -> Function {
        Function {
            symbol: "f",
            owner: "",
            name: "f",
            rust_name: "f",
            doc: "",
            module: "krate::m",
            place: ("m.rs", 1),
            mode: Mode::Sync,
            raises: false,
            unboxed: false,
            noalloc: false,
            arguments,
            result: &Type::Unit,
            rust_result: "()",
        }
    }

    #[test]
    fn an_entry_says_how_long_it_is() {
        const FUNCTION: Function = function_of(&[]);
        const ENTRY: [u8; function_length(&FUNCTION)] = function(&FUNCTION);
        assert_eq!(ENTRY[..6], *b"OLWI\x02F");
        let length = u32::from_le_bytes(ENTRY[6..10].try_into().unwrap());
        assert_eq!(length as usize, ENTRY.len() - HEADER);

        const EXCEPTIONS: Exceptions = Exceptions {
            rust_name: "Error",
            module: "krate::m",
            place: ("m.rs", 1),
            doc: "",
            constructors: &[Constructor {
                name: "Lost",
                doc: "",
                arguments: Arguments::Positional(&[]),
            }],
        };
        const BYTES: [u8; exceptions_length(&EXCEPTIONS)] = exceptions(&EXCEPTIONS);
        let hash = hash_exception(&EXCEPTIONS.constructors[0]);
        let registered = format!("krate.Lost#{hash}");
        let length = u32::try_from(registered.len()).unwrap().to_le_bytes();
        let string = [&length, registered.as_bytes()].concat();
        assert!(BYTES.windows(string.len()).any(|part| part == string));
    }
}
