//! Recognises components that are one core module and its lifted functions, and nothing else.
//!
//! That is what `wit-component` makes of a module without adapters. For such a component it makes no difference whether
//! its functions are called through it or in the module: the module imports nothing but the intrinsics of `session`, every
//! function of the contract is the module's function of that name with the module's memory and allocator, and no other
//! module in the component runs code before `session` is dropped, which hosts don't do. Whatever is not certain to be so
//! is not recognised. What compiled rules have around their module is always the same and recognised as that.

use rulestage_rules_world::interface;
use std::borrow::Cow;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentType, ComponentTypeRef, ExternalKind, Instance, Parser,
    Payload, TypeRef,
};

use super::{EXPORT, Function, STAGED_EXPORT, staged};
use crate::inspect::STAGE;

/// A component that was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The number of its core module
    module: u32,
    /// How many core modules it has
    n_modules: u32,
    /// Whether the component exports each [`Function`], and whether something is called after it
    functions: [Option<PostReturn>; Function::ALL.len()],
    /// Whether it is one of compiled rules, whose names are short and whose sessions need no handles
    is_rules: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PostReturn(pub(crate) bool);

/// The core functions of an exported function.
pub(crate) struct CoreNames {
    pub(crate) name: Cow<'static, str>,
    pub(crate) post_return: Option<Cow<'static, str>>,
}

impl Shape {
    /// `None` where the component doesn't export it.
    pub(crate) fn function(&self, function: Function) -> Option<CoreNames> {
        let PostReturn(calls_after) = self.functions[function as usize]?;
        let (name, after) = if self.is_rules {
            let export = rules_export(function)?;
            (Cow::from(export.name), Cow::from(interface::RELEASE))
        } else {
            let name = function.core_name();
            let after = format!("cabi_post_{name}");
            (name.into(), after.into())
        };
        Some(CoreNames {
            name,
            post_return: calls_after.then_some(after),
        })
    }

    /// The name of the allocator.
    pub(crate) fn realloc(&self) -> &'static str {
        if self.is_rules {
            interface::REALLOC
        } else {
            super::REALLOC
        }
    }

    /// Whether `open` makes a handle of what it returns.
    pub(crate) fn has_handles(&self) -> bool {
        !self.is_rules
    }

    /// Compiled rules.
    fn of_rules(explains: bool) -> Self {
        let exported = |function: Function| {
            let releases = rules_export(function)?.releases;
            (explains || !function.is_optional()).then_some(PostReturn(releases))
        };
        Self {
            module: 0,
            n_modules: 1,
            functions: Function::ALL.map(exported),
            is_rules: true,
        }
    }

    /// `None` for everything that is not known to be nothing but its core module.
    pub(crate) fn of(component: &[u8]) -> Option<Self> {
        if let Some((_, explains)) = rulestage_rules_world::core_module(component) {
            return Some(Self::of_rules(explains));
        }
        let mut walk = Walk::default();
        // The innermost module or component that is being read.
        let mut inside = Vec::new();
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload.ok()?;
            match &payload {
                Payload::ModuleSection { .. } => {
                    inside.push(Inside::Module(Module::default()));
                    continue;
                }
                Payload::ComponentSection { .. } => {
                    inside.push(Inside::Component(Nested::default()));
                    continue;
                }
                Payload::End(_) => {
                    match inside.pop() {
                        // Neither holds the other.
                        Some(_) if !inside.is_empty() => return None,
                        Some(Inside::Module(module)) => walk.modules.push(module),
                        Some(Inside::Component(nested)) => walk.components.push(nested),
                        None => {}
                    }
                    continue;
                }
                _ => {}
            }
            match inside.last_mut() {
                None => walk.read(&payload)?,
                Some(Inside::Module(module)) => module.read(&payload)?,
                Some(Inside::Component(nested)) => nested.read(&payload)?,
            }
        }
        walk.shape()
    }
}

/// What the core module of compiled rules calls a function.
fn rules_export(function: Function) -> Option<interface::Export> {
    let (_, name) = function.names();
    let mut exports = interface::EXPORTS.into_iter();
    exports.find(|export| export.wit_name == name)
}

enum Inside<'a> {
    Module(Module<'a>),
    Component(Nested<'a>),
}

/// What matters of a core module.
#[derive(Default)]
struct Module<'a> {
    /// Module, name, and whether it is a function
    imports: Vec<(&'a str, &'a str, bool)>,
    starts: bool,
}

impl<'a> Module<'a> {
    fn read(&mut self, payload: &Payload<'a>) -> Option<()> {
        match payload {
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    let import = import.ok()?;
                    let is_function = matches!(import.ty, TypeRef::Func(_));
                    self.imports.push((import.module, import.name, is_function));
                }
            }
            Payload::StartSection { .. } => self.starts = true,
            _ => {}
        }
        Some(())
    }
}

/// A component inside, which gives what it imports other names.
#[derive(Default)]
struct Nested<'a> {
    /// The import that each function is
    functions: Vec<&'a str>,
    /// Exported functions, and the import that each is
    exports: Vec<(&'a str, &'a str)>,
}

impl<'a> Nested<'a> {
    fn read(&mut self, payload: &Payload<'a>) -> Option<()> {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import.ok()?;
                    match import.ty {
                        ComponentTypeRef::Func(_) => self.functions.push(import.name.name),
                        ComponentTypeRef::Type(_) => {}
                        _ => return None,
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export.ok()?;
                    match export.kind {
                        ComponentExternalKind::Func => {
                            let import = *self.functions.get(export.index as usize)?;
                            self.exports.push((export.name.name, import));
                            self.functions.push(import);
                        }
                        ComponentExternalKind::Type => {}
                        _ => return None,
                    }
                }
            }
            Payload::ComponentTypeSection(section) => {
                for ty in section.clone() {
                    if matches!(ty.ok()?, ComponentType::Resource { .. }) {
                        return None;
                    }
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    is_type_alias(&alias.ok()?)?;
                }
            }
            Payload::Version { .. } | Payload::CustomSection(_) => {}
            _ => return None,
        }
        Some(())
    }
}

fn is_ours(export: &str) -> bool {
    [EXPORT, STAGED_EXPORT].contains(&export)
}

fn is_type_alias(alias: &ComponentAlias<'_>) -> Option<()> {
    let is_type = match alias {
        ComponentAlias::InstanceExport { kind, .. } => *kind == ComponentExternalKind::Type,
        ComponentAlias::Outer { kind, .. } => *kind == ComponentOuterAliasKind::Type,
        ComponentAlias::CoreInstanceExport { .. } => false,
    };
    is_type.then_some(())
}

/// A core function of the component.
#[derive(Clone, Copy)]
enum CoreFunction<'a> {
    /// Of an instance, by name
    Export(u32, &'a str),
    ResourceNew,
    ResourceRep,
    Other,
}

/// A function of the component: a core function and what its types need.
#[derive(Clone)]
struct Lift {
    core_function: u32,
    options: Box<[CanonicalOption]>,
}

/// What the component defines so far, by the numbers that it has.
#[derive(Default)]
struct Walk<'a> {
    modules: Vec<Module<'a>>,
    components: Vec<Nested<'a>>,
    core_instances: Vec<Instance<'a>>,
    core_functions: Vec<CoreFunction<'a>>,
    /// The instance and the name of each memory
    memories: Vec<(u32, &'a str)>,
    n_resources: usize,
    /// `None`: aliases, which nothing here is made of
    functions: Vec<Option<Lift>>,
    /// The names of functions and the functions, of each instance
    instances: Vec<Vec<(&'a str, u32)>>,
    /// The names of exports and the instances
    exports: Vec<(&'a str, u32)>,
}

impl<'a> Walk<'a> {
    fn read(&mut self, payload: &Payload<'a>) -> Option<()> {
        match payload {
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    self.core_instances.push(instance.ok()?);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.alias(&alias.ok()?)?;
                }
            }
            Payload::ComponentTypeSection(section) => {
                for ty in section.clone() {
                    let is_resource = matches!(ty.ok()?, ComponentType::Resource { .. });
                    self.n_resources += usize::from(is_resource);
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    self.canonical(function.ok()?);
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    let ComponentInstance::Instantiate {
                        component_index,
                        args,
                    } = instance.ok()?
                    else {
                        return None;
                    };
                    let nested = self.components.get(component_index as usize)?;
                    let argument = |import: &str| {
                        let argument = args.iter().find(|argument| argument.name == import)?;
                        let is_function = argument.kind == ComponentExternalKind::Func;
                        is_function.then_some(argument.index)
                    };
                    let exports = nested.exports.iter();
                    let exports = exports.map(|(name, import)| Some((*name, argument(import)?)));
                    self.instances.push(exports.collect::<Option<_>>()?);
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export.ok()?;
                    match export.kind {
                        ComponentExternalKind::Instance if !is_ours(export.name.name) => {
                            let functions = self.instances.get(export.index as usize)?.clone();
                            self.instances.push(functions);
                            self.exports.push((export.name.name, export.index));
                        }
                        _ => return None,
                    }
                }
            }
            Payload::Version { .. } | Payload::CustomSection(_) | Payload::CoreTypeSection(_) => {}
            // Imports, among others.
            _ => return None,
        }
        Some(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'a>) -> Option<()> {
        let ComponentAlias::CoreInstanceExport {
            kind,
            instance_index,
            name,
        } = *alias
        else {
            return is_type_alias(alias);
        };
        match kind {
            ExternalKind::Func => {
                let function = CoreFunction::Export(instance_index, name);
                self.core_functions.push(function);
            }
            ExternalKind::Memory => self.memories.push((instance_index, name)),
            ExternalKind::Table | ExternalKind::Global => {}
            _ => return None,
        }
        Some(())
    }

    fn canonical(&mut self, function: CanonicalFunction) {
        match function {
            CanonicalFunction::Lift {
                core_func_index,
                options,
                ..
            } => self.functions.push(Some(Lift {
                core_function: core_func_index,
                options,
            })),
            CanonicalFunction::ResourceNew { .. } => {
                self.core_functions.push(CoreFunction::ResourceNew);
            }
            CanonicalFunction::ResourceRep { .. } => {
                self.core_functions.push(CoreFunction::ResourceRep);
            }
            _ => self.core_functions.push(CoreFunction::Other),
        }
    }

    fn shape(&self) -> Option<Shape> {
        if self.n_resources != 1 {
            return None;
        }
        let functions = Function::ALL.map(|function| self.exported(function));
        let main = {
            let process = self.lift(functions[Function::Process as usize]?)?;
            let CoreFunction::Export(main, _) = self.core_function(process.core_function)? else {
                return None;
            };
            main
        };
        let mut found = [None; Function::ALL.len()];
        for ((function, index), found) in Function::ALL.iter().zip(functions).zip(&mut found) {
            match index {
                Some(index) => *found = Some(self.lifted(main, &function.core_name(), index)?),
                None if function.is_optional() => {}
                None => return None,
            }
        }
        let module = self.only_module(main)?;
        Some(Shape {
            module,
            n_modules: self.modules.len() as u32,
            functions: found,
            is_rules: false,
        })
    }

    /// The number of the exported function.
    fn exported(&self, function: Function) -> Option<u32> {
        let (interface, name) = function.names();
        let (_, instance) = self.exports.iter().find(|export| export.0 == interface)?;
        let functions = self.instances.get(*instance as usize)?;
        let (_, index) = functions.iter().find(|function| function.0 == name)?;
        Some(*index)
    }

    fn lift(&self, function: u32) -> Option<&Lift> {
        self.functions.get(function as usize)?.as_ref()
    }

    fn core_function(&self, index: u32) -> Option<CoreFunction<'a>> {
        self.core_functions.get(index as usize).copied()
    }

    /// Whether something is called after the function, which is the main module's of that name.
    fn lifted(&self, main: u32, core_name: &str, function: u32) -> Option<PostReturn> {
        let is = |index: u32, expected: &str| match self.core_function(index)? {
            CoreFunction::Export(instance, name) => {
                (instance == main && name == expected).then_some(())
            }
            _ => None,
        };
        let lift = self.lift(function)?;
        is(lift.core_function, core_name)?;
        let mut calls_after = false;
        for option in &lift.options {
            match option {
                CanonicalOption::UTF8 => {}
                CanonicalOption::Memory(index) => {
                    let memory = self.memories.get(*index as usize)?;
                    (*memory == (main, super::MEMORY)).then_some(())?;
                }
                CanonicalOption::Realloc(index) => is(*index, super::REALLOC)?,
                CanonicalOption::PostReturn(index) => {
                    is(*index, &format!("cabi_post_{core_name}"))?;
                    calls_after = true;
                }
                _ => return None,
            }
        }
        Some(PostReturn(calls_after))
    }

    /// The module of the instance, if it imports intrinsics of `session` alone and nothing else runs.
    fn only_module(&self, main: u32) -> Option<u32> {
        let Instance::Instantiate { module_index, args } =
            self.core_instances.get(main as usize)?
        else {
            return None;
        };
        let others = self.core_instances.iter().enumerate();
        let mut others = others.filter(|(index, _)| *index != main as usize);
        let is_still = others.all(|(_, instance)| match instance {
            Instance::Instantiate {
                module_index: other,
                ..
            } => {
                let module = self.modules.get(*other as usize);
                other != module_index && module.is_some_and(|module| !module.starts)
            }
            Instance::FromExports(_) => true,
        });
        let module = self.modules.get(*module_index as usize)?;
        let imports_only_intrinsics = module.imports.iter().all(|(from, name, is_function)| {
            let intrinsic = || {
                let argument = args.iter().find(|argument| argument.name == *from)?;
                let Instance::FromExports(exports) =
                    self.core_instances.get(argument.index as usize)?
                else {
                    return None;
                };
                let export = exports.iter().find(|export| export.name == *name)?;
                self.core_function(export.index)
            };
            let expected = match intrinsic() {
                Some(CoreFunction::ResourceNew) => super::RESOURCE_NEW,
                Some(CoreFunction::ResourceRep) => super::RESOURCE_REP,
                _ => return false,
            };
            *is_function && *name == expected && from.strip_prefix("[export]") == Some(STAGE)
        });
        (is_still && imports_only_intrinsics).then_some(*module_index)
    }
}

/// The component with its core module and [`staged::module`] among its exports: compiled together, any can be called.
pub(crate) fn with_exported_modules(component: &[u8], shape: Shape) -> Vec<u8> {
    const CORE_MODULE_SECTION: u8 = 1;
    const EXPORT_SECTION: u8 = 11;
    let mut extended = component.to_vec();
    push_section(&mut extended, CORE_MODULE_SECTION, &staged::module());
    let mut exports = vec![2];
    for (name, module) in [(EXPORT, shape.module), (STAGED_EXPORT, shape.n_modules)] {
        exports.push(0);
        push_leb128(&mut exports, name.len() as u32);
        exports.extend_from_slice(name.as_bytes());
        // A core module, without a type of its own.
        exports.extend([0x00, 0x11]);
        push_leb128(&mut exports, module);
        exports.push(0);
    }
    push_section(&mut extended, EXPORT_SECTION, &exports);
    extended
}

fn push_section(component: &mut Vec<u8>, id: u8, contents: &[u8]) {
    component.push(id);
    push_leb128(component, contents.len() as u32);
    component.extend_from_slice(contents);
}

fn push_leb128(bytes: &mut Vec<u8>, mut value: u32) {
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
