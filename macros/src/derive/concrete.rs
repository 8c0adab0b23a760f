//! Types of fields as an item mentions them that is outside of the `impl`: without its lifetimes, and without `Self`.

use syn::visit_mut::{self, VisitMut};
use syn::{Generics, Ident, Lifetime, Type, TypePath, parse_quote_spanned};

/// The type of a field.
pub struct Concrete {
    pub ty: Type,
    /// Whether it mentions the type that has the field.
    pub mentions_itself: bool,
}

/// Replaces the lifetime parameters of the type `own` by `'static`, and `Self` by `own`.
pub fn concrete(ty: &Type, own: &Ident, generics: &Generics) -> Concrete {
    let mut ty = ty.clone();
    let mut replace = Replace {
        own,
        generics,
        mentions_itself: false,
    };
    replace.visit_type_mut(&mut ty);
    Concrete {
        ty,
        mentions_itself: replace.mentions_itself,
    }
}

struct Replace<'a> {
    own: &'a Ident,
    generics: &'a Generics,
    mentions_itself: bool,
}

impl VisitMut for Replace<'_> {
    fn visit_type_path_mut(&mut self, path: &mut TypePath) {
        visit_mut::visit_type_path_mut(self, path);
        let is_self = path.path.is_ident("Self");
        let segments = &path.path.segments;
        self.mentions_itself |= path.qself.is_none()
            && path.path.leading_colon.is_none()
            && segments.len() == 1
            && (is_self || segments[0].ident == *self.own);
        if is_self {
            let (own, span) = (self.own, segments[0].ident.span());
            let lifetimes = self
                .generics
                .lifetimes()
                .map(|_| Lifetime::new("'static", span));
            *path = parse_quote_spanned!(span=> #own<#(#lifetimes),*>);
        }
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if self
            .generics
            .lifetimes()
            .any(|own| own.lifetime == *lifetime)
        {
            *lifetime = Lifetime::new("'static", lifetime.span());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens;
    use syn::parse_quote;

    #[test]
    fn lifetimes_and_self_are_written_out() {
        let generics = parse_quote!(<'a, 'b: 'a>);
        let cases: [(Type, &str, bool); 6] = [
            (
                parse_quote!(Vec<Option<Box<Tree<'a, 'b>>>>),
                "Vec<Option<Box<Tree<'static,'static>>>>",
                true,
            ),
            (
                parse_quote!((u8, [Self; 2])),
                "(u8,[Tree<'static,'static>;2])",
                true,
            ),
            (
                parse_quote!(&'a dyn for<'c> F<'b, 'c>),
                "&'staticdynfor<'c>F<'static,'c>",
                false,
            ),
            (parse_quote!(Cow<'b, str>), "Cow<'static,str>", false),
            (parse_quote!(other::Tree), "other::Tree", false),
            (parse_quote!(Vec<Trees>), "Vec<Trees>", false),
        ];
        for (ty, text, mentions_itself) in cases {
            let concrete = concrete(&ty, &parse_quote!(Tree), &generics);
            let written = concrete.ty.to_token_stream().to_string().replace(' ', "");
            assert_eq!(
                (written.as_str(), concrete.mentions_itself),
                (text, mentions_itself)
            );
        }
    }
}
