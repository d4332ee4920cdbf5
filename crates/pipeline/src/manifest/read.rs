//! The TOML tree to a manifest. A mistake is noted and reading goes on.

use super::*;
use crate::suggest::{did_you_mean, list};
use toml::Spanned as TomlSpanned;
use toml::de::{DeTable, DeValue};

type Value<'a> = TomlSpanned<DeValue<'a>>;
type Table<'a> = TomlSpanned<DeTable<'a>>;

const STAGE_KEYS: [&str; 11] = [
    "name",
    "component",
    "rules",
    "model",
    "features",
    "outputs",
    "sha256",
    "params",
    "limits",
    "when",
    "on_error",
];
const MODEL_KEYS: [&str; 8] = [
    "name",
    "file",
    "backend",
    "target",
    "threads",
    "max_size",
    "max_memory",
    "sha256",
];
/// More threads than any machine has use for in one computation.
const MOST_THREADS: i64 = 256;

pub(super) fn manifest(source: &str) -> Result<Manifest, Vec<Diagnostic>> {
    let (root, errors) = DeTable::parse_recoverable(source);
    let mut reader = Reader {
        diagnostics: errors.iter().map(syntax_error).collect(),
    };
    if !reader.diagnostics.is_empty() {
        return Err(reader.diagnostics);
    }
    let manifest = reader.manifest(&root);
    match manifest {
        Some(manifest) if reader.diagnostics.is_empty() => Ok(manifest),
        _ => Err(reader.diagnostics),
    }
}

fn syntax_error(error: &toml::de::Error) -> Diagnostic {
    let span = error.span().map_or(Span::default(), to_span);
    Diagnostic::error(
        "pipeline.manifest.syntax",
        span,
        error.message().replace('\n', ", "),
    )
}

fn to_span(range: std::ops::Range<usize>) -> Span {
    Span::new(range.start as u32, range.end as u32)
}

struct Reader {
    diagnostics: Vec<Diagnostic>,
}

impl Reader {
    fn report(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let diagnostic = Diagnostic::error(code, span, message);
        self.diagnostics.push(match hint {
            Some(hint) => diagnostic.with_hint(hint),
            None => diagnostic,
        });
    }

    fn manifest(&mut self, root: &Table<'_>) -> Option<Manifest> {
        self.check_keys(
            root.get_ref(),
            "the manifest",
            &["pipeline", "stage", "model"],
        );
        let (mut name, mut version) = (String::new(), String::new());
        if let Some(pipeline) = self.table(root.get_ref(), "pipeline") {
            self.check_keys(pipeline.0, "[pipeline]", &["name", "version"]);
            name = self
                .text(pipeline.0, "name")
                .map(|name| name.value)
                .unwrap_or_default();
            version = self
                .text(pipeline.0, "version")
                .map(|version| version.value)
                .unwrap_or_default();
        }
        let stages: Vec<_> = self
            .tables(root.get_ref(), "stage")
            .into_iter()
            .filter_map(|(table, span)| self.stage(table, span))
            .collect();
        let models: Vec<_> = self
            .tables(root.get_ref(), "model")
            .into_iter()
            .filter_map(|(table, span)| self.model(table, span))
            .collect();
        if stages.is_empty() && self.diagnostics.is_empty() {
            let hint = Some(
                "add a `[[stage]]` with a `name` and `rules`, `component` or `model`".to_owned(),
            );
            self.report(
                "pipeline.manifest.no-stage",
                Span::default(),
                "the pipeline has no stage",
                hint,
            );
        }
        self.check_unique(
            "stage",
            stages.iter().map(|stage| (stage.name.as_str(), stage.span)),
        );
        self.check_unique(
            "model",
            models.iter().map(|model| (model.name.as_str(), model.span)),
        );
        Some(Manifest {
            name,
            version,
            stages,
            models,
        })
    }

    fn check_unique<'a>(&mut self, what: &str, names: impl Iterator<Item = (&'a str, Span)>) {
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for (name, span) in names {
            if let Some((_, first)) = seen.iter().find(|(known, _)| *known == name) {
                let message = format!("there are two {what}s called `{name}`");
                let diagnostic = Diagnostic::error("pipeline.manifest.duplicate", span, message);
                self.diagnostics
                    .push(diagnostic.with_label(*first, "the first one"));
            } else {
                seen.push((name, span));
            }
        }
    }

    fn stage(&mut self, table: &DeTable<'_>, span: Span) -> Option<StageManifest> {
        self.check_keys(table, "[[stage]]", &STAGE_KEYS);
        let name = self.required(table, span, "[[stage]]", "name");
        let component = self
            .text(table, "component")
            .map(|path| (StageSource::Component(path.value), path.span));
        let rules = self
            .text(table, "rules")
            .map(|path| (StageSource::Rules(path.value), path.span));
        let model = self.model_source(table);
        let sha256 = self.digest(table);
        let params = self.params(table);
        let limits = self.limits(table);
        let when = self.text(table, "when");
        let on_error = self
            .text(table, "on_error")
            .map_or(OnError::Fail, |policy| self.policy(&policy));
        let sources = [component, rules, model];
        let n_sources = sources.iter().flatten().count();
        let (source, source_span) = match sources.into_iter().flatten().next() {
            Some(source) if n_sources == 1 => source,
            Some((_, at)) => {
                self.report(
                    "pipeline.manifest.two-sources",
                    at,
                    "a stage is one of `component`, `rules` and `model`",
                    None,
                );
                return None;
            }
            None => {
                let at = name.as_ref().map_or(span, |name| name.span);
                let hint = "add `rules = \"FILE.rules\"`, `component = \"FILE.wasm\"` or `model = \"FILE.onnx\"`";
                self.report(
                    "pipeline.manifest.no-source",
                    at,
                    "the stage does not say what it runs",
                    Some(hint.to_owned()),
                );
                return None;
            }
        };
        let name = name?;
        Some(StageManifest {
            name: name.value,
            span: name.span,
            source,
            source_span,
            sha256,
            params,
            limits,
            when,
            on_error,
        })
    }

    /// `model`, with the names of its columns, which mean nothing without it.
    fn model_source(&mut self, table: &DeTable<'_>) -> Option<(StageSource, Span)> {
        let model = self.text(table, "model");
        let features = self.names(table, "features");
        let outputs = self.names(table, "outputs");
        if model.is_none() {
            for (key, names) in [("features", &features), ("outputs", &outputs)] {
                if let Some(names) = names {
                    let message =
                        format!("`{key}` names the columns of a `model`, and the stage has none");
                    self.report("pipeline.manifest.no-model", names.span, message, None);
                }
            }
        }
        let model = model?;
        let names = |names: Option<Spanned<Vec<String>>>| names.map(|names| names.value);
        let source = ModelSource {
            path: model.value,
            features: names(features).unwrap_or_default(),
            outputs: names(outputs).unwrap_or_default(),
        };
        Some((StageSource::Model(source), model.span))
    }

    /// A list of names.
    fn names(&mut self, table: &DeTable<'_>, key: &str) -> Option<Spanned<Vec<String>>> {
        let value = table.get(key)?;
        let span = to_span(value.span());
        let texts = match param_value(value.get_ref()) {
            Ok(ParamValue::List(values)) => values
                .into_iter()
                .map(|value| match value {
                    ParamValue::Text(text) if !text.is_empty() => Some(text),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>(),
            _ => None,
        };
        let Some(value) = texts.filter(|texts| !texts.is_empty()) else {
            let message =
                format!("`{key}` must be a list of names such as `[\"age\", \"income\"]`");
            self.report("pipeline.manifest.bad-value", span, message, None);
            return None;
        };
        Some(Spanned { value, span })
    }

    fn policy(&mut self, policy: &Spanned<String>) -> OnError {
        match policy.value.as_str() {
            "fail" => OnError::Fail,
            "dead-letter" => OnError::DeadLetter,
            "default" => OnError::Default,
            other => {
                self.unknown_word(
                    "`on_error`",
                    other,
                    policy.span,
                    &["fail", "dead-letter", "default"],
                );
                OnError::Fail
            }
        }
    }

    fn model(&mut self, table: &DeTable<'_>, span: Span) -> Option<ModelManifest> {
        self.check_keys(table, "[[model]]", &MODEL_KEYS);
        let name = self.required(table, span, "[[model]]", "name");
        let file = self.required(table, span, "[[model]]", "file");
        let backend = self.word(
            table,
            "backend",
            &["auto", "rten", "onnxruntime", "openvino"],
            "auto",
        );
        let target = self.word(table, "target", &["cpu", "gpu", "auto"], "cpu");
        let threads = self.threads(table);
        let max_size_bytes = self.quantity(
            table,
            "max_size",
            "a size such as `64MiB`",
            parse_size_bytes,
        );
        let max_memory_bytes = self.quantity(
            table,
            "max_memory",
            "a size such as `4GiB`, or `unlimited`",
            |text| match text {
                "unlimited" => Some(u64::MAX),
                text => parse_size_bytes(text),
            },
        );
        let sha256 = self.digest(table);
        let (name, file) = (name?, file?);
        Some(ModelManifest {
            name: name.value,
            span: name.span,
            file: file.value,
            file_span: file.span,
            backend,
            target,
            threads,
            max_size_bytes,
            max_memory_bytes,
            sha256,
        })
    }

    fn threads(&mut self, table: &DeTable<'_>) -> u32 {
        let Some(value) = table.get("threads") else {
            return 1;
        };
        match param_value(value.get_ref()) {
            Ok(ParamValue::Integer(threads @ 1..=MOST_THREADS)) => threads as u32,
            _ => {
                let message = format!("`threads` must be a number from 1 to {MOST_THREADS}");
                let span = to_span(value.span());
                self.report("pipeline.manifest.bad-value", span, message, None);
                1
            }
        }
    }

    fn word(&mut self, table: &DeTable<'_>, key: &str, words: &[&str], default: &str) -> String {
        let Some(word) = self.text(table, key) else {
            return default.to_owned();
        };
        if !words.contains(&word.value.as_str()) {
            self.unknown_word(&format!("`{key}`"), &word.value, word.span, words);
        }
        word.value
    }

    fn unknown_word(&mut self, what: &str, word: &str, span: Span, words: &[&str]) {
        let hint = did_you_mean(word, words.iter().copied());
        let message = format!(
            "{what} can't be `{word}`, it is one of {}",
            list(words.iter().copied())
        );
        self.report("pipeline.manifest.unknown-word", span, message, hint);
    }

    fn digest(&mut self, table: &DeTable<'_>) -> Option<Spanned<String>> {
        let digest = self.text(table, "sha256")?;
        let value = digest
            .value
            .strip_prefix("sha256:")
            .unwrap_or(&digest.value)
            .to_ascii_lowercase();
        if value.len() != 64 || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let message = "`sha256` is not 64 hexadecimal digits";
            self.report("pipeline.manifest.bad-value", digest.span, message, None);
            return None;
        }
        Some(Spanned {
            value,
            span: digest.span,
        })
    }

    fn limits(&mut self, table: &DeTable<'_>) -> LimitsManifest {
        let Some((limits, _)) = self.table(table, "limits") else {
            return LimitsManifest::default();
        };
        self.check_keys(limits, "`limits`", &["memory", "deadline"]);
        let memory_bytes =
            self.quantity(limits, "memory", "a size such as `64MiB`", parse_size_bytes);
        let deadline_ms = self.quantity(
            limits,
            "deadline",
            "a duration such as `2s`",
            parse_duration_ms,
        );
        LimitsManifest {
            memory_bytes,
            deadline_ms,
        }
    }

    fn quantity(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        example: &str,
        parse: impl Fn(&str) -> Option<u64>,
    ) -> Option<u64> {
        let text = self.text(table, key)?;
        let quantity = parse(&text.value).filter(|quantity| *quantity > 0);
        if quantity.is_none() {
            let message = format!("`{}` is not {example}", text.value);
            self.report("pipeline.manifest.bad-value", text.span, message, None);
        }
        quantity
    }

    fn params(&mut self, table: &DeTable<'_>) -> Vec<ParamManifest> {
        let Some((params, _)) = self.table(table, "params") else {
            return Vec::new();
        };
        let mut read = Vec::new();
        for (name, value) in params.iter() {
            let span = to_span(value.span());
            match param_value(value.get_ref()) {
                Ok(value) => read.push(ParamManifest {
                    name: name.get_ref().to_string(),
                    name_span: to_span(name.span()),
                    value,
                    span,
                }),
                Err(message) => self.report("pipeline.manifest.bad-value", span, message, None),
            }
        }
        // In the order of the file: the table sorts by name
        read.sort_by_key(|param| param.name_span);
        read
    }

    fn required(
        &mut self,
        table: &DeTable<'_>,
        span: Span,
        what: &str,
        key: &str,
    ) -> Option<Spanned<String>> {
        if table.get(key).is_none() {
            self.report(
                "pipeline.manifest.missing-key",
                span,
                format!("{what} has no `{key}`"),
                None,
            );
            return None;
        }
        let text = self.text(table, key)?;
        if text.value.is_empty() {
            self.report(
                "pipeline.manifest.bad-value",
                text.span,
                format!("`{key}` is empty"),
                None,
            );
            return None;
        }
        Some(text)
    }

    fn text(&mut self, table: &DeTable<'_>, key: &str) -> Option<Spanned<String>> {
        let value = table.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Spanned {
                value: text.to_string(),
                span: to_span(value.span()),
            }),
            other => {
                self.wrong_type(key, value, "text in quotes", other);
                None
            }
        }
    }

    fn table<'a, 'b>(
        &mut self,
        table: &'a DeTable<'b>,
        key: &str,
    ) -> Option<(&'a DeTable<'b>, Span)> {
        let value = table.get(key)?;
        match value.get_ref() {
            DeValue::Table(inner) => Some((inner, to_span(value.span()))),
            other => {
                self.wrong_type(key, value, "a table", other);
                None
            }
        }
    }

    fn tables<'a, 'b>(
        &mut self,
        table: &'a DeTable<'b>,
        key: &str,
    ) -> Vec<(&'a DeTable<'b>, Span)> {
        let Some(value) = table.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            let message = format!("`{key}` must be written `[[{key}]]`");
            self.report(
                "pipeline.manifest.wrong-type",
                to_span(value.span()),
                message,
                None,
            );
            return Vec::new();
        };
        let mut read = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => read.push((table, to_span(item.span()))),
                other => self.wrong_type(key, item, "a table", other),
            }
        }
        read
    }

    fn wrong_type(&mut self, key: &str, value: &Value<'_>, wanted: &str, found: &DeValue<'_>) {
        let message = format!(
            "`{key}` must be {wanted}, and this is of type {}",
            found.type_str()
        );
        self.report(
            "pipeline.manifest.wrong-type",
            to_span(value.span()),
            message,
            None,
        );
    }

    fn check_keys(&mut self, table: &DeTable<'_>, what: &str, keys: &[&str]) {
        for (key, _) in table.iter() {
            let name: &str = key.get_ref();
            if !keys.contains(&name) {
                let hint = did_you_mean(name, keys.iter().copied())
                    .unwrap_or_else(|| format!("it has {}", list(keys.iter().copied())));
                let message = format!("{what} has no key `{name}`");
                self.report(
                    "pipeline.manifest.unknown-key",
                    to_span(key.span()),
                    message,
                    Some(hint),
                );
            }
        }
    }
}

fn param_value(value: &DeValue<'_>) -> Result<ParamValue, String> {
    Ok(match value {
        DeValue::String(text) => ParamValue::Text(text.to_string()),
        DeValue::Boolean(value) => ParamValue::Boolean(*value),
        DeValue::Integer(integer) => {
            let digits = integer.as_str().replace('_', "");
            let parsed = i64::from_str_radix(&digits, integer.radix());
            ParamValue::Integer(parsed.map_err(|_| format!("`{digits}` does not fit 64 bits"))?)
        }
        DeValue::Float(float) => {
            let digits = float.as_str().replace('_', "");
            ParamValue::Float(
                digits
                    .parse()
                    .map_err(|_| format!("`{digits}` is not a number"))?,
            )
        }
        DeValue::Datetime(moment) => ParamValue::Text(moment.to_string()),
        DeValue::Array(items) => ParamValue::List(
            items
                .iter()
                .map(|item| param_value(item.get_ref()))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => {
            let entry = |(key, value): (&TomlSpanned<_>, &Value<'_>)| {
                let key: &toml::de::DeString<'_> = key.get_ref();
                Ok((key.to_string(), param_value(value.get_ref())?))
            };
            ParamValue::Table(table.iter().map(entry).collect::<Result<_, String>>()?)
        }
    })
}
