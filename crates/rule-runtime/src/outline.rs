//! What explanations are about: the outline of a rule set, made from the small form that it has in a component.
//!
//! That form is numbers (LEB128, 32 bits) and the texts that they speak of, which follow each other in the same order.
//! For each rule: the length of its name, its priority in zigzag form (low word, high word), the length of its doc. For
//! each expression: a head (the role in 2 bits, `NEW_RULE`, `NEW_TEXT`, `OPERAND` where it is the condition's next
//! operand, from bit 5 on the depth), how many rules
//! further its rule is (if new), its output (where the role has one), and then, with a text of its own: how much further
//! in the source that is, in zigzag form, its length, and for a definition the length of what stands before the source
//! text; else: where in the last such text it starts, and its length.

const NEW_RULE: u32 = 4;
const NEW_TEXT: u32 = 8;
const OPERAND: u32 = 16;
const DEPTH_SHIFT: u32 = 5;
const DEFINITION: u32 = 3;

/// `rule` of the contract.
#[repr(C)]
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    name: u32,
    name_length: u32,
    priority: i64,
    doc: u32,
    doc_length: u32,
}

/// `expression` of the contract.
#[repr(C)]
#[derive(Debug, PartialEq, Eq)]
pub struct Expression {
    rule: u32,
    role: u32,
    /// Or the number of the operand, for the role 0
    output: u32,
    depth: u32,
    text: u32,
    text_length: u32,
    offset: u32,
}

/// The number at a place in the low word, the place behind it in the high word: so nothing needs a stack.
#[inline(never)]
unsafe fn number(stream: *const u8, place: u32) -> u64 {
    let mut place = place;
    let mut value = 0;
    let mut shift = 0;
    loop {
        // SAFETY: the compiler ends every number.
        let byte = unsafe { stream.add(place as usize).read() };
        place += 1;
        value |= u32::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return u64::from(place) << 32 | u64::from(value);
        }
    }
}

/// Lays out the rules and expressions; `texts` is the address of the texts.
///
/// # Safety
/// `stream` must be of so many rules and expressions, and there must be room for them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outline_expand(
    stream: *const u8,
    texts: u32,
    n_rules: u32,
    n_expressions: u32,
    rules: *mut Rule,
    expressions: *mut Expression,
) {
    let mut place = 0;
    let mut cursor = texts;
    let mut next = || {
        // SAFETY: as the caller promises.
        let read = unsafe { number(stream, place) };
        place = (read >> 32) as u32;
        read as u32
    };
    for index in 0..n_rules {
        let name_length = next();
        let priority = u64::from(next()) | u64::from(next()) << 32;
        let doc_length = next();
        let name = cursor;
        let doc = name + name_length;
        cursor = doc + doc_length;
        let rule = Rule {
            name,
            name_length,
            priority: (priority >> 1) as i64 ^ -((priority & 1) as i64),
            doc,
            doc_length,
        };
        // SAFETY: as the caller promises.
        unsafe { rules.add(index as usize).write(rule) };
    }
    let mut rule = u32::MAX;
    let mut n_operands = 0;
    // Where the source text of the last text of its own is, in the component and in the source
    let (mut base, mut offset) = (0_u32, 0_u32);
    for index in 0..n_expressions {
        let head = next();
        let role = head & 3;
        if head & NEW_RULE != 0 {
            rule = rule.wrapping_add(next());
            n_operands = 0;
        }
        let output = if head & OPERAND != 0 {
            n_operands += 1;
            n_operands
        } else if role == 0 || role == DEFINITION {
            0
        } else {
            next()
        };
        let has_text = head & NEW_TEXT != 0;
        let start = next();
        let text_length = next();
        let (mut text, mut at) = (base.wrapping_add(start), offset.wrapping_add(start));
        if has_text {
            offset = offset.wrapping_add((start >> 1) ^ (start & 1).wrapping_neg());
            (text, at) = (cursor, offset);
            base = cursor;
            cursor += text_length;
            if role == DEFINITION {
                base += next();
            }
        }
        let expression = Expression {
            rule: if role == DEFINITION { n_rules } else { rule },
            role,
            output,
            depth: head >> DEPTH_SHIFT,
            text,
            text_length,
            offset: at,
        };
        // SAFETY: as the caller promises.
        unsafe { expressions.add(index as usize).write(expression) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_follow_each_other_and_parts_lie_in_them() {
        // Rule `ab`, priority -2, doc `c`; rule `d`, priority 1 << 40, no doc.
        let mut stream = vec![2, 3, 0, 1, 1, 0, 128, 4, 0];
        // A definition, `x = 1+y` from byte 200 on, and `y` in it.
        stream.extend([NEW_TEXT as u8 | 3, 0x90, 3, 7, 4, 32 | 3, 2, 1]);
        // The second rule's contribution to output 5, 10 bytes before.
        stream.extend([NEW_TEXT as u8 | NEW_RULE as u8 | 1, 2, 5, 19, 3]);
        let mut rules = Vec::with_capacity(2);
        let mut expressions = Vec::with_capacity(3);
        // SAFETY: there is room.
        unsafe {
            let (to_rules, to_expressions) = (rules.as_mut_ptr(), expressions.as_mut_ptr());
            outline_expand(stream.as_ptr(), 1000, 2, 3, to_rules, to_expressions);
            rules.set_len(2);
            expressions.set_len(3);
        }
        let rule = |name, name_length, priority, doc, doc_length| Rule {
            name,
            name_length,
            priority,
            doc,
            doc_length,
        };
        let expected = [rule(1000, 2, -2, 1002, 1), rule(1003, 1, 1 << 40, 1004, 0)];
        assert_eq!(rules, expected);
        let expression = |rule, role, output, depth, (text, text_length), offset| Expression {
            rule,
            role,
            output,
            depth,
            text,
            text_length,
            offset,
        };
        let expected = [
            expression(2, 3, 0, 0, (1004, 7), 200),
            expression(2, 3, 0, 1, (1010, 1), 202),
            expression(1, 1, 5, 0, (1011, 3), 190),
        ];
        assert_eq!(expressions, expected);
    }
}
