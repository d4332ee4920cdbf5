//! What prepares features: Scaler, Normalizer, Imputer, Binarizer, encoders of categories, ArrayFeatureExtractor,
//! FeatureVectorizer and ZipMap.

use crate::error::{Error, Result};
use crate::lookup::{Table, for_each_text};
use crate::node::{Kernel, Node, index, mixes_rows};
use crate::tensor::{Data, Tensor, n_cells};
use std::hash::Hash;
use std::rc::Rc;

/// Scaler: `(x - offset) * scale`
pub(crate) fn scaler(node: &Node<'_>) -> Result<Kernel> {
    let offsets = node.floats("offset").to_vec();
    let scales = node.floats("scale").to_vec();
    if offsets.is_empty() || offsets.len() != scales.len() {
        return Err(Error::invalid(format!(
            "`offset` has {} entries and `scale` {}",
            offsets.len(),
            scales.len()
        )));
    }
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let (_, width) = x.matrix_dims()?;
        if offsets.len() != 1 && offsets.len() != width {
            return Err(Error::invalid(format!(
                "scales {} columns, and was given {width}",
                offsets.len()
            )));
        }
        let mut values = x.to_f32()?;
        let n = offsets.len();
        for (at, value) in values.iter_mut().enumerate() {
            *value = (*value - offsets[at % n]) * scales[at % n];
        }
        Ok(vec![x.with_data(Data::F32(values))])
    }))
}

/// Normalizer
pub(crate) fn normalizer(node: &Node<'_>) -> Result<Kernel> {
    let norm: fn(&[f32]) -> f32 = match node.text("norm", "MAX") {
        "MAX" => |row| row.iter().copied().fold(f32::MIN, f32::max),
        "L1" => |row| row.iter().map(|value| value.abs()).sum(),
        "L2" => |row| libm::sqrtf(row.iter().map(|value| value * value).sum()),
        other => {
            return Err(Error::invalid(format!(
                "`norm` is `{other}`, which is none of MAX, L1 and L2"
            )));
        }
    };
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let (_, width) = x.matrix_dims()?;
        let mut values = x.to_f32()?;
        for row in values.chunks_exact_mut(width.max(1)) {
            let norm = norm(row);
            if norm != 0.0 {
                row.iter_mut().for_each(|value| *value /= norm);
            }
        }
        Ok(vec![x.with_data(Data::F32(values))])
    }))
}

/// Imputer
pub(crate) fn imputer(node: &Node<'_>) -> Result<Kernel> {
    let floats = node.floats("imputed_value_floats").to_vec();
    let ints = node.ints("imputed_value_int64s").to_vec();
    let missing_float = node.float("replaced_value_float", 0.0);
    let missing_int = node.int("replaced_value_int64", 0);
    fn fill<T: Copy>(
        values: &mut [T],
        fills: &[T],
        width: usize,
        is_missing: impl Fn(T) -> bool,
    ) -> Result<()> {
        if fills.is_empty() || (fills.len() != 1 && fills.len() != width) {
            return Err(Error::invalid(format!(
                "{} imputed values for {width} columns",
                fills.len()
            )));
        }
        for (at, value) in values.iter_mut().enumerate() {
            if is_missing(*value) {
                *value = fills[at % width % fills.len()];
            }
        }
        Ok(())
    }
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let (_, width) = x.matrix_dims()?;
        let width = width.max(1);
        let missing =
            |value: f32| value == missing_float || (missing_float.is_nan() && value.is_nan());
        let mut data = x.data.clone();
        match &mut data {
            Data::F32(values) => fill(values, &floats, width, missing)?,
            Data::F64(values) => {
                let fills: Vec<f64> = floats.iter().map(|&value| value.into()).collect();
                fill(values, &fills, width, |value| missing(value as f32))?;
            }
            Data::I64(values) => fill(values, &ints, width, |value| value == missing_int)?,
            _ => return Err(Error::invalid("imputes numbers only")),
        }
        Ok(vec![x.with_data(data)])
    }))
}

/// Binarizer
pub(crate) fn binarizer(node: &Node<'_>) -> Result<Kernel> {
    let threshold = node.float("threshold", 0.0);
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let values = x.to_f32()?;
        let binary = values
            .iter()
            .map(|&value| f32::from(u8::from(value > threshold)));
        Ok(vec![x.with_data(Data::F32(binary.collect()))])
    }))
}

/// OneHotEncoder
pub(crate) fn one_hot(node: &Node<'_>) -> Result<Kernel> {
    let categories = node.texts("cats_strings");
    let numbers = node.ints("cats_int64s");
    let n = categories.len().max(numbers.len());
    let texts: Table<Rc<str>> = places(categories.into_iter().map(Rc::from));
    let ints: Table<i64> = places(numbers.iter().copied());
    let zeros = node.int("zeros", 1) != 0;
    if n == 0 {
        return Err(Error::invalid("it has no categories"));
    }
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let found: Vec<Option<usize>> = match &x.data {
            Data::Text(values) => for_each_text(values, |text| texts.get(text).copied()),
            Data::I64(values) => values
                .iter()
                .map(|value| ints.get(value).copied())
                .collect(),
            _ => {
                // Floats are truncated, as ONNX Runtime does.
                let values = x.to_f64()?;
                values
                    .iter()
                    .map(|&value| ints.get(&(value as i64)).copied())
                    .collect()
            }
        };
        let mut dims = x.dims.clone();
        dims.push(n);
        let mut hot = vec![0f32; n_cells(&dims, arguments.rows)?];
        for (at, place) in found.into_iter().enumerate() {
            match place {
                Some(place) => hot[at * n + place] = 1.0,
                None if zeros => {}
                None => {
                    let value = x.data.slice(at..at + 1);
                    let reason = format!("`{}` is none of the categories", written(&value));
                    arguments.refuse(x, at, reason)?;
                }
            }
        }
        Ok(vec![Tensor {
            dims,
            data: Data::F32(hot),
            batched: x.batched,
            classes: None,
        }])
    }))
}

/// The first element, as people write it.
fn written(data: &Data) -> String {
    match data {
        Data::F32(values) => values.first().map(ToString::to_string),
        Data::F64(values) => values.first().map(ToString::to_string),
        Data::I64(values) => values.first().map(ToString::to_string),
        Data::Bool(values) => values.first().map(ToString::to_string),
        Data::Text(values) => values.first().map(ToString::to_string),
    }
    .unwrap_or_default()
}

/// Where keys are; the last of equal ones.
fn places<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> Table<K> {
    keys.enumerate().map(|(place, key)| (key, place)).collect()
}

/// LabelEncoder of version 1, and CategoryMapper: texts to numbers or back.
pub(crate) fn category_mapper(node: &Node<'_>, texts: &str, ints: &str) -> Result<Kernel> {
    let texts: Vec<Rc<str>> = node
        .texts(texts)
        .iter()
        .map(|&text| Rc::from(text))
        .collect();
    let ints: Vec<i64> = match ints {
        "" => (0..texts.len() as i64).collect(),
        name => node.ints(name).to_vec(),
    };
    if ints.len() != texts.len() {
        return Err(Error::invalid(format!(
            "{} texts for {} numbers",
            texts.len(),
            ints.len()
        )));
    }
    let default_int = node.int("default_int64", -1);
    let default_text: Rc<str> = Rc::from(node.text("default_string", "_Unused"));
    let of_text: Table<Rc<str>, i64> = texts.iter().cloned().zip(ints.iter().copied()).collect();
    let of_int: Table<i64, Rc<str>> = ints.iter().copied().zip(texts.iter().cloned()).collect();
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let data = match &x.data {
            Data::Text(values) => {
                let code = |text: &str| of_text.get(text).copied().unwrap_or(default_int);
                Data::I64(for_each_text(values, code))
            }
            Data::I64(values) => {
                let text = |value| of_int.get(value).unwrap_or(&default_text).clone();
                Data::Text(values.iter().map(text).collect())
            }
            other => return Err(Error::invalid(format!("can't map {}", other.type_name()))),
        };
        Ok(vec![x.with_data(data)])
    }))
}

/// The keys of a LabelEncoder, and which value each has. All NaN are one key, and so are 0 and -0.
#[derive(Default)]
struct Keys {
    texts: Table<Rc<str>>,
    ints: Table<i64>,
    floats: Table<u64>,
}

fn float_key(value: f64) -> u64 {
    let same = if value.is_nan() {
        f64::NAN
    } else {
        value + 0.0
    };
    same.to_bits()
}

impl Keys {
    /// The first of equal keys counts.
    fn new(keys: &Data, knows_nan: bool) -> Self {
        fn first<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> Table<K> {
            let mut table = Table::default();
            for (place, key) in keys.enumerate() {
                table.entry(key).or_insert(place);
            }
            table
        }
        let mut all = Self::default();
        match keys {
            Data::Text(values) => all.texts = first(values.iter().cloned()),
            Data::I64(values) => all.ints = first(values.iter().copied()),
            Data::Bool(values) => all.ints = first(values.iter().map(|&value| value.into())),
            Data::F32(values) => all.floats = first(values.iter().map(|&v| float_key(v.into()))),
            Data::F64(values) => all.floats = first(values.iter().map(|&v| float_key(v))),
        }
        if !knows_nan {
            all.floats.remove(&float_key(f64::NAN));
        }
        all
    }

    /// The places of values; that behind the last where there is none.
    fn find(&self, values: &Data, unknown: usize) -> Vec<usize> {
        let or = |place: Option<&usize>| place.copied().unwrap_or(unknown);
        let float = |value: f64| or(self.floats.get(&float_key(value)));
        match values {
            Data::Text(values) => for_each_text(values, |text| or(self.texts.get(text))),
            Data::I64(values) => values.iter().map(|v| or(self.ints.get(v))).collect(),
            Data::Bool(values) => values
                .iter()
                .map(|&value| or(self.ints.get(&value.into())))
                .collect(),
            Data::F32(values) => values.iter().map(|&value| float(value.into())).collect(),
            Data::F64(values) => values.iter().map(|&value| float(value)).collect(),
        }
    }
}

/// LabelEncoder of versions 2 and 4
pub(crate) fn label_encoder(node: &Node<'_>) -> Result<Kernel> {
    if node.opset < 2 {
        return category_mapper(node, "classes_strings", "");
    }
    let list = |side: &str| -> Result<Data> {
        if let Some(tensor) = node.tensor(&format!("{side}_tensor")) {
            return Ok(tensor.data.clone());
        }
        let (texts, ints) = (format!("{side}_strings"), format!("{side}_int64s"));
        if node.has(&texts) || node.has(&ints) {
            return Ok(node.labels(&texts, &ints));
        }
        Ok(Data::F32(node.floats(&format!("{side}_floats")).to_vec()))
    };
    let (from, mut to) = (list("keys")?, list("values")?);
    if from.len() != to.len() || from.is_empty() {
        return Err(Error::invalid(format!(
            "{} keys for {} values",
            from.len(),
            to.len()
        )));
    }
    // The default is one more value, behind the others.
    let default = node.tensor("default_tensor").map(|tensor| &tensor.data);
    match (&mut to, default) {
        (Data::Text(values), Some(Data::Text(default))) => values.extend(default.first().cloned()),
        (Data::I64(values), Some(Data::I64(default))) => values.extend(default.first()),
        (Data::F32(values), Some(Data::F32(default))) => values.extend(default.first()),
        (Data::F64(values), Some(Data::F64(default))) => values.extend(default.first()),
        (_, Some(other)) => {
            return Err(Error::invalid(format!(
                "the default of type {} fits no value",
                other.type_name()
            )));
        }
        (Data::Text(values), None) => values.push(Rc::from(node.text("default_string", "_Unused"))),
        (Data::I64(values), None) => values.push(node.int("default_int64", -1)),
        (Data::F32(values), None) => values.push(node.float("default_float", -0.0)),
        (Data::F64(values), None) => values.push(f64::from(node.float("default_float", -0.0))),
        (Data::Bool(_), None) => return Err(Error::invalid("its values are of type bool")),
    }
    if to.len() != from.len() + 1 {
        return Err(Error::invalid("`default_tensor` is empty"));
    }
    let unknown = from.len();
    // Before version 4, NaN equals nothing.
    let keys = Keys::new(&from, node.opset >= 4);
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let found = keys.find(&x.data, unknown);
        Ok(vec![x.with_data(to.pick(&found))])
    }))
}

/// ArrayFeatureExtractor: columns by number
pub(crate) fn feature_extractor(_: &Node<'_>) -> Result<Kernel> {
    Ok(Box::new(|arguments| {
        let (x, wanted) = (arguments.need(0)?, arguments.need(1)?);
        // A vector is one row, and then it is columns that are picked.
        let (rows, width) = match (x.dims.as_slice(), x.batched) {
            ([width], false) => (1, *width),
            _ => x.matrix_dims()?,
        };
        let wanted_columns = wanted.ints()?;
        if x.batched && wanted.batched {
            return Err(Error::unsupported("picks other columns for each row"));
        }
        if wanted.batched && rows != 1 {
            return Err(mixes_rows());
        }
        let columns: Vec<usize> = wanted_columns
            .iter()
            .map(|&column| {
                let column = index(column, "a column number")?;
                match column < width {
                    true => Ok(column),
                    false => Err(Error::invalid(format!("picks column {column} of {width}"))),
                }
            })
            .collect::<Result<_>>()?;
        n_cells(&[rows, columns.len()], arguments.rows)?;
        let picked: Vec<usize> = (0..rows)
            .flat_map(|row| columns.iter().map(move |column| row * width + column))
            .collect();
        // Labels by the numbers of the largest scores: one row of labels, and a column for each row.
        let dims = match wanted.batched {
            true => wanted.dims[..1]
                .iter()
                .copied()
                .chain([columns.len() / wanted.dims[0].max(1)])
                .collect(),
            false => vec![rows, columns.len()],
        };
        Ok(vec![Tensor {
            dims,
            data: x.data.pick(&picked),
            batched: x.batched || wanted.batched,
            classes: None,
        }])
    }))
}

/// FeatureVectorizer: columns side by side, as floats
pub(crate) fn feature_vectorizer(node: &Node<'_>) -> Result<Kernel> {
    let widths: Vec<usize> = node
        .ints("inputdimensions")
        .iter()
        .map(|&width| index(width, "an entry of `inputdimensions`"))
        .collect::<Result<_>>()?;
    Ok(Box::new(move |arguments| {
        if widths.len() != arguments.values.len() {
            return Err(Error::invalid(format!(
                "{} inputs, and dimensions for {}",
                arguments.values.len(),
                widths.len()
            )));
        }
        let mut parts = Vec::new();
        for (at, &wanted) in widths.iter().enumerate() {
            let x = arguments.need(at)?;
            let (rows, width) = x.matrix_dims()?;
            if rows != arguments.rows || width == 0 {
                return Err(Error::invalid("an input has another number of rows"));
            }
            parts.push((x.to_f32()?, width, wanted));
        }
        let total = widths
            .iter()
            .try_fold(0usize, |all, &width| all.checked_add(width));
        let total = total.ok_or_else(|| Error::invalid("`inputdimensions` are too large"))?;
        let mut joined = Vec::with_capacity(n_cells(&[arguments.rows, total], arguments.rows)?);
        for row in 0..arguments.rows {
            for (values, width, wanted) in &parts {
                let values = &values[row * width..(row + 1) * width];
                let padding = std::iter::repeat_n(0.0, wanted.saturating_sub(*width));
                joined.extend(values.iter().copied().take(*wanted).chain(padding));
            }
        }
        Ok(vec![Tensor::rows(
            vec![arguments.rows, total],
            Data::F32(joined),
        )])
    }))
}

/// ZipMap: the same scores, with the names of their classes
pub(crate) fn zip_map(node: &Node<'_>) -> Result<Kernel> {
    let names =
        crate::scores::class_names(&node.labels("classlabels_strings", "classlabels_int64s"));
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let (_, width) = x.matrix_dims()?;
        if width != names.len() {
            return Err(Error::invalid(format!(
                "{} class labels for {width} scores",
                names.len()
            )));
        }
        let mut zipped = x.clone();
        zipped.classes = Some(names.clone());
        Ok(vec![zipped])
    }))
}

/// DictVectorizer. The map that it takes is a column for each key already, in this order; what a map does not have is null
/// there, which is 0 here.
pub(crate) fn dict_vectorizer(_: &Node<'_>) -> Result<Kernel> {
    Ok(Box::new(|arguments| {
        let x = arguments.need(0)?;
        let mut data = x.data.clone();
        match &mut data {
            Data::F32(values) => values
                .iter_mut()
                .filter(|value| value.is_nan())
                .for_each(|value| *value = 0.0),
            Data::F64(values) => values
                .iter_mut()
                .filter(|value| value.is_nan())
                .for_each(|value| *value = 0.0),
            _ => {}
        }
        Ok(vec![x.with_data(data)])
    }))
}
