//! Texts: StringNormalizer, Tokenizer (com.microsoft), TfIdfVectorizer, StringConcat.

use super::elementwise::aligned;
use crate::error::{Error, Result};
use crate::lookup::Table;
use crate::node::{Form, Kernel, Node, index};
use crate::tensor::{Data, MAX_CELLS_PER_ROW, Tensor, n_cells};
use crate::tokens::Tokenizer;
use std::rc::Rc;

fn texts(x: &Tensor) -> Result<&[Rc<str>]> {
    match &x.data {
        Data::Text(texts) => Ok(texts),
        other => Err(Error::invalid(format!(
            "takes texts, and was given {}",
            other.type_name()
        ))),
    }
}

/// One character for each, as the C library has it: no character becomes several.
fn lower(text: &str) -> Rc<str> {
    if text.is_ascii() {
        return text.to_ascii_lowercase().into();
    }
    let one = |char: char| match char.to_lowercase().next() {
        Some(lower) => lower,
        None => char,
    };
    text.chars().map(one).collect::<String>().into()
}

fn upper(text: &str) -> Rc<str> {
    if text.is_ascii() {
        return text.to_ascii_uppercase().into();
    }
    let one = |char: char| {
        let mut upper = char.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(upper), None) => upper,
            _ => char,
        }
    };
    text.chars().map(one).collect::<String>().into()
}

/// StringNormalizer. A row that is a stop word becomes the empty text, which is what ONNX Runtime gives for it alone.
pub(crate) fn normalizer(node: &Node<'_>) -> Result<Kernel> {
    let change: Option<fn(&str) -> Rc<str>> = match node.text("case_change_action", "NONE") {
        "NONE" => None,
        "LOWER" => Some(lower),
        "UPPER" => Some(upper),
        other => {
            return Err(Error::invalid(format!(
                "`case_change_action` is `{other}`, which is none of NONE, LOWER and UPPER"
            )));
        }
    };
    let locale = node.text("locale", "");
    if ["tr", "az", "lt"]
        .iter()
        .any(|other| locale.starts_with(other))
    {
        return Err(Error::unsupported(format!(
            "the locale `{locale}` has other letters than Unicode's default"
        )));
    }
    let is_case_sensitive = node.int("is_case_sensitive", 0) != 0;
    let compared = move |text: &Rc<str>| match is_case_sensitive {
        true => text.clone(),
        false => lower(text),
    };
    let stop_words: Table<Rc<str>, ()> = node
        .texts("stopwords")
        .iter()
        .map(|&word| (compared(&Rc::from(word)), ()))
        .collect();
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        if !x.batched && !stop_words.is_empty() {
            return Err(Error::unsupported("leaves words out of a constant"));
        }
        let one = |text: &Rc<str>| {
            if !stop_words.is_empty() && stop_words.contains_key(&compared(text)) {
                return Rc::from("");
            }
            change.map_or_else(|| text.clone(), |change| change(text))
        };
        Ok(vec![x.with_data(Data::Text(
            texts(x)?.iter().map(one).collect(),
        ))])
    }))
}

/// Tokenizer: leaves the texts as they are, for TfIdfVectorizer to take apart by [`Form::Tokens`]. So no token is stored,
/// and none is padded to the number of another row.
pub(crate) fn tokenizer(node: &Node<'_>) -> Result<(Kernel, Form)> {
    let form = Form::Tokens(Rc::new(Tokenizer::new(node)?));
    let kernel = Box::new(|arguments: &crate::node::Arguments<'_>| {
        let x = arguments.need(0)?;
        texts(x)?;
        Ok(vec![x.clone()])
    });
    Ok((kernel, form))
}

/// StringConcat
pub(crate) fn concat(_: &Node<'_>) -> Result<Kernel> {
    Ok(Box::new(|arguments| {
        let (a, b) = aligned(arguments.need(0)?, arguments.need(1)?, arguments.rows)?;
        let joined = texts(&a)?.iter().zip(texts(&b)?);
        let joined = joined.map(|(a, b)| Rc::from(format!("{a}{b}"))).collect();
        Ok(vec![a.with_data(Data::Text(joined))])
    }))
}

/// What counts of an n-gram that is there
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Count,
    Weight,
    WeightedCount,
}

/// All n-grams as a tree of tokens.
#[derive(Default)]
struct Ngrams {
    texts: Table<Rc<str>, u32>,
    ints: Table<i64, u32>,
    /// From a node (0: the root) by a token to the next
    edges: Table<(u32, u32), u32>,
    /// The output column of each node that ends an n-gram, and the n-gram's number
    columns: Vec<Option<(u32, u32)>>,
    n_outputs: usize,
    least: usize,
    most: usize,
    max_skips: usize,
}

/// A token that is in no n-gram
const UNKNOWN: u32 = u32::MAX;

impl Ngrams {
    fn new(node: &Node<'_>) -> Result<Self> {
        let length = |name: &str| index(node.int(name, 0), &format!("`{name}`"));
        let (least, most) = (length("min_gram_length")?, length("max_gram_length")?);
        let starts = node
            .ints("ngram_counts")
            .iter()
            .map(|&start| index(start, "an entry of `ngram_counts`"))
            .collect::<Result<Vec<_>>>()?;
        if least == 0 || most < least || starts.len() < most {
            return Err(Error::invalid(format!(
                "n-grams of {least} to {most} tokens, and `ngram_counts` of {}",
                starts.len()
            )));
        }
        let mut ngrams = Self {
            columns: vec![None],
            least,
            most,
            max_skips: length("max_skip_count")?,
            ..Self::default()
        };
        if ngrams.max_skips > 1024 {
            return Err(Error::unsupported(format!(
                "`max_skip_count` is {}, and 1024 at most is supported",
                ngrams.max_skips
            )));
        }
        let tokens = ngrams.number_tokens(node);
        let outputs = node.ints("ngram_indexes");
        let mut number = 0;
        for (at, &start) in starts.iter().enumerate() {
            let end = starts.get(at + 1).copied().unwrap_or(tokens.len());
            let items = tokens.get(start..end).ok_or_else(|| {
                Error::invalid(format!(
                    "`ngram_counts` has {start} to {end} for {} tokens",
                    tokens.len()
                ))
            })?;
            if items.len() % (at + 1) != 0 {
                return Err(Error::invalid(format!(
                    "{} tokens make no n-grams of {}",
                    items.len(),
                    at + 1
                )));
            }
            for ngram in items.chunks_exact(at + 1) {
                let Some(&output) = outputs.get(number) else {
                    return Err(Error::invalid(
                        "`ngram_indexes` has fewer entries than n-grams",
                    ));
                };
                number += 1;
                let column = index(output, "an entry of `ngram_indexes`")?;
                if column >= MAX_CELLS_PER_ROW {
                    return Err(Error::invalid(format!(
                        "`ngram_indexes` names column {column}"
                    )));
                }
                ngrams.n_outputs = ngrams.n_outputs.max(column + 1);
                if (least..=most).contains(&(at + 1)) {
                    ngrams.insert(ngram, (column as u32, number as u32 - 1))?;
                }
            }
        }
        if number == 0 || number != outputs.len() {
            return Err(Error::invalid(format!(
                "`ngram_indexes` has {} entries for {number} n-grams",
                outputs.len()
            )));
        }
        Ok(ngrams)
    }

    /// The pool, each token by its number.
    fn number_tokens(&mut self, node: &Node<'_>) -> Vec<u32> {
        let mut numbers = Vec::new();
        for text in node.texts("pool_strings") {
            let next = self.texts.len() as u32;
            numbers.push(*self.texts.entry(Rc::from(text)).or_insert(next));
        }
        if numbers.is_empty() {
            for &int in node.ints("pool_int64s") {
                let next = self.ints.len() as u32;
                numbers.push(*self.ints.entry(int).or_insert(next));
            }
        }
        numbers
    }

    fn insert(&mut self, ngram: &[u32], column: (u32, u32)) -> Result<()> {
        let mut place = 0;
        for &token in ngram {
            let next = self.columns.len() as u32;
            place = *self.edges.entry((place, token)).or_insert(next);
            if place == next {
                self.columns.push(None);
            }
        }
        match self.columns[place as usize].replace(column) {
            None => Ok(()),
            Some(_) => Err(Error::invalid("an n-gram is in the pool twice")),
        }
    }

    /// Calls `found` with column and number of each n-gram of a row.
    fn for_each(&self, tokens: &[u32], mut found: impl FnMut(usize, usize)) {
        let most_skips = if self.most == 1 { 0 } else { self.max_skips };
        for distance in 1..=most_skips + 1 {
            for start in 0..tokens.len() {
                let mut place = 0;
                let reached = tokens[start..].iter().step_by(distance).take(self.most);
                for (at, &token) in reached.enumerate() {
                    let Some(&next) = self.edges.get(&(place, token)) else {
                        break;
                    };
                    place = next;
                    // One token alone is no nearer to itself with any distance.
                    let counts_here = at + 1 >= self.least && (at > 0 || distance == 1);
                    if let Some((column, number)) = self.columns[place as usize]
                        && counts_here
                    {
                        found(column as usize, number as usize);
                    }
                }
            }
        }
    }
}

/// TfIdfVectorizer
pub(crate) fn tf_idf(node: &Node<'_>) -> Result<Kernel> {
    let mode = match node.text("mode", "") {
        "TF" => Mode::Count,
        "IDF" => Mode::Weight,
        "TFIDF" => Mode::WeightedCount,
        other => {
            return Err(Error::invalid(format!(
                "`mode` is `{other}`, which is none of TF, IDF and TFIDF"
            )));
        }
    };
    let ngrams = Ngrams::new(node)?;
    let weights = node.floats("weights").to_vec();
    if !weights.is_empty() && weights.len() != node.ints("ngram_indexes").len() {
        return Err(Error::invalid(format!(
            "{} weights for {} n-grams",
            weights.len(),
            node.ints("ngram_indexes").len()
        )));
    }
    let tokenizer = match &node.form {
        Some(Form::Tokens(tokenizer)) => Some(tokenizer.clone()),
        _ => None,
    };
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let (rows, width) = match (x.dims.as_slice(), x.batched) {
            (&[width], false) => (1, width),
            _ => x.matrix_dims()?,
        };
        if tokenizer.is_some() && width != 1 {
            return Err(Error::unsupported(
                "takes the tokens of one text for each row",
            ));
        }
        let n_outputs = ngrams.n_outputs;
        let mut counts = vec![0f32; n_cells(&[rows, n_outputs], arguments.rows)?];
        let mut tokens = Vec::new();
        for (row, counts) in counts.chunks_exact_mut(n_outputs).enumerate() {
            let cells = row * width..(row + 1) * width;
            tokens.clear();
            let text = |text: &str| ngrams.texts.get(text).copied().unwrap_or(UNKNOWN);
            match (&x.data, &tokenizer) {
                (Data::Text(texts), Some(tokenizer)) => {
                    tokenizer.for_each(&texts[row], |token| tokens.push(text(token)));
                }
                (Data::Text(texts), None) => tokens.extend(texts[cells].iter().map(|t| text(t))),
                (Data::I64(ints), None) => {
                    let int = |int| ngrams.ints.get(int).copied().unwrap_or(UNKNOWN);
                    tokens.extend(ints[cells].iter().map(int));
                }
                (other, _) => {
                    return Err(Error::invalid(format!(
                        "takes texts or whole numbers, and was given {}",
                        other.type_name()
                    )));
                }
            }
            let weight = |number: usize| weights.get(number).copied().unwrap_or(1.0);
            ngrams.for_each(&tokens, |column, number| match mode {
                Mode::Count => counts[column] += 1.0,
                Mode::Weight => counts[column] = weight(number),
                Mode::WeightedCount => counts[column] += weight(number),
            });
        }
        let dims = match x.dims.len() {
            1 if !x.batched => vec![n_outputs],
            _ => vec![rows, n_outputs],
        };
        Ok(vec![Tensor {
            dims,
            data: Data::F32(counts),
            batched: x.batched,
            classes: None,
        }])
    }))
}
