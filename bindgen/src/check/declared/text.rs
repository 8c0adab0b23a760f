//! Shows types as OCaml does.

use super::{Bound, Node, TypeId, Unit};
use crate::check::rust_type::Level;
use std::fmt::{self, Display};

/// How many types within each other are shown: a polymorphic variant may contain itself.
const MAX_DEPTH: usize = 12;

pub struct Text<'a> {
    unit: &'a Unit,
    ty: TypeId,
    level: Level,
    depth: usize,
}

impl<'a> Text<'a> {
    pub fn new(unit: &'a Unit, ty: TypeId, level: Level) -> Self {
        Text {
            unit,
            ty,
            level,
            depth: 0,
        }
    }

    fn inner(&self, ty: TypeId, level: Level) -> Self {
        Text {
            unit: self.unit,
            ty,
            level,
            depth: self.depth + 1,
        }
    }

    /// Shows types with a separator between them.
    fn separated(
        &self,
        f: &mut fmt::Formatter<'_>,
        types: &[TypeId],
        separator: &str,
        level: Level,
    ) -> fmt::Result {
        for (i, ty) in types.iter().enumerate() {
            f.write_str(if i > 0 { separator } else { "" })?;
            self.inner(*ty, level).fmt(f)?;
        }
        Ok(())
    }

    /// Shows an argument of a function, with its label.
    pub fn argument(unit: &Unit, label: &str, ty: TypeId) -> String {
        Text::new(unit, ty, Level::Tuple).labelled(label)
    }

    /// Shows an argument of a function: an optional one without its option.
    fn labelled(&self, label: &str) -> String {
        let ty = match (label.strip_prefix('?'), self.unit.predefined(self.ty)) {
            (Some(_), Some(("option", [value]))) => *value,
            _ => self.ty,
        };
        let text = Text { ty, ..*self }.to_string();
        match label {
            "" => text,
            label => format!("{label}:{text}"),
        }
    }
}

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.depth > MAX_DEPTH {
            return f.write_str("...");
        }
        let node = self.unit.node(self.ty);
        let own = match node {
            Node::Arrow { .. } => Level::Arrow,
            Node::Tuple { .. } => Level::Tuple,
            _ => Level::Argument,
        };
        if own < self.level {
            f.write_str("(")?;
        }
        match node {
            Node::Variable { name } => f.write_str(name)?,
            Node::Other { text, .. } => f.write_str(text)?,
            Node::Tuple { items } => self.separated(f, items, " * ", Level::Argument)?,
            Node::Arrow {
                label,
                argument,
                result,
            } => {
                f.write_str(&self.inner(*argument, Level::Tuple).labelled(label))?;
                f.write_str(" -> ")?;
                self.inner(*result, Level::Arrow).fmt(f)?;
            }
            Node::Constructor {
                path, arguments, ..
            } => {
                match arguments.as_slice() {
                    [] => {}
                    [argument] => {
                        self.inner(*argument, Level::Argument).fmt(f)?;
                        f.write_str(" ")?;
                    }
                    arguments => {
                        f.write_str("(")?;
                        self.separated(f, arguments, ", ", Level::Arrow)?;
                        f.write_str(") ")?;
                    }
                }
                f.write_str(path)?;
            }
            Node::Polymorphic { tags, bound } => {
                f.write_str(match bound {
                    Bound::Exact => "[ ",
                    Bound::Lower => "[> ",
                    Bound::Upper => "[< ",
                })?;
                for (i, tag) in tags.iter().enumerate() {
                    write!(f, "{}`{}", if i > 0 { " | " } else { "" }, tag.name)?;
                    if !tag.arguments.is_empty() {
                        f.write_str(" of ")?;
                        self.separated(f, &tag.arguments, " & ", Level::Tuple)?;
                    }
                }
                f.write_str(" ]")?;
            }
        }
        if own < self.level {
            f.write_str(")")?;
        }
        Ok(())
    }
}
