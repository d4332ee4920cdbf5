//! A fixed stream of well-typed expressions, rule sets and rows with the values that break things.

use crate::evaluate::Value;
use rulestage_rule_compiler::types::Type;

// Named, so that the fuzz target finds it too.
#[path = "generate/aggregates.rs"]
pub(crate) mod aggregates;
pub(crate) mod nested;
pub(crate) mod sharing;

/// Pseudo-random numbers (xorshift64*), the same in every run.
pub(crate) struct Random {
    state: u64,
    /// The variables of the macros around the place that is generated
    scope: Vec<(String, Type)>,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            scope: Vec::new(),
        }
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    pub(crate) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }
}

pub(crate) const SCALARS: [Type; 9] = [
    Type::Bool,
    Type::Int,
    Type::Uint,
    Type::Double,
    Type::String,
    Type::Bytes,
    Type::Timestamp,
    Type::Duration,
    Type::Decimal,
];

/// `a_int: int`, `b_int: int`, `n_int: int?` and so on.
pub(crate) fn variables() -> Vec<(String, Type)> {
    let mut variables = Vec::new();
    for ty in SCALARS {
        variables.push((format!("a_{ty}"), ty.clone()));
        variables.push((format!("b_{ty}"), ty.clone()));
        variables.push((format!("n_{ty}"), Type::Nullable(Box::new(ty.clone()))));
        variables.push((format!("l_{ty}"), Type::List(Box::new(ty))));
    }
    let boxed = |ty: Type| Box::new(ty);
    let ages = Type::Map(boxed(Type::String), boxed(Type::Int));
    variables.push(("m_int".to_owned(), ages));
    variables.push(("d".to_owned(), Type::Dyn));
    variables.extend(nested::variables());
    variables
}

/// A value for a variable of this type.
pub(crate) fn value(random: &mut Random, ty: &Type) -> Value {
    match ty {
        Type::Nullable(inner) => {
            if random.below(3) == 0 {
                Value::Null
            } else {
                value(random, inner)
            }
        }
        Type::Bool => Value::Bool(random.below(2) == 0),
        Type::Int => Value::Int(random.pick(&[
            0,
            1,
            -1,
            2,
            3,
            7,
            18,
            100,
            -100,
            1 << 31,
            -(1 << 31),
            1 << 53,
            (1 << 53) + 1,
            i64::MAX,
            i64::MAX - 1,
            i64::MIN,
            i64::MIN + 1,
            3_037_000_500,
            1_700_000_000,
        ])),
        Type::Uint => Value::Uint(random.pick(&[
            0,
            1,
            2,
            3,
            10,
            1 << 32,
            (1 << 53) + 1,
            1 << 63,
            (1 << 63) - 1,
            u64::MAX,
            u64::MAX - 1,
        ])),
        Type::Double => Value::Double(random.pick(&[
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            2.5,
            0.1,
            1e300,
            -1e300,
            5e-324,
            1e21,
            123_456_789.125,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            9_223_372_036_854_775_807.0,
            9_007_199_254_740_993.0,
            18_446_744_073_709_551_615.0,
            -9_223_372_036_854_775_808.0,
            -0.9,
        ])),
        Type::String => Value::String(random.pick(&TEXTS).to_owned()),
        Type::Bytes => Value::Bytes(
            random
                .pick(&[
                    &b""[..],
                    b"a",
                    b"\x00",
                    b"\xff\xfe",
                    "é".as_bytes(),
                    b"abc",
                    b"\xed\xa0\x80",
                ])
                .to_vec(),
        ),
        Type::Timestamp => {
            let micros = random.pick(&[
                0,
                -1,
                1,
                951_782_400_000_000,
                1_709_210_096_789_012,
                -62_135_596_800_000_000,
                253_402_300_799_999_999,
                -11_644_473_600_000_001,
                4_102_444_800_000_000,
            ]);
            Value::Timestamp(
                i64::div_euclid(micros, 1_000_000),
                i64::rem_euclid(micros, 1_000_000) as u32 * 1_000,
            )
        }
        Type::Duration => Value::Duration(random.pick(&[
            0,
            1,
            -1,
            1_500_000_000,
            -1_500_000_000,
            3_600_000_000_000,
            i64::MAX,
            i64::MIN,
            86_400_000_000_000,
            -999_999_999,
        ])),
        Type::Decimal => {
            let digits = random.pick(&DECIMALS);
            Value::Decimal(digits.parse().expect("a decimal"))
        }
        other => aggregates::value(random, other),
    }
}

const DECIMALS: [&str; 14] = [
    "0",
    "0.00",
    "0.1",
    "0.2",
    "-1.10",
    "12.10",
    "2.5",
    "-0.005",
    "3",
    "1000000",
    "0.00000000000000000000000000000000000001",
    "99999999999999999999999999999999999999",
    "-9999999999999999999.9999999999999999999",
    "18446744073709551615",
];

const TEXTS: [&str; 26] = [
    "",
    "a",
    "abc",
    "é",
    "日本語",
    "a\u{1f600}b",
    "e\u{301}",
    "1",
    "-5",
    "+7",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "1.5",
    "-1e3",
    "NaN",
    "inf",
    "true",
    "f",
    "2024-02-29T12:34:56.789Z",
    "2023-02-29T00:00:00Z",
    "1999-12-31T23:59:59+01:30",
    "1h30m",
    "-1.5s",
    "10ms",
    "0",
];

fn literal(random: &mut Random, ty: &Type) -> String {
    match ty {
        Type::Bool => random.pick(&["true", "false"]).to_owned(),
        Type::Int => random
            .pick(&[
                "0",
                "1",
                "-1",
                "2",
                "7",
                "100",
                "9223372036854775807",
                "-9223372036854775808",
                "0x10",
            ])
            .to_owned(),
        Type::Uint => random
            .pick(&["0u", "1u", "3u", "18446744073709551615u"])
            .to_owned(),
        Type::Double => random
            .pick(&["0.0", "-0.0", "1.0", "0.5", "1e300", "-2.5", ".25"])
            .to_owned(),
        Type::String => format!(
            "{:?}",
            random.pick(&["", "a", "b", "é", "abc", "1", "1h", "2024-02-29T00:00:00Z"])
        ),
        Type::Bytes => random.pick(&["b''", "b'a'", "b'\\xff'", "b'é'"]).to_owned(),
        Type::Timestamp => random
            .pick(&[
                "timestamp('2024-02-29T12:00:00Z')",
                "timestamp(0)",
                "timestamp('1969-12-31T23:59:59.999999999Z')",
            ])
            .to_owned(),
        Type::Duration => random
            .pick(&["duration('1h')", "duration('-1.5s')", "duration('1ns')"])
            .to_owned(),
        Type::Decimal => format!("decimal({:?})", random.pick(&DECIMALS)),
        other => panic!("no literal of type {other}"),
    }
}

fn leaf(random: &mut Random, ty: &Type) -> String {
    let known: Vec<String> = random
        .scope
        .iter()
        .filter(|(_, each)| each == ty)
        .map(|(name, _)| name.clone())
        .collect();
    if !known.is_empty() && random.below(2) == 0 {
        return random.pick(&known);
    }
    match random.below(6) {
        0 | 1 => format!("a_{ty}"),
        2 => format!("b_{ty}"),
        // Fails where it is null
        3 => format!("n_{ty}"),
        _ => literal(random, ty),
    }
}

/// An expression of type `ty?`.
pub(crate) fn nullable(random: &mut Random, ty: &Type, depth: usize) -> String {
    if depth == 0 {
        return format!("n_{ty}");
    }
    match random.below(4) {
        0 => format!(
            "({} ? {} : null)",
            expression(random, &Type::Bool, depth - 1),
            expression(random, ty, depth - 1)
        ),
        1 => format!(
            "({} ? n_{ty} : {})",
            expression(random, &Type::Bool, depth - 1),
            expression(random, ty, depth - 1)
        ),
        2 => format!("({} ?? n_{ty})", expression(random, ty, depth - 1)),
        _ => format!("n_{ty}"),
    }
}

/// An expression of type `ty`.
pub(crate) fn expression(random: &mut Random, ty: &Type, depth: usize) -> String {
    if depth == 0 {
        return leaf(random, ty);
    }
    let below = depth - 1;
    match random.below(12) {
        0 => {
            let condition = expression(random, &Type::Bool, below);
            let (a, b) = (expression(random, ty, below), expression(random, ty, below));
            return random.pick(&[
                format!("({condition} ? {a} : {b})"),
                format!("if {condition} {{ {a} }} else {{ {b} }}"),
            ]);
        }
        1 => {
            return format!(
                "({} ?? {})",
                nullable(random, ty, below),
                expression(random, ty, below)
            );
        }
        2 => {
            return format!(
                "({} ?? {})",
                expression(random, ty, below),
                expression(random, ty, below)
            );
        }
        3 => return leaf(random, ty),
        4 if random.below(2) == 0 => return nested::part(random, ty, below),
        4 | 5 => return aggregates::element(random, ty, below),
        _ => {}
    }
    if *ty == Type::Bool && random.below(3) == 0 {
        return aggregates::question(random, below);
    }
    let mut of = |ty: Type| expression(random, &ty, below);
    let (a, b) = (of(ty.clone()), of(ty.clone()));
    let (int, uint, double) = (of(Type::Int), of(Type::Uint), of(Type::Double));
    let (text, text_b, bytes) = (of(Type::String), of(Type::String), of(Type::Bytes));
    let (time, time_b, span, flag) = (
        of(Type::Timestamp),
        of(Type::Timestamp),
        of(Type::Duration),
        of(Type::Bool),
    );
    let exact = of(Type::Decimal);
    match ty {
        Type::Int => {
            let getter = random.pick(&[
                "getFullYear",
                "getMonth",
                "getDate",
                "getDayOfMonth",
                "getDayOfWeek",
                "getDayOfYear",
                "getHours",
                "getMinutes",
                "getSeconds",
                "getMilliseconds",
            ]);
            let span_getter =
                random.pick(&["getHours", "getMinutes", "getSeconds", "getMilliseconds"]);
            let op = random.pick(&["+", "-", "*", "/", "%"]);
            random.pick(&[
                format!("({a} {op} {b})"),
                format!("({a} {op} {b})"),
                format!("-({a})"),
                format!("size({text})"),
                format!("({bytes}).size()"),
                format!("int({uint})"),
                format!("int({double})"),
                format!("int({text})"),
                format!("int({exact})"),
                format!("int({time})"),
                format!("({time}).{getter}()"),
                format!("({span}).{span_getter}()"),
            ])
        }
        Type::Uint => {
            let op = random.pick(&["+", "-", "*", "/", "%"]);
            random.pick(&[
                format!("({a} {op} {b})"),
                format!("uint({int})"),
                format!("uint({double})"),
                format!("uint({text})"),
                format!("uint({exact})"),
            ])
        }
        Type::Double => {
            let op = random.pick(&["+", "-", "*", "/"]);
            random.pick(&[
                format!("({a} {op} {b})"),
                format!("-({a})"),
                format!("double({int})"),
                format!("double({uint})"),
                format!("double({text})"),
                format!("double({exact})"),
            ])
        }
        Type::String => random.pick(&[
            format!("({a} + {b})"),
            format!("string({int})"),
            format!("string({uint})"),
            format!("string({double})"),
            format!("string({flag})"),
            format!("string({bytes})"),
            format!("string({time})"),
            format!("string({span})"),
            format!("string({exact})"),
        ]),
        Type::Decimal => {
            let op = random.pick(&["+", "-", "*", "/", "%"]);
            let rounding = random.pick(&["round", "roundEven", "floor", "ceil", "trunc"]);
            let places = random.pick(&["0", "2", "-1", "18", "39"]);
            random.pick(&[
                format!("({a} {op} {b})"),
                format!("({a} {op} {b})"),
                format!("-({a})"),
                format!("math.{rounding}({a})"),
                format!("math.{rounding}({a}, {places})"),
                format!("({a}).round({places})"),
                format!("math.abs({a})"),
                format!("math.sign({a})"),
                format!("decimal({int})"),
                format!("decimal({uint})"),
                format!("decimal({double})"),
                format!("decimal({text})"),
            ])
        }
        Type::Bytes => random.pick(&[format!("({a} + {b})"), format!("bytes({text})")]),
        Type::Timestamp => random.pick(&[
            format!("({a} + {span})"),
            format!("({span} + {a})"),
            format!("({a} - {span})"),
            format!("timestamp({text})"),
            format!("timestamp({int})"),
        ]),
        Type::Duration => random.pick(&[
            format!("({a} + {b})"),
            format!("({a} - {b})"),
            format!("({time} - {time_b})"),
            format!("duration({text})"),
        ]),
        Type::Bool => {
            let equality = random.pick(&["==", "!="]);
            let relation = random.pick(&["==", "!=", "<", "<=", ">", ">="]);
            let operand_ty = random.pick(&SCALARS);
            let (x, y) = (
                expression(random, &operand_ty, below),
                expression(random, &operand_ty, below),
            );
            let (n, m) = (
                nullable(random, &operand_ty, below),
                nullable(random, &operand_ty, below),
            );
            let (number, other) = (
                random.pick(&[int.clone(), uint.clone(), double.clone()]),
                random.pick(&[int, uint, double]),
            );
            let method = random.pick(&["contains", "startsWith", "endsWith"]);
            random.pick(&[
                format!("!({a})"),
                format!("({a} && {b})"),
                format!("({a} || {b})"),
                format!("({a} && {b} || {flag})"),
                format!("({x} {relation} {y})"),
                format!("({x} {relation} {y})"),
                format!("({number} {relation} {other})"),
                format!("({n} {equality} {m})"),
                format!("({n} {equality} null)"),
                format!("({n} {equality} {x})"),
                format!("({x} in [{y}, {n}, {x}])"),
                format!("({n} in [{y}, null])"),
                format!("(null in [{n}, {x}])"),
                format!("(null {equality} null)"),
                format!("({number} in [1, 2u, {other}])"),
                format!("({text}).{method}({text_b})"),
                format!("bool({text})"),
            ])
        }
        other => panic!("no expression of type {other}"),
    }
}

/// A rule set over all variables, with an output for each merge.
pub(crate) fn ruleset(random: &mut Random) -> String {
    let mut source = String::from("ruleset generated {\n  input {\n");
    for (name, ty) in variables() {
        source += &format!("    {name}: {ty}\n");
    }
    source += "  }\n  param limit: int = 5\n  output {\n";
    let scalar = random.pick(&SCALARS);
    let ordered = random.pick(&SCALARS);
    let summed = random.pick(&[
        Type::Int,
        Type::Uint,
        Type::Double,
        Type::Duration,
        Type::Decimal,
    ]);
    let element = random.pick(&SCALARS);
    let outputs = [
        ("first", Type::Nullable(Box::new(scalar.clone())), "first"),
        ("last", Type::Nullable(Box::new(scalar)), "last"),
        ("least", ordered.clone(), "min"),
        ("most", ordered, "max"),
        ("total", summed, "sum"),
        ("all", Type::List(Box::new(element.clone())), "collect"),
        ("each", Type::List(Box::new(element)), "unique"),
    ];
    for (name, ty, merge) in &outputs {
        let default = match ty {
            Type::Nullable(_) | Type::List(_) => String::new(),
            Type::Timestamp => " = timestamp('2000-01-01T00:00:00Z')".to_owned(),
            Type::Duration => " = duration('1s')".to_owned(),
            Type::Double => " = 1.5".to_owned(),
            Type::Bool => " = true".to_owned(),
            Type::Int => " = 3".to_owned(),
            Type::Uint => " = 3u".to_owned(),
            Type::String => " = 'default'".to_owned(),
            Type::Decimal => " = decimal('1.50')".to_owned(),
            _ => " = b'default'".to_owned(),
        };
        source += &format!("    {name}: {ty}{default} merge {merge}\n");
    }
    source += "  }\n";
    source += &format!(
        "  let later = earlier && {}\n",
        expression(random, &Type::Bool, 1)
    );
    source += &format!(
        "  let earlier = {} ?? true\n",
        expression(random, &Type::Bool, 1)
    );
    for rule in 0..2 + random.below(3) {
        let condition = expression(random, &Type::Bool, 2);
        let operands = [(); 4].map(|()| {
            let depth = random.below(2);
            expression(random, &Type::Bool, depth)
        });
        let [a, b, c, d] = operands;
        let condition = random.pick(&[
            condition.clone(),
            format!("{a} && {b}"),
            format!("{a} && (a_bool && {b}) && {c}"),
            format!("a_int > 0 && n_int != 3 && ({a} && {d} && a_double < 1.0)"),
            "a_int != 1 && a_bool && a_int > -5 && b_bool && a_double < 2.0".to_owned(),
            format!("({condition} ?? false)"),
            "later".to_owned(),
            "(earlier || a_int > limit)".to_owned(),
        ]);
        let mut block = || {
            let mut text = String::new();
            for (name, ty, _) in &outputs {
                if random.below(3) != 0 {
                    continue;
                }
                let value = match ty {
                    Type::Nullable(inner) => nullable(random, inner, 2),
                    Type::List(element) => match random.below(3) {
                        0 => format!(
                            "[{}, {}]",
                            expression(random, element, 1),
                            expression(random, element, 0)
                        ),
                        1 => "[]".to_owned(),
                        _ => expression(random, element, 1),
                    },
                    other => expression(random, other, 1),
                };
                text += &format!("      {name} = {value}\n");
            }
            text
        };
        let (then, otherwise) = (block(), block());
        source += &format!(
            "  rule r{rule} priority {} {{\n    when {condition}\n    then {{\n{then}    }}\n    else {{\n{otherwise}    }}\n  }}\n",
            (rule * 7) % 4
        );
    }
    source + "}\n"
}
