//! The names of projects and crates.

/// A name that cargo and dune accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// Why a name cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It has other characters.
    #[error(
        "use lower-case letters, digits, `-` and `_`, and begin with a letter; the project is made in the current directory"
    )]
    Characters,
    /// It is a word of one of the languages.
    #[error("it is a keyword of {0}: choose another name")]
    Keyword(&'static str),
    /// Something else that the project uses has this name.
    #[error("it is the name of {0}, which the project uses: choose another name")]
    Taken(&'static str),
}

const OCAML_KEYWORDS: &str = "and as assert asr begin class constraint do done downto effect else end exception external \
    false for fun function functor if in include inherit initializer land lazy let lor lsl lsr lxor match method mod \
    module mutable new nonrec object of open or private rec sig struct then to true try type val virtual when while with";

const RUST_KEYWORDS: &str = "abstract as async await become box break const continue crate do dyn else enum extern false \
    final fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct super \
    trait true try type typeof unsafe unsized use virtual where while yield";

const OCAML_MODULES: &str = "arg array atomic bigarray bool buffer bytes callback char complex condition digest domain \
    dynarray effect either ephemeron filename float format fun gc hashtbl iarray in_channel int int32 int64 lazy lexing \
    list map marshal mutex nativeint obj oo option out_channel parsing pqueue printexc printf queue random repr result \
    scanf semaphore seq set stack stdlib string sys thread type uchar unit weak";

const LIBRARIES: &str = "alcotest dlwt dlwt_rt event lwt lwt_interop lwt_io lwt_list lwt_main lwt_stream lwt_unix main rust \
    test threads unix";

const CRATES: &str = "alloc core ocaml_lwt_interop proc_macro std tokio";

impl Name {
    /// Checks the name of a project, which is that of an OCaml library and of a crate.
    pub fn project(name: &str) -> Result<Self, NameError> {
        let is_legal = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
        if !is_legal {
            return Err(NameError::Characters);
        }
        let name = Name(name.to_owned());
        let module = name.module();
        let is_in = |words: &str| words.split_whitespace().any(|word| word == module);
        if is_in(RUST_KEYWORDS) {
            Err(NameError::Keyword("Rust"))
        } else if is_in(OCAML_KEYWORDS) {
            Err(NameError::Keyword("OCaml"))
        } else if is_in(OCAML_MODULES) {
            Err(NameError::Taken("a module of OCaml's standard library"))
        } else if is_in(LIBRARIES) {
            Err(NameError::Taken("an OCaml library or module"))
        } else if is_in(CRATES) {
            Err(NameError::Taken("a crate"))
        } else {
            Ok(name)
        }
    }

    /// Returns the name as OCaml and Rust code writes it.
    pub fn module(&self) -> String {
        self.0.replace('-', "_")
    }

    /// Returns the name of the OCaml module.
    pub fn capitalized(&self) -> String {
        let module = self.module();
        module[..1].to_ascii_uppercase() + &module[1..]
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A crate of a registry, as `cargo add` takes it: `CRATE` or `CRATE@VERSION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The name of the crate.
    pub name: String,
    /// The version, if one is given.
    pub version: Option<String>,
}

impl Bound {
    /// Reads `CRATE` or `CRATE@VERSION`. cargo checks the version.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let is_legal = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !is_legal || version == Some("") {
            return Err(
                "write the name of a crate of crates.io, or CRATE@VERSION, such as `semver@1.0`"
                    .to_owned(),
            );
        }
        Ok(Bound {
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
    }

    /// Returns the name as Rust code writes it.
    pub fn module(&self) -> String {
        self.name.replace('-', "_")
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        match &self.version {
            Some(version) => write!(f, "@{version}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_cargo_and_dune_are_accepted() {
        for name in ["a", "hello", "my-app", "my_app2"] {
            assert!(Name::project(name).is_ok(), "{name}");
        }
        assert_eq!(Name::project("my-app").unwrap().module(), "my_app");
        assert_eq!(Name::project("my-app").unwrap().capitalized(), "My_app");
    }

    #[test]
    fn other_names_are_refused() {
        for name in [
            "", "1a", "Hello", "-a", "_a", "a b", "a/b", "a.b", "..", "é", "aé",
        ] {
            assert_eq!(Name::project(name), Err(NameError::Characters), "{name}");
        }
        assert_eq!(Name::project("impl"), Err(NameError::Keyword("Rust")));
        assert_eq!(Name::project("begin"), Err(NameError::Keyword("OCaml")));
        for name in ["list", "in-channel", "rust", "test", "lwt", "std", "tokio"] {
            assert!(
                matches!(Name::project(name), Err(NameError::Taken(_))),
                "{name}"
            );
        }
    }

    #[test]
    fn crates_have_a_name_and_maybe_a_version() {
        let bound = Bound::parse("serde_json@1.0").unwrap();
        assert_eq!(
            (&*bound.name, bound.version.as_deref()),
            ("serde_json", Some("1.0"))
        );
        assert_eq!(Bound::parse("Inflector").unwrap().version, None);
        for text in ["", "@1", "a@", "a b", "../a", "1a"] {
            assert!(Bound::parse(text).is_err(), "{text}");
        }
    }
}
