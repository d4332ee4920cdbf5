//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use rulestage_pipeline::manifest::{OnError, parse_size_bytes};
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  rulestage check flight_desk.rules
  rulestage compile flight_desk.rules -o flight_desk.wasm
  rulestage eval 'age >= 18 && country in [\"CZ\", \"DE\"]' --bind age=33 --bind 'country=\"CZ\"'
  rulestage model compile credit.onnx -o credit.wasm
  rulestage run pipeline.toml --input flights.parquet --output decisions.csv
  rulestage explain pipeline.toml --input flights.parquet --row 17

Exit status:
  0    done
  1    a check, a test, an expression or the policy for failed rows said no
  2    the command line or the pipeline asks for something impossible
  3    a file can't be read, written or understood
  4    a component misbehaved: it trapped, or passed its deadline or memory limit
  130  interrupted
  141  the reader of the output went away";

/// Compiles decision rules to WebAssembly components and runs them over data
#[derive(Debug, Parser)]
#[command(name = "rulestage", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(Check),
    Fmt(Fmt),
    Test(Test),
    Compile(Compile),
    Compose(Compose),
    Eval(Eval),
    Run(Run),
    Explain(Explain),
    Inspect(Inspect),
    Model(Model),
    Import(Import),
    Export(Export),
    Lsp(Lsp),
}

/// Report every error in rule sets and pipelines
///
/// A pipeline is checked with everything that it names: rules, components, models, and how their fields join.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// `.rules`, `pipeline.toml`, `.wasm` or `.onnx` files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print one JSON object for each file, with every diagnostic and its place
    #[arg(long)]
    pub(crate) json: bool,
    /// Print how many operations one row is at most, for each rule and in all
    #[arg(long)]
    pub(crate) cost: bool,
    /// Fail where one row may be more operations than this
    #[arg(long, value_name = "N")]
    pub(crate) max_cost: Option<u64>,
    /// How many elements lists and maps have, for `--max-cost`
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) list_size: u64,
}

/// Format rule sets in place
#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// `.rules` files, or pipelines for the rule sets of their stages; `-` formats standard input to standard output
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Change nothing; name the files that are not formatted and exit with 1
    #[arg(long)]
    pub(crate) check: bool,
}

/// Run the `example` blocks of rule sets
///
/// Each example goes through the compiled component, as it would in production.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// `.rules` files, or pipelines for the rule sets of their stages
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// List the rules that never or always fire in the examples, and the sides of conditions that none shows
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Exit with 1 when the examples cover less
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) min_coverage: Option<u8>,
    /// Write the coverage in the LCOV format: rules are functions, sides of conditions, rows and defaults are branches
    #[arg(long, value_name = "FILE")]
    pub(crate) lcov: Option<PathBuf>,
    /// Print one JSON object for each file: examples, invariants with their states, and the coverage
    #[arg(long)]
    pub(crate) json: bool,
}

/// Compile a rule set to a WebAssembly component
#[derive(Debug, Args)]
pub(crate) struct Compile {
    /// A `.rules` file; `-` reads standard input
    pub(crate) file: PathBuf,
    /// Where to write; `-` writes to standard output [default: FILE with the extension `.wasm`, and standard output
    /// with --emit]
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Write a view of the component instead
    #[arg(long, value_enum)]
    pub(crate) emit: Option<Emit>,
    /// Leave out what `explain` and `run --why` need: the component is a third smaller or more, and as fast
    #[arg(long)]
    pub(crate) no_explain: bool,
}

/// What `compile --emit` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Emit {
    /// The component as WebAssembly text
    Wat,
    /// The component's interface
    Wit,
    /// What the compiler made of the source before code generation
    Ir,
}

const COMPOSE_EXAMPLES: &str = "\
Examples:
  rulestage compose tabular.wasm --with-engine --model lateness.onnx -o lateness.wasm
  rulestage compose tabular.wasm --with-engine=nn-engine.wasm --model score=model.onnx -o score.wasm";

/// Join a stage with the engine for neural networks and its models into one component that imports nothing
///
/// It runs in every WebAssembly host, without wasi:nn, and gives the same bits in each.
#[derive(Debug, Args)]
#[command(after_help = COMPOSE_EXAMPLES)]
pub(crate) struct Compose {
    /// A `.wasm` component that imports wasi:nn
    pub(crate) stage: PathBuf,
    /// Put the engine in; the file is that of the engine's component [default: nn-engine.wasm as it was built]
    #[arg(long, required = true, num_args = 0..=1, require_equals = true, value_name = "ENGINE")]
    pub(crate) with_engine: Option<Option<PathBuf>>,
    /// An ONNX file to put in, and the name by which the stage loads it [default: the file's name]
    #[arg(long, required = true, value_name = "[NAME=]FILE")]
    pub(crate) model: Vec<String>,
    /// Where to write; `-` writes to standard output
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
}

const EVAL_EXAMPLES: &str = "\
Examples:
  rulestage eval '1 + 2'                                       {\"int64Value\":\"3\"}
  rulestage eval 'name.startsWith(\"a\")' --bind 'name=\"ada\"'    {\"boolValue\":true}
  rulestage eval 'x / y' --bind x=1 --bind y=0                 {\"error\":{\"code\":\"divide-by-zero\",…}}
  rulestage eval 'a ?? 5' --type 'a=int?'                      {\"int64Value\":\"5\"}

With --batch, each line of standard input is an object
  {\"expr\": \"…\", \"bindings\": {\"x\": {\"int64Value\": \"3\"}}, \"types\": {\"x\": \"int\"}, \"container\": \"…\", \"check\": true}
of which only `expr` is required, and each is answered by one line, errors included. `check` asks for the type only.";

/// Compile one CEL expression, run it and print its value
///
/// The value is a `cel.expr.Value` in the JSON form of protocol buffers.
#[derive(Debug, Args)]
#[command(after_help = EVAL_EXAMPLES)]
pub(crate) struct Eval {
    /// The expression
    #[arg(
        required_unless_present = "batch",
        value_name = "EXPR",
        allow_hyphen_values = true
    )]
    pub(crate) expression: Option<String>,
    /// A variable and its value as JSON; numbers with a point or exponent are `double`, others `int`
    #[arg(long, value_name = "NAME=JSON")]
    pub(crate) bind: Vec<String>,
    /// A variable and its type, where the value does not tell: `x=uint`, `t=timestamp`, `s=string?`
    #[arg(long = "type", value_name = "NAME=TYPE")]
    pub(crate) types: Vec<String>,
    /// Print the type only
    #[arg(long)]
    pub(crate) check: bool,
    /// Answer each line of standard input
    #[arg(long, conflicts_with_all = ["expression", "bind", "types", "check"])]
    pub(crate) batch: bool,
}

/// What a run reads and what it runs.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// A `pipeline.toml`, or a single `.rules`, `.wasm` or `.onnx` file
    pub(crate) pipeline: PathBuf,
    /// Input file; `-` reads standard input. Several are read one after another. A folder gives a row for each file in
    /// it: `path`, `size` and `bytes`
    #[arg(short, long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,
    /// Format of the input [default: by extension; ndjson for a pipe]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Files of a folder that are larger are no rows
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = file_size)]
    pub(crate) max_file_size: u64,
    /// Set a parameter; `STAGE.` may be left out in a pipeline of one stage
    #[arg(long, value_name = "STAGE.NAME=VALUE")]
    pub(crate) param: Vec<String>,
    /// Compile components anew and keep nothing on disk
    #[arg(long)]
    pub(crate) no_cache: bool,
}

/// Run a pipeline over data
///
/// The output holds the input's columns and then the fields that the stages produce, in the order of the input,
/// whatever --jobs and --batch-rows. An output file appears when the run has succeeded, and not before.
///
/// A folder gives its files sorted by path, those in folders inside and hidden ones too; links are not followed. `path`
/// is relative to the folder, `size` in bytes, and `bytes` the whole file, which is in the output only if --columns
/// names it.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Output file; `-` writes to standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Format of the output [default: by extension; ndjson for a pipe]
    #[arg(long, value_enum)]
    pub(crate) output_format: Option<Format>,
    /// Columns of the output, in this order
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub(crate) columns: Vec<String>,
    /// Add a column with the names of the rules that fired in each row, a list
    ///
    /// Where several stages have rules, names are `STAGE.RULE`. A rule that fired counts even where another one's
    /// contribution won. `rulestage explain` says more of one row.
    #[arg(
        long,
        value_name = "COLUMN",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "rules_fired"
    )]
    pub(crate) why: Option<String>,
    /// Add a column `why_not_RULE` with the part of the rule's condition that stopped each row
    ///
    /// That is the source text of the first part, of those that `&&` joins, that is false. It is null where the rule
    /// fired, `no row matches` for a table, `(failed)` where the condition failed, and `(not reached)` where the row did
    /// not reach the stage. May be given several times; where several stages have rules, say `STAGE.RULE`. `--columns`
    /// has to name it, if it is given.
    #[arg(long, value_name = "RULE")]
    pub(crate) why_not: Vec<String>,
    /// Say for each rule at the end how many rows stopped at which part of its condition
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) funnel: bool,
    /// Where rows go that fail in stages with `on_error = "dead-letter"`, and lines and files that are no rows, as NDJSON
    #[arg(long, value_name = "FILE")]
    pub(crate) dead_letter: Option<PathBuf>,
    /// What becomes of rows that fail, in every stage [default: what the `pipeline.toml` says; for a single file
    /// `dead-letter` with --dead-letter and `fail` without]
    #[arg(long, value_name = "POLICY")]
    pub(crate) on_error: Option<OnErrorArg>,
    /// Workers, each with its own instances [default: one for each processor]
    #[arg(short, long)]
    pub(crate) jobs: Option<NonZero<usize>>,
    /// Rows that go through the stages together [default: 2048 of formats in text, otherwise 8192]
    #[arg(long, value_name = "N")]
    pub(crate) batch_rows: Option<NonZero<u32>>,
    /// No progress and no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What becomes of a row that a stage can't compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnErrorArg {
    /// The run fails, and there is no output
    Fail,
    /// The row leaves the output and is written, with its error, to the file of --dead-letter
    DeadLetter,
    /// The row gets the stage's defaults: those of its rules, nulls for a model
    Default,
}

impl From<OnErrorArg> for OnError {
    fn from(policy: OnErrorArg) -> Self {
        match policy {
            OnErrorArg::Fail => Self::Fail,
            OnErrorArg::DeadLetter => Self::DeadLetter,
            OnErrorArg::Default => Self::Default,
        }
    }
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  rulestage explain pipeline.toml --input flights.parquet --row 17
  rulestage explain discount.rules --input orders.ndjson --rows 0..9 --first-failing";

/// Show why rows came out as they did
///
/// Every rule in order: whether it fired, the values in its condition, what it contributed.
#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES, group = clap::ArgGroup::new("which").required(true))]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The row, counted from 0 over all inputs
    #[arg(long, value_name = "N", group = "which")]
    pub(crate) row: Option<u64>,
    /// Several rows, both ends included
    #[arg(long, value_name = "A..B", group = "which", value_parser = rows)]
    pub(crate) rows: Option<RangeInclusive<u64>>,
    /// Only the rules that did not fire: the first part of the condition's `&&` that is false, or failed, and its values
    #[arg(long)]
    pub(crate) first_failing: bool,
    /// Print one JSON object for each row
    #[arg(long)]
    pub(crate) json: bool,
}

impl Explain {
    /// The rows that are asked for.
    pub(crate) fn wanted(&self) -> RangeInclusive<u64> {
        let row = self.row.unwrap_or(0);
        self.rows.clone().unwrap_or(row..=row)
    }
}

fn rows(text: &str) -> Result<RangeInclusive<u64>, String> {
    let ends = text.split_once("..");
    let number = |text: &str| text.parse::<u64>().ok();
    match ends.and_then(|(first, last)| Some((number(first)?, number(last)?))) {
        Some((first, last)) if first <= last => Ok(first..=last),
        Some(_) => Err("the first row is behind the last one".into()),
        None => Err("rows are written `A..B`, such as `0..9`".into()),
    }
}

/// Describe a component, model, pipeline or rule set
///
/// World, imports, columns, parameters, size and digest.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A `.wasm`, `.onnx`, `.rules` or `pipeline.toml` file
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print one JSON object for each file
    #[arg(long)]
    pub(crate) json: bool,
}

const MODEL_EXAMPLES: &str = "\
Examples:
  rulestage model inspect credit.onnx
  rulestage model compile credit.onnx -o credit.wasm
  rulestage model compile scores.onnx --features age,income,debt --outputs score
  rulestage run credit.wasm --input customers.csv --output scored.csv";

/// Compile tabular models to stages, and say what models need
#[derive(Debug, Args)]
#[command(after_help = MODEL_EXAMPLES)]
pub(crate) struct Model {
    #[command(subcommand)]
    pub(crate) command: ModelCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    Compile(ModelCompile),
    Inspect(Inspect),
}

/// Compile an ONNX model to a stage: a component without imports
///
/// For tree ensembles, linear models, support vector machines and what prepares their features, as skl2onnx, LightGBM
/// and XGBoost export them. See docs/models.md for the names of columns.
#[derive(Debug, Args)]
pub(crate) struct ModelCompile {
    /// An `.onnx` file
    #[arg(value_name = "MODEL")]
    pub(crate) file: PathBuf,
    /// Where to write [default: MODEL with the extension `.wasm`]
    #[arg(short, long, value_name = "STAGE")]
    pub(crate) output: Option<PathBuf>,
    /// Names of the input columns, in the model's order [default: the model's names; `f0`, `f1`, … for one matrix]
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub(crate) features: Vec<String>,
    /// A file with the names of the input columns, one on each line
    #[arg(long, value_name = "FILE", conflicts_with = "features")]
    pub(crate) feature_names: Option<PathBuf>,
    /// Names of the output columns, in the model's order [default: `label`, `p_CLASS`, `prediction`, …]
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub(crate) outputs: Vec<String>,
}

const IMPORT_EXAMPLES: &str = "\
Examples:
  rulestage import discounts.dmn -o discounts.rules
  rulestage import policy.yaml --environment config.yaml --tests tests.yaml -o policy.rules
  rulestage import --from jdm --strict - < graph.json";

/// Make a rule set of a CEL Policy, a JDM graph or a DMN model
///
/// What the rule language can't say is named with its line, and the rest is imported. See docs/import.md.
#[derive(Debug, Args)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(crate) struct Import {
    /// A `.yaml`, `.json` or `.dmn` file; `-` reads standard input
    pub(crate) file: PathBuf,
    /// Where to write the rules; `-` writes to standard output
    #[arg(short, long, value_name = "OUT", default_value = "-")]
    pub(crate) output: PathBuf,
    /// What the file is [default: by extension or content]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) from: Option<ImportFormat>,
    /// The environment of a CEL Policy: the types of its variables
    #[arg(long, value_name = "FILE")]
    pub(crate) environment: Option<PathBuf>,
    /// The tests of a CEL Policy, to be examples
    #[arg(long, value_name = "FILE")]
    pub(crate) tests: Option<PathBuf>,
    /// Write nothing and exit with 1 where something would be lost
    #[arg(long)]
    pub(crate) strict: bool,
}

/// The formats of other rule engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// CEL Policy: YAML
    CelPolicy,
    /// GoRules' JSON Decision Model
    Jdm,
    /// Decision Model and Notation: XML
    Dmn,
}

/// Write a rule set in the format of another rule engine
///
/// What that can't say is named with its line. See docs/import.md.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A `.rules` file; `-` reads standard input
    pub(crate) file: PathBuf,
    /// The format
    #[arg(long, value_enum, value_name = "FORMAT")]
    to: ExportFormat,
    /// Where to write; `-` writes to standard output
    #[arg(short, long, value_name = "OUT", default_value = "-")]
    pub(crate) output: PathBuf,
    /// Where to write the environment: the types of the inputs
    #[arg(long, value_name = "FILE")]
    pub(crate) environment: Option<PathBuf>,
    /// Write nothing and exit with 1 where something would be lost
    #[arg(long)]
    pub(crate) strict: bool,
}

/// The formats that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// CEL Policy: YAML
    CelPolicy,
}

/// Answer an editor: the language server
///
/// Speaks the Language Server Protocol on standard input and output. See docs/editors.md.
#[derive(Debug, Args)]
pub(crate) struct Lsp {
    /// Accepted because many clients pass it; there is no other way
    #[arg(long, hide = true)]
    stdio: bool,
}

/// Batches of whole files must stay below 2 GiB, which is what Arrow's offsets reach.
const MOST_FILE_BYTES: u64 = 1 << 30;

fn file_size(text: &str) -> Result<u64, String> {
    parse_size_bytes(text)
        .filter(|size| *size <= MOST_FILE_BYTES)
        .ok_or_else(|| "it must be a size such as `64MiB`, at most 1GiB".into())
}

/// Data formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values with a header line
    Csv,
    /// One JSON object on each line
    Ndjson,
    /// One JSON array of objects
    Json,
    /// Apache Parquet
    Parquet,
    /// Apache Arrow IPC file
    Arrow,
}
