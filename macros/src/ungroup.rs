//! Types that a `macro_rules!` macro passes as `$ty:ty` are in invisible groups. Without them, the types that `#[func]`
//! knows by name, such as `Promise`, look the same as in other functions.

use syn::visit_mut::{self, VisitMut};
use syn::{ImplItem, ItemFn, ItemImpl, Type, TypeParen, token};

/// Removes the groups from a signature.
pub fn function(function: &mut ItemFn) {
    Ungroup.visit_signature_mut(&mut function.sig);
}

/// Removes the groups from the type of an `impl`, and from the signatures in it.
pub fn block(block: &mut ItemImpl) {
    Ungroup.visit_type_mut(&mut block.self_ty);
    for item in &mut block.items {
        if let ImplItem::Fn(method) = item {
            Ungroup.visit_signature_mut(&mut method.sig);
        }
    }
}

struct Ungroup;

impl VisitMut for Ungroup {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        while let Type::Group(group) = ty {
            let span = group.group_token.span;
            let elem = std::mem::replace(&mut *group.elem, Type::Verbatim(Default::default()));
            *ty = match elem {
                // As in `&(dyn A + B)`.
                Type::TraitObject(_) | Type::ImplTrait(_) => Type::Paren(TypeParen {
                    paren_token: token::Paren(span),
                    elem: Box::new(elem),
                }),
                elem => elem,
            };
        }
        visit_mut::visit_type_mut(self, ty);
    }
}
