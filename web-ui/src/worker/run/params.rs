//! The parameters of stages: what they are, and values set by hand.

use super::Failure;
use crate::protocol::{ParamReport, ParamValue, StageReport};
use crate::worker::cells;
use rulestage_pipeline::load::{Pipeline, sha256_hex};
use rulestage_pipeline::runtime::Value;
use rulestage_pipeline::wire::type_name;
use rulestage_runtime_web::WebRuntime;

/// Values set by hand take the place of the manifest's.
pub(super) fn set_params(
    mut pipeline: Pipeline<WebRuntime>,
    params: &[ParamValue],
) -> Result<Pipeline<WebRuntime>, Failure> {
    for param in params {
        let Some(stage) = pipeline
            .stages
            .iter_mut()
            .find(|stage| stage.name == param.stage)
        else {
            continue;
        };
        let Some(index) = stage
            .description
            .parameters
            .iter()
            .position(|known| known.name == param.name)
        else {
            continue;
        };
        let type_name = &stage.description.parameters[index].type_name;
        let value = parse_value(&param.text, type_name).ok_or_else(|| {
            Failure::new(
                "setting the parameters",
                format!("`{}` is not a {type_name} for `{}`", param.text, param.name),
            )
        })?;
        if let Some(place) = stage.parameters.get_mut(index) {
            *place = value;
        }
    }
    Ok(pipeline)
}

fn parse_value(text: &str, type_name: &str) -> Option<Value> {
    Some(match type_name.trim_end_matches('?') {
        "bool" => Value::Boolean(text.parse().ok()?),
        "int" => Value::Int(text.trim().parse().ok()?),
        "uint" => Value::Uint(text.trim().parse().ok()?),
        "double" => Value::Double(text.trim().parse().ok()?),
        "string" => Value::Text(text.to_owned()),
        "list<string>" => Value::Texts(
            text.split(',')
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect(),
        ),
        "json" => Value::Json(
            serde_json::from_str::<serde_json::Value>(text)
                .ok()?
                .to_string(),
        ),
        _ => return None,
    })
}

pub(super) fn stage_report(stage: &rulestage_pipeline::load::Stage<WebRuntime>) -> StageReport {
    let fields = |fields: &arrow_schema::Fields| -> Vec<(String, String)> {
        fields
            .iter()
            .map(|field| (field.name().clone(), type_name(field)))
            .collect()
    };
    let params = stage
        .description
        .parameters
        .iter()
        .zip(&stage.parameters)
        .filter(|_| stage.rules.is_some());
    StageReport {
        stage: stage.name.clone(),
        name: stage.description.name.clone(),
        version: stage.description.version.clone(),
        source: stage.path.clone(),
        is_rules: stage.rules.is_some(),
        imports: stage.component.interfaces().imports.clone(),
        exports: stage.component.interfaces().exports.clone(),
        size_bytes: stage.bytes.len(),
        sha256: sha256_hex(&stage.bytes),
        sections: crate::worker::sections::sizes(&stage.bytes),
        inputs: fields(stage.schema.inputs.fields()),
        outputs: fields(stage.schema.outputs.fields()),
        params: params
            .map(|(parameter, _)| ParamReport {
                name: parameter.name.clone(),
                type_name: parameter.type_name.clone(),
                doc: parameter.doc.clone(),
                default: show_default(&parameter.default),
            })
            .collect(),
    }
}

fn show_default(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => cells::float(*value),
        Value::Text(text) | Value::Json(text) => text.clone(),
        Value::Texts(texts) => texts.join(", "),
        _ => String::new(),
    }
}
