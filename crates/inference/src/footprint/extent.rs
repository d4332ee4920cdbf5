//! What is known of a tensor before it is computed: bounds of its shape, and of its elements where they are few.

/// A size without a bound.
pub(super) const UNBOUNDED: u64 = u64::MAX;
/// Elements that are followed one by one: shapes and what they are computed from are small.
pub(super) const MOST_VALUES: usize = 64;
/// Integers beyond this may wrap around in an engine that computes in 32 bits.
const SURE_INTEGER: f64 = (1_u64 << 31) as f64;

/// Element types, as far as they differ in size and arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Signed and unsigned bytes
    Byte,
    /// Booleans, 16-bit and 32-bit integers; some engines have nothing smaller than 32 bits for them
    Int,
    /// All floats but `f64`; half precision is computed in 32 bits
    Float,
    /// 64-bit integers
    Long,
    /// `f64`
    Double,
    /// Texts, and elements that this does not know
    Other,
}

impl Kind {
    /// Of ONNX' `TensorProto.DataType`.
    pub(super) fn of(data_type: i32) -> Self {
        match data_type {
            1 | 10 | 16 => Self::Float,
            2 | 3 | 17..=24 => Self::Byte,
            4 | 5 | 6 | 9 | 12 => Self::Int,
            7 | 13 => Self::Long,
            11 => Self::Double,
            _ => Self::Other,
        }
    }

    pub(super) fn size_bytes(self) -> u64 {
        match self {
            Self::Byte => 1,
            Self::Int | Self::Float => 4,
            Self::Long | Self::Double => 8,
            Self::Other => 64,
        }
    }

    fn is_integer(self) -> bool {
        matches!(self, Self::Byte | Self::Int | Self::Long)
    }
}

/// The least and the most that a number can be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub(super) lo: f64,
    pub(super) hi: f64,
}

impl Range {
    pub(super) const ANY: Self = Self {
        lo: f64::NEG_INFINITY,
        hi: f64::INFINITY,
    };
    pub(super) const FLAG: Self = Self { lo: 0.0, hi: 1.0 };

    pub(super) fn exactly(value: f64) -> Self {
        Self {
            lo: value,
            hi: value,
        }
    }

    /// An integer of the file. One that needs more than 32 bits is another number in some engines.
    pub(super) fn integer(value: i64) -> Self {
        let near = value.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        Self::exactly(near as f64).join(Self::exactly(value as f64))
    }

    /// Any number between these two; anything where one is no number.
    pub(super) fn between(a: f64, b: f64) -> Self {
        match a.is_nan() || b.is_nan() {
            true => Self::ANY,
            false => Self {
                lo: a.min(b),
                hi: a.max(b),
            },
        }
    }

    pub(super) fn join(self, other: Self) -> Self {
        Self {
            lo: self.lo.min(other.lo),
            hi: self.hi.max(other.hi),
        }
    }

    /// The number, where it is known to be this whole number.
    pub(super) fn whole(self) -> Option<i64> {
        (self.lo == self.hi && self.lo.fract() == 0.0 && self.lo.abs() <= SURE_INTEGER)
            .then_some(self.lo as i64)
    }

    /// The result of arithmetic, as far as it is sure: integers wrap around, floats are rounded.
    pub(super) fn computed(self, kind: Kind) -> Self {
        if self.lo.is_nan() || self.hi.is_nan() {
            return Self::ANY;
        }
        if kind.is_integer() {
            let sure = match kind {
                Kind::Byte => self.lo >= 0.0 && self.hi < 128.0,
                _ => self.lo >= -SURE_INTEGER && self.hi < SURE_INTEGER,
            };
            return if sure { self } else { Self::ANY };
        }
        let away = |value: f64| value.abs() * 1e-6;
        Self {
            lo: self.lo - away(self.lo),
            hi: self.hi + away(self.hi),
        }
    }

    pub(super) fn map(self, monotone: impl Fn(f64) -> f64) -> Self {
        Self::between(monotone(self.lo), monotone(self.hi))
    }

    /// The extremes of a function that is monotone in each argument.
    pub(super) fn combine(self, other: Self, function: impl Fn(f64, f64) -> f64) -> Self {
        let corners = [
            function(self.lo, other.lo),
            function(self.lo, other.hi),
            function(self.hi, other.lo),
            function(self.hi, other.hi),
        ];
        match corners.iter().any(|corner| corner.is_nan()) {
            true => Self::ANY,
            false => Self {
                lo: corners.iter().copied().fold(f64::INFINITY, f64::min),
                hi: corners.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            },
        }
    }

    /// As the size of a dimension.
    pub(super) fn dim(self) -> Dim {
        let size = |value: f64| match value {
            value if value >= SURE_INTEGER * SURE_INTEGER => UNBOUNDED,
            value => value.max(0.0) as u64,
        };
        Dim {
            lo: size(self.lo),
            hi: size(self.hi),
        }
    }
}

/// The least and the most that a dimension can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dim {
    pub(super) lo: u64,
    pub(super) hi: u64,
}

impl Dim {
    pub(super) const ONE: Self = Self { lo: 1, hi: 1 };
    pub(super) const ANY: Self = Self {
        lo: 0,
        hi: UNBOUNDED,
    };

    pub(super) fn exactly(size: u64) -> Self {
        Self { lo: size, hi: size }
    }

    pub(super) fn at_most(size: u64) -> Self {
        Self { lo: 0, hi: size }
    }

    pub(super) fn exact(self) -> Option<u64> {
        (self.lo == self.hi && self.hi != UNBOUNDED).then_some(self.lo)
    }

    pub(super) fn plus(self, other: Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    pub(super) fn times(self, other: Self) -> Self {
        self.with(other, u64::saturating_mul)
    }

    fn with(self, other: Self, function: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            lo: function(self.lo, other.lo),
            hi: function(self.hi, other.hi),
        }
    }

    pub(super) fn join(self, other: Self) -> Self {
        Self {
            lo: self.lo.min(other.lo),
            hi: self.hi.max(other.hi),
        }
    }

    /// What two dimensions become that are made equal by repeating those of size 1.
    pub(super) fn broadcast(self, other: Self) -> Self {
        match (self.exact(), other.exact()) {
            (Some(1), _) => other,
            (_, Some(1)) => self,
            _ => Self {
                lo: self.lo.min(other.lo),
                hi: self.hi.max(other.hi),
            },
        }
    }

    pub(super) fn range(self) -> Range {
        let number = |size: u64| match size {
            UNBOUNDED => f64::INFINITY,
            size => size as f64,
        };
        Range {
            lo: number(self.lo),
            hi: number(self.hi),
        }
    }
}

/// Bounds of one tensor, or of all tensors of a sequence together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Extent {
    pub(super) kind: Kind,
    /// The shape; `None` where the number of dimensions is not known
    pub(super) dims: Option<Vec<Dim>>,
    /// The most elements
    pub(super) count: u64,
    /// Each element in order, where they are few and their number is known
    pub(super) values: Option<Vec<Range>>,
    /// Whatever an element is
    pub(super) range: Range,
    /// Whether it depends on nothing but the file, so that engines may compute it when they load
    pub(super) is_constant: bool,
}

impl Extent {
    /// A tensor of that shape, with elements that can be anything.
    pub(super) fn new(kind: Kind, dims: Vec<Dim>) -> Self {
        let count = product(&dims);
        Self {
            kind,
            count,
            dims: (dims.len() <= MOST_VALUES).then_some(dims),
            values: None,
            range: Range::ANY,
            is_constant: false,
        }
    }

    /// A tensor of any shape with so many elements at most.
    pub(super) fn shapeless(kind: Kind, count: u64) -> Self {
        Self {
            count,
            dims: None,
            ..Self::new(kind, Vec::new())
        }
    }

    /// Nothing is known.
    pub(super) const UNKNOWN: Self = Self {
        kind: Kind::Double,
        dims: None,
        count: UNBOUNDED,
        values: None,
        range: Range::ANY,
        is_constant: false,
    };

    pub(super) fn scalar(kind: Kind, value: Range) -> Self {
        Self::new(kind, Vec::new()).with_values(vec![value])
    }

    /// A list of these numbers.
    pub(super) fn list(kind: Kind, values: Vec<Range>) -> Self {
        Self::new(kind, vec![Dim::exactly(values.len() as u64)]).with_values(values)
    }

    /// With elements, if there are as many as the shape says and they are few.
    pub(super) fn with_values(mut self, values: Vec<Range>) -> Self {
        if self.n_elements() == Some(values.len() as u64) && values.len() <= MOST_VALUES {
            let joined = values.iter().copied().reduce(Range::join);
            self.range = joined.unwrap_or(Range::ANY);
            self.values = Some(values);
        }
        self
    }

    pub(super) fn with_range(self, range: Range) -> Self {
        match self.n_elements() {
            Some(n) if n <= MOST_VALUES as u64 => self.with_values(vec![range; n as usize]),
            _ => Self { range, ..self },
        }
    }

    /// The same shape and type, with any elements.
    pub(super) fn shape_of(&self) -> Self {
        Self {
            values: None,
            range: Range::ANY,
            ..self.clone()
        }
    }

    pub(super) fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.count.saturating_mul(self.kind.size_bytes())
    }

    /// Where all dimensions are known.
    pub(super) fn n_elements(&self) -> Option<u64> {
        let dims = self.dims.as_ref()?;
        dims.iter().try_fold(1_u64, |n, dim| {
            dim.exact().and_then(|size| n.checked_mul(size))
        })
    }

    /// The exact shape of a tensor with values.
    pub(super) fn exact_dims(&self) -> Option<Vec<usize>> {
        let dims = self.dims.as_ref()?.iter();
        dims.map(|dim| dim.exact().map(|size| size as usize))
            .collect()
    }

    /// Whether there is at least one element for sure.
    pub(super) fn has_elements(&self) -> bool {
        let dims = self.dims.as_ref();
        dims.is_some_and(|dims| dims.iter().all(|dim| dim.lo > 0))
    }

    /// The elements of a list; the same range for each where only their number is known.
    pub(super) fn entries(&self) -> Option<Vec<Range>> {
        if let Some(values) = &self.values {
            return Some(values.clone());
        }
        let n = self.n_elements()?;
        (n <= MOST_VALUES as u64).then(|| vec![self.range; n as usize])
    }

    /// What holds for both.
    pub(super) fn join(&self, other: &Self) -> Self {
        let dims = match (&self.dims, &other.dims) {
            (Some(a), Some(b)) if a.len() == b.len() => {
                Some(a.iter().zip(b).map(|(a, b)| a.join(*b)).collect())
            }
            _ => None,
        };
        let values = match (&self.values, &other.values) {
            (Some(a), Some(b)) if a.len() == b.len() && self.dims == other.dims => {
                Some(a.iter().zip(b).map(|(a, b)| a.join(*b)).collect())
            }
            _ => None,
        };
        Self {
            kind: self.kind.max(other.kind),
            dims,
            count: self.count.max(other.count),
            values,
            range: self.range.join(other.range),
            is_constant: self.is_constant && other.is_constant,
        }
    }
}

pub(super) fn product(dims: &[Dim]) -> u64 {
    // A dimension of 0 leaves nothing, however large the others are.
    match dims.iter().any(|dim| dim.hi == 0) {
        true => 0,
        false => dims.iter().fold(1, |n, dim| dim.hi.saturating_mul(n)),
    }
}
