use super::*;
use rulestage_diagnostics::SourceMap;

const WHOLE: &str = r#"
[pipeline]
name = "flight-desk"
version = "1.0.0"

[[stage]]
name = "lateness"
component = "tabular.wasm"
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
params = { model = "lateness", cut = 0.5, most = 1_000, names = ["a", "b"], on = true }
limits = { memory = "64MiB", deadline = "2s" }

[[model]]
name = "lateness"
file = "lateness.onnx"
backend = "rten"
threads = 2
max_size = "64MiB"
max_memory = "1GiB"

[[stage]]
name = "desk"
rules = "flight_desk.rules"
when = "p_late > 0.1"
on_error = "dead-letter"
"#;

#[test]
fn reads_everything_that_a_manifest_may_say() {
    let manifest = Manifest::parse(WHOLE).expect("a good manifest");
    assert_eq!(
        (manifest.name.as_str(), manifest.version.as_str()),
        ("flight-desk", "1.0.0")
    );
    let [lateness, desk] = manifest.stages.as_slice() else {
        panic!("{manifest:?}")
    };
    assert_eq!(
        lateness.source,
        StageSource::Component("tabular.wasm".into())
    );
    assert_eq!(
        lateness.limits,
        LimitsManifest {
            memory_bytes: Some(64 << 20),
            deadline_ms: Some(2000)
        }
    );
    let digest = lateness.sha256.as_ref().expect("a digest");
    assert!(
        digest.value.ends_with("abcdef"),
        "lower case: {}",
        digest.value
    );
    let params: Vec<_> = lateness
        .params
        .iter()
        .map(|param| (param.name.as_str(), &param.value))
        .collect();
    assert_eq!(
        params,
        [
            ("model", &ParamValue::Text("lateness".into())),
            ("cut", &ParamValue::Float(0.5)),
            ("most", &ParamValue::Integer(1000)),
            (
                "names",
                &ParamValue::List(vec![
                    ParamValue::Text("a".into()),
                    ParamValue::Text("b".into())
                ])
            ),
            ("on", &ParamValue::Boolean(true)),
        ]
    );
    assert_eq!(desk.source, StageSource::Rules("flight_desk.rules".into()));
    assert_eq!(desk.on_error, OnError::DeadLetter);
    let when = desk.when.as_ref().expect("a condition");
    assert_eq!(
        (when.value.as_str(), when.span.text(WHOLE)),
        ("p_late > 0.1", "\"p_late > 0.1\"")
    );
    let [model] = manifest.models.as_slice() else {
        panic!("{manifest:?}")
    };
    assert_eq!(
        (model.backend.as_str(), model.target.as_str()),
        ("rten", "cpu")
    );
    assert_eq!((model.threads, model.max_size_bytes), (2, Some(64 << 20)));
    assert_eq!(model.max_memory_bytes, Some(1 << 30));
    let unlimited = WHOLE.replace("1GiB", "unlimited");
    let manifest = Manifest::parse(&unlimited).expect("a good manifest");
    assert_eq!(manifest.models[0].max_memory_bytes, Some(u64::MAX));
}

/// `line:column code: message (hint)` of every diagnostic.
fn check(source: &str, expected: &[&str]) {
    let diagnostics = Manifest::parse(source).expect_err("a bad manifest");
    let map = SourceMap::new(source);
    let mut found: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| {
            let position = map.position(diagnostic.span.start);
            let hints: String = diagnostic
                .hints
                .iter()
                .map(|hint| format!(" ({hint})"))
                .collect();
            format!(
                "{}:{} {}{hints}",
                position.line, position.column, diagnostic.message
            )
        })
        .collect();
    found.sort();
    assert_eq!(found, expected, "{source}");
}

#[test]
fn reports_every_mistake_with_its_place() {
    check(
        "[pipeline]\nnam = \"x\"\n[[stage]]\nname = \"a\"\nrule = \"a.rules\"\nrules = \"a.rules\"\non_error = \"dead_letter\"\n",
        &[
            "2:1 [pipeline] has no key `nam` (did you mean `name`?)",
            "5:1 [[stage]] has no key `rule` (did you mean `rules`?)",
            "7:12 `on_error` can't be `dead_letter`, it is one of `fail`, `dead-letter`, `default` (did you mean `dead-letter`?)",
        ],
    );
    check(
        "[[stage]]\nname = \"a\"\nrules = \"a.rules\"\nlimits = { memory = \"64 megs\", deadlin = \"2s\" }\nsha256 = \"abc\"\n",
        &[
            "4:21 `64 megs` is not a size such as `64MiB`",
            "4:32 `limits` has no key `deadlin` (did you mean `deadline`?)",
            "5:10 `sha256` is not 64 hexadecimal digits",
        ],
    );
    check(
        "[[model]]\nname = \"a\"\nfile = \"a.onnx\"\nthreads = \"all\"\nmax_size = \"big\"\nbackend = \"rtem\"\nmax_memory = \"none\"\n",
        &[
            "4:11 `threads` must be a number from 1 to 256",
            "5:12 `big` is not a size such as `64MiB`",
            "6:11 `backend` can't be `rtem`, it is one of `auto`, `rten`, `onnxruntime`, `openvino` (did you mean `rten`?)",
            "7:14 `none` is not a size such as `4GiB`, or `unlimited`",
        ],
    );
    check(
        "[[stage]]\nname = 3\nrules = \"a.rules\"\n[[stage]]\nrules = \"b.rules\"\n",
        &[
            "2:8 `name` must be text in quotes, and this is of type integer",
            "4:1 [[stage]] has no `name`",
        ],
    );
    check(
        "[[stage]]\nname = \"a\"\nrules = \"a.rules\"\n[[stage]]\nname = \"a\"\ncomponent = \"a.wasm\"\n",
        &["5:8 there are two stages called `a`"],
    );
    check(
        "[[stage]]\nname = \"a\"\nrules = \"a.rules\"\ncomponent = \"a.wasm\"\n",
        &["4:13 a stage is one of `component`, `rules` and `model`"],
    );
}

#[test]
fn a_stage_can_be_a_model() {
    let source = "[[stage]]\nname = \"a\"\nmodel = \"a.onnx\"\nfeatures = [\"x\", \"y\"]\noutputs = [\"p\"]\n";
    let manifest = Manifest::parse(source).expect("a good manifest");
    let expected = ModelSource {
        path: "a.onnx".into(),
        features: vec!["x".into(), "y".into()],
        outputs: vec!["p".into()],
    };
    assert_eq!(manifest.stages[0].source, StageSource::Model(expected));
    assert_eq!(manifest.stages[0].source_span.text(source), "\"a.onnx\"");
    check(
        "[[stage]]\nname = \"a\"\nrules = \"a.rules\"\nfeatures = [\"x\"]\noutputs = [1]\n",
        &[
            "4:12 `features` names the columns of a `model`, and the stage has none",
            "5:11 `outputs` must be a list of names such as `[\"age\", \"income\"]`",
        ],
    );
}

#[test]
fn reports_what_is_not_there() {
    check(
        "",
        &[
            "1:1 the pipeline has no stage (add a `[[stage]]` with a `name` and `rules`, `component` or `model`)",
        ],
    );
    check(
        "[[stage]]\nname = \"a\"\n",
        &[
            "2:8 the stage does not say what it runs (add `rules = \"FILE.rules\"`, `component = \"FILE.wasm\"` or `model = \"FILE.onnx\"`)",
        ],
    );
    let diagnostics = Manifest::parse("[[stage]\nname = \"a\"").expect_err("no TOML");
    assert_eq!(diagnostics[0].code, "pipeline.manifest.syntax");
}

#[test]
fn one_file_is_a_pipeline_of_one_stage() {
    let manifest = Manifest::single("dir/desk.v2.rules").expect("rules");
    assert_eq!(
        (manifest.name.as_str(), &manifest.stages[0].name),
        ("desk.v2", &manifest.name)
    );
    assert_eq!(manifest.stages[0].source.path(), "dir/desk.v2.rules");
    assert!(matches!(
        Manifest::single("x.wasm").expect("a component").stages[0].source,
        StageSource::Component(_)
    ));
    assert!(matches!(
        &Manifest::single("x.onnx").expect("a model").stages[0].source,
        StageSource::Model(model) if model.path == "x.onnx"
    ));
    assert_eq!(Manifest::single("pipeline.toml"), None);
    assert_eq!(Manifest::single("rules"), None);
}

#[test]
fn quantities_are_exact_or_refused() {
    let sizes = [
        ("64MiB", Some(64 << 20)),
        ("1.5 KiB", Some(1536)),
        ("500kB", Some(500_000)),
        ("4096", Some(4096)),
        ("2GiB", Some(2 << 30)),
        ("1.00001KiB", None),
        ("64mib", None),
        ("-1MiB", None),
        ("MiB", None),
        ("99999999999999999999GiB", None),
    ];
    for (text, expected) in sizes {
        assert_eq!(parse_size_bytes(text), expected, "{text}");
    }
    let durations = [
        ("2s", Some(2000)),
        ("250ms", Some(250)),
        ("1.5s", Some(1500)),
        ("1m", Some(60_000)),
        ("1h", Some(3_600_000)),
        ("2", None),
        ("0.5ms", None),
        ("1.s", None),
        ("1.2.3s", None),
    ];
    for (text, expected) in durations {
        assert_eq!(parse_duration_ms(text), expected, "{text}");
    }
}
