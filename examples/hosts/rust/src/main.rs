//! Decides orders with compiled rules, in Rust: `rulestage-host-example discount.wasm orders.ndjson`.
//!
//! Needs nothing of Rulestage but `wit/`. The columns are Arrow arrays in parts, as wit/stage.wit describes them. A host
//! that wants a cache of compiled code, limits, pipelines and Arrow's own arrays takes `rulestage-runtime-wasmtime`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints decisions"
)]

use contract::Decisions;
use contract::exports::rulestage::stage::stage::{Array, Buffer, ByteSlices, Value};
use serde_json::json;
use std::process::ExitCode;
use wasmtime::component::{Component, Linker};
use wasmtime::error::Context as _;
use wasmtime::{Engine, Error, Result, Store};

/// Generated from the contract, which documents it.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
mod contract {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        inline: "
            package host:example;
            world decisions { export rulestage:stage/stage@0.1.0; }
        ",
    });
}

struct Order {
    total: f64,
    country: String,
    years: Option<i64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [component, orders] = &arguments[..] else {
        eprintln!("usage: rulestage-host-example COMPONENT ORDERS");
        return ExitCode::from(2);
    };
    match decide(component, orders) {
        Ok(decisions) => {
            for decision in decisions {
                println!("{decision}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The decision on each order, in order.
fn decide(component: &str, orders: &str) -> Result<Vec<serde_json::Value>> {
    let orders = read(orders)?;
    let engine = Engine::default();
    let component = Component::from_file(&engine, component)?;
    let mut store = Store::new(&engine, ());
    // Rules import nothing, so nothing is linked.
    let host = Decisions::instantiate(&mut store, &component, &Linker::new(&engine))?;
    let stage = host.rulestage_stage_stage();

    let description = stage.call_describe(&mut store)?;
    let defaults = vec![Value::Absent; description.parameters.len()];
    let session = stage.session().call_open(&mut store, &defaults)??;

    let rows = u32::try_from(orders.len())?;
    let outcome = stage
        .session()
        .call_process(&mut store, session, rows, &columns(&orders)?)??;
    for error in &outcome.errors {
        eprintln!("order {}: {}", error.row, error.message);
    }
    let [percent, why, reasons] = &outcome.columns[..] else {
        return Err(Error::msg("the rules have other outputs"));
    };
    let (Buffer::F64(percent), Buffer::Offsets(starts), Buffer::Bytes(reasons)) =
        (&percent.values, &why.values, &reasons.values)
    else {
        return Err(Error::msg("the outputs have other types"));
    };
    let text = |i: usize| {
        let bytes = &reasons.bytes[index(reasons.offsets[i])..index(reasons.offsets[i + 1])];
        String::from_utf8_lossy(bytes).into_owned()
    };
    let of_row = |row: usize| (index(starts[row])..index(starts[row + 1])).map(text);
    let decisions = percent.iter().enumerate().map(
        |(row, percent)| json!({ "percent": percent, "why": of_row(row).collect::<Vec<_>>() }),
    );
    Ok(decisions.collect())
}

/// The inputs in the order of the session's schema.
fn columns(orders: &[Order]) -> Result<Vec<Array>> {
    let length = u32::try_from(orders.len())?;
    let array = |values| Array {
        length,
        validity: None,
        values,
    };
    let mut countries = ByteSlices {
        offsets: vec![0],
        bytes: Vec::new(),
    };
    // Bit by bit, the least significant first: whether the value is there.
    let mut validity = vec![0; orders.len().div_ceil(8)];
    for (row, order) in orders.iter().enumerate() {
        countries.bytes.extend(order.country.as_bytes());
        countries
            .offsets
            .push(i32::try_from(countries.bytes.len())?);
        validity[row / 8] |= u8::from(order.years.is_some()) << (row % 8);
    }
    let years = orders.iter().map(|order| order.years.unwrap_or(0));
    Ok(vec![
        array(Buffer::F64(
            orders.iter().map(|order| order.total).collect(),
        )),
        array(Buffer::Bytes(countries)),
        Array {
            validity: Some(validity),
            ..array(Buffer::S64(years.collect()))
        },
    ])
}

fn read(path: &str) -> Result<Vec<Order>> {
    let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    let order = |line: &str| {
        let order: serde_json::Value = serde_json::from_str(line)?;
        Ok(Order {
            total: order["total"].as_f64().context("`total` is missing")?,
            country: order["country"]
                .as_str()
                .context("`country` is missing")?
                .to_owned(),
            years: order["years"].as_i64(),
        })
    };
    text.lines().map(order).collect()
}

/// An offset of the guest's. Rules of ours never give negative ones, and an index that is out of bounds panics.
fn index(offset: i32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
