//! `rulestage explain`

use crate::args::Explain;
use crate::failure::{Failure, Result, Status};
use crate::pipelines;
use crate::render::explanation::{self, StageAccount, Told};
use crate::render::{self, Style, first_failing};
use crate::run::{input, result, run_failure};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use rulestage_pipeline::run::StageExplanation;
use serde_json::{Value, json};

/// Sends each row that is asked for through every stage and shows what each has to say.
pub(crate) fn explain(args: &Explain) -> Result<Status> {
    let source = &args.source;
    let loaded = pipelines::load(&source.pipeline, &source.param, !source.no_cache)?;
    let options = input::InputOptions {
        format: source.format.map(Into::into),
        batch_rows: None,
        max_file_bytes: source.max_file_size,
        // So rows have the numbers that they have in dead letters.
        skip_bad_rows: true,
        ..input::InputOptions::default()
    };
    let input = input::open(&source.input, &loaded.pipeline, &options)?;
    let binding = result::bind(&loaded, &input, &source.input)?;
    let mut executor = loaded
        .pipeline
        .open(&loaded.host)
        .map_err(|error| Failure::new(Status::Component, error))?;
    let wanted = args.wanted();
    let mut n_rows = 0;
    for batch in input.into_batches().0 {
        let batch = batch?;
        let numbers = batch.first_row..batch.first_row + batch.rows.num_rows() as u64;
        n_rows = numbers.end;
        let first = numbers.start.max(*wanted.start());
        for number in first..numbers.end.min(wanted.end().saturating_add(1)) {
            let row = (number - numbers.start) as usize;
            let explanations = executor
                .explain(&loaded.host, &binding, &batch.rows, row)
                .map_err(|failure| run_failure(failure, numbers.start))?;
            show(args, number, explanations, &batch, row)?;
        }
        if n_rows > *wanted.end() {
            return Ok(Status::Done);
        }
    }
    let row = *wanted.start();
    if row < n_rows {
        return Ok(Status::Done);
    }
    let message = format!(
        "there is no row {row}: the input has {}",
        render::quantity::counted(n_rows, "row")
    );
    Err(Failure::new(Status::Usage, message).with_hint("rows are counted from 0"))
}

/// Prints what the stages have to say about one row of the batch.
fn show(
    args: &Explain,
    number: u64,
    explanations: Vec<StageExplanation>,
    batch: &input::Batch,
    row: usize,
) -> Result<()> {
    let style = Style::for_stream(&std::io::stdout());
    let accounts = account(explanations)?;
    let told = accounts.iter().map(told);
    if args.json {
        let to_json = if args.first_failing {
            first_failing::to_json
        } else {
            explanation::to_json
        };
        let stages: Vec<Value> = told.map(|account| to_json(&account)).collect();
        let mut json = json!({ "row": number, "stages": stages });
        if !args.first_failing {
            json["input"] = fields(&batch.told()?.slice(row, 1))?.into_iter().collect();
        }
        return render::print(format!("{json}\n"));
    }
    let title = format!("{} {number}\n", style.emphasis("row"));
    if args.first_failing {
        let texts: String = told
            .map(|account| first_failing::render(&account, style))
            .collect();
        return render::print(title + &texts);
    }
    let texts: Vec<String> = told
        .map(|account| explanation::render(&account, style))
        .collect();
    render::print(format!("{title}\n{}", texts.join("\n")))
}

/// A stage's explanation, with its columns as JSON.
struct Account {
    explanation: StageExplanation,
    inputs: Vec<(String, Value)>,
    outputs: Vec<(String, Value)>,
    /// What there is to say where the stage does not explain
    remark: String,
}

fn account(explanations: Vec<StageExplanation>) -> Result<Vec<Account>> {
    let accounts = explanations.into_iter().map(|explanation| {
        let columns = |batch: &Option<RecordBatch>| match batch {
            Some(batch) => fields(batch),
            None => Ok(Vec::new()),
        };
        Ok(Account {
            inputs: columns(&explanation.inputs)?,
            outputs: match explanation.failure {
                None => columns(&explanation.outputs)?,
                Some(_) => Vec::new(),
            },
            remark: remark(&explanation),
            explanation,
        })
    });
    accounts.collect()
}

fn remark(explanation: &StageExplanation) -> String {
    match (&explanation.failure, explanation.gate_passed) {
        (Some(failure), _) => format!("the row failed in {failure}"),
        (None, Some(false)) => {
            "the row does not pass the stage's `when`, and gets its defaults".into()
        }
        (None, _) => match explanation.outline {
            Some(_) => String::new(),
            None => "this stage does not explain itself".into(),
        },
    }
}

fn told(account: &Account) -> StageAccount<'_> {
    StageAccount {
        stage: &account.explanation.stage,
        inputs: &account.inputs,
        outputs: &account.outputs,
        remark: &account.remark,
        told: match (
            &account.explanation.outline,
            &account.explanation.explanation,
        ) {
            (Some(outline), Some(explanation)) => Some(Told {
                outline,
                explanation,
            }),
            _ => None,
        },
    }
}

/// Of binary values that are longer only the size is told: files, mostly.
const MOST_BINARY_BYTES: i32 = 1024;

/// The columns of a batch of one row.
fn fields(row: &RecordBatch) -> Result<Vec<(String, Value)>> {
    if row.num_rows() == 0 || row.num_columns() == 0 {
        return Ok(Vec::new());
    }
    let schema = row.schema();
    let columns = schema.fields().iter().zip(row.columns()).enumerate();
    let fields = columns.map(|(index, (field, values))| {
        let binary = values.as_binary_opt::<i32>();
        let size = binary.map_or(0, |bytes| bytes.value_length(0));
        if size > MOST_BINARY_BYTES {
            return Ok((field.name().clone(), format!("{size} bytes").into()));
        }
        let alone = row
            .project(&[index])
            .map_err(|error| Failure::new(Status::File, error))?;
        let text = result::row_as_json(&alone, 0)?;
        let mut json: serde_json::Map<String, Value> =
            serde_json::from_str(&text).map_err(|error| Failure::new(Status::File, error))?;
        let value = json.remove(field.name()).unwrap_or(Value::Null);
        Ok((field.name().clone(), value))
    });
    fields.collect()
}
