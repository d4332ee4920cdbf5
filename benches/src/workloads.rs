//! What rule engines are compared on: sources, rows, and the rules of large sets in a form that every engine can read.

use anyhow::{Result, anyhow};
use arrow_array::{ArrayRef, Float64Array, Int64Array, ListArray, StringArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Schema};
use std::fmt::Write;
use std::sync::Arc;

/// One rule set, which other engines know by its name.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// For people
    pub(crate) title: &'static str,
    /// In the rule language; one output, `answer`
    pub(crate) source: String,
    /// The same rules as JSON, where there are too many of them for others to be written down
    pub(crate) rules: Option<String>,
    /// Rows that others get; we decide more
    pub(crate) peer_rows: usize,
    columns: fn(usize, &Schema) -> Result<Vec<ArrayRef>>,
}

impl Workload {
    /// Columns of `n_rows` random rows, the same ones each time.
    pub(crate) fn columns(&self, n_rows: usize, schema: &Schema) -> Result<Vec<ArrayRef>> {
        (self.columns)(n_rows, schema)
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Workload> {
    let source = |inputs: &str, output: &str, rule: &str| {
        format!(
            "ruleset bench {{\n  input {{ {inputs} }}\n  output {{ answer: {output} }}\n  rule only {{ {rule} }}\n}}\n"
        )
    };
    vec![
        Workload {
            name: "reference",
            title: "the reference rule",
            source: source(
                "age: int  country: string  score: double",
                "bool = false",
                r#"when age >= 18 && country in ["CZ", "DE", "FR"] && score > 0.75 then { answer = true }"#,
            ),
            rules: None,
            peer_rows: 20_000,
            columns: people,
        },
        Workload {
            name: "strings",
            title: "five tests of strings, one a regular expression",
            source: source(
                "code: string  email: string",
                "bool = false",
                r#"when code.startsWith("ORD") && !code.endsWith("X")
      && email.lowerAscii().endsWith("@example.com") && !email.contains("+")
      && code.matches("^ORD-[0-9]{4}-[A-Z]$")
    then { answer = true }"#,
            ),
            rules: None,
            peer_rows: 20_000,
            columns: codes,
        },
        Workload {
            name: "items-exists",
            title: "`exists` over nested items",
            source: source(
                "items: list<{sku: string, price: double, qty: int}>",
                "bool = false",
                "when items.exists(i, i.price > 100.0 && i.qty > 0) then { answer = true }",
            ),
            rules: None,
            peer_rows: 10_000,
            columns: orders,
        },
        Workload {
            name: "items-map",
            title: "`map` over nested items",
            source: source(
                "items: list<{sku: string, price: double, qty: int}>",
                "list<double> = []",
                "when true then { answer = items.map(i, i.price * double(i.qty)) }",
            ),
            rules: None,
            peer_rows: 10_000,
            columns: orders,
        },
        table(),
        rules("rules-1000", "1,000 rules", 1_000, 1_000, |n_rows, _| {
            Ok(merchants(n_rows, 500))
        }),
        rules("rules-10000", "10,000 rules", 10_000, 200, |n_rows, _| {
            Ok(merchants(n_rows, 5_000))
        }),
    ]
}

/// A test of an input against a constant, in the rule language and as JSON.
type Test = (&'static str, &'static str, String);

/// `{"hit": "first" | "all", "rules": [{"tests": [[INPUT, OPERATOR, CONSTANT], …], "value": NUMBER}, …]}`
fn as_json(hit: &str, rules: &[(Vec<Test>, String)]) -> String {
    let rules: Vec<String> = rules
        .iter()
        .map(|(tests, value)| {
            let tests: Vec<String> = tests
                .iter()
                .map(|(input, operator, constant)| {
                    format!(r#"["{input}", "{operator}", {constant}]"#)
                })
                .collect();
            format!(r#"{{"tests": [{}], "value": {value}}}"#, tests.join(", "))
        })
        .collect();
    format!(
        "{{\"hit\": \"{hit}\", \"rules\": [\n{}\n]}}\n",
        rules.join(",\n")
    )
}

/// A decision table of 1,000 rows: a hundred codes, ten ranges of amounts for each.
fn table() -> Workload {
    let mut source = String::from(
        "ruleset bench {
  input { code: string  amount: double }
  output { answer: double = 0.0 }
  table rates hit first {
    | code | amount || answer |
",
    );
    let mut rows = Vec::new();
    for row in 0..1_000 {
        let (code, low, high) = (row % 100, row / 100 * 100, row / 100 * 100 + 100);
        let rate = format!("{:?}", f64::from(row) / 8.0);
        // Writing to a string does not fail.
        let _ = writeln!(
            source,
            "    | \"c{code}\" | [{low}.0..{high}.0) || {rate} |"
        );
        let tests = vec![
            ("code", "==", format!("\"c{code}\"")),
            ("amount", ">=", format!("{low}.0")),
            ("amount", "<", format!("{high}.0")),
        ];
        rows.push((tests, rate));
    }
    Workload {
        name: "table-1000",
        title: "a decision table of 1,000 rows",
        source: source + "  }\n}\n",
        rules: Some(as_json("first", &rows)),
        peer_rows: 5_000,
        columns: |n_rows, _| {
            let mut random = Random::default();
            let codes: StringArray = (0..n_rows)
                .map(|_| Some(format!("c{}", random.below(100))))
                .collect();
            let amounts: Float64Array = (0..n_rows)
                .map(|_| Some(random.below(10_000) as f64 / 8.0))
                .collect();
            Ok(vec![Arc::new(codes), Arc::new(amounts)])
        },
    }
}

/// Rules as they are kept for merchants: about one of them fires for a row, however many there are.
fn rules(
    name: &'static str,
    title: &'static str,
    n_rules: usize,
    peer_rows: usize,
    columns: fn(usize, &Schema) -> Result<Vec<ArrayRef>>,
) -> Workload {
    let n_merchants = n_rules / 2;
    let mut source = String::from(
        "ruleset bench {
  input { merchant: string  amount: double  age: int  score: double? }
  output { answer: list<int> = [] merge collect }
",
    );
    let mut all = Vec::new();
    for rule in 0..n_rules {
        let level = rule * 7 % 100;
        let mut tests = vec![("merchant", "==", format!("\"m{}\"", rule % n_merchants))];
        match rule % 3 {
            0 => tests.push(("amount", ">", format!("{level}.0"))),
            1 => tests.extend([
                ("age", ">=", level.to_string()),
                ("age", "<", (level + 10).to_string()),
            ]),
            _ => tests.extend([
                ("score", "!=", "null".to_owned()),
                ("score", ">", format!("0.{level:02}5")),
            ]),
        }
        let condition: Vec<String> = tests
            .iter()
            .map(|(input, operator, constant)| format!("{input} {operator} {constant}"))
            .collect();
        // Writing to a string does not fail.
        let _ = writeln!(
            source,
            "  rule r{rule} {{ when {} then {{ answer = {rule} }} }}",
            condition.join(" && ")
        );
        all.push((tests, rule.to_string()));
    }
    Workload {
        name,
        title,
        source: source + "}\n",
        rules: Some(as_json("all", &all)),
        peer_rows,
        columns,
    }
}

/// Ages 0 to 99, eight countries, scores over 0 to 1; about one in eight is eligible.
pub(crate) fn people(n_rows: usize, _: &Schema) -> Result<Vec<ArrayRef>> {
    Ok(people_from(0, n_rows))
}

/// Others for each `start`.
pub(crate) fn people_from(start: u64, n_rows: usize) -> Vec<ArrayRef> {
    let mut random = Random(Random::default().0 ^ start);
    let countries = ["CZ", "DE", "FR", "AT", "PL", "Italia", "ES", "Österreich"];
    let ages: Int64Array = (0..n_rows)
        .map(|_| Some(random.below(100) as i64))
        .collect();
    let places: StringArray = (0..n_rows)
        .map(|_| Some(countries[random.below(8)]))
        .collect();
    let scores: Float64Array = (0..n_rows)
        .map(|_| Some(random.next() as f64 / (1_u64 << 53) as f64))
        .collect();
    vec![Arc::new(ages), Arc::new(places), Arc::new(scores)]
}

/// Order numbers and addresses, written as people write them; about one in four passes all tests.
fn codes(n_rows: usize, _: &Schema) -> Result<Vec<ArrayRef>> {
    let mut random = Random::default();
    let kinds = ["ORD", "ORD", "ORD", "RET"];
    let names = ["anna", "Bedrich.Novak", "c.d+news", "J\u{fc}rgen"];
    let domains = [
        "example.com",
        "Example.COM",
        "example.com",
        "mail.example.org",
    ];
    let code: StringArray = (0..n_rows)
        .map(|_| {
            let digits = [1_000, 10_000, 10_000][random.below(3)];
            let number = digits / 10 + random.below(digits - digits / 10);
            let letter = char::from(b'A' + random.below(26) as u8);
            Some(format!("{}-{number}-{letter}", kinds[random.below(4)]))
        })
        .collect();
    let email: StringArray = (0..n_rows)
        .map(|_| {
            Some(format!(
                "{}{}@{}",
                names[random.below(4)],
                random.below(1_000),
                domains[random.below(4)]
            ))
        })
        .collect();
    Ok(vec![Arc::new(code), Arc::new(email)])
}

/// Orders of 0 to 9 items. Prices are eighths, so that decimal and binary arithmetic agree.
fn orders(n_rows: usize, schema: &Schema) -> Result<Vec<ArrayRef>> {
    let mut random = Random::default();
    let DataType::List(item) = schema.field(0).data_type() else {
        return Err(anyhow!("the input is no list"));
    };
    let DataType::Struct(fields) = item.data_type() else {
        return Err(anyhow!("the items are no structs"));
    };
    let lengths: Vec<usize> = (0..n_rows).map(|_| random.below(10)).collect();
    let n_items: usize = lengths.iter().sum();
    let skus: StringArray = (0..n_items)
        .map(|_| Some(format!("sku-{}", random.below(1_000))))
        .collect();
    let prices: Float64Array = (0..n_items)
        .map(|_| Some(random.below(832) as f64 / 8.0))
        .collect();
    let quantities: Int64Array = (0..n_items).map(|_| Some(random.below(5) as i64)).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(skus), Arc::new(prices), Arc::new(quantities)];
    let items = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let list = ListArray::try_new(item.clone(), offsets, Arc::new(items), None)?;
    Ok(vec![Arc::new(list)])
}

/// What the large rule sets ask of a row.
pub(crate) fn merchants(n_rows: usize, n_merchants: usize) -> Vec<ArrayRef> {
    let mut random = Random::default();
    let merchants: StringArray = (0..n_rows)
        .map(|_| Some(format!("m{}", random.below(n_merchants))))
        .collect();
    let amounts: Float64Array = (0..n_rows)
        .map(|_| Some(random.below(10_000) as f64 / 100.0))
        .collect();
    let ages: Int64Array = (0..n_rows)
        .map(|_| Some(random.below(100) as i64))
        .collect();
    let scores: Float64Array = (0..n_rows)
        .map(|_| (random.below(5) > 0).then(|| random.below(100) as f64 / 100.0))
        .collect();
    vec![
        Arc::new(merchants),
        Arc::new(amounts),
        Arc::new(ages),
        Arc::new(scores),
    ]
}

/// xorshift, with the same start each time.
pub(crate) struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Random {
    /// 53 random bits.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }
}
