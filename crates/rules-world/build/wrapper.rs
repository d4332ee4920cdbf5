//! The component around the core module of a rule set: everything but that module.
//!
//! wit-component would describe each type three times, because types have to be imported and exported again where a
//! function of a resource gets its name; that is half of a small component. Here the types have no names where the
//! core module's functions are lifted, and short ones where a component inside imports them, to export them again under
//! those of `stage`; only what refers to other types is described a third time, with
//! the names. `explain` has no functions of a resource: its instance is put together in place. Where nothing is
//! explained, the functions are lifted in the component inside, and types are described once.

use crate::Result;
use crate::interface;
use crate::types::{
    Exported, Gathered, Imported, Types, Unnamed, function_import, stands_alone, type_import,
};
use std::collections::HashMap;
use wasm_encoder::{
    Alias, CanonicalOption, CodeSection, ComponentBuilder, ComponentExportKind,
    ComponentOuterAliasKind, ComponentTypeRef, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, MemArg, MemArgTarget, MemorySection, MemoryType, Module,
    ModuleArg, TypeSection, ValType,
};
use wit_parser::{Interface, InterfaceId, Resolve, Type, TypeDefKind, TypeId};

const STAGE: &str = "rulestage:stage/stage@0.1.0";
const EXPLAIN: &str = "rulestage:stage/explain@0.1.0";
const SESSION: &str = "session";

/// The package's interfaces.
struct Contract<'r> {
    resolve: &'r Resolve,
    stage: &'r Interface,
    explain: &'r Interface,
    session: TypeId,
}

/// A component whose core module, its first section, has functions of the right types that do nothing.
pub(crate) fn encode(resolve: &Resolve, explains: bool) -> Result<Vec<u8>> {
    let find = |name: &str| -> Result<InterfaceId> {
        let mut interfaces = resolve.interfaces.iter();
        let found = interfaces.find(|(_, interface)| interface.name.as_deref() == Some(name));
        Ok(found.ok_or("an interface is missing")?.0)
    };
    let stage = &resolve.interfaces[find("stage")?];
    let explain = &resolve.interfaces[find("explain")?];
    let session = *stage.types.get(SESSION).ok_or("no session")?;
    let contract = Contract {
        resolve,
        stage,
        explain,
        session,
    };
    let mut outer = ComponentBuilder::default();
    outer.core_module(None, &empty_core_module(explains));
    let inner = if explains {
        contract.both()?
    } else {
        contract.stage_alone()?
    };
    let inner = outer.component(None, inner);
    let no_arguments: [(&str, ComponentExportKind, u32); 0] = [];
    let inner = outer.instantiate(None, inner, no_arguments);
    if explains {
        for (name, exported) in [("s", STAGE), ("e", EXPLAIN)] {
            let instance = outer.alias_export(inner, name, ComponentExportKind::Instance);
            outer.export(exported, ComponentExportKind::Instance, instance, None);
        }
    } else {
        outer.export(STAGE, ComponentExportKind::Instance, inner, None);
    }
    Ok(outer.finish())
}

impl Contract<'_> {
    /// A component that runs the core module of the one around it. Its instances `s` and `e` are both interfaces.
    fn both(&self) -> Result<ComponentBuilder> {
        let mut inner = ComponentBuilder::default();
        let component = &mut inner;
        let rules = Rules::new(component, true);
        let mut types = Types::new(self.resolve, Unnamed(component));
        types.set(self.session, rules.resource);
        types.define_all(self.stage)?;
        let mut function_types = Vec::new();
        for function in self.stage.functions.values() {
            function_types.push((&function.name, types.function(function)?));
        }
        let mut arguments = Vec::new();
        let mut outside = Vec::new();
        for (number, id) in self.stage.types.values().enumerate() {
            let index = types.index(*id).ok_or("a type is unknown")?;
            arguments.push((type_import(number), ComponentExportKind::Type, index));
            outside.push((*id, index));
        }
        for (number, (name, ty)) in function_types.into_iter().enumerate() {
            let function = rules.lift(component, name, ty)?;
            arguments.push((function_import(number), ComponentExportKind::Func, function));
        }
        let namer = self.namer(&outside)?;
        let namer = component.component(None, namer);
        let arguments = arguments
            .iter()
            .map(|(name, kind, index)| (name.as_str(), *kind, *index));
        let stage = component.instantiate(None, namer, arguments);
        let stage = component.export("s", ComponentExportKind::Instance, stage, None);

        // What `explain` uses of `stage` has an identity of its own there, or it would be the same type twice.
        let mut used = Vec::new();
        for (number, id) in self.used_types().enumerate() {
            let name = self.resolve.types[id].name.as_deref();
            let name = name.ok_or("a type without a name is used")?;
            let index = component.alias_export(stage, name, ComponentExportKind::Type);
            let name = format!("x{number}");
            let again = component.export(&name, ComponentExportKind::Type, index, None);
            used.push((id, again));
        }
        let mut types = Types::new(
            self.resolve,
            Gathered {
                component,
                names: Vec::new(),
            },
        );
        for (id, index) in used {
            types.set(id, index);
        }
        types.define_all(self.explain)?;
        let mut function_types = Vec::new();
        for function in self.explain.functions.values() {
            function_types.push((&function.name, types.function(function)?));
        }
        let mut exports = Vec::new();
        for (name, index) in types.scope.names {
            exports.push((name, ComponentExportKind::Type, index));
        }
        for (name, ty) in function_types {
            let function = rules.lift(component, name, ty)?;
            exports.push((name.clone(), ComponentExportKind::Func, function));
        }
        let exports = exports
            .iter()
            .map(|(name, kind, index)| (name.as_str(), *kind, *index));
        let explain = component.instantiate_exports(None, exports);
        component.export("e", ComponentExportKind::Instance, explain, None);
        Ok(inner)
    }

    /// The types of `stage` that `explain` uses.
    fn used_types(&self) -> impl Iterator<Item = TypeId> {
        let types = self.explain.types.values();
        types.filter_map(|id| match self.resolve.types[*id].kind {
            TypeDefKind::Type(Type::Id(used)) => Some(used),
            _ => None,
        })
    }

    /// The component that takes the types and functions of `stage`, and exports them under their names. Only the exports
    /// of a component may be functions of a resource.
    ///
    /// `outside` are the types in the component around it.
    fn namer(&self, outside: &[(TypeId, u32)]) -> Result<ComponentBuilder> {
        let mut namer = ComponentBuilder::default();
        let mut simple = Vec::new();
        for (id, index) in outside {
            if stands_alone(self.resolve, *id) && *id != self.session {
                let alias = Alias::Outer {
                    kind: ComponentOuterAliasKind::Type,
                    count: 1,
                    index: *index,
                };
                simple.push((*id, namer.alias(None, alias)));
            }
        }
        let mut types = Types::new(self.resolve, Imported::new(&mut namer, self.stage));
        let session = types.scope.resource(SESSION);
        types.set(self.session, session);
        for (id, index) in &mut simple {
            *index = types.name(*id, *index)?;
        }
        types.define_all(self.stage)?;
        let mut imported = Vec::new();
        for function in self.stage.functions.values() {
            imported.push((&function.name, types.function(function)?));
        }
        let mut functions = Vec::new();
        for (number, (name, ty)) in imported.into_iter().enumerate() {
            let import = function_import(number);
            functions.push((name, namer.import(&import, ComponentTypeRef::Func(ty))));
        }

        // What refers to other types has to refer to those with the exported names.
        let mut types = Types::new(self.resolve, Exported(&mut namer));
        types.name(self.session, session)?;
        for (id, index) in simple {
            types.name(id, index)?;
        }
        types.define_all(self.stage)?;
        let mut exported = Vec::new();
        for (name, function) in functions {
            let ty = types.function(&self.stage.functions[name])?;
            exported.push((name, function, ComponentTypeRef::Func(ty)));
        }
        for (name, function, ty) in exported {
            namer.export(name, ComponentExportKind::Func, function, Some(ty));
        }
        Ok(namer)
    }

    /// A component that runs the core module of the one around it, and whose exports are those of `stage`.
    fn stage_alone(&self) -> Result<ComponentBuilder> {
        let mut inner = ComponentBuilder::default();
        let rules = Rules::new(&mut inner, false);
        let mut types = Types::new(self.resolve, Exported(&mut inner));
        types.name(self.session, rules.resource)?;
        types.define_all(self.stage)?;
        let mut function_types = Vec::new();
        for function in self.stage.functions.values() {
            function_types.push((&function.name, types.function(function)?));
        }
        let mut functions = Vec::new();
        for (name, ty) in function_types {
            functions.push((name, rules.lift(&mut inner, name, ty)?));
        }
        for (name, function) in functions {
            inner.export(name, ComponentExportKind::Func, function, None);
        }
        Ok(inner)
    }
}

/// The core module's instance in a component.
struct Rules {
    /// What it exports, by name.
    core: HashMap<&'static str, u32>,
    memory: u32,
    /// The type of its sessions.
    resource: u32,
}

impl Rules {
    /// Makes an instance of the first module of the component around this one.
    fn new(component: &mut ComponentBuilder, explains: bool) -> Self {
        let module = component.alias(
            None,
            Alias::Outer {
                kind: ComponentOuterAliasKind::CoreModule,
                count: 1,
                index: 0,
            },
        );
        let no_arguments: [(&str, ModuleArg); 0] = [];
        let rules = component.core_instantiate(None, module, no_arguments);
        let mut core = HashMap::new();
        for each in interface::exports(explains) {
            let index = component.core_alias_export(None, rules, each.name, ExportKind::Func);
            core.insert(each.name, index);
        }
        let memory = component.core_alias_export(None, rules, "memory", ExportKind::Memory);
        let resource = component.type_resource(None, ValType::I32, Some(core[interface::CLOSE]));
        let new = component.resource_new(resource);
        let open = core[interface::OPEN];
        core.insert(interface::OPEN, opening(component, new, memory, open));
        Self {
            core,
            memory,
            resource,
        }
    }

    /// Lifts the function that an interface calls `name`.
    fn lift(&self, component: &mut ComponentBuilder, name: &str, ty: u32) -> Result<u32> {
        let found = interface::EXPORTS
            .iter()
            .find(|each| each.wit_name == name)
            .ok_or_else(|| format!("the core module has no `{name}`"))?;
        let mut options = vec![CanonicalOption::Memory(self.memory)];
        if found.n_params > 1 {
            options.push(CanonicalOption::Realloc(self.core[interface::REALLOC]));
        }
        if found.releases {
            options.push(CanonicalOption::PostReturn(self.core[interface::RELEASE]));
        }
        Ok(component.lift_func(None, self.core[found.name], ty, options))
    }
}

/// Adds a function that calls `open` and makes a handle of the session that it returns. The rules themselves can't: the
/// resource is there only after their module, which frees sessions.
fn opening(component: &mut ComponentBuilder, new: u32, memory: u32, open: u32) -> u32 {
    let module = component.core_module(None, &opening_module());
    let arguments = component.core_instantiate_exports(
        None,
        [
            ("o", ExportKind::Func, open),
            ("n", ExportKind::Func, new),
            ("m", ExportKind::Memory, memory),
        ],
    );
    let instance = component.core_instantiate(None, module, [("", ModuleArg::Instance(arguments))]);
    component.core_alias_export(None, instance, "o", ExportKind::Func)
}

fn opening_module() -> Module {
    const SESSION: u64 = 4;
    let at = |offset| MemArg {
        offset,
        align: 0,
        target: MemArgTarget::Memory(0),
        ordering: None,
    };
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 2], [ValType::I32]);
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut imports = ImportSection::new();
    imports.import("", "o", EntityType::Function(0));
    imports.import("", "n", EntityType::Function(1));
    imports.import("", "m", EntityType::Memory(memory_type()));
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut exports = ExportSection::new();
    // A name, because glue in JavaScript makes variables of them.
    exports.export("o", ExportKind::Func, 2);
    let (open, new, result) = (0, 1, 2);
    let mut body = Function::new([(1, ValType::I32)]);
    let mut ins = body.instructions();
    ins.local_get(0).local_get(1).call(open).local_tee(result);
    ins.i32_load8_u(at(0)).i32_eqz();
    ins.if_(wasm_encoder::BlockType::Empty);
    ins.local_get(result).local_get(result);
    ins.i32_load(at(SESSION)).call(new).i32_store(at(SESSION));
    ins.end();
    ins.local_get(result).end();
    let mut code = CodeSection::new();
    code.function(&body);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&exports)
        .section(&code);
    module
}

fn memory_type() -> MemoryType {
    MemoryType {
        minimum: 0,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    }
}

fn empty_core_module(explains: bool) -> Module {
    let mut types = TypeSection::new();
    let mut functions = FunctionSection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();
    let value_types = |n: usize| std::iter::repeat_n(ValType::I32, n);
    for (index, each) in (0..).zip(interface::exports(explains)) {
        types
            .ty()
            .function(value_types(each.n_params), value_types(each.n_results));
        functions.function(index);
        let mut body = Function::new([]);
        body.instructions().unreachable().end();
        code.function(&body);
        exports.export(each.name, ExportKind::Func, index);
    }
    let mut memories = MemorySection::new();
    memories.memory(memory_type());
    exports.export("memory", ExportKind::Memory, 0);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&memories)
        .section(&exports)
        .section(&code);
    module
}
