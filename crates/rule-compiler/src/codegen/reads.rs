//! Which arrays of the inputs are read: hosts need not hand over the others.
//!
//! An array is read where its values may matter to a result or to what is explained. Code may still go over a whole list
//! where a field of its items is not read, as explanations do: such a field is null then, and nobody looks.

use super::layout::input_children;
use super::nested::{field_index, is_searchable, is_step, nested_root, reads_part};
use crate::ir::{Expr, ExprKind, Fold, FoldKind, Function, RuleSet};
use crate::types::Type;
use std::collections::HashMap;

/// An array of an input, and those below it.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// Nothing below is read where this is not
    pub(super) is_read: bool,
    pub(super) children: Vec<Self>,
}

impl Reads {
    fn nothing(ty: &Type) -> Self {
        let children = input_children(ty);
        Self {
            is_read: false,
            children: children.into_iter().map(Self::nothing).collect(),
        }
    }

    fn read_wholly(&mut self) {
        self.is_read = true;
        self.children.iter_mut().for_each(Self::read_wholly);
    }

    /// Whether each array is read, in pre-order.
    pub(super) fn flags(&self) -> Vec<bool> {
        let mut flags = vec![self.is_read];
        flags.extend(self.children.iter().flat_map(Self::flags));
        flags
    }
}

/// What is read of each input.
pub(super) fn find(ruleset: &RuleSet) -> Vec<Reads> {
    let inputs = ruleset.inputs.iter();
    let mut finder = Finder {
        ruleset,
        inputs: inputs.map(|input| Reads::nothing(&input.ty)).collect(),
        places: HashMap::new(),
    };
    for definition in &ruleset.lets {
        finder.visit(&definition.value);
    }
    for rule in &ruleset.rules {
        rule.expressions().for_each(|expr| finder.visit(expr));
        let tables = rule.table.iter();
        tables
            .flat_map(|table| table.expressions())
            .for_each(|expr| finder.visit(expr));
    }
    finder.inputs
}

/// The number of an input, then those of children on the way to an array below it.
type Path = Vec<usize>;

struct Finder<'r> {
    ruleset: &'r RuleSet,
    inputs: Vec<Reads>,
    /// Variables that stand for what is in an array
    places: HashMap<u32, Path>,
}

impl Finder<'_> {
    /// An array, which is read with those on the way to it.
    fn read(&mut self, path: &[usize]) -> Option<&mut Reads> {
        let (input, path) = path.split_first()?;
        let mut reads = self.inputs.get_mut(*input)?;
        reads.is_read = true;
        for child in path {
            reads = reads.children.get_mut(*child)?;
            reads.is_read = true;
        }
        Some(reads)
    }

    fn read_wholly(&mut self, path: &[usize]) {
        if let Some(reads) = self.read(path) {
            reads.read_wholly();
        }
    }

    fn read_child(&mut self, path: &[usize], child: usize) {
        self.read(&[path, &[child]].concat());
    }

    /// The array that an expression is a value of; only what leads there is read.
    fn place(&mut self, expr: &Expr) -> Option<Path> {
        match &expr.kind {
            ExprKind::Input(index) => {
                nested_root(expr, self.ruleset)?;
                Some(vec![*index])
            }
            ExprKind::Local(local) => self.places.get(local).cloned(),
            ExprKind::Unwrap(operand) => {
                let path = self.place(operand)?;
                self.read(&path);
                Some(path)
            }
            ExprKind::Index(container, key) if is_step(container, key) => {
                let mut path = self.place(container)?;
                self.visit(key);
                match &container.ty {
                    Type::Struct(fields) => path.push(field_index(fields, key)?),
                    Type::List(_) => {
                        self.read(&path);
                        path.push(0);
                    }
                    _ => {
                        self.read_child(&path, 0);
                        path.push(1);
                    }
                }
                Some(path)
            }
            _ => None,
        }
    }

    /// Notes what the value of an expression depends on.
    fn visit(&mut self, expr: &Expr) {
        if let Some(path) = self.place(expr) {
            return self.read_wholly(&path);
        }
        let part = match &expr.kind {
            ExprKind::Input(index) => return self.read_wholly(&[*index]),
            ExprKind::Fold(fold) => return self.visit_fold(fold),
            ExprKind::Call(Function::ElementCount, args) => args.first(),
            ExprKind::InValue(item, container) if is_searchable(item, container) => {
                Some(&**container)
            }
            ExprKind::Has(container, _) if reads_part(expr) => Some(&**container),
            ExprKind::Compare(_, a, b) if b.ty == Type::Null => Some(&**a),
            ExprKind::Compare(_, a, b) if a.ty == Type::Null => Some(&**b),
            _ => None,
        };
        let place = part.and_then(|part| Some((part, self.place(part)?)));
        if let Some((part, path)) = &place {
            self.read(path);
            // What is searched: elements, or keys
            if matches!(expr.kind, ExprKind::InValue(..) | ExprKind::Has(..)) {
                self.read_child(path, 0);
            }
            let operands = expr.operands().into_iter();
            return operands
                .filter(|operand| !std::ptr::eq(*operand, *part))
                .for_each(|operand| self.visit(operand));
        }
        for operand in expr.operands() {
            self.visit(operand);
        }
    }

    fn visit_fold(&mut self, fold: &Fold<Expr>) {
        if let Some(path) = self.place(&fold.range) {
            self.read(&path);
            let (key, value) = match fold.range.ty {
                Type::Map(..) => (Some(0), 1),
                _ => (None, 0),
            };
            let gives_elements = matches!(
                fold.kind,
                FoldKind::Filter | FoldKind::Map | FoldKind::Entries
            );
            if gives_elements {
                self.read_wholly(&path);
            }
            let variables = [(fold.key, key), (fold.value, Some(value))];
            for (variable, child) in variables {
                if let (Some(variable), Some(child)) = (variable, child) {
                    self.places.insert(variable, [&path[..], &[child]].concat());
                }
            }
        } else {
            self.visit(&fold.range);
        }
        fold.filter.iter().for_each(|filter| self.visit(filter));
        self.visit(&fold.body);
    }
}
