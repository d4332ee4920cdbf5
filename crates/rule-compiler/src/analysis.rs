//! What editors ask about a source: the types of its expressions and what its names mean, as far as can be told
//! also of a source with errors.

use crate::ast::RuleSet;
use crate::check::{Checker, Unifier, settled};
use crate::overloads::{OVERLOADS, Overload, Style, T};
use crate::scope::Binding;
use crate::types::Type;
use crate::{Parsed, finish, lower, parse};
use rulestage_diagnostics::{Diagnostic, Span};

pub use crate::overloads::is_namespace;
pub use crate::token::is_reserved_word;

/// What was found out about a source.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// In source order, the same as those of `check`
    pub diagnostics: Vec<Diagnostic>,
    /// What could be read; absent when there is no rule set at all
    pub ruleset: Option<RuleSet>,
    /// The declared names, by name
    pub declarations: Vec<Declared>,
    /// What expressions and names turned out to be
    pub facts: Facts,
}

/// What a declared name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    /// A field of `input`
    Input,
    /// A `param`
    Param,
    /// A `let`
    Let,
    /// A field of `output`
    Output,
}

/// A declared name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The name
    pub name: String,
    /// Where it is declared
    pub span: Span,
    /// What it stands for
    pub kind: NameKind,
    /// Its type; `Type::Error` where that could not be found out
    pub ty: Type,
}

/// What the checker saw on its way.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The type of each expression; operands come before what they are part of
    pub types: Vec<(Span, Type)>,
    /// Each place where a name is used, and where that name is declared
    pub uses: Vec<Use>,
    /// The variables of macros and the parameters of functions
    pub locals: Vec<Local>,
    /// Each function that is called: where its name stands
    pub calls: Vec<Called>,
    /// Each name after a dot or a pipe, and the type of what stands before that
    pub receivers: Vec<(Span, Type)>,
    /// The overload that was chosen last
    pub(crate) chosen: Option<&'static Overload>,
}

/// A use of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Where the name stands
    pub span: Span,
    /// Where it is declared
    pub declared: Span,
}

/// A variable of a macro, or a parameter of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Its name
    pub name: String,
    /// Where it is declared
    pub span: Span,
    /// Its type
    pub ty: Type,
    /// The macro's call, or the function: the name means nothing outside
    pub scope: Span,
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// Where the function's name stands
    pub span: Span,
    /// The name, with its namespace
    pub name: String,
    /// The overload that is meant, where one is
    pub signature: Option<Signature>,
}

/// One way to call a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The function, with its namespace
    pub name: &'static str,
    /// The types of the arguments, the receiver first
    pub params: Vec<String>,
    /// The type of the result
    pub result: String,
    /// Whether it can be written `f(a)`
    pub is_function: bool,
    /// Whether it can be written `a.f()`
    pub is_method: bool,
    overload: &'static Overload,
}

impl PartialEq for Overload {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Overload {}

impl Signature {
    fn new(overload: &'static Overload) -> Self {
        Self {
            name: overload.name,
            params: overload.params.iter().map(|each| spelling(*each)).collect(),
            result: spelling(overload.result),
            is_function: matches!(overload.style, Style::Global | Style::Both),
            is_method: matches!(overload.style, Style::Method | Style::Both),
            overload,
        }
    }

    /// Whether a value of type `ty` can stand before the dot.
    pub fn takes_receiver(&self, ty: &Type) -> bool {
        self.is_method && self.takes_first(ty)
    }

    /// Whether a value of type `ty` can be the first argument.
    pub fn takes_first(&self, ty: &Type) -> bool {
        let mut unifier = Unifier::default();
        let (a, b) = (unifier.fresh(), unifier.fresh());
        let first = self.overload.params.first();
        first.is_some_and(|first| unifier.assign(ty, &first.instantiate(&a, &b)))
    }
}

/// All signatures of functions, in the order of the specification; operators are left out.
pub fn signatures() -> impl Iterator<Item = Signature> {
    OVERLOADS
        .iter()
        .filter(|overload| overload.style != Style::Operator)
        .map(Signature::new)
}

/// The type as it is written, with `T` and `U` for type parameters.
fn spelling(ty: T) -> String {
    match ty {
        T::A => "T".to_owned(),
        T::B => "U".to_owned(),
        T::List(element) => format!("list<{}>", spelling(*element)),
        T::Map(key, value) => format!("map<{}, {}>", spelling(*key), spelling(*value)),
        T::Optional(inner) => format!("optional<{}>", spelling(*inner)),
        plain => plain.instantiate(&Type::Error, &Type::Error).to_string(),
    }
}

/// What is wrong with a source of rules, and what its expressions and names are.
pub fn analyse(source: &str) -> Analysis {
    let Parsed {
        ruleset,
        mut diagnostics,
        ..
    } = parse(source);
    let mut checker = Checker::new(source);
    checker.facts = Some(Facts::default());
    if let Some(ruleset) = &ruleset {
        let checked = checker.check_ruleset(ruleset);
        diagnostics.append(&mut checker.diagnostics);
        lower::lower(&checked, &checker.unifier, &mut diagnostics);
    }
    let known = |ty: &Type| settled(checker.unifier.resolve(ty));
    let declarations = checker.scope.names().map(|(name, declaration)| Declared {
        name: name.to_owned(),
        span: declaration.span,
        kind: match declaration.binding {
            Binding::Input(_) => NameKind::Input,
            Binding::Param(_) => NameKind::Param,
            Binding::Let(_) => NameKind::Let,
            Binding::Output(_) => NameKind::Output,
        },
        ty: known(&declaration.ty),
    });
    let declarations = declarations.collect();
    let mut facts = checker.facts.take().unwrap_or_default();
    for (_, ty) in &mut facts.types {
        *ty = settled(checker.unifier.resolve(ty));
    }
    for (_, ty) in &mut facts.receivers {
        *ty = settled(checker.unifier.resolve(ty));
    }
    for local in &mut facts.locals {
        local.ty = settled(checker.unifier.resolve(&local.ty));
    }
    Analysis {
        diagnostics: finish(diagnostics, None).diagnostics,
        ruleset,
        declarations,
        facts,
    }
}

// What the checker reports. Without facts to gather, as when it compiles, these do nothing.
impl Checker<'_> {
    pub(crate) fn note_type(&mut self, span: Span, ty: &Type) {
        if let Some(facts) = &mut self.facts {
            facts.types.push((span, ty.clone()));
        }
    }

    /// The type of what stands before the dot or pipe before `name`.
    pub(crate) fn note_receiver(&mut self, name: &crate::ast::Name, ty: &Type) {
        if let Some(facts) = &mut self.facts {
            facts.receivers.push((name.span, ty.clone()));
        }
    }

    pub(crate) fn note_use(&mut self, span: Span, declared: Span) {
        if let Some(facts) = &mut self.facts {
            facts.uses.push(Use { span, declared });
        }
    }

    /// Checks what was checked before, for nothing but its facts: the same text at another place.
    pub(crate) fn note_again(&mut self, check: impl FnOnce(&mut Self)) {
        if self.facts.is_some() {
            let n_known = self.diagnostics.len();
            check(self);
            self.diagnostics.truncate(n_known);
        }
    }

    /// A use of a declared name outside of expressions: an output that is assigned, an input of an example.
    pub(crate) fn note_name(&mut self, name: &crate::ast::Name) {
        if let Some(declared) = self.scope.get(&name.text).map(|known| known.span) {
            self.note_use(name.span, declared);
        }
    }

    /// A use of the innermost variable or parameter that has this name.
    pub(crate) fn note_local_use(&mut self, name: &crate::ast::Name) {
        if let Some(facts) = &mut self.facts {
            let is_meant = |each: &&Local| {
                each.name == name.text
                    && each.scope.start <= name.span.start
                    && name.span.end <= each.scope.end
            };
            let local = facts.locals.iter().rev().find(is_meant);
            if let Some(declared) = local.map(|local| local.span) {
                facts.uses.push(Use {
                    span: name.span,
                    declared,
                });
            }
        }
    }

    pub(crate) fn note_local(&mut self, name: &str, span: Span, ty: &Type, scope: Span) {
        if let Some(facts) = &mut self.facts {
            facts.locals.push(Local {
                name: name.to_owned(),
                span,
                ty: ty.clone(),
                scope,
            });
        }
    }

    pub(crate) fn note_chosen(&mut self, overload: Option<&'static Overload>) {
        if let Some(facts) = &mut self.facts {
            facts.chosen = overload;
        }
    }

    pub(crate) fn note_macro(&mut self, name: &str, span: Span) {
        self.note_chosen(None);
        self.note_call(&crate::ast::Name {
            text: name.to_owned(),
            span,
        });
    }

    /// A call, with the overload that was chosen for it just now.
    pub(crate) fn note_call(&mut self, function: &crate::ast::Name) {
        if let Some(facts) = &mut self.facts {
            let signature = facts.chosen.take().map(Signature::new);
            facts.calls.push(Called {
                span: function.span,
                name: function.text.clone(),
                signature,
            });
        }
    }
}
