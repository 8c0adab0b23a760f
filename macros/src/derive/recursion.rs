//! Types that contain themselves.
//!
//! A constant cannot refer to itself. So where the descriptor of a type mentions the type itself, the mention is
//! wrapped: the descriptor of `Recursive<Tree>` is the name of `Tree`, and needs no descriptor of `Tree`.

use proc_macro2::TokenStream;
use syn::{GenericArgument, Ident, PathArguments, Type, TypePath, parse_quote_spanned};

/// Primitive types, which contain no other type.
const PRIMITIVES: &[&str] = &[
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "str", "u8", "u16",
    "u32", "u64", "u128", "usize",
];

/// The type of a field, as descriptors see it.
pub struct Described {
    pub ty: Type,
    /// Whether it mentions the type that is being defined.
    pub mentions_itself: bool,
}

/// Wraps what a field's type mentions: the type `own`, as `own` or `Self`; with `all` every type without type arguments.
pub fn describe(ty: &Type, own: &Ident, all: bool, krate: &TokenStream) -> Described {
    let mut wrap = Wrap {
        own,
        all,
        krate,
        mentions_itself: false,
    };
    let mut ty = ty.clone();
    wrap.in_type(&mut ty);
    Described {
        ty,
        mentions_itself: wrap.mentions_itself,
    }
}

struct Wrap<'a> {
    own: &'a Ident,
    all: bool,
    krate: &'a TokenStream,
    mentions_itself: bool,
}

impl Wrap<'_> {
    fn in_type(&mut self, ty: &mut Type) {
        match ty {
            Type::Path(path) => {
                let is_own = self.is_own(path);
                self.mentions_itself |= is_own;
                if is_own || self.all && is_leaf(path) {
                    let krate = self.krate;
                    let span = path.path.segments[0].ident.span();
                    *ty = parse_quote_spanned!(span=> #krate::__private::Recursive<#path>);
                } else {
                    self.in_arguments(path);
                }
            }
            Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(|ty| self.in_type(ty)),
            Type::Array(array) => self.in_type(&mut array.elem),
            Type::Slice(slice) => self.in_type(&mut slice.elem),
            Type::Reference(reference) => self.in_type(&mut reference.elem),
            Type::Paren(paren) => self.in_type(&mut paren.elem),
            Type::Group(group) => self.in_type(&mut group.elem),
            _ => {}
        }
    }

    fn in_arguments(&mut self, path: &mut TypePath) {
        for segment in &mut path.path.segments {
            let PathArguments::AngleBracketed(arguments) = &mut segment.arguments else {
                continue;
            };
            for argument in &mut arguments.args {
                if let GenericArgument::Type(ty) = argument {
                    self.in_type(ty);
                }
            }
        }
    }

    fn is_own(&self, path: &TypePath) -> bool {
        let segments = &path.path.segments;
        path.qself.is_none()
            && path.path.leading_colon.is_none()
            && segments.len() == 1
            && (segments[0].ident == *self.own || segments[0].ident == "Self")
            && has_no_type_arguments(path)
    }
}

/// Whether a type has no type arguments and is not primitive.
fn is_leaf(path: &TypePath) -> bool {
    let is_primitive = path
        .path
        .get_ident()
        .is_some_and(|ident| PRIMITIVES.iter().any(|primitive| ident == primitive));
    path.qself.is_none() && !is_primitive && has_no_type_arguments(path)
}

fn has_no_type_arguments(path: &TypePath) -> bool {
    path.path
        .segments
        .iter()
        .all(|segment| match &segment.arguments {
            PathArguments::None => true,
            PathArguments::AngleBracketed(arguments) => arguments
                .args
                .iter()
                .all(|argument| matches!(argument, GenericArgument::Lifetime(_))),
            PathArguments::Parenthesized(_) => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::{ToTokens, quote};
    use syn::parse_quote;

    fn described(ty: &Type, all: bool) -> (String, bool) {
        let described = describe(ty, &parse_quote!(Tree), all, &quote!(k));
        let text = described.ty.to_token_stream().to_string();
        let text = text.replace("k :: __private :: Recursive < Tree >", "!Tree");
        (text.replace(' ', ""), described.mentions_itself)
    }

    #[test]
    fn mentions_of_the_type_itself_are_wrapped() {
        let cases: [(Type, &str, bool); 6] = [
            (
                parse_quote!(Vec<Option<Box<Tree>>>),
                "Vec<Option<Box<!Tree>>>",
                true,
            ),
            (parse_quote!((u8, [Tree; 2])), "(u8,[!Tree;2])", true),
            (
                parse_quote!(HashMap<String, Tree>),
                "HashMap<String,!Tree>",
                true,
            ),
            (parse_quote!(other::Tree), "other::Tree", false),
            (parse_quote!(Tree<u8>), "Tree<u8>", false),
            (parse_quote!(Vec<Trees>), "Vec<Trees>", false),
        ];
        for (ty, text, mentions_itself) in cases {
            assert_eq!(described(&ty, false), (text.to_owned(), mentions_itself));
        }
        assert!(described(&parse_quote!(Box<Self>), false).1);
        assert!(described(&parse_quote!(&'a Tree<'a>), false).1);
    }

    #[test]
    fn with_all_every_leaf_is_wrapped() {
        let (text, mentions_itself) = described(&parse_quote!(Vec<(f64, a::B, &'a str)>), true);
        assert_eq!(text, "Vec<(f64,k::__private::Recursive<a::B>,&'astr)>");
        assert!(!mentions_itself);
    }
}
