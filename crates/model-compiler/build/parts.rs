//! Takes the linked stage apart: what every model needs, and what some operators need.

use super::Result;
use rulestage_module_parts::{Calls, Linked};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt::Write;
use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, Function, Module, RawSection, SectionId,
};
use wasmparser::{Parser, Payload};

/// The static of `onnx-ml` that holds the functions of all operators.
const OPERATORS: &str = "OPERATORS";
/// What a segment's head takes: zeros between two statics up to here are smaller than a segment of its own.
const MOST_ZEROS: u32 = 8;

/// The stage in parts.
pub(super) struct Apart {
    /// Without the linker's notes, what nothing reaches, and what only panics do
    pub(super) core_module: Vec<u8>,
    /// Rust: `SETS`, sets of operators as bits; `FUNCTIONS` and `SEGMENTS`, what not all models need, each with the place of
    /// the set that needs it
    pub(super) table: String,
}

/// The operators that need something, as bits.
type Set = u64;
const ALL: Set = Set::MAX;

pub(super) fn apart(bytes: &[u8]) -> Result<Apart> {
    let linked = Linked::parse(bytes, Calls::Indirect)?;
    let operators = linked.functions_in(OPERATORS)?;
    if operators.is_empty() || operators.len() >= Set::BITS as usize {
        return Err(format!("{} operators", operators.len()).into());
    }
    let (mut functions, mut segments) = (BTreeMap::new(), BTreeMap::new());
    let mut need = |roots: &mut dyn Iterator<Item = u32>, closed: &BTreeSet<u32>, set: Set| {
        let reached = linked.reached(roots, closed);
        for function in reached.functions {
            *functions.entry(function).or_insert(0) |= set;
        }
        for segment in reached.segments {
            *segments.entry(segment).or_insert(0) |= set;
        }
    };
    let closed = operators.iter().copied().collect();
    let exported = linked.exported_functions();
    need(&mut exported.map(|(_, function)| function), &closed, ALL);
    for (at, operator) in operators.iter().enumerate() {
        need(&mut [*operator].into_iter(), &BTreeSet::new(), 1 << at);
    }
    let set_of = |own: usize| {
        let function = own as u32 + linked.n_imports();
        let is_panic = linked.panics.contains(&function);
        functions.get(&function).copied().filter(|_| !is_panic)
    };

    let mut code = CodeSection::new();
    let mut function_sets = Vec::new();
    for (own, body) in linked.bodies.iter().enumerate() {
        match set_of(own) {
            // Numbers without the linker's padding.
            Some(set) => {
                RoundtripReencoder
                    .parse_function_body(&mut code, body.clone())
                    .map_err(|error: reencode::Error<Infallible>| error.to_string())?;
                function_sets.push(set);
            }
            None => {
                let mut trap = Function::new([]);
                trap.instructions().unreachable().end();
                code.function(&trap);
                function_sets.push(ALL);
            }
        }
    }
    let mut data: Vec<(u32, Vec<u8>, Set)> = Vec::new();
    for (at, segment) in (0..).zip(&linked.segments) {
        let Some(set) = segments.get(&at).copied() else {
            continue;
        };
        match data.last_mut() {
            Some((address, bytes, known))
                if *known == set
                    && segment
                        .address
                        .checked_sub(*address + bytes.len() as u32)
                        .is_some_and(|zeros| zeros <= MOST_ZEROS) =>
            {
                bytes.resize((segment.address - *address) as usize, 0);
                bytes.extend(segment.bytes);
            }
            _ => data.push((segment.address, segment.bytes.to_vec(), set)),
        }
    }
    let segment_sets: Vec<Set> = data.iter().map(|(_, _, set)| *set).collect();
    let mut data_section = DataSection::new();
    for (address, bytes, _) in data {
        data_section.active(0, &ConstExpr::i32_const(address as i32), bytes);
    }

    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if let Payload::CustomSection(section) = &payload
            && !section.name().starts_with("component-type")
        {
            continue;
        }
        let Some((id, range)) = payload.as_section() else {
            continue;
        };
        const CODE: u8 = SectionId::Code as u8;
        const DATA: u8 = SectionId::Data as u8;
        const DATA_COUNT: u8 = SectionId::DataCount as u8;
        match id {
            CODE => module.section(&code),
            DATA => module.section(&data_section),
            DATA_COUNT => module.section(&DataCountSection {
                count: segment_sets.len() as u32,
            }),
            _ => module.section(&RawSection {
                id,
                data: &bytes[range.start as usize..range.end as usize],
            }),
        };
    }
    Ok(Apart {
        core_module: module.finish(),
        table: table(&function_sets, &segment_sets)?,
    })
}

fn table(functions: &[Set], segments: &[Set]) -> Result<String> {
    let all = functions.iter().chain(segments).copied();
    let sets: BTreeSet<Set> = all.filter(|set| *set != ALL).collect();
    let sets: Vec<Set> = sets.into_iter().collect();
    let mut text = String::new();
    writeln!(text, "const SETS: &[u64] = &{sets:?};")?;
    for (name, needed) in [("FUNCTIONS", functions), ("SEGMENTS", segments)] {
        let places = needed.iter().enumerate().filter_map(|(index, set)| {
            let place = sets.binary_search(set).ok()?;
            Some((index, place))
        });
        let places: Vec<(usize, usize)> = places.collect();
        writeln!(text, "const {name}: &[(u16, u16)] = &{places:?};")?;
    }
    Ok(text)
}
