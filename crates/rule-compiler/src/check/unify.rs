//! Which type fits where, with the type parameters of overloads and empty lists found on the way.

use crate::types::Type;

/// What is known about type variables so far.
#[derive(Debug, Default)]
pub(crate) struct Unifier {
    bindings: Vec<Option<Type>>,
    /// What the present question has bound: taken back where the answer is no
    bound: Vec<u32>,
}

impl Unifier {
    /// A type that nothing is known about.
    pub(crate) fn fresh(&mut self) -> Type {
        self.bindings.push(None);
        Type::Var(self.bindings.len() as u32 - 1)
    }

    /// `ty` with everything known put in.
    pub(crate) fn resolve(&self, ty: &Type) -> Type {
        match ty {
            Type::Var(index) => match self.binding(*index) {
                Some(bound) => self.resolve(bound),
                None => ty.clone(),
            },
            Type::Nullable(inner) => match self.resolve(inner) {
                already @ (Type::Nullable(_) | Type::Null | Type::Dyn | Type::Error) => already,
                inner => Type::Nullable(Box::new(inner)),
            },
            Type::List(element) => Type::List(Box::new(self.resolve(element))),
            Type::Optional(inner) => Type::Optional(Box::new(self.resolve(inner))),
            Type::Map(key, value) => {
                Type::Map(Box::new(self.resolve(key)), Box::new(self.resolve(value)))
            }
            _ => ty.clone(),
        }
    }

    fn binding(&self, index: u32) -> Option<&Type> {
        self.bindings.get(index as usize).and_then(Option::as_ref)
    }

    /// Whether a `from` can be used as a `to`: also `T?` as `T` (null fails when it runs) and `T` as `T?`.
    /// Binds type variables when it can, and only then.
    pub(crate) fn assign(&mut self, from: &Type, to: &Type) -> bool {
        self.assign_all(&[(from, to)])
    }

    /// The same for several pairs at once.
    pub(crate) fn assign_all(&mut self, pairs: &[(&Type, &Type)]) -> bool {
        self.bound.clear();
        let fits = pairs.iter().all(|(from, to)| self.fits(from, to));
        if !fits {
            for index in std::mem::take(&mut self.bound) {
                self.bindings[index as usize] = None;
            }
        }
        fits
    }

    fn fits(&mut self, from: &Type, to: &Type) -> bool {
        let (from, to) = (self.resolve(from), self.resolve(to));
        match (&from, &to) {
            (Type::Var(a), Type::Var(b)) if a == b => true,
            (Type::Error, _) | (_, Type::Error) => true,
            (Type::Var(index), other) | (other, Type::Var(index)) => self.bind(*index, other),
            // What a `dyn` turns out to be has no fields in order.
            (Type::Dyn, to) if to.mentions_struct() => false,
            (Type::Dyn, _) | (_, Type::Dyn) => true,
            (Type::Nullable(from), Type::Nullable(to)) => self.fits(from, to),
            (Type::Null, Type::Nullable(_) | Type::Null) => true,
            (_, Type::Null) | (Type::Null, _) => false,
            (Type::Nullable(from), to) => self.fits(from, to),
            (from, Type::Nullable(to)) => self.fits(from, to),
            (Type::List(from), Type::List(to)) | (Type::Optional(from), Type::Optional(to)) => {
                self.fits(from, to)
            }
            (Type::Map(from_key, from_value), Type::Map(to_key, to_value)) => {
                self.fits(from_key, to_key) && self.fits(from_value, to_value)
            }
            (Type::Struct(fields), Type::Map(..)) => self.fits(&Type::as_map(fields), &to),
            (from, to) => from == to,
        }
    }

    fn bind(&mut self, index: u32, ty: &Type) -> bool {
        if mentions(ty, index) {
            return false;
        }
        let Some(slot) = self.bindings.get_mut(index as usize) else {
            return false;
        };
        *slot = Some(ty.clone());
        self.bound.push(index);
        true
    }

    /// The type of a value that is either an `a` or a `b`, if one type can say that.
    pub(crate) fn join(&mut self, a: &Type, b: &Type) -> Option<Type> {
        let (a, b) = (self.resolve(a), self.resolve(b));
        match (&a, &b) {
            (Type::Error, _) | (_, Type::Error) => Some(Type::Error),
            (Type::Dyn, _) | (_, Type::Dyn) => Some(Type::Dyn),
            (Type::Null, other) | (other, Type::Null) => {
                Some(self.resolve(&Type::Nullable(Box::new(other.clone()))))
            }
            (Type::Nullable(inner), other) | (other, Type::Nullable(inner)) => {
                let inner = self.join(inner, &without_null(other))?;
                Some(self.resolve(&Type::Nullable(Box::new(inner))))
            }
            _ => self.assign(&a, &b).then(|| {
                let (a, b) = (self.resolve(&a), self.resolve(&b));
                widest(&a, &b)
            }),
        }
    }
}

/// Of two types that fit each other the one that says less: `list<dyn>` of `list<int>` and `list<dyn>`.
fn widest(a: &Type, b: &Type) -> Type {
    let both = |a: &Type, b: &Type| Box::new(widest(a, b));
    match (a, b) {
        (Type::Dyn, _) | (_, Type::Dyn) => Type::Dyn,
        (Type::Null, other) | (other, Type::Null) if *other != Type::Null => {
            Type::Nullable(Box::new(other.clone()))
        }
        (Type::Nullable(a), b) | (b, Type::Nullable(a)) => {
            Type::Nullable(both(a, &without_null(b)))
        }
        (Type::List(a), Type::List(b)) => Type::List(both(a, b)),
        (Type::Optional(a), Type::Optional(b)) => Type::Optional(both(a, b)),
        (Type::Map(a_key, a_value), Type::Map(b_key, b_value)) => {
            Type::Map(both(a_key, b_key), both(a_value, b_value))
        }
        _ => b.clone(),
    }
}

fn mentions(ty: &Type, index: u32) -> bool {
    match ty {
        Type::Var(other) => *other == index,
        Type::Nullable(inner) | Type::List(inner) | Type::Optional(inner) => mentions(inner, index),
        Type::Map(key, value) => mentions(key, index) || mentions(value, index),
        _ => false,
    }
}

/// `T` of `T?`; other types as they are.
pub(crate) fn without_null(ty: &Type) -> Type {
    match ty {
        Type::Nullable(inner) => (**inner).clone(),
        other => other.clone(),
    }
}

/// Whether it is `int`, `uint` or `double`.
pub(crate) fn is_numeric(ty: &Type) -> bool {
    matches!(ty, Type::Int | Type::Uint | Type::Double)
}

/// A type of which nothing is unknown any more: what could be anything is `dyn`.
pub(crate) fn settled(ty: Type) -> Type {
    let boxed = |ty: Box<Type>| Box::new(settled(*ty));
    match ty {
        Type::Var(_) => Type::Dyn,
        Type::Nullable(inner) => match settled(*inner) {
            already @ (Type::Nullable(_) | Type::Null | Type::Dyn) => already,
            inner => Type::Nullable(Box::new(inner)),
        },
        Type::List(element) => Type::List(boxed(element)),
        Type::Optional(inner) => Type::Optional(boxed(inner)),
        Type::Map(key, value) => Type::Map(boxed(key), boxed(value)),
        other => other,
    }
}
