//! The component around the core module of a rule set: everything but that module.
//!
//! wit-component would describe each type three times, because types have to be imported and exported again where a
//! function of a resource gets its name; that is half of a small component. Here the inner component has the core
//! module's functions under the names of `stage`, and those of `explain` as an instance. What splits the two is a
//! component that takes both and gives them back: types of instances say what belongs to which. So types are described
//! twice, and once where nothing is explained.

use crate::Result;
use crate::interface::{self, Export};
use crate::types::{Exported, Gathered, Types};
use std::collections::HashMap;
use wasm_encoder::{
    Alias, CanonicalOption, CodeSection, ComponentBuilder, ComponentExportKind,
    ComponentOuterAliasKind, ComponentTypeRef, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, InstanceType, MemArg, MemArgTarget, MemorySection, MemoryType,
    Module, ModuleArg, TypeBounds, TypeSection, ValType,
};
use wit_parser::{Interface, InterfaceId, Resolve, Type, TypeDefKind, TypeId};

const STAGE: &str = "rulestage:stage/stage@0.1.0";
const EXPLAIN: &str = "rulestage:stage/explain@0.1.0";

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
    let session = *stage.types.get("session").ok_or("no session")?;
    let contract = Contract {
        resolve,
        stage,
        explain,
        session,
    };
    let mut outer = ComponentBuilder::default();
    outer.core_module(None, &empty_core_module(explains));
    let inner = contract.inner(explains)?;
    let inner = outer.component(None, inner);
    let no_arguments: [(&str, ComponentExportKind, u32); 0] = [];
    let inner = outer.instantiate(None, inner, no_arguments);
    if explains {
        let of_explain = outer.alias_export(inner, "e", ComponentExportKind::Instance);
        let splitter = contract.splitter()?;
        let splitter = outer.component(None, splitter);
        let both = outer.instantiate(
            None,
            splitter,
            [
                ("s", ComponentExportKind::Instance, inner),
                ("e", ComponentExportKind::Instance, of_explain),
            ],
        );
        for (name, exported) in [("s", STAGE), ("e", EXPLAIN)] {
            let instance = outer.alias_export(both, name, ComponentExportKind::Instance);
            outer.export(exported, ComponentExportKind::Instance, instance, None);
        }
    } else {
        outer.export(STAGE, ComponentExportKind::Instance, inner, None);
    }
    Ok(outer.finish())
}

impl Contract<'_> {
    /// The types of `stage` that `explain` uses.
    fn used_types(&self) -> impl Iterator<Item = TypeId> {
        let types = self.explain.types.values();
        types.filter_map(|id| match self.resolve.types[*id].kind {
            TypeDefKind::Type(Type::Id(used)) => Some(used),
            _ => None,
        })
    }

    /// The component that runs the core module. Its exports are those of `stage`, and `e` where it explains.
    fn inner(&self, explains: bool) -> Result<ComponentBuilder> {
        let mut inner = ComponentBuilder::default();
        let module = inner.alias(
            None,
            Alias::Outer {
                kind: ComponentOuterAliasKind::CoreModule,
                count: 1,
                index: 0,
            },
        );
        let no_arguments: [(&str, ModuleArg); 0] = [];
        let rules = inner.core_instantiate(None, module, no_arguments);
        let mut core = HashMap::new();
        for each in interface::exports(explains) {
            let index = inner.core_alias_export(None, rules, each.name, ExportKind::Func);
            core.insert(each.name, index);
        }
        let memory = inner.core_alias_export(None, rules, "memory", ExportKind::Memory);
        let resource = inner.type_resource(None, ValType::I32, Some(core[interface::CLOSE]));
        let new = inner.resource_new(resource);
        let open = core[interface::OPEN];
        core.insert(interface::OPEN, opening(&mut inner, new, memory, open));

        let lift = |component: &mut ComponentBuilder, each: &Export, ty: u32| {
            let mut options = vec![CanonicalOption::Memory(memory)];
            if each.n_params > 1 {
                options.push(CanonicalOption::Realloc(core[interface::REALLOC]));
            }
            if each.releases {
                options.push(CanonicalOption::PostReturn(core[interface::RELEASE]));
            }
            component.lift_func(None, core[each.name], ty, options)
        };
        let exported = |name: &str| {
            let found = interface::EXPORTS.iter().find(|each| each.wit_name == name);
            found.ok_or_else(|| format!("the core module has no `{name}`"))
        };

        let mut types = Types::new(self.resolve, Exported(&mut inner));
        types.set(self.session, resource);
        types.define_all(self.stage)?;
        let mut function_types = Vec::new();
        for function in self.stage.functions.values() {
            function_types.push((function.name.as_str(), types.function(function)?));
        }
        let mut of_explain = None;
        if explains {
            let mut more = types.within(|scope| Gathered {
                component: scope.0,
                names: Vec::new(),
            });
            // What `explain` uses of `stage` has an identity of its own there, or it would be the same type twice.
            for (number, used) in self.used_types().enumerate() {
                let index = more.index(used).ok_or("a type is used and not there")?;
                let name = format!("x{number}");
                let component = &mut more.scope.component;
                let again = component.export(&name, ComponentExportKind::Type, index, None);
                more.set(used, again);
            }
            more.define_all(self.explain)?;
            let mut explain_types = Vec::new();
            for function in self.explain.functions.values() {
                explain_types.push((function.name.as_str(), more.function(function)?));
            }
            of_explain = Some((more.scope.names, explain_types));
        }
        let mut functions = Vec::new();
        for (name, ty) in function_types {
            functions.push((name, lift(&mut inner, exported(name)?, ty)));
        }
        let mut instance = Vec::new();
        if let Some((names, types)) = of_explain {
            for (name, index) in names {
                instance.push((name, ComponentExportKind::Type, index));
            }
            for (name, ty) in types {
                let function = lift(&mut inner, exported(name)?, ty);
                instance.push((name.to_owned(), ComponentExportKind::Func, function));
            }
            let names = instance.iter();
            let names = names.map(|(name, kind, index)| (name.as_str(), *kind, *index));
            let instance = inner.instantiate_exports(None, names);
            inner.export("e", ComponentExportKind::Instance, instance, None);
        }
        for (name, function) in functions {
            inner.export(name, ComponentExportKind::Func, function, None);
        }
        Ok(inner)
    }

    /// The component that takes an instance with the exports of `stage`, among others, and one of `explain`, and gives
    /// back just these.
    fn splitter(&self) -> Result<ComponentBuilder> {
        let mut splitter = ComponentBuilder::default();
        let mut types = Types::new(self.resolve, InstanceType::new());
        types.set(self.session, 0);
        types
            .scope
            .export("session", ComponentTypeRef::Type(TypeBounds::SubResource));
        let mut without_session = self.stage.clone();
        without_session.types.shift_remove("session");
        types.define_all(&without_session)?;
        for function in self.stage.functions.values() {
            let ty = types.function(function)?;
            types
                .scope
                .export(&function.name, ComponentTypeRef::Func(ty));
        }
        let ty = splitter.type_instance(None, &types.scope);
        let stage = splitter.import("s", ComponentTypeRef::Instance(ty));

        let mut types = Types::new(self.resolve, InstanceType::new());
        for used in self.used_types() {
            let name = self.resolve.types[used].name.as_deref();
            let name = name.ok_or("a type without a name is used")?;
            let index = splitter.alias_export(stage, name, ComponentExportKind::Type);
            let alias = types.scope.type_count();
            types.scope.alias(Alias::Outer {
                kind: ComponentOuterAliasKind::Type,
                count: 1,
                index,
            });
            types.set(used, alias);
        }
        types.define_all(self.explain)?;
        for function in self.explain.functions.values() {
            let ty = types.function(function)?;
            types
                .scope
                .export(&function.name, ComponentTypeRef::Func(ty));
        }
        let ty = splitter.type_instance(None, &types.scope);
        let explain = splitter.import("e", ComponentTypeRef::Instance(ty));
        splitter.export("s", ComponentExportKind::Instance, stage, None);
        splitter.export("e", ComponentExportKind::Instance, explain, None);
        Ok(splitter)
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
    component.core_alias_export(None, instance, "", ExportKind::Func)
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
    exports.export("", ExportKind::Func, 2);
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
