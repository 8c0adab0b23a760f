//! The C functions that OCaml's `external` refers to.
//!
//! A stub is nested in an anonymous constant, so that no Rust code can name it. Spans decide which
//! part of the user's code an error of the compiler points at: the function's name, the type of an
//! argument, or the type of the result.

use super::Names;
use crate::check::{self, Argument};
use crate::doc;
use crate::options::{Mode, Options, Unboxed};
use crate::shown::shown;
use crate::stream::{self, StreamResult};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, ItemFn, ReturnType};

/// The largest number of arguments that OCaml's bytecode passes one by one. A function with more
/// has a second stub, which takes them as an array.
const MAX_BYTECODE_ARGUMENTS: usize = 5;

/// Expands the stubs of a function that has passed [`check`](crate::check::check), which returned `args`.
pub fn expand(
    function: &ItemFn,
    options: &Options,
    args: &[Argument],
    names: &Names,
) -> TokenStream {
    Stubs::new(function, options, args, names).expand()
}

struct Stubs<'a> {
    name: &'a Ident,
    args: &'a [Argument],
    attributes: &'a [Attribute],
    output: &'a ReturnType,
    names: &'a Names,
    mode: Mode,
    raises: bool,
    /// It awaits, and then returns a promise, whose outcome is that of the call.
    flattens: bool,
    /// Of a function that returns a stream.
    stream: Option<Streaming>,
    unboxed: Option<Unboxed>,
    /// The runtime's crate.
    krate: TokenStream,
    at_name: Span,
    /// The type of the result, or the function's name if there is none.
    at_result: Span,
    /// The parameters of the stub. A function without arguments takes OCaml's `()`.
    raw: Vec<Ident>,
    /// The converted arguments, one for each of `args`.
    values: Vec<Ident>,
}

/// The stream that a function returns.
struct Streaming {
    result: StreamResult,
    /// The function returns a future of the stream.
    is_future: bool,
}

impl<'a> Stubs<'a> {
    fn new(
        function: &'a ItemFn,
        options: &Options,
        args: &'a [Argument],
        names: &'a Names,
    ) -> Self {
        let name = &function.sig.ident;
        let output = &function.sig.output;
        let at_name = at(name.span());
        let numbered = |prefix: &str, count: usize| {
            (0..count)
                .map(|i| hygienic(&format!("{prefix}_{i}"), name.span()))
                .collect()
        };
        let passed = args.iter().filter(|arg| !arg.is_token).count();
        Stubs {
            name,
            args,
            attributes: &function.attrs,
            output,
            names,
            mode: options.mode,
            raises: options.raise.is_some(),
            flattens: options.mode == Mode::Async && check::returns_promise(function, options),
            stream: options.stream.map(|_| Streaming {
                result: stream::result(&function.sig, options)
                    .expect("`check` has accepted the result"),
                is_future: check::returns_future(function),
            }),
            unboxed: options.unboxed,
            krate: match &options.krate {
                Some(path) => path.to_token_stream(),
                None => quote_spanned!(at_name=> ::ocaml_lwt_interop),
            },
            at_name,
            at_result: match output {
                ReturnType::Default => at_name,
                ReturnType::Type(_, ty) => at(ty.span()),
            },
            raw: numbered("ocaml_raw", passed.max(1)),
            values: numbered("ocaml_value", args.len()),
        }
    }

    /// Returns an identifier that is the same in all parts of this expansion.
    fn ident(&self, name: &str) -> Ident {
        hygienic(name, self.name.span())
    }

    fn private(&self) -> TokenStream {
        self.private_at(self.at_name)
    }

    /// Returns the path of what the stubs call, at a location that an error of the compiler points at.
    fn private_at(&self, span: Span) -> TokenStream {
        let krate = self.krate.clone().into_iter().map(|mut token| {
            token.set_span(token.span().located_at(span));
            token
        });
        quote_spanned!(span=> #(#krate)*::__private)
    }

    fn expand(&self) -> TokenStream {
        let function = self.expand_function();
        let native = self.expand_native_stub();
        let mut stubs = vec![(self.names.symbol.clone(), self.native_stub())];
        let bytecode = (self.raw.len() > MAX_BYTECODE_ARGUMENTS).then(|| {
            stubs.push((self.bytecode_symbol(), self.bytecode_stub()));
            self.expand_bytecode_stub()
        });
        let unboxed = self.unboxed.map(|unboxed| {
            stubs.push((self.unboxed_symbol(), self.unboxed_stub()));
            self.expand_unboxed_stub(unboxed.noalloc)
        });
        let aliases = self.expand_aliases(&stubs);
        let underscore = syn::Token![_](self.at_name);
        quote_spanned! {self.at_name=>
            // In an `impl`, which the attribute cannot see, the compiler rejects this block with
            // the advice to move it out, before it reports anything about the rest.
            unsafe extern "C" {}
            // The stub's call of a deprecated function is not the user's.
            #[allow(deprecated)]
            const #underscore: () = {
                #function
                #native
                #bytecode
                #unboxed
                #aliases
            };
        }
    }

    /// Expands the description of the function, and the entry that has it in the static library.
    fn expand_function(&self) -> TokenStream {
        let (private, function) = (self.private(), self.function());
        let Names {
            symbol,
            owner,
            name,
            rust_name,
        } = self.names;
        let doc = doc::text(self.attributes);
        let arguments = self.passed().map(|(_, arg)| {
            let (name, ty) = (&arg.name, &arg.ty);
            let label = arg.label.expand(&private, self.at_name);
            let rust = shown(ty);
            let at_type = self.private_at(at(ty.span()));
            let converted = quote_spanned! {at(ty.span())=> <#ty as #at_type::FromOCaml>::TYPE };
            quote_spanned! {self.at_name=>
                #private::Argument { name: #name, label: #label, ty: #converted, rust: #rust }
            }
        });
        let (result, rust_result) = self.expand_result_type();
        let mode = Ident::new(
            match self.mode {
                Mode::Async => "Async",
                Mode::Sync => "Sync",
                Mode::Tokio => "Tokio",
                Mode::Blocking => "Blocking",
                Mode::Promise => "Promise",
            },
            self.at_name,
        );
        let raises = self.raises;
        let (unboxed, noalloc) = (
            self.unboxed.is_some(),
            self.unboxed.is_some_and(|unboxed| unboxed.noalloc),
        );
        // Older compilers know no more than the line of the attribute, which all functions of an `impl` share.
        let line = match self.name.span().start().line as u32 {
            0 => quote_spanned!(self.at_name=> ::core::line!()),
            line => line.into_token_stream(),
        };
        let (described, entry) = (self.ident("OCAML_DESCRIPTION"), self.ident("OCAML_ENTRY"));
        // Under this name `ocaml-lwt-build` finds the functions of crates that the library lacks. It has the crate, because
        // optimization across crates drops all definitions of a name but one, and the tool has to find two functions of
        // one name.
        let of_crate = |name| std::env::var(name).unwrap_or_default();
        let (krate, version) = (of_crate("CARGO_PKG_NAME"), of_crate("CARGO_PKG_VERSION"));
        let entry_symbol = format!("ocaml_lwt_interop.function.{symbol}.{krate}-{version}");
        quote_spanned! {self.at_name=>
            const #described: #private::Function = #private::Function {
                symbol: #symbol,
                owner: #owner,
                name: #name,
                rust_name: #rust_name,
                doc: #doc,
                module: ::core::module_path!(),
                place: (::core::file!(), #line),
                mode: #private::Mode::#mode,
                raises: #raises,
                unboxed: #unboxed,
                noalloc: #noalloc,
                arguments: &[#(#arguments),*],
                result: #result,
                rust_result: #rust_result,
            };
            static #function: #private::Function = #described;
            #[used]
            #[allow(long_running_const_eval)]
            #[unsafe(link_section = ".ocaml_lwt_interop")]
            #[unsafe(export_name = #entry_symbol)]
            static #entry: [::core::primitive::u8; #private::encode::function_length(&#described)] =
                #private::encode::function(&#described);
        }
    }

    /// Expands the second names of the stubs, which have the hash of the signature: what generated declarations refer
    /// to. They are labels in the assembly of a function that nobody calls, because an attribute cannot have a name that
    /// depends on a constant.
    fn expand_aliases(&self, stubs: &[(String, Ident)]) -> TokenStream {
        let (private, described) = (self.private(), self.ident("OCAML_DESCRIPTION"));
        let (aliases, hash) = (
            self.ident("ocaml_lwt_interop_aliases"),
            self.ident("OCAML_HASH"),
        );
        let export = format!("ocaml_lwt_interop.aliases.{}", self.names.symbol);
        let labels = |syntax: &TokenStream| {
            let labels = stubs.iter().map(|(symbol, stub)| {
                let (globl, set) = (
                    format!(".globl {symbol}__s{{hash}}"),
                    format!(".set {symbol}__s{{hash}}, {{stub}}"),
                );
                quote_spanned! {self.at_name=>
                    ::core::arch::asm!(
                        #globl,
                        #set,
                        hash = const #hash,
                        stub = sym #stub,
                        options(nomem, nostack, preserves_flags #syntax)
                    );
                }
            });
            quote_spanned!(self.at_name=> #(#labels)*)
        };
        // In Intel's syntax a symbol with the name of a register is the register.
        let (on_x86, elsewhere) = (
            labels(&quote_spanned!(self.at_name=> , att_syntax)),
            labels(&TokenStream::new()),
        );
        quote_spanned! {self.at_name=>
            #[unsafe(export_name = #export)]
            #[inline(never)]
            extern "C" fn #aliases() {
                #[allow(long_running_const_eval)]
                const #hash: ::core::primitive::u64 = #private::encode::hash_function(&#described);
                // SAFETY: it has no instruction. The assembler defines names that nothing else has: the symbol, which is
                // this function's, and `__s` with a number, with which no symbol of a function may end. It needs the stubs
                // in the same object file, and itself only once: rustc compiles the functions of a module together, and
                // one that is exported and never called a single time. Otherwise the assembler or the linker fails.
                #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
                unsafe { #on_x86 }
                // SAFETY: as above.
                #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
                unsafe { #elsewhere }
            }
        }
    }

    /// Expands the type of the result in OCaml, and returns that in Rust.
    fn expand_result_type(&self) -> (TokenStream, String) {
        let private = self.private();
        if let (Some(Streaming { result, .. }), ReturnType::Type(_, ty)) =
            (&self.stream, self.output)
        {
            let element = self.expand_element(result);
            let of = quote_spanned!(self.at_result=> #element::TYPE);
            let stream = quote_spanned!(self.at_name=> &#private::Type::Stream(#of));
            return (stream, shown(ty));
        }
        let (value, rust) = match self.output {
            ReturnType::Default => (
                quote_spanned!(self.at_name=> <() as #private::ToOCaml>::TYPE),
                "()".to_owned(),
            ),
            ReturnType::Type(_, ty) => {
                let conversion = Ident::new(
                    if self.raises { "Raises" } else { "ToOCaml" },
                    self.at_result,
                );
                let at_result = self.private_at(self.at_result);
                let value =
                    quote_spanned! {self.at_result=> <#ty as #at_result::#conversion>::TYPE };
                (value, shown(ty))
            }
        };
        let result = match self.mode {
            Mode::Sync | Mode::Promise => value,
            Mode::Async if self.flattens => value,
            _ => quote_spanned!(self.at_name=> &#private::Type::Promise(#value)),
        };
        (result, rust)
    }

    /// Returns the arguments that OCaml passes, with their indices among all.
    fn passed(&self) -> impl Iterator<Item = (usize, &Argument)> {
        self.args
            .iter()
            .enumerate()
            .filter(|(_, arg)| !arg.is_token)
    }

    /// The static that describes the function.
    fn function(&self) -> Ident {
        self.ident("OCAML_FUNCTION")
    }

    /// Expands the stub that native code calls, and bytecode if there are few arguments.
    fn expand_native_stub(&self) -> TokenStream {
        let (symbol, raw, private) = (&self.names.symbol, &self.raw, self.private());
        let stub = self.native_stub();
        let (start, closure) = (self.start(), self.expand_start());
        let run = self.expand_run();
        quote_spanned! {self.at_name=>
            #[unsafe(export_name = #symbol)]
            extern "C" fn #stub(#(#raw: #private::RawValue),*) -> #private::RawValue {
                // Outside of the `unsafe` block, since it runs the user's code.
                let #start = #closure;
                // SAFETY: the runner has to be called for a stub that OCaml called, with the
                // stub's arguments, from a frame with nothing to drop, and with a closure that
                // converts the arguments first.
                // - Rust code cannot name this stub, but for the bytecode stub, which only OCaml
                //   calls. Code that declares the symbol itself is unsafe code of the user.
                // - The first argument is the array of the stub's parameters. Nothing since the
                //   stub was entered has used OCaml: the statements above make a closure, and do
                //   not call it.
                // - The parameters are integers, and the closure captures nothing, so neither has
                //   a destructor; the call is the stub's last expression.
                // - The closure's statements are the conversions, and then the function's call.
                unsafe { #run }
            }
        }
    }

    /// Expands the stub that bytecode calls if there are many arguments.
    fn expand_bytecode_stub(&self) -> TokenStream {
        let (symbol, private) = (self.bytecode_symbol(), self.private());
        let (stub, native_stub) = (self.bytecode_stub(), self.native_stub());
        let argv = self.ident("ocaml_argv");
        let indices = 0..self.raw.len();
        quote_spanned! {self.at_name=>
            #[unsafe(export_name = #symbol)]
            extern "C" fn #stub(
                #argv: *const #private::RawValue,
                _: ::core::ffi::c_int,
            ) -> #private::RawValue {
                // SAFETY: Rust code cannot name this stub. OCaml's bytecode interpreter calls it
                // with an array of the arguments, as many as the `external` declares, and an
                // `external` declares the function's arguments.
                #native_stub(#(unsafe { *#argv.add(#indices) }),*)
            }
        }
    }

    /// Expands the stub that takes and returns plain numbers.
    fn expand_unboxed_stub(&self, noalloc: bool) -> TokenStream {
        let (symbol, stub) = (self.unboxed_symbol(), self.unboxed_stub());
        let (private, name, function) = (self.private(), self.name, self.function());
        let runner = Ident::new(
            if noalloc {
                "call_noalloc"
            } else {
                "call_unboxed"
            },
            self.at_name,
        );
        let unboxed = |ty: TokenStream, span: Span| {
            let private = self.private_at(span);
            quote_spanned!(span=> <#ty as #private::Unboxed>)
        };
        let types = self.args.iter().map(|arg| {
            let ty = unboxed(arg.ty.to_token_stream(), at(arg.ty.span()));
            quote_spanned!(at(arg.ty.span())=> #ty::Plain)
        });
        let values = &self.values;
        let converted = self.values.iter().zip(self.args).map(|(value, arg)| {
            let ty = unboxed(arg.ty.to_token_stream(), at(arg.ty.span()));
            quote_spanned!(at(arg.ty.span())=> #ty::from_plain(#value))
        });
        let result = match self.output {
            ReturnType::Default => quote_spanned!(self.at_name=> ()),
            ReturnType::Type(_, ty) => ty.to_token_stream(),
        };
        let result = unboxed(result, self.at_result);
        quote_spanned! {self.at_name=>
            #[unsafe(export_name = #symbol)]
            extern "C" fn #stub(#(#values: #types),*) -> #result::Plain {
                // SAFETY: the runner has to be called for a stub that OCaml called, from a frame with nothing to
                // drop. Rust code cannot name this stub. Its parameters are numbers, and the call is its last
                // expression.
                unsafe {
                    #private::#runner(&#function, move || #name(#(#converted),*))
                }
            }
        }
    }

    fn native_stub(&self) -> Ident {
        self.ident("ocaml_lwt_interop_stub")
    }

    fn bytecode_stub(&self) -> Ident {
        self.ident("ocaml_lwt_interop_stub_bytecode")
    }

    fn bytecode_symbol(&self) -> String {
        format!("{}_bytecode", self.names.symbol)
    }

    fn unboxed_stub(&self) -> Ident {
        self.ident("ocaml_lwt_interop_stub_unboxed")
    }

    fn unboxed_symbol(&self) -> String {
        format!("{}_unboxed", self.names.symbol)
    }

    /// The closure that the runner calls with the arguments.
    fn start(&self) -> Ident {
        self.ident("ocaml_start")
    }

    /// Expands the closure that converts the arguments and calls the function. It captures nothing.
    fn expand_start(&self) -> TokenStream {
        let (private, arity) = (self.private(), self.raw.len());
        let arguments = self.ident("ocaml_arguments");
        let conversions = self.expand_conversions(&arguments);
        let body = self.expand_body();
        quote_spanned! {self.at_name=>
            |#arguments: #private::Arguments<'_, #arity>|
                -> ::core::result::Result<_, #private::ConversionError> {
                #(#conversions)*
                ::core::result::Result::Ok(#body)
            }
        }
    }

    /// Expands a conversion for each argument. An error about the type points at it.
    fn expand_conversions(&self, arguments: &Ident) -> Vec<TokenStream> {
        let mut index = 0usize;
        let mut conversion = |(value, arg): (&Ident, &Argument)| {
            if arg.is_token {
                return quote_spanned!(self.at_name=> let #value = #arguments.token(););
            }
            let (ty, i) = (&arg.ty, index);
            index += 1;
            let at_type = at(ty.span());
            let arguments =
                Ident::new(&arguments.to_string(), arguments.span().located_at(at_type));
            let converted = quote_spanned!(at_type=> #arguments.get::<#ty>(#i)?);
            quote_spanned!(self.at_name=> let #value = #converted;)
        };
        self.values
            .iter()
            .zip(self.args)
            .map(&mut conversion)
            .collect()
    }

    /// Expands what the closure evaluates to: a future, a value, or a closure for another thread.
    fn expand_body(&self) -> TokenStream {
        let (name, values) = (self.name, &self.values);
        let call = quote_spanned!(self.at_name=> #name(#(#values),*));
        if let Some(stream) = &self.stream {
            return self.expand_stream(stream, &call);
        }
        match self.mode {
            Mode::Async if self.flattens => {
                let (outcome, private) = (self.expand_outcome(), self.private_at(self.at_result));
                quote_spanned!(self.at_result=> #private::flatten(#call, #outcome))
            }
            Mode::Async | Mode::Tokio => call,
            Mode::Sync | Mode::Promise => {
                let outcome = self.expand_outcome();
                quote_spanned!(self.at_result=> (#outcome)(#call))
            }
            Mode::Blocking => quote_spanned!(self.at_name=> move || #call),
        }
    }

    /// Expands what makes a stream of outcomes of what the function returns.
    fn expand_stream(&self, stream: &Streaming, call: &TokenStream) -> TokenStream {
        let private = self.private_at(self.at_result);
        let Streaming { result, is_future } = stream;
        let ty = result.element.expand(&private);
        let element = match result.element_raises {
            true => self.expand_raise(&ty),
            false => {
                // With the type, which is the one that the description has.
                let value = hygienic("ocaml_element", self.at_result);
                quote_spanned!(self.at_result=> |#value: #ty| #private::value(#value))
            }
        };
        let (output, stream) = (
            hygienic("ocaml_output", self.at_result),
            hygienic("ocaml_stream", self.at_result),
        );
        // The type of the stream has no name, so that of a `Result` of it cannot be written.
        let returned = match result.raises {
            true => quote_spanned! {self.at_result=>
                #private::raise_as(#private::HowRaised::of(&#output).by(), #output)
            },
            false => quote_spanned!(self.at_result=> #private::value(#output)),
        };
        let (elements, started) = match self.mode {
            Mode::Tokio => {
                let of = self.expand_element(result);
                (
                    quote_spanned! {self.at_result=>
                        #private::elements_on_tokio(#stream, #of::bytes, #element)
                    },
                    "started_on_tokio",
                )
            }
            _ => (
                quote_spanned!(self.at_result=> #private::elements(#stream, #element)),
                "started",
            ),
        };
        let started = Ident::new(started, self.at_result);
        let make = quote_spanned!(self.at_result=> #returned.map(|#stream| #elements));
        match is_future {
            true => quote_spanned! {self.at_result=>
                #private::value(#private::#started(#call, |#output| #make))
            },
            false => quote_spanned!(self.at_result=> { let #output = #call; #make }),
        }
    }

    /// Expands the type of a stream's elements, as the trait that has their type in OCaml.
    fn expand_element(&self, result: &StreamResult) -> TokenStream {
        let private = self.private_at(self.at_result);
        let element = result.element.expand(&private);
        let conversion = Ident::new(
            if result.element_raises {
                "Raises"
            } else {
                "ToOCaml"
            },
            self.at_result,
        );
        quote_spanned!(self.at_result=> <#element as #private::#conversion>)
    }

    /// Expands the function that turns a `Result` of this type into an outcome. With the type, a result that is not a
    /// `Result` is reported as a mismatch.
    fn expand_raise(&self, ty: &impl ToTokens) -> TokenStream {
        let result = hygienic("ocaml_result", self.at_result);
        let private = self.private_at(self.at_result);
        quote_spanned! {self.at_result=>
            |#result: #ty| #private::raise_as(
                #private::HowRaised::<#ty>::new().by(),
                #result,
            )
        }
    }

    /// Expands the function from what the user's function returns to what OCaml gets. An error
    /// about the result points at its type.
    fn expand_outcome(&self) -> TokenStream {
        match self.output {
            ReturnType::Type(_, ty) if self.raises => self.expand_raise(ty),
            _ => {
                let private = self.private_at(self.at_result);
                quote_spanned!(self.at_result=> #private::value)
            }
        }
    }

    /// Expands the call of the runner, an unsafe function of the runtime.
    fn expand_run(&self) -> TokenStream {
        let (at_runner, runner, outcome) = match self.mode {
            // The closure makes a stream of outcomes.
            _ if self.stream.is_some() => (self.at_result, "call_stream", None),
            Mode::Async if self.flattens => {
                let private = self.private();
                let same = quote_spanned!(self.at_name=> #private::same);
                (self.at_name, "call_async", Some(same))
            }
            Mode::Async => (self.at_name, "call_async", Some(self.expand_outcome())),
            Mode::Tokio => (self.at_name, "call_tokio", Some(self.expand_outcome())),
            Mode::Blocking => (self.at_name, "call_blocking", Some(self.expand_outcome())),
            // The closure applies the outcome.
            Mode::Sync => (self.at_result, "call_sync", None),
            Mode::Promise => (self.at_result, "call_promise", None),
        };
        let runner = Ident::new(runner, at_runner);
        // All tokens of the call have one location: the compiler would underline everything
        // between two, in an error about either.
        let moved =
            |ident: &Ident| Ident::new(&ident.to_string(), ident.span().located_at(at_runner));
        let raw = self.raw.iter().map(moved);
        let (start, function) = (moved(&self.start()), moved(&self.function()));
        let private = self.private_at(at_runner);
        quote_spanned! {at_runner=>
            #private::#runner(&#function, [#(#raw),*], #start, #outcome)
        }
    }
}

/// Returns the location of `span` in the attribute's scope, for names that are the user's.
fn at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// Returns an identifier that neither hides nor is hidden by the user's: hygiene separates local
/// variables. It does not separate items, which are in a scope of their own and have names that
/// user code is unlikely to have.
fn hygienic(name: &str, location: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(location))
}
