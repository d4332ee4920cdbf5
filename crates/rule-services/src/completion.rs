//! What can be written at the cursor.

use crate::context::{Context, ITEMS, Tokens};
use crate::library::{MACROS, Macro, POLICIES, function_doc, keyword_doc};
use crate::signature::spelling;
use crate::symbols::{Symbol, SymbolKind, item_doc, signature as own_signature, symbols};
use crate::{touches, type_name};
use rulestage_diagnostics::Span;
use rulestage_rule_compiler::analysis::{Analysis, Signature, analyse, is_namespace, signatures};
use rulestage_rule_compiler::ast::{ExprKind, ItemKind};
use rulestage_rule_compiler::types::Type;
use rulestage_rule_compiler::{TokenClass, highlight};

/// What can be written, and what it replaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completions {
    /// The part of a word before the cursor
    pub span: Span,
    /// The best first
    pub items: Vec<Completion>,
}

/// One word that can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The word
    pub label: String,
    /// What it is
    pub kind: CompletionKind,
    /// Its type or signature; empty for none
    pub detail: String,
    /// Documentation; empty for none
    pub doc: String,
}

/// What a completion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletionKind {
    /// A word of the language
    Keyword,
    /// A type
    Type,
    /// Something declared in the rule set
    Name(SymbolKind),
    /// A function or method; parentheses follow
    Function {
        /// Whether anything stands between the parentheses
        has_arguments: bool,
    },
    /// A macro; parentheses follow
    Macro,
    /// A library: a dot follows
    Namespace,
    /// A key of a map, or a field of a struct
    Field,
}

/// Stands for what is being written: makes `a.` and `when` readable.
const PLACEHOLDER: &str = "cursor_is_here";

const TYPES: [&str; 13] = [
    "bool",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "timestamp",
    "duration",
    "decimal",
    "list",
    "map",
    "optional",
    "dyn",
];

const NAMESPACES: [&str; 10] = [
    "math", "sets", "base64", "optional", "lists", "strings", "regex", "ip", "cidr", "cel",
];

/// What can be written at the offset, in a source that need not be whole.
pub fn completions(source: &str, offset: u32) -> Completions {
    let Some(before) = source.get(..offset as usize) else {
        return Completions::default();
    };
    if is_in_text(source, offset) {
        return Completions::default();
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let start = before.trim_end_matches(is_word).len() as u32;
    let patched = [before, PLACEHOLDER, &source[offset as usize..]].concat();
    let tokens = Tokens::new(&patched);
    let Some(cursor) = tokens
        .idx_at(offset + 1)
        .filter(|cursor| tokens.span(*cursor).start == start)
    else {
        return Completions::default();
    };
    let scene = Scene::new(&patched, offset);
    Completions {
        span: Span::new(start, offset),
        items: scene.items(&tokens, cursor),
    }
}

/// Whether the offset is in a comment, a literal or something unreadable.
fn is_in_text(source: &str, offset: u32) -> bool {
    use TokenClass as C;
    highlight(source).iter().any(|(span, class)| {
        let is_at = span.start < offset && offset <= span.end;
        is_at && matches!(class, C::Comment | C::String | C::Number | C::Error)
    })
}

/// The patched source and what is known about it.
struct Scene {
    analysis: Analysis,
    symbols: Vec<Symbol>,
    offset: u32,
}

impl Scene {
    fn new(patched: &str, offset: u32) -> Self {
        let analysis = analyse(patched);
        let symbols = symbols(&analysis, patched);
        Self {
            analysis,
            symbols,
            offset,
        }
    }

    fn items(&self, tokens: &Tokens<'_>, cursor: usize) -> Vec<Completion> {
        match tokens.context(cursor) {
            Context::Nothing => Vec::new(),
            Context::Words(words) => words.iter().map(|word| keyword(word)).collect(),
            Context::Type => TYPES
                .iter()
                .map(|name| plain(name, CompletionKind::Type))
                .collect(),
            Context::Output => self.names(|symbol| symbol.kind == SymbolKind::Output),
            Context::Value(part) => {
                let kind = match part {
                    "given" => SymbolKind::Input,
                    "params" => SymbolKind::Param,
                    _ => SymbolKind::Output,
                };
                self.names(|symbol| symbol.kind == kind)
            }
            Context::Constant => {
                let makes_one =
                    |each: &Signature| matches!(each.name, "timestamp" | "duration" | "decimal");
                let mut items: Vec<_> = ["true", "false", "null"].map(keyword).into();
                items.extend(functions(makes_one));
                items
            }
            Context::Operand => self.operands(),
            Context::Test => {
                let mut items = self.operands();
                items.push(Completion {
                    doc: "Passes none of the tests.".to_owned(),
                    ..plain("not", CompletionKind::Macro)
                });
                items
            }
            Context::Policy => POLICIES
                .iter()
                .map(|(policy, doc)| Completion {
                    doc: (*doc).to_owned(),
                    ..plain(policy, CompletionKind::Keyword)
                })
                .collect(),
            Context::Pipe => {
                let ty = self.receiver(tokens.span(cursor));
                let mut items = self.own_functions(1);
                items.extend(functions(|each| each.takes_first(ty)));
                items.extend(macros(ty));
                items
            }
            Context::Member { receiver_idx } => {
                let name = tokens.text(receiver_idx);
                let is_declared = self.symbols.iter().any(|symbol| symbol.name == name);
                let is_selected = tokens.text_before(receiver_idx, 1) == ".";
                if is_namespace(name) && !is_declared && !is_selected {
                    return members_of(name);
                }
                let ty = self.receiver(tokens.span(cursor));
                let mut items = struct_fields(ty);
                items.extend(self.fields(name));
                items.extend(functions(|each| each.takes_receiver(ty)));
                items.extend(macros(ty));
                items
            }
        }
    }

    /// The type of what stands before the dot or pipe before a name.
    fn receiver(&self, name: Span) -> &Type {
        let mut receivers = self.analysis.facts.receivers.iter();
        let known = receivers.rfind(|(span, _)| *span == name);
        known.map_or(&Type::Error, |(_, ty)| ty)
    }

    fn names(&self, is_meant: impl Fn(&Symbol) -> bool) -> Vec<Completion> {
        let mut items: Vec<Completion> = Vec::new();
        for symbol in self.symbols.iter().filter(|symbol| is_meant(symbol)) {
            let is_new = items.iter().all(|item| item.label != symbol.name);
            if is_new && !symbol.name.contains(PLACEHOLDER) {
                items.push(Completion {
                    label: symbol.name.clone(),
                    kind: CompletionKind::Name(symbol.kind),
                    detail: symbol.ty.as_ref().map(type_name).unwrap_or_default(),
                    doc: symbol.doc.clone(),
                });
            }
        }
        items
    }

    /// Names that can be read here, then functions, libraries and words.
    fn operands(&self) -> Vec<Completion> {
        let holds = |span: Span| span.start <= self.offset && self.offset <= span.end;
        let mut items = self.names(|symbol| {
            let scope = symbol.scope;
            scope.is_some_and(|scope| holds(scope) && symbol.span.end < self.offset)
        });
        let is_in_function = self
            .symbols
            .iter()
            .any(|symbol| symbol.kind == SymbolKind::Function && holds(symbol.whole));
        let is_in_invariant = self
            .symbols
            .iter()
            .any(|symbol| symbol.kind == SymbolKind::Invariant && holds(symbol.whole));
        if is_in_invariant {
            items.extend(self.names(|symbol| symbol.kind == SymbolKind::Output));
        }
        items.extend(self.names(|symbol| {
            // A `let` is not defined by itself.
            let is_own = symbol.kind == SymbolKind::Let && holds(symbol.whole);
            let is_in_reach = !is_in_function || symbol.kind == SymbolKind::Param;
            symbol.scope.is_none() && symbol.is_readable() && !is_own && is_in_reach
        }));
        items.extend(self.own_functions(0));
        items.extend(functions(|each| {
            each.is_function && !each.name.contains('.')
        }));
        items.push(function_like_macro("has"));
        items.extend(NAMESPACES.map(|name| plain(name, CompletionKind::Namespace)));
        items.extend(["true", "false", "null", "if"].map(keyword));
        items
    }

    /// The functions of the rule set that take so many arguments or more; no function calls itself.
    fn own_functions(&self, n_arguments: usize) -> Vec<Completion> {
        let functions = crate::symbols::functions(&self.analysis);
        let functions = functions.filter(|each| {
            let is_around = touches(each.name.span.to(each.body.span), self.offset);
            let is_being_written = each.name.text.contains(PLACEHOLDER);
            each.params.len() >= n_arguments && !is_around && !is_being_written
        });
        functions
            .map(|each| Completion {
                detail: format!("{}{}", each.name.text, own_signature(each)),
                doc: item_doc(&self.analysis, each.name.span),
                ..plain(
                    &each.name.text,
                    CompletionKind::Function {
                        has_arguments: each.params.len() > n_arguments,
                    },
                )
            })
            .collect()
    }

    /// The keys of a `let` that is a map literal.
    fn fields(&self, name: &str) -> Vec<Completion> {
        let items = self
            .analysis
            .ruleset
            .iter()
            .flat_map(|ruleset| &ruleset.items);
        let mut fields = Vec::new();
        for item in items {
            if let ItemKind::Let { name: known, value } = &item.kind
                && known.text == name
                && let ExprKind::Map(entries) = &value.kind
            {
                for entry in entries {
                    if let ExprKind::String(key) = &entry.key.kind {
                        fields.push(plain(key, CompletionKind::Field));
                    }
                }
            }
        }
        fields
    }
}

/// The fields of a struct, which may be null or optional.
fn struct_fields(ty: &Type) -> Vec<Completion> {
    match ty {
        Type::Nullable(inner) | Type::Optional(inner) => struct_fields(inner),
        Type::Struct(fields) => fields
            .iter()
            .map(|(name, ty)| Completion {
                detail: type_name(ty),
                ..plain(name, CompletionKind::Field)
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn plain(label: &str, kind: CompletionKind) -> Completion {
    Completion {
        label: label.to_owned(),
        kind,
        detail: String::new(),
        doc: String::new(),
    }
}

fn keyword(word: &str) -> Completion {
    let doc = match keyword_doc(word) {
        Some(doc) => doc,
        None if ITEMS.contains(&word) => "a block",
        None => "",
    };
    Completion {
        doc: doc.to_owned(),
        ..plain(word, CompletionKind::Keyword)
    }
}

/// The functions of which at least one overload is meant, with their signatures, each name once.
fn functions(is_meant: impl Fn(&Signature) -> bool) -> Vec<Completion> {
    let mut items: Vec<Completion> = Vec::new();
    for each in signatures().filter(|each| is_meant(each)) {
        let has_more = each.params.len() > usize::from(!each.is_function);
        if let Some(known) = items.iter_mut().find(|item| item.label == each.name) {
            if let CompletionKind::Function { has_arguments } = &mut known.kind {
                *has_arguments |= has_more;
            }
            known.detail += "\n";
            known.detail += &spelling(&each);
            continue;
        }
        items.push(Completion {
            label: each.name.to_owned(),
            kind: CompletionKind::Function {
                has_arguments: has_more,
            },
            detail: spelling(&each),
            doc: function_doc(each.name).unwrap_or_default().to_owned(),
        });
    }
    items
}

/// What follows `NAMESPACE.`
fn members_of(namespace: &str) -> Vec<Completion> {
    let is_in = |name: &str| {
        name.rsplit_once('.')
            .is_some_and(|(outer, _)| outer == namespace)
    };
    let mut items = functions(|each| is_in(each.name));
    for each in MACROS.iter().filter(|each| is_in(each.name)) {
        items.push(function_like_macro(each.name));
    }
    for item in &mut items {
        if let Some((_, name)) = item.label.rsplit_once('.') {
            item.label = name.to_owned();
        }
    }
    items
}

fn function_like_macro(name: &str) -> Completion {
    let forms: Vec<&str> = crate::library::macro_forms(name).collect();
    Completion {
        detail: forms.join("\n"),
        doc: function_doc(name).unwrap_or_default().to_owned(),
        ..plain(name, CompletionKind::Macro)
    }
}

/// The macros that go over a value of this type.
fn macros(ty: &Type) -> Vec<Completion> {
    let mut ty = ty;
    while let Type::Nullable(inner) = ty {
        ty = inner;
    }
    let fits = |each: &&Macro| match ty {
        Type::Error | Type::Dyn | Type::Var(_) => !each.over.is_empty(),
        Type::List(_) => each.over.contains(&"list"),
        Type::Map(..) => each.over.contains(&"map"),
        Type::Optional(_) => each.over.contains(&"optional"),
        _ => false,
    };
    let fitting = MACROS.iter().filter(fits);
    fitting.map(|each| function_like_macro(each.name)).collect()
}
