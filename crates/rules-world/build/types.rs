//! Types of a WIT interface as types of the component model.

use crate::Result;
use std::collections::HashMap;
use wasm_encoder::{
    ComponentBuilder, ComponentExportKind, ComponentTypeEncoder, ComponentTypeRef,
    ComponentValType, PrimitiveValType, TypeBounds,
};
use wit_parser::{Function, Handle, Interface, Resolve, Type, TypeDefKind, TypeId};

/// Where types are defined and get names.
pub(crate) trait Scope {
    /// Adds a type; gives its index.
    fn define(&mut self, encode: impl FnOnce(ComponentTypeEncoder<'_>)) -> u32;
    /// Gives a type a name, if types have names here: other types must refer to the index that this gives.
    fn name(&mut self, name: &str, index: u32) -> u32;
}

/// A component whose types have no names: another one gives them some.
pub(crate) struct Unnamed<'b>(pub(crate) &'b mut ComponentBuilder);

impl Scope for Unnamed<'_> {
    fn define(&mut self, encode: impl FnOnce(ComponentTypeEncoder<'_>)) -> u32 {
        define(self.0, encode)
    }

    fn name(&mut self, _: &str, index: u32) -> u32 {
        index
    }
}

/// A component that imports its types under short names.
pub(crate) struct Imported<'b> {
    component: &'b mut ComponentBuilder,
    /// What they are called elsewhere, in the order of [`type_import`].
    names: Vec<String>,
}

impl<'b> Imported<'b> {
    pub(crate) fn new(component: &'b mut ComponentBuilder, interface: &Interface) -> Self {
        let names = interface.types.keys().cloned().collect();
        Self { component, names }
    }

    /// Imports a resource; gives its index.
    pub(crate) fn resource(&mut self, name: &str) -> u32 {
        self.import(name, TypeBounds::SubResource)
    }

    fn import(&mut self, name: &str, bounds: TypeBounds) -> u32 {
        let number = self.names.iter().position(|known| known == name);
        let import = type_import(number.expect("a type of the interface"));
        self.component
            .import(&import, ComponentTypeRef::Type(bounds))
    }
}

impl Scope for Imported<'_> {
    fn define(&mut self, encode: impl FnOnce(ComponentTypeEncoder<'_>)) -> u32 {
        define(self.component, encode)
    }

    fn name(&mut self, name: &str, index: u32) -> u32 {
        self.import(name, TypeBounds::Eq(index))
    }
}

/// The name under which an interface's type of this number is imported where it gets its own.
pub(crate) fn type_import(number: usize) -> String {
    format!("t{number}")
}

/// The same for functions.
pub(crate) fn function_import(number: usize) -> String {
    format!("f{number}")
}

fn define(component: &mut ComponentBuilder, encode: impl FnOnce(ComponentTypeEncoder<'_>)) -> u32 {
    let (index, encoder) = component.ty(None);
    encode(encoder);
    index
}

/// A component whose types are its exports.
pub(crate) struct Exported<'b>(pub(crate) &'b mut ComponentBuilder);

impl Scope for Exported<'_> {
    fn define(&mut self, encode: impl FnOnce(ComponentTypeEncoder<'_>)) -> u32 {
        define(self.0, encode)
    }

    fn name(&mut self, name: &str, index: u32) -> u32 {
        self.0.export(name, ComponentExportKind::Type, index, None)
    }
}

/// A component whose types get their names as the exports of an instance.
pub(crate) struct Gathered<'b> {
    pub(crate) component: &'b mut ComponentBuilder,
    pub(crate) names: Vec<(String, u32)>,
}

impl Scope for Gathered<'_> {
    fn define(&mut self, encode: impl FnOnce(ComponentTypeEncoder<'_>)) -> u32 {
        define(self.component, encode)
    }

    fn name(&mut self, name: &str, index: u32) -> u32 {
        self.names.push((name.to_owned(), index));
        index
    }
}

/// The types of interfaces in a scope so far.
pub(crate) struct Types<'r, S> {
    pub(crate) scope: S,
    resolve: &'r Resolve,
    /// Those with names
    indices: HashMap<TypeId, u32>,
    /// Those without, by what they are
    anonymous: HashMap<String, u32>,
}

impl<'r, S: Scope> Types<'r, S> {
    pub(crate) fn new(resolve: &'r Resolve, scope: S) -> Self {
        Self {
            scope,
            resolve,
            indices: HashMap::new(),
            anonymous: HashMap::new(),
        }
    }

    /// Says which index a named type has.
    pub(crate) fn set(&mut self, id: TypeId, index: u32) {
        self.indices.insert(id, index);
    }

    pub(crate) fn index(&self, id: TypeId) -> Option<u32> {
        self.indices.get(&id).copied()
    }

    /// Defines the named types of an interface that are not there yet, and names them. A resource must be there.
    pub(crate) fn define_all(&mut self, interface: &Interface) -> Result<()> {
        let mut pending: Vec<TypeId> = interface.types.values().copied().collect();
        pending.retain(|id| !self.indices.contains_key(id));
        while !pending.is_empty() {
            let n_pending = pending.len();
            // Those without references to each other together: definitions and names are sections of their own.
            let mut defined = Vec::new();
            let mut later = Vec::new();
            for id in pending {
                if !self.is_ready(id) {
                    later.push(id);
                    continue;
                }
                let index = self.define(id)?;
                defined.push((id, index));
            }
            if later.len() == n_pending {
                return Err("types refer to each other".into());
            }
            for (id, index) in defined {
                self.name(id, index)?;
            }
            pending = later;
        }
        Ok(())
    }

    /// Gives a type its name; gives the index of the type that has it.
    pub(crate) fn name(&mut self, id: TypeId, index: u32) -> Result<u32> {
        let name = self.resolve.types[id].name.as_deref();
        let named = self.scope.name(name.ok_or("a type without a name")?, index);
        self.indices.insert(id, named);
        Ok(named)
    }

    /// Whether everything with a name that a type refers to is there.
    fn is_ready(&self, id: TypeId) -> bool {
        all_within(self.resolve, id, |ty| self.is_known(ty))
    }

    fn is_known(&self, ty: &Type) -> bool {
        match ty {
            Type::Id(id) if self.resolve.types[*id].name.is_some() => self.indices.contains_key(id),
            Type::Id(id) => self.is_ready(*id),
            _ => true,
        }
    }

    /// The index of a type that is yet to be named.
    fn define(&mut self, id: TypeId) -> Result<u32> {
        let resolve = self.resolve;
        Ok(match &resolve.types[id].kind {
            TypeDefKind::Record(record) => {
                let mut fields = Vec::new();
                for field in &record.fields {
                    fields.push((field.name.as_str(), self.value(&field.ty)?));
                }
                self.scope.define(|ty| ty.defined_type().record(fields))
            }
            TypeDefKind::Variant(variant) => {
                let mut cases = Vec::new();
                for case in &variant.cases {
                    let payload = case.ty.as_ref().map(|ty| self.value(ty)).transpose()?;
                    cases.push((case.name.as_str(), payload));
                }
                self.scope.define(|ty| ty.defined_type().variant(cases))
            }
            TypeDefKind::Enum(cases) => {
                let names = cases.cases.iter().map(|case| case.name.as_str());
                let names: Vec<&str> = names.collect();
                self.scope.define(|ty| ty.defined_type().enum_type(names))
            }
            TypeDefKind::Type(Type::Id(used)) => self.index(*used).ok_or("a type is unknown")?,
            TypeDefKind::Resource => self.index(id).ok_or("a resource is unknown")?,
            other => return Err(format!("no code for a named {}", other.as_str()).into()),
        })
    }

    fn value(&mut self, ty: &Type) -> Result<ComponentValType> {
        let primitive = match ty {
            Type::Bool => PrimitiveValType::Bool,
            Type::U8 => PrimitiveValType::U8,
            Type::U16 => PrimitiveValType::U16,
            Type::U32 => PrimitiveValType::U32,
            Type::U64 => PrimitiveValType::U64,
            Type::S8 => PrimitiveValType::S8,
            Type::S16 => PrimitiveValType::S16,
            Type::S32 => PrimitiveValType::S32,
            Type::S64 => PrimitiveValType::S64,
            Type::F32 => PrimitiveValType::F32,
            Type::F64 => PrimitiveValType::F64,
            Type::Char => PrimitiveValType::Char,
            Type::String => PrimitiveValType::String,
            Type::ErrorContext => PrimitiveValType::ErrorContext,
            Type::Id(id) => return Ok(ComponentValType::Type(self.referenced(*id)?)),
        };
        Ok(ComponentValType::Primitive(primitive))
    }

    /// The index of a type inside of another one.
    fn referenced(&mut self, id: TypeId) -> Result<u32> {
        let resolve = self.resolve;
        let definition = &resolve.types[id];
        if definition.name.is_some() {
            return Ok(self
                .index(id)
                .ok_or("a type is used before its definition")?);
        }
        enum Shape {
            List(ComponentValType),
            Option(ComponentValType),
            Result(Option<ComponentValType>, Option<ComponentValType>),
            Own(u32),
            Borrow(u32),
        }
        let resource = |id| self.index(id).ok_or("a resource is unknown");
        let shape = match &definition.kind {
            TypeDefKind::List(element) => Shape::List(self.value(element)?),
            TypeDefKind::Option(value) => Shape::Option(self.value(value)?),
            TypeDefKind::Result(result) => {
                let ok = result.ok.as_ref().map(|ty| self.value(ty)).transpose()?;
                let err = result.err.as_ref().map(|ty| self.value(ty)).transpose()?;
                Shape::Result(ok, err)
            }
            TypeDefKind::Handle(Handle::Own(id)) => Shape::Own(resource(*id)?),
            TypeDefKind::Handle(Handle::Borrow(id)) => Shape::Borrow(resource(*id)?),
            other => return Err(format!("no code for a {}", other.as_str()).into()),
        };
        let key = match &shape {
            Shape::List(element) => format!("list {element:?}"),
            Shape::Option(value) => format!("option {value:?}"),
            Shape::Result(ok, err) => format!("result {ok:?} {err:?}"),
            Shape::Own(id) => format!("own {id}"),
            Shape::Borrow(id) => format!("borrow {id}"),
        };
        if let Some(index) = self.anonymous.get(&key) {
            return Ok(*index);
        }
        let index = self.scope.define(|ty| {
            let ty = ty.defined_type();
            match shape {
                Shape::List(element) => ty.list(element),
                Shape::Option(value) => ty.option(value),
                Shape::Result(ok, err) => ty.result(ok, err),
                Shape::Own(id) => ty.own(id),
                Shape::Borrow(id) => ty.borrow(id),
            }
        });
        self.anonymous.insert(key, index);
        Ok(index)
    }

    /// Defines the type of a function.
    pub(crate) fn function(&mut self, function: &Function) -> Result<u32> {
        let mut params = Vec::new();
        for param in &function.params {
            params.push((param.name.as_str(), self.value(&param.ty)?));
        }
        let result = function.result.as_ref();
        let result = result.map(|ty| self.value(ty)).transpose()?;
        Ok(self.scope.define(|ty| {
            ty.function().params(params).result(result);
        }))
    }
}

/// Whether a type refers to none with a name.
pub(crate) fn stands_alone(resolve: &Resolve, id: TypeId) -> bool {
    all_within(resolve, id, |ty| match ty {
        Type::Id(id) => resolve.types[*id].name.is_none() && stands_alone(resolve, *id),
        _ => true,
    })
}

/// Whether all types that a type refers to directly are such.
fn all_within(resolve: &Resolve, id: TypeId, is_such: impl Fn(&Type) -> bool) -> bool {
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => record.fields.iter().all(|field| is_such(&field.ty)),
        TypeDefKind::Variant(variant) => {
            let mut payloads = variant.cases.iter().filter_map(|case| case.ty.as_ref());
            payloads.all(is_such)
        }
        TypeDefKind::Type(ty) | TypeDefKind::List(ty) | TypeDefKind::Option(ty) => is_such(ty),
        TypeDefKind::Result(result) => result.ok.iter().chain(&result.err).all(is_such),
        TypeDefKind::Tuple(tuple) => tuple.types.iter().all(is_such),
        TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => is_such(&Type::Id(*id)),
        _ => true,
    }
}
