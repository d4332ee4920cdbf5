//! Makes what the code generator splices together: the template module of `rule-runtime`, the time zones, and the
//! component around the core module, which is the same for every rule set.

use componentize::{Guest, componentize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use wasm_encoder::{
    CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, ImportSection, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

#[path = "../src/codegen/interface.rs"]
mod interface;
mod template;
mod zones;

/// A small stack; each static in a segment of its own, and notes on where addresses stand: that is how the code
/// generator sees which helpers need which data.
const LINK_FLAGS: &str =
    "-Clink-arg=-zstack-size=16384 -Clink-arg=--no-merge-data-segments -Clink-arg=--emit-relocs";

const RULE_RUNTIME: Guest<'_> = Guest {
    package: "rulestage-rule-runtime",
    profile: "rule-runtime",
    rustflags: LINK_FLAGS,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let crate_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = crate_dir.join("../..");
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    for path in [
        "crates/rule-runtime",
        "crates/decimal",
        "crates/regex",
        "wit",
        "crates/rule-compiler/build",
        "crates/rule-compiler/src/codegen/interface.rs",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    let template = RULE_RUNTIME.build(&root, &out_dir.join("template"))?;
    fs::write(out_dir.join("template.bin"), template::packed(&template)?)?;
    fs::write(out_dir.join("zones.bin"), zones::packed()?)?;
    for (name, explains) in [("component", true), ("silent_component", false)] {
        let component = encode_empty_component(&root.join("wit"), explains)?;
        let component = without_custom_sections(&component)?;
        let component = with_short_names(&component, &mut BTreeMap::new())?;
        let (prefix, suffix) = split_at_core_module(&component)?;
        fs::write(out_dir.join(format!("{name}_prefix.bin")), prefix)?;
        fs::write(out_dir.join(format!("{name}_suffix.bin")), suffix)?;
    }
    Ok(())
}

/// World `rules` without `explain`.
const SILENT_WORLD: &str =
    "package rulestage:silent; world silent { export rulestage:stage/stage@0.1.0; }";

/// A component of world `rules` around a core module whose functions have the right types and no code.
fn encode_empty_component(wit: &Path, explains: bool) -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = if explains {
        resolve.select_world(&[package], Some("rules"))?
    } else {
        let package = resolve.push_str("silent.wit", SILENT_WORLD)?;
        resolve.select_world(&[package], Some("silent"))?
    };
    let mut module = empty_core_module(explains);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
    componentize(&module)
}

fn empty_core_module(explains: bool) -> Vec<u8> {
    let mut types = TypeSection::new();
    let mut imports = ImportSection::new();
    let mut functions = FunctionSection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();
    let value_types = |n: usize| std::iter::repeat_n(ValType::I32, n);
    let (module, name, n_params, n_results) = interface::IMPORT;
    types
        .ty()
        .function(value_types(n_params), value_types(n_results));
    imports.import(module, name, EntityType::Function(0));
    let exported = interface::EXPORTS.into_iter();
    let exported = exported.filter(|(name, ..)| explains || !interface::is_of_explain(name));
    for (index, (name, n_params, n_results)) in (1..).zip(exported) {
        types
            .ty()
            .function(value_types(n_params), value_types(n_results));
        functions.function(index);
        let mut body = Function::new([]);
        body.instructions().unreachable().end();
        code.function(&body);
        exports.export(name, ExportKind::Func, index);
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    exports.export("memory", ExportKind::Memory, 0);
    let mut globals = GlobalSection::new();
    globals.global(
        wasm_encoder::GlobalType {
            val_type: ValType::I32,
            mutable: false,
            shared: false,
        },
        &ConstExpr::i32_const(0),
    );
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&code);
    module.finish()
}

fn read_leb128(bytes: &[u8], at: &mut usize) -> Result<usize> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(*at).ok_or("a section ends early")?;
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a section length is too long".into())
}

/// The sections of a component: id and contents.
fn sections(component: &[u8]) -> Result<Vec<(u8, &[u8])>> {
    let mut found = Vec::new();
    let mut at = 8;
    while at < component.len() {
        let id = component[at];
        at += 1;
        let length = read_leb128(component, &mut at)?;
        found.push((
            id,
            component
                .get(at..at + length)
                .ok_or("a section ends early")?,
        ));
        at += length;
    }
    Ok(found)
}

fn push_section(component: &mut Vec<u8>, id: u8, contents: &[u8]) {
    component.push(id);
    let mut rest = contents.len();
    loop {
        let more = rest > 0x7f;
        component.push((rest & 0x7f) as u8 | if more { 0x80 } else { 0 });
        rest >>= 7;
        if !more {
            break;
        }
    }
    component.extend_from_slice(contents);
}

const CUSTOM_SECTION: u8 = 0;
const CORE_MODULE_SECTION: u8 = 1;
const COMPONENT_SECTION: u8 = 4;
const INSTANCE_SECTION: u8 = 5;
const IMPORT_SECTION: u8 = 10;

/// Drops names and notes on the producers, here and in nested components.
fn without_custom_sections(component: &[u8]) -> Result<Vec<u8>> {
    let mut stripped = component.get(..8).ok_or("no component header")?.to_vec();
    for (id, contents) in sections(component)? {
        let contents = if id == COMPONENT_SECTION {
            Cow::Owned(without_custom_sections(contents)?)
        } else {
            Cow::Borrowed(contents)
        };
        if id != CUSTOM_SECTION {
            push_section(&mut stripped, id, &contents);
        }
    }
    Ok(stripped)
}

/// Gives the imports of nested components short names, which nobody sees, here and where they are instantiated:
/// `import-type-byte-slices` and its like are a fifth of a small component. `names` are those given so far.
fn with_short_names(component: &[u8], names: &mut BTreeMap<Vec<u8>, String>) -> Result<Vec<u8>> {
    let mut renamed = component.get(..8).ok_or("no component header")?.to_vec();
    for (id, contents) in sections(component)? {
        let contents = match id {
            COMPONENT_SECTION => Cow::Owned(with_short_imports(contents, names)?),
            INSTANCE_SECTION => Cow::Owned(with_short_arguments(contents, names)?),
            _ => Cow::Borrowed(contents),
        };
        push_section(&mut renamed, id, &contents);
    }
    Ok(renamed)
}

fn with_short_imports(component: &[u8], names: &mut BTreeMap<Vec<u8>, String>) -> Result<Vec<u8>> {
    let mut renamed = component.get(..8).ok_or("no component header")?.to_vec();
    for (id, contents) in sections(component)? {
        let contents = match (id, contents) {
            // One import with a plain name: how many, what sort of name, its length.
            (IMPORT_SECTION, [1, 0, length @ 0..=0x7f, rest @ ..]) => {
                let (name, what) = rest
                    .split_at_checked(usize::from(*length))
                    .ok_or("no name")?;
                let number = names.len();
                let short = names
                    .entry(name.to_vec())
                    .or_insert_with(|| short_name(number));
                let mut contents = vec![1, 0, short.len() as u8];
                contents.extend_from_slice(short.as_bytes());
                contents.extend_from_slice(what);
                Cow::Owned(contents)
            }
            _ => Cow::Borrowed(contents),
        };
        push_section(&mut renamed, id, &contents);
    }
    Ok(renamed)
}

/// `a`, …, `z`, `a0`, `b0`, …
fn short_name(number: usize) -> String {
    let letter = char::from(b'a' + (number % 26) as u8);
    match number / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{}", round - 1),
    }
}

/// Renames the arguments where one component is instantiated; other sections stay as they are.
fn with_short_arguments(contents: &[u8], names: &BTreeMap<Vec<u8>, String>) -> Result<Vec<u8>> {
    const CORE_SORT: u8 = 0;
    let [1, 0, ..] = contents else {
        return Ok(contents.to_vec());
    };
    let mut at = 2;
    read_leb128(contents, &mut at)?;
    let n_arguments = read_leb128(contents, &mut at)?;
    let mut renamed = contents[..at].to_vec();
    for _ in 0..n_arguments {
        let length = read_leb128(contents, &mut at)?;
        let name = contents.get(at..at + length).ok_or("no name")?;
        at += length;
        let start = at;
        at += if contents.get(at) == Some(&CORE_SORT) {
            2
        } else {
            1
        };
        read_leb128(contents, &mut at)?;
        let name = names.get(name).map_or(name, |short| short.as_bytes());
        renamed.push(u8::try_from(name.len())?);
        renamed.extend_from_slice(name);
        renamed.extend_from_slice(&contents[start..at]);
    }
    Ok(renamed)
}

/// What comes before and after the core module that the rules go into. The others call its destructor.
fn split_at_core_module(component: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let marker = interface::EXPORTS[0].0.as_bytes();
    let mut parts = [component[..8].to_vec(), Vec::new()];
    let mut n_modules = 0;
    for (id, contents) in sections(component)? {
        if id == CORE_MODULE_SECTION
            && contents
                .windows(marker.len())
                .any(|window| window == marker)
        {
            n_modules += 1;
        } else {
            push_section(&mut parts[n_modules.min(1)], id, contents);
        }
    }
    if n_modules != 1 {
        return Err(format!(
            "expected one core module that exports {}, found {n_modules}",
            interface::EXPORTS[0].0
        )
        .into());
    }
    let [prefix, suffix] = parts;
    Ok((prefix, suffix))
}
