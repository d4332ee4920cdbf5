use super::*;
use arrow_schema::DataType;

fn fields(names: &[&str]) -> Fields {
    names
        .iter()
        .map(|name| Field::new(*name, DataType::Float64, true))
        .collect()
}

/// Stages as (name, inputs, outputs).
fn check(stages: &[(&str, &[&str], &[&str])]) -> Result<Vec<String>, Vec<String>> {
    let outputs: Vec<Fields> = stages.iter().map(|(.., outputs)| fields(outputs)).collect();
    let nodes: Vec<Node<'_>> = stages
        .iter()
        .zip(&outputs)
        .map(|((name, inputs, _), outputs)| Node {
            name,
            span: Span::default(),
            inputs: fields(inputs).to_vec(),
            outputs,
        })
        .collect();
    match order(&nodes) {
        Ok(order) => Ok(order
            .into_iter()
            .map(|index| nodes[index].name.to_owned())
            .collect()),
        Err(diagnostics) => Err(diagnostics.into_iter().map(|each| each.message).collect()),
    }
}

#[test]
fn stages_run_after_those_they_read_from() {
    let stages: &[(&str, &[&str], &[&str])] = &[
        ("desk", &["p_late", "distance"], &["action"]),
        ("audit", &["action", "p_late"], &["note"]),
        ("lateness", &["distance"], &["p_late"]),
        ("alone", &["distance"], &["other"]),
    ];
    assert_eq!(
        check(stages).expect("an order"),
        ["lateness", "desk", "audit", "alone"]
    );
}

#[test]
fn two_producers_are_named() {
    let errors = check(&[("a", &[], &["x", "y"]), ("b", &[], &["y"])]).expect_err("two producers");
    assert_eq!(errors, ["stages `a` and `b` both produce `y`"]);
}

#[test]
fn a_cycle_is_spelled_out() {
    let stages: &[(&str, &[&str], &[&str])] = &[
        ("first", &[], &["w"]),
        ("a", &["z", "w"], &["x"]),
        ("b", &["x"], &["y"]),
        ("c", &["y"], &["z"]),
        ("after", &["z"], &["v"]),
    ];
    let errors = check(stages).expect_err("a cycle");
    assert_eq!(
        errors,
        [
            "stages wait for each other: `a` needs `z` from `c`, `c` needs `y` from `b`, `b` needs `x` from `a`"
        ]
    );
    let errors = check(&[("a", &["x"], &["x"])]).expect_err("a cycle");
    assert_eq!(
        errors,
        ["stages wait for each other: `a` needs `x` from `a`"]
    );
}

#[test]
fn types_must_fit_between_stages() {
    let text: Fields = vec![Field::new("x", DataType::Boolean, false)].into();
    let none = Fields::empty();
    let nodes = [
        Node {
            name: "a",
            span: Span::default(),
            inputs: vec![],
            outputs: &text,
        },
        Node {
            name: "b",
            span: Span::default(),
            inputs: fields(&["x"]).to_vec(),
            outputs: &none,
        },
    ];
    let errors = order(&nodes).expect_err("types that do not fit");
    assert_eq!(
        errors[0].message,
        "stage `a` produces `x` as bool, and stage `b` reads it as double?"
    );
}

#[test]
fn externals_are_what_no_stage_produces() {
    let (made, none) = (fields(&["x"]), Fields::empty());
    let strict = Field::new("age", DataType::Int64, false).into();
    let loose = Field::new("age", DataType::Int64, true).into();
    let nodes = [
        Node {
            name: "a",
            span: Span::default(),
            inputs: vec![loose],
            outputs: &made,
        },
        Node {
            name: "b",
            span: Span::default(),
            inputs: [vec![strict], fields(&["x"]).to_vec()].concat(),
            outputs: &none,
        },
    ];
    let externals = externals(&nodes.iter().collect::<Vec<_>>());
    assert_eq!(externals.len(), 1);
    assert_eq!(externals[0].readers, ["a", "b"]);
    assert!(!externals[0].field.is_nullable());
    let (message, hints) = missing_column(&externals[0], &["Age", "name"], &["x"]);
    assert_eq!(
        message,
        "the input has no column `age` (int), which stage `a`, `b` reads and no stage produces"
    );
    assert_eq!(
        hints,
        ["did you mean `Age`?", "the input has `Age`, `name`"]
    );
}
