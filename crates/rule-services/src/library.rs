//! What the words, functions and macros of the language mean, in a line each.

/// A macro: written as a function, but with variables of its own.
#[derive(Debug)]
pub(crate) struct Macro {
    pub(crate) name: &'static str,
    /// What it goes over: `list`, `map`, `optional`; nothing for macros that are no methods
    pub(crate) over: &'static [&'static str],
    pub(crate) forms: &'static [&'static str],
    doc: &'static str,
}

const fn over_lists(
    name: &'static str,
    forms: &'static [&'static str],
    doc: &'static str,
) -> Macro {
    Macro {
        name,
        over: &["list", "map"],
        forms,
        doc,
    }
}

#[rustfmt::skip]
pub(crate) const MACROS: &[Macro] = &[
    over_lists("all", &["list.all(x, condition) -> bool", "list.all(i, x, condition) -> bool"], "Whether the condition is true of every element; of keys, for a map."),
    over_lists("exists", &["list.exists(x, condition) -> bool", "list.exists(i, x, condition) -> bool"], "Whether the condition is true of at least one element."),
    over_lists("exists_one", &["list.exists_one(x, condition) -> bool", "list.exists_one(i, x, condition) -> bool"], "Whether the condition is true of exactly one element."),
    over_lists("existsOne", &["list.existsOne(x, condition) -> bool", "list.existsOne(i, x, condition) -> bool"], "Whether the condition is true of exactly one element."),
    over_lists("filter", &["list.filter(x, condition) -> list"], "The elements of which the condition is true."),
    over_lists("map", &["list.map(x, value) -> list", "list.map(x, condition, value) -> list"], "A value for each element, or for each of which the condition is true."),
    over_lists("transformList", &["list.transformList(i, x, value) -> list", "list.transformList(i, x, condition, value) -> list"], "A list with a value for each element, or for each of which the condition is true."),
    over_lists("transformMap", &["list.transformMap(i, x, value) -> map", "list.transformMap(i, x, condition, value) -> map"], "A map with a value for each key."),
    over_lists("transformMapEntry", &["list.transformMapEntry(i, x, entries) -> map", "list.transformMapEntry(i, x, condition, entries) -> map"], "A map with the entries made of each element."),
    Macro { name: "sortBy", over: &["list"], forms: &["list.sortBy(x, key) -> list"], doc: "The elements, sorted by their keys." },
    Macro { name: "optMap", over: &["optional"], forms: &["optional.optMap(x, value) -> optional"], doc: "A value made of the optional's, if it has one." },
    Macro { name: "optFlatMap", over: &["optional"], forms: &["optional.optFlatMap(x, optional) -> optional"], doc: "An optional made of the optional's value, if it has one." },
    Macro { name: "has", over: &[], forms: &["has(a.field) -> bool"], doc: "Whether a map or message has a field." },
    Macro { name: "cel.bind", over: &[], forms: &["cel.bind(name, value, expression)"], doc: "The expression, with a name for a value in it." },
];

/// How a macro is written; nothing for what is no macro.
pub(crate) fn macro_forms(name: &str) -> impl Iterator<Item = &'static str> {
    let found = MACROS.iter().find(|each| each.name == name);
    found.into_iter().flat_map(|each| each.forms).copied()
}

/// What a function or macro does.
pub(crate) fn function_doc(name: &str) -> Option<&'static str> {
    let documented = FUNCTIONS.iter().find(|(known, _)| *known == name);
    let as_macro = || {
        MACROS
            .iter()
            .find(|each| each.name == name)
            .map(|each| each.doc)
    };
    documented.map(|(_, doc)| *doc).or_else(as_macro)
}

/// What a word of the language means.
pub(crate) fn keyword_doc(word: &str) -> Option<&'static str> {
    WORDS
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, doc)| *doc)
}

/// Which rows of a table count under a hit policy.
pub(crate) fn policy_doc(policy: &str) -> Option<&'static str> {
    let found = POLICIES.iter().find(|(known, _)| *known == policy);
    found.map(|(_, doc)| *doc)
}

#[rustfmt::skip]
pub(crate) const POLICIES: &[(&str, &str)] = &[
    ("unique", "The only row that matches; where more do, the row of data fails."),
    ("any", "The first row that matches; where the others assign something else, the row of data fails."),
    ("first", "The first row that matches."),
    ("priority", "The row whose output comes first in the order that the header gives."),
    ("collect", "All rows that match."),
    ("collect count", "All rows that match, counted."),
    ("rule order", "All rows that match, in their order."),
    ("output order", "All rows that match, in the order that the header gives."),
];

#[rustfmt::skip]
const WORDS: &[(&str, &str)] = &[
    ("ruleset", "`ruleset NAME version \"…\" { … }`: a set of rules."),
    ("version", "The version of the rule set; may be left out."),
    ("input", "`input { NAME: TYPE … }`: the columns read. `TYPE?` may be null."),
    ("param", "`param NAME: TYPE = CONSTANT`: set when the stage is opened, without recompiling."),
    ("output", "`output { NAME: TYPE = CONSTANT merge MERGE … }`: the columns made."),
    ("let", "`let NAME = EXPRESSION`: a name for a value."),
    ("rule", "`rule NAME priority N { when CONDITION then { OUTPUT = VALUE, … } else { … } }`"),
    ("example", "`example \"NAME\" { given { … } params { … } expect { … } }`: a test."),
    ("table", "`table NAME priority N hit POLICY { | INPUT | … || OUTPUT | … | … }`: rules as rows. The first row is the header."),
    ("hit", "Which of the table's rows count: `unique`, `any`, `first`, `priority`, `collect`, `collect count`, `rule order` or `output order`."),
    ("func", "`func NAME(PARAMETER: TYPE, …) -> TYPE = EXPRESSION`: a computation with a name. It reads its own parameters and those of the rule set."),
    ("invariant", "`invariant \"NAME\" { when CONDITION assert CONDITION }`: what must hold of every row, the outputs included."),
    ("assert", "What must hold of the row and of what the rules made of it."),
    ("priority", "Rules are evaluated by descending priority; 0 unless given."),
    ("merge", "What the output is when several rules contribute: `first`, `last`, `sum`, `min`, `max`, `collect` or `unique`."),
    ("first", "The first contribution."),
    ("last", "The last contribution."),
    ("sum", "The sum of the contributions."),
    ("min", "The smallest contribution."),
    ("max", "The largest contribution."),
    ("collect", "All contributions, in order."),
    ("unique", "All contributions, in order, without repetitions."),
    ("when", "The condition of the rule; of an invariant, the rows that it speaks of."),
    ("then", "What the rule contributes where its condition is true."),
    ("else", "What is contributed, or the value, where the condition is false."),
    ("given", "Values of inputs; nullable ones may be left out."),
    ("params", "Values of parameters; others have their defaults."),
    ("expect", "Values that the outputs must have; others are not compared."),
    ("if", "`if CONDITION { VALUE } else { VALUE }`"),
    ("in", "`VALUE in LIST`, `KEY in MAP`: whether it is there."),
];

#[rustfmt::skip]
const FUNCTIONS: &[(&str, &str)] = &[
    ("size", "The number of code points, bytes, elements or entries."),
    ("contains", "Whether the text has the other in it."),
    ("startsWith", "Whether the text starts with the other."),
    ("endsWith", "Whether the text ends with the other."),
    ("matches", "Whether the regular expression (RE2) matches a part of the text."),
    ("int", "As an `int`: numbers are cut to their whole part, text is read, timestamps are seconds since 1970."),
    ("uint", "As a `uint`; negative numbers fail."),
    ("double", "As a `double`."),
    ("string", "As text."),
    ("bytes", "The UTF-8 bytes of a text."),
    ("bool", "`true` or `false`, read from text."),
    ("timestamp", "A point in time, from text (RFC 3339) or from seconds since 1970."),
    ("duration", "A span of time, from text such as `\"1h30m\"`."),
    ("decimal", "An exact decimal number of up to 38 digits, from text such as `\"12.10\"` or from another number."),
    ("round", "Rounded to so many places, halves away from zero."),
    ("dyn", "The same value, with its type left open until the rules run."),
    ("type", "The type of a value."),
    ("optional.of", "An optional that has this value."),
    ("optional.ofNonZeroValue", "An optional that has this value, unless it is the zero of its type."),
    ("optional.none", "An optional without a value."),
    ("optional.unwrap", "The values of those elements that have one."),
    ("unwrapOpt", "The values of those elements that have one."),
    ("hasValue", "Whether the optional has a value."),
    ("value", "The optional's value; fails if it has none."),
    ("or", "This optional if it has a value, else the other."),
    ("orValue", "The optional's value if it has one, else the other value."),
    ("getFullYear", "The year; in UTC, or in a named time zone."),
    ("getMonth", "The month, from 0; in UTC, or in a named time zone."),
    ("getDate", "The day of the month, from 1; in UTC, or in a named time zone."),
    ("getDayOfMonth", "The day of the month, from 0; in UTC, or in a named time zone."),
    ("getDayOfWeek", "The day of the week, 0 for Sunday; in UTC, or in a named time zone."),
    ("getDayOfYear", "The day of the year, from 0; in UTC, or in a named time zone."),
    ("getHours", "The hour of the day, or all hours of a duration."),
    ("getMinutes", "The minute of the hour, or all minutes of a duration."),
    ("getSeconds", "The second of the minute, or all seconds of a duration."),
    ("getMilliseconds", "The milliseconds within the second."),
    ("charAt", "The character at an index; empty at the end."),
    ("indexOf", "Where the other text first occurs, from an index on; -1 if nowhere."),
    ("lastIndexOf", "Where the other text last occurs; -1 if nowhere."),
    ("join", "The texts in a row, with a separator between them."),
    ("lowerAscii", "With ASCII letters in lower case."),
    ("upperAscii", "With ASCII letters in upper case."),
    ("replace", "With a text replaced by another, everywhere or so many times."),
    ("split", "The parts between the separators, all or so many."),
    ("substring", "The characters from an index on, up to another."),
    ("trim", "Without white space at both ends."),
    ("reverse", "Backwards."),
    ("format", "The text with `%s`, `%d`, `%f`, … filled in from the list."),
    ("strings.quote", "The text as a literal, in quotes."),
    ("math.abs", "The absolute value."),
    ("math.sign", "-1, 0 or 1."),
    ("math.ceil", "Rounded up; a decimal also to so many places."),
    ("math.floor", "Rounded down; a decimal also to so many places."),
    ("math.round", "Rounded to the nearest whole number, a decimal also to so many places; halves away from zero."),
    ("math.roundEven", "A decimal rounded to the nearest whole number or to so many places; halves to the even digit."),
    ("math.trunc", "Without its fraction; a decimal also cut to so many places."),
    ("math.sqrt", "The square root."),
    ("math.isNaN", "Whether it is not a number."),
    ("math.isInf", "Whether it is infinite."),
    ("math.isFinite", "Whether it is neither infinite nor NaN."),
    ("math.bitAnd", "The bits set in both."),
    ("math.bitOr", "The bits set in either."),
    ("math.bitXor", "The bits set in one of them."),
    ("math.bitNot", "All bits turned over."),
    ("math.bitShiftLeft", "The bits moved to the left."),
    ("math.bitShiftRight", "The bits moved to the right; zeros move in."),
    ("math.greatest", "The largest of the arguments or of a list."),
    ("math.least", "The smallest of the arguments or of a list."),
    ("base64.encode", "The bytes as base64 text."),
    ("base64.decode", "The bytes that base64 text stands for."),
    ("slice", "The elements from an index up to another."),
    ("flatten", "With the elements of inner lists in their places, one level or so many."),
    ("sort", "The elements in ascending order."),
    ("distinct", "The elements without repetitions."),
    ("sum", "The sum of the elements; 0 of none."),
    ("lists.range", "0, 1, … up to but not including the number."),
    ("first", "The first element, if there is one."),
    ("last", "The last element, if there is one."),
    ("sets.contains", "Whether all elements of the second list are in the first."),
    ("sets.equivalent", "Whether the lists have the same elements."),
    ("sets.intersects", "Whether the lists have an element in common."),
    ("regex.extract", "What the regular expression first matches, or its group, if it does."),
    ("regex.extractAll", "Everything that the regular expression, or its group, matches."),
    ("regex.replace", "With matches of the regular expression replaced; `\\1` stands for a group."),
    ("ip", "An IP address, from text or of a network."),
    ("isIP", "Whether the text is an IP address."),
    ("ip.isCanonical", "Whether the text is an IP address in its canonical form."),
    ("family", "4 or 6."),
    ("isUnspecified", "Whether it is `0.0.0.0` or `::`."),
    ("isLoopback", "Whether it is a loopback address."),
    ("isGlobalUnicast", "Whether it is a global unicast address."),
    ("isLinkLocalMulticast", "Whether it is a link-local multicast address."),
    ("isLinkLocalUnicast", "Whether it is a link-local unicast address."),
    ("cidr", "A network, from text such as `\"10.0.0.0/8\"`."),
    ("isCIDR", "Whether the text is a network."),
    ("containsIP", "Whether the address is in the network."),
    ("containsCIDR", "Whether the other network is in this one."),
    ("masked", "With the bits behind the prefix cleared."),
    ("prefixLength", "The number of bits in the prefix."),
];

#[cfg(test)]
mod tests {
    use super::function_doc;
    use rulestage_rule_compiler::analysis::signatures;

    #[test]
    fn every_function_has_its_line() {
        let missing: Vec<&str> = signatures()
            .map(|each| each.name)
            .filter(|name| function_doc(name).is_none())
            .collect();
        assert!(missing.is_empty(), "no line in FUNCTIONS for {missing:?}");
    }
}
