//! What names mean: the declarations of a rule set, and the variables of macros inside them.

use crate::types::Type;
use rulestage_diagnostics::Span;
use std::collections::{BTreeMap, BTreeSet};

/// What a declared name stands for, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    Input(usize),
    Param(usize),
    Let(usize),
    /// Can be assigned, not read
    Output(usize),
}

impl Binding {
    /// How messages call it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Input(_) => "input",
            Self::Param(_) => "parameter",
            Self::Let(_) => "`let`",
            Self::Output(_) => "output",
        }
    }
}

/// A declared name.
#[derive(Debug, Clone)]
pub(crate) struct Declaration {
    pub(crate) binding: Binding,
    pub(crate) ty: Type,
    pub(crate) span: Span,
}

/// All declared names.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// The namespace that names are looked up in first, as in cel-spec "name resolution"
    pub(crate) container: String,
    declarations: BTreeMap<String, Declaration>,
    used: BTreeSet<String>,
    /// Variables of macros, innermost last
    locals: Vec<(String, Type, u32)>,
}

impl Scope {
    /// Adds a name; gives back the declaration that already has it.
    pub(crate) fn declare(&mut self, name: &str, declaration: Declaration) -> Option<Declaration> {
        if let Some(first) = self.declarations.get(name) {
            return Some(first.clone());
        }
        self.declarations.insert(name.to_owned(), declaration);
        None
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Declaration> {
        self.declarations.get(name)
    }

    /// Says what the type of a name turned out to be.
    pub(crate) fn set_type(&mut self, name: &str, ty: Type) {
        if let Some(declaration) = self.declarations.get_mut(name) {
            declaration.ty = ty;
        }
    }

    /// The declaration that a name, perhaps qualified, means; counts as a use.
    pub(crate) fn look_up(&mut self, name: &str, absolute: bool) -> Option<Declaration> {
        let mut container = if absolute {
            ""
        } else {
            self.container.as_str()
        };
        loop {
            let candidate = if container.is_empty() {
                name.to_owned()
            } else {
                format!("{container}.{name}")
            };
            if let Some(found) = self.declarations.get(&candidate) {
                self.used.insert(candidate);
                return Some(found.clone());
            }
            if container.is_empty() {
                return None;
            }
            container = container.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
    }

    pub(crate) fn is_used(&self, name: &str) -> bool {
        self.used.contains(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &Declaration)> {
        self.declarations
            .iter()
            .map(|(name, declaration)| (name.as_str(), declaration))
    }

    pub(crate) fn push_local(&mut self, name: &str, ty: Type, number: u32) {
        self.locals.push((name.to_owned(), ty, number));
    }

    pub(crate) fn pop_locals(&mut self, n: usize) {
        self.locals.truncate(self.locals.len().saturating_sub(n));
    }

    /// Hides all variables of macros; gives what `put_locals` brings back.
    pub(crate) fn take_locals(&mut self) -> Vec<(String, Type, u32)> {
        std::mem::take(&mut self.locals)
    }

    pub(crate) fn put_locals(&mut self, locals: Vec<(String, Type, u32)>) {
        self.locals = locals;
    }

    /// The type and the number of a variable of a macro.
    pub(crate) fn local(&self, name: &str) -> Option<(&Type, u32)> {
        self.locals
            .iter()
            .rev()
            .find(|(local, ..)| local == name)
            .map(|(_, ty, number)| (ty, *number))
    }

    pub(crate) fn local_names(&self) -> impl Iterator<Item = &str> {
        self.locals.iter().map(|(name, ..)| name.as_str())
    }
}
