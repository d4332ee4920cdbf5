//! Everything in a rule set that has a name.

use crate::type_name;
use rulestage_diagnostics::Span;
use rulestage_rule_compiler::analysis::{Analysis, NameKind, analyse};
use rulestage_rule_compiler::ast::{Function, Item, ItemKind, Name, Text};
use rulestage_rule_compiler::types::Type;
use rulestage_sort::sort_by_key;

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SymbolKind {
    /// The rule set
    RuleSet,
    /// A field of `input`
    Input,
    /// A `param`
    Param,
    /// A field of `output`
    Output,
    /// A `let`
    Let,
    /// A `rule`
    Rule,
    /// A `table`
    Table,
    /// A `func`
    Function,
    /// A parameter of a `func`
    Parameter,
    /// An `invariant`
    Invariant,
    /// An `example`
    Example,
    /// A variable of a macro
    Local,
}

impl SymbolKind {
    /// How a message calls it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::RuleSet => "ruleset",
            Self::Input => "input",
            Self::Param => "param",
            Self::Output => "output",
            Self::Let => "let",
            Self::Rule => "rule",
            Self::Table => "table",
            Self::Function => "func",
            Self::Parameter => "parameter",
            Self::Invariant => "invariant",
            Self::Example => "example",
            Self::Local => "variable",
        }
    }
}

/// One entry of a source's outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentSymbol {
    /// The name
    pub name: String,
    /// What it is
    pub kind: SymbolKind,
    /// Its type, the version of the rule set, the policy of a table or the signature of a function; empty for none
    pub detail: String,
    /// All of it
    pub span: Span,
    /// Its name
    pub name_span: Span,
    /// What is inside
    pub children: Vec<DocumentSymbol>,
}

/// A name and where it is declared.
#[derive(Debug, Clone)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) kind: SymbolKind,
    pub(crate) ty: Option<Type>,
    /// What is written behind the type or the name: a default, a merge, a priority, a signature
    pub(crate) suffix: String,
    pub(crate) doc: String,
    /// Where it means something; `None` for everywhere
    pub(crate) scope: Option<Span>,
    /// All of the declaration
    pub(crate) whole: Span,
}

impl Symbol {
    fn new(name: &Name, kind: SymbolKind, doc: &str, whole: Span) -> Self {
        Self {
            name: name.text.clone(),
            span: name.span,
            kind,
            ty: None,
            suffix: String::new(),
            doc: doc.to_owned(),
            scope: None,
            whole,
        }
    }

    /// Whether expressions can read it.
    pub(crate) fn is_readable(&self) -> bool {
        use SymbolKind as K;
        matches!(
            self.kind,
            K::Input | K::Param | K::Let | K::Local | K::Parameter
        )
    }
}

/// Everything that has a name, in source order, variables of macros last.
pub(crate) fn symbols(analysis: &Analysis, source: &str) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    let Some(ruleset) = &analysis.ruleset else {
        return symbols;
    };
    if !ruleset.name.text.is_empty() {
        let kind = SymbolKind::RuleSet;
        symbols.push(Symbol::new(&ruleset.name, kind, &ruleset.doc, ruleset.span));
    }
    let rest = |from: u32, to: u32| {
        Span::new(from, to.max(from))
            .text(source)
            .trim_end()
            .to_owned()
    };
    for item in &ruleset.items {
        match &item.kind {
            ItemKind::Input(fields) => {
                symbols.extend(fields.iter().map(|field| {
                    Symbol::new(&field.name, SymbolKind::Input, &field.doc, field.span)
                }))
            }
            ItemKind::Output(fields) => symbols.extend(fields.iter().map(|field| Symbol {
                suffix: rest(field.ty.span.end, field.span.end),
                ..Symbol::new(&field.name, SymbolKind::Output, &field.doc, field.span)
            })),
            ItemKind::Param { name, ty, .. } => symbols.push(Symbol {
                suffix: rest(ty.span.end, item.span.end),
                ..Symbol::new(name, SymbolKind::Param, &item.doc, item.span)
            }),
            ItemKind::Let { name, .. } => {
                symbols.push(Symbol::new(name, SymbolKind::Let, &item.doc, item.span));
            }
            ItemKind::Rule(rule) => {
                let mut symbol = Symbol::new(&rule.name, SymbolKind::Rule, &item.doc, item.span);
                symbol.suffix = priority(rule.priority);
                symbols.push(symbol);
            }
            ItemKind::Table(table) => {
                let mut symbol = Symbol::new(&table.name, SymbolKind::Table, &item.doc, item.span);
                symbol.suffix = priority(table.priority);
                if let Some((policy, _)) = table.hit {
                    symbol.suffix += &format!(" hit {}", policy.spelling());
                }
                symbols.push(symbol);
            }
            ItemKind::Function(function) => symbols.push(Symbol {
                suffix: signature(function),
                ..Symbol::new(&function.name, SymbolKind::Function, &item.doc, item.span)
            }),
            ItemKind::Example(example) => {
                symbols.push(titled(&example.name, SymbolKind::Example, item));
            }
            ItemKind::Invariant(invariant) => {
                symbols.push(titled(&invariant.name, SymbolKind::Invariant, item));
            }
        }
    }
    for symbol in &mut symbols {
        let declared = analysis
            .declarations
            .iter()
            .find(|each| each.span == symbol.span);
        symbol.ty = declared.map(|declared| declared.ty.clone());
    }
    // What the outline does not know yet, it takes from the declarations.
    for each in &analysis.declarations {
        if symbols.iter().all(|symbol| symbol.span != each.span) {
            let kind = match each.kind {
                NameKind::Input => SymbolKind::Input,
                NameKind::Param => SymbolKind::Param,
                NameKind::Let => SymbolKind::Let,
                NameKind::Output => SymbolKind::Output,
            };
            let name = Name {
                text: each.name.clone(),
                span: each.span,
            };
            symbols.push(Symbol {
                ty: Some(each.ty.clone()),
                ..Symbol::new(&name, kind, "", each.span)
            });
        }
    }
    let functions = functions(analysis);
    let params: Vec<Span> = functions
        .flat_map(|function| function.params.iter().map(|(name, _)| name.span))
        .collect();
    symbols.extend(analysis.facts.locals.iter().map(|local| Symbol {
        name: local.name.clone(),
        span: local.span,
        kind: if params.contains(&local.span) {
            SymbolKind::Parameter
        } else {
            SymbolKind::Local
        },
        ty: Some(local.ty.clone()),
        suffix: String::new(),
        doc: String::new(),
        scope: Some(local.scope),
        whole: local.span,
    }));
    symbols
}

/// A block whose name is a text.
fn titled(title: &Text, kind: SymbolKind, item: &Item) -> Symbol {
    let name = Name {
        text: title.value.clone(),
        span: title.span,
    };
    Symbol::new(&name, kind, &item.doc, item.span)
}

fn priority(priority: Option<(i64, Span)>) -> String {
    priority.map_or_else(String::new, |(priority, _)| format!(" priority {priority}"))
}

/// The functions of the rule set, in source order.
pub(crate) fn functions(analysis: &Analysis) -> impl Iterator<Item = &Function> {
    let items = analysis.ruleset.iter().flat_map(|ruleset| &ruleset.items);
    items.filter_map(|item| match &item.kind {
        ItemKind::Function(function) => Some(&**function),
        _ => None,
    })
}

/// The documentation of the item with this name.
pub(crate) fn item_doc(analysis: &Analysis, name: Span) -> String {
    let mut items = analysis.ruleset.iter().flat_map(|ruleset| &ruleset.items);
    let found = items.find(|item| item.span.start <= name.start && name.end <= item.span.end);
    found.map(|item| item.doc.clone()).unwrap_or_default()
}

/// `(x: double, most: double) -> double`
pub(crate) fn signature(function: &Function) -> String {
    let params: Vec<String> = function
        .params
        .iter()
        .map(|(name, ty)| format!("{}: {}", name.text, type_name(&ty.ty)))
        .collect();
    format!(
        "({}) -> {}",
        params.join(", "),
        type_name(&function.result.ty)
    )
}

/// The outline of a source: its rule set with everything in it, in source order.
pub fn document_symbols(source: &str) -> Vec<DocumentSymbol> {
    let analysis = analyse(source);
    let Some(ruleset) = &analysis.ruleset else {
        return Vec::new();
    };
    let entry = |symbol: &Symbol| DocumentSymbol {
        name: symbol.name.clone(),
        kind: symbol.kind,
        detail: match (&symbol.ty, symbol.kind) {
            (Some(ty), _) => type_name(ty),
            (None, SymbolKind::Table | SymbolKind::Function) => symbol.suffix.trim().to_owned(),
            (None, _) => String::new(),
        },
        span: symbol.whole.to(symbol.span),
        name_span: symbol.span,
        children: Vec::new(),
    };
    let all = symbols(&analysis, source);
    let inner = all
        .iter()
        .filter(|symbol| {
            use SymbolKind as K;
            !matches!(symbol.kind, K::RuleSet | K::Local | K::Parameter)
        })
        .filter(|symbol| !symbol.name.trim().is_empty());
    let mut children: Vec<DocumentSymbol> = inner.map(entry).collect();
    sort_by_key(&mut children, |child| child.span);
    let Some(outer) = all.iter().find(|symbol| symbol.kind == SymbolKind::RuleSet) else {
        return children;
    };
    vec![DocumentSymbol {
        detail: ruleset
            .version
            .as_ref()
            .map(|version| version.value.clone())
            .unwrap_or_default(),
        children,
        ..entry(outer)
    }]
}
