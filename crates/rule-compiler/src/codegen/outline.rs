//! What `describe-rules` says, in the small form that `rule-runtime/src/outline.rs` describes and unfolds.

use super::data::{Record, StaticData};
use super::expression::at;
use super::function::FunctionBuilder;
use super::module::{ModuleBuilder, function};
use super::trace::{CONDITION, DEFINITION, ShownExpressions};
use crate::ir::RuleSet;
use rulestage_diagnostics::Span;
use wasm_encoder::ValType;

/// Bytes of a `rule` of the contract, and of an `expression`.
const RULE_BYTES: usize = 24;
const EXPRESSION_BYTES: usize = 28;
/// In the head of an expression.
const NEW_RULE: u32 = 4;
const NEW_TEXT: u32 = 8;
const OPERAND: u32 = 16;
const DEPTH_SHIFT: u32 = 5;

/// The small form is worth the helper that unfolds it where there are so many expressions; others are laid out.
const MIN_UNFOLDED: usize = 32;

/// Where the outline is.
pub(super) enum PlacedOutline {
    /// `outline`, ready
    LaidOut(u32),
    /// To be made
    Folded(FoldedOutline),
}

/// Where the small form lies.
pub(super) struct FoldedOutline {
    stream: u32,
    texts: u32,
    n_rules: usize,
    n_expressions: usize,
    /// `outline`, without the addresses of rules and expressions
    record: u32,
}

/// Numbers, and the texts that they speak of.
#[derive(Default)]
struct Stream {
    numbers: Vec<u8>,
    texts: Vec<u8>,
}

impl Stream {
    fn number(&mut self, mut value: u32) {
        while value > 0x7f {
            self.numbers.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.numbers.push(value as u8);
    }

    /// Adds a text; gives its length.
    fn text(&mut self, text: &str) -> u32 {
        self.texts.extend_from_slice(text.as_bytes());
        text.len() as u32
    }
}

/// Places the rules and what is shown of them; gives also where the name of each rule is.
pub(super) fn place(
    ruleset: &RuleSet,
    source: &str,
    shown: &ShownExpressions,
    data: &mut StaticData,
) -> (PlacedOutline, Vec<u32>) {
    if shown.list.len() < MIN_UNFOLDED {
        let names = ruleset.rules.iter();
        let names = names.map(|rule| data.intern(rule.name.as_bytes()));
        let names = names.collect();
        let outline = lay_out(ruleset, source, shown, data);
        return (PlacedOutline::LaidOut(outline), names);
    }
    let (outline, names) = fold(ruleset, source, shown, data);
    (PlacedOutline::Folded(outline), names)
}

fn lay_out(
    ruleset: &RuleSet,
    source: &str,
    shown: &ShownExpressions,
    data: &mut StaticData,
) -> u32 {
    let mut rules = Record::new();
    for rule in &ruleset.rules {
        rules
            .text(data, &rule.name)
            .u64(rule.priority as u64)
            .text(data, &rule.doc);
    }
    let mut expressions = Record::new();
    // A text that was laid out, and where
    let mut whole: Option<(Span, u32)> = None;
    for expression in &shown.list {
        expressions
            .u32(expression.rule)
            .u8(expression.role)
            .u32(expression.output)
            .u32(expression.depth);
        let text = expression
            .text
            .as_deref()
            .unwrap_or(expression.span.text(source));
        if expression.role == DEFINITION && expression.depth == 0 {
            let name = &ruleset.lets[expression.output as usize].name;
            expressions.text(data, &format!("{name} = {text}"));
        } else if expression.text.is_some() {
            expressions.text(data, text);
        } else {
            // A part of what was laid out last, as a rule.
            let (start, end) = (expression.span.start, expression.span.end);
            if !whole.is_some_and(|(span, _)| span.start <= start && end <= span.end) {
                whole = Some((expression.span, data.intern(text.as_bytes())));
            }
            let address = whole.map_or(0, |(span, address)| address + (start - span.start));
            expressions.u32(address).u32(text.len() as u32);
        }
        expressions.u32(expression.span.start);
    }
    let outputs = output_names(ruleset, data);
    let mut record = Record::new();
    record
        .list(data, &rules, ruleset.rules.len())
        .list(data, &expressions, shown.list.len())
        .list(data, &outputs, ruleset.outputs.len());
    data.record(&record)
}

fn output_names(ruleset: &RuleSet, data: &mut StaticData) -> Record {
    let mut outputs = Record::new();
    for output in &ruleset.outputs {
        outputs.text(data, &output.name);
    }
    outputs
}

fn fold(
    ruleset: &RuleSet,
    source: &str,
    shown: &ShownExpressions,
    data: &mut StaticData,
) -> (FoldedOutline, Vec<u32>) {
    let mut stream = Stream::default();
    let mut names = Vec::new();
    for rule in &ruleset.rules {
        let start = stream.texts.len() as u32;
        let length = stream.text(&rule.name);
        names.push(start);
        stream.number(length);
        let priority = ((rule.priority << 1) ^ (rule.priority >> 63)) as u64;
        stream.number(priority as u32);
        stream.number((priority >> 32) as u32);
        let length = stream.text(&rule.doc);
        stream.number(length);
    }
    push_expressions(&mut stream, ruleset, source, shown);
    let texts = data.append(&stream.texts);
    for name in &mut names {
        *name += texts;
    }
    let stream = data.append(&stream.numbers);
    let outputs = output_names(ruleset, data);
    let mut record = Record::new();
    record.u32(0).u32(ruleset.rules.len() as u32);
    record.u32(0).u32(shown.list.len() as u32);
    record.list(data, &outputs, ruleset.outputs.len());
    let outline = FoldedOutline {
        stream,
        texts,
        n_rules: ruleset.rules.len(),
        n_expressions: shown.list.len(),
        record: data.record(&record),
    };
    (outline, names)
}

fn push_expressions(
    stream: &mut Stream,
    ruleset: &RuleSet,
    source: &str,
    shown: &ShownExpressions,
) {
    let mut rule = u32::MAX;
    // The source text that was laid out last
    let mut whole = Span::default();
    let mut offset = 0;
    for expression in &shown.list {
        let is_definition = expression.role == DEFINITION;
        let (start, end) = (expression.span.start, expression.span.end);
        let is_part = whole.start <= start && end <= whole.end && expression.text.is_none();
        let has_text = expression.depth == 0 || !is_part;
        let is_new_rule = !is_definition && expression.rule != rule;
        let is_operand = expression.role == CONDITION && expression.output > 0;
        let mut head = u32::from(expression.role) | expression.depth << DEPTH_SHIFT;
        head |= if has_text { NEW_TEXT } else { 0 };
        head |= if is_new_rule { NEW_RULE } else { 0 };
        head |= if is_operand { OPERAND } else { 0 };
        stream.number(head);
        if is_new_rule {
            stream.number(expression.rule.wrapping_sub(rule));
            rule = expression.rule;
        }
        if expression.role != CONDITION && !is_definition {
            stream.number(expression.output);
        }
        if !has_text {
            stream.number(start - whole.start);
            stream.number(end - start);
            continue;
        }
        let further = start.wrapping_sub(offset) as i32;
        stream.number(((further << 1) ^ (further >> 31)) as u32);
        offset = start;
        let mut n_before = 0;
        if is_definition && expression.depth == 0 {
            n_before = stream.text(&ruleset.lets[expression.output as usize].name);
            n_before += stream.text(" = ");
        }
        let length = match &expression.text {
            Some(text) => stream.text(text),
            None => stream.text(expression.span.text(source)),
        };
        stream.number(n_before + length);
        if is_definition {
            stream.number(n_before);
        }
        whole = match &expression.text {
            // Nothing of the source
            Some(_) => Span::default(),
            None => expression.span,
        };
    }
}

/// `describe-rules() -> address of the outline`
pub(super) fn describe_rules(
    module: &mut ModuleBuilder,
    outline: &PlacedOutline,
) -> FunctionBuilder {
    let outline = match outline {
        PlacedOutline::LaidOut(address) => return super::session::constant(0, *address),
        PlacedOutline::Folded(outline) => outline,
    };
    let mut f = FunctionBuilder::new(0);
    let expand = module.helper("outline_expand");
    let mut allocate = |n_bytes: usize| {
        let address = f.local(ValType::I32);
        f.ins().i32_const(n_bytes as i32).i32_const(8);
        f.call(function::ALLOCATE).local_set(address);
        address
    };
    let rules = allocate(outline.n_rules * RULE_BYTES);
    let expressions = allocate(outline.n_expressions * EXPRESSION_BYTES);
    let record = outline.record as i32;
    let mut ins = f.ins();
    ins.i32_const(outline.stream as i32)
        .i32_const(outline.texts as i32)
        .i32_const(outline.n_rules as i32)
        .i32_const(outline.n_expressions as i32)
        .local_get(rules)
        .local_get(expressions);
    let mut ins = f.call(expand);
    ins.i32_const(record).local_get(rules).i32_store(at(0));
    ins.i32_const(record)
        .local_get(expressions)
        .i32_store(at(8));
    ins.i32_const(record);
    f
}
