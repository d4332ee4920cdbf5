//! Rules over lists of structs: compiled to a component, and in native code over the same arrays.

use crate::median::{ignore, interleaved, nanoseconds_each};
use crate::reference::LIMITS;
use anyhow::{Result, anyhow, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch};
use arrow_array::{StringArray, StructArray};
use arrow_buffer::{BooleanBuffer, OffsetBuffer};
use arrow_schema::DataType;
use rulestage_pipeline::runtime::Runtime;
use rulestage_runtime_wasmtime::{Config, Session, WasmtimeRuntime};
use std::hint::black_box;
use std::sync::Arc;

const EXISTS: &str = "ruleset orders {
  input { items: list<{sku: string, price: double, qty: int}> }
  output { dear: bool = false }
  rule dear { when items.exists(i, i.price > 100.0 && i.qty > 0) then { dear = true } }
}";
const TOTALS: &str = "ruleset orders {
  input { items: list<{sku: string, price: double, qty: int}> }
  output { totals: list<double> = [] }
  rule all { when true then { totals = items.map(i, i.price * double(i.qty)) } }
}";
const ROWS: usize = 200_000;
const BATCH_ROWS: usize = 8_192;
const REPETITIONS: usize = 15;

pub(crate) fn report() -> Result<()> {
    let runtime = WasmtimeRuntime::new(Config::default())?;
    let open = |source: &str| -> Result<Session> {
        let compilation = rulestage_rule_compiler::compile(source);
        let artifact = compilation
            .artifact
            .ok_or_else(|| anyhow!("{:?}", compilation.diagnostics))?;
        println!("component: {} bytes\n", artifact.component.len());
        Ok(runtime.open(&runtime.load(&artifact.component)?, &[], LIMITS)?)
    };
    let (mut exists, mut totals) = (open(EXISTS)?, open(TOTALS)?);
    let schema = runtime.schema(&exists).inputs.clone();
    let orders = orders(schema.field(0).data_type())?;
    let n_items = orders.values().len();
    let whole = RecordBatch::try_new(schema, vec![Arc::new(orders) as ArrayRef])?;
    let batches: Vec<RecordBatch> = (0..ROWS)
        .step_by(BATCH_ROWS)
        .map(|start| whole.slice(start, BATCH_ROWS.min(ROWS - start)))
        .collect();

    let mut run_exists = || -> Result<usize> {
        let mut n_dear = 0;
        for batch in &batches {
            let outcome = runtime.process(&mut exists, batch)?;
            n_dear += outcome.columns[0].as_boolean().true_count();
        }
        Ok(n_dear)
    };
    let mut run_totals = || -> Result<f64> {
        let mut sum = 0.0;
        for batch in &batches {
            let outcome = runtime.process(&mut totals, batch)?;
            let values = outcome.columns[0].as_list::<i32>().values();
            sum += values
                .as_primitive::<Float64Type>()
                .values()
                .iter()
                .sum::<f64>();
        }
        Ok(sum)
    };
    let native_dear = || {
        let each = batches
            .iter()
            .map(|batch| native_exists(batch).count_set_bits());
        each.sum::<usize>()
    };
    let native_sum = || -> f64 {
        batches
            .iter()
            .map(|batch| native_totals(batch).iter().sum::<f64>())
            .sum()
    };
    ensure!(run_exists()? == native_dear(), "the component disagrees");
    ensure!(run_totals()? == native_sum(), "the component disagrees");
    let times = interleaved(
        REPETITIONS,
        [
            &mut || ignore(black_box(native_dear())),
            &mut || ignore(black_box(run_exists())),
            &mut || ignore(black_box(native_sum())),
            &mut || ignore(black_box(run_totals())),
        ],
    );
    println!(
        "{n_items} items in {ROWS} rows\n\n| | ns per row | ns per item | × native |\n|---|---|---|---|"
    );
    let names = [
        "`exists`, native",
        "`exists`, component",
        "`map`, native",
        "`map`, component",
    ];
    for (index, (name, time)) in names.iter().zip(times).enumerate() {
        println!(
            "| {name} | {:.2} | {:.2} | {:.1} |",
            nanoseconds_each(time, ROWS),
            nanoseconds_each(time, n_items),
            time.as_secs_f64() / times[index / 2 * 2].as_secs_f64()
        );
    }
    Ok(())
}

/// Orders of 0 to 9 items; about one item in fifty is dear.
fn orders(data_type: &DataType) -> Result<ListArray> {
    let DataType::List(item) = data_type else {
        return Err(anyhow!("the input is no list"));
    };
    let DataType::Struct(fields) = item.data_type() else {
        return Err(anyhow!("the items are no structs"));
    };
    let lengths: Vec<usize> = (0..ROWS).map(|row| row * 7 % 10).collect();
    let n_items: usize = lengths.iter().sum();
    let number = |index: usize| (index.wrapping_mul(2_654_435_761) >> 7) % 1_000;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(
            (0..n_items).map(|index| format!("sku-{}", number(index))),
        )),
        Arc::new(Float64Array::from_iter_values(
            (0..n_items).map(|index| number(index) as f64 / 9.8),
        )),
        Arc::new(Int64Array::from_iter_values(
            (0..n_items).map(|index| (index % 5) as i64),
        )),
    ];
    let items = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(ListArray::try_new(
        item.clone(),
        offsets,
        Arc::new(items),
        None,
    )?)
}

fn native_exists(batch: &RecordBatch) -> BooleanBuffer {
    let (offsets, prices, quantities) = parts(batch);
    BooleanBuffer::collect_bool(batch.num_rows(), |row| {
        let mut items = offsets[row] as usize..offsets[row + 1] as usize;
        items.any(|item| prices[item] > 100.0 && quantities[item] > 0)
    })
}

fn native_totals(batch: &RecordBatch) -> Vec<f64> {
    let (offsets, prices, quantities) = parts(batch);
    let mut totals = Vec::new();
    for row in 0..batch.num_rows() {
        let items = offsets[row] as usize..offsets[row + 1] as usize;
        totals.extend(items.map(|item| prices[item] * quantities[item] as f64));
    }
    totals
}

fn parts(batch: &RecordBatch) -> (&[i32], &[f64], &[i64]) {
    let list = batch.column(0).as_list::<i32>();
    let items = list.values().as_struct();
    (
        list.value_offsets(),
        items.column(1).as_primitive::<Float64Type>().values(),
        items.column(2).as_primitive::<Int64Type>().values(),
    )
}
