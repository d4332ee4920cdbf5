//! Text to the tokens of BERT's uncased models, as Hugging Face's `BertTokenizer` makes them: the text is cleaned,
//! stripped of accents and put in lower case, cut into words at blanks, punctuation and Chinese characters, and each
//! word into the longest pieces that the vocabulary has (WordPiece, Schuster and Nakajima 2012).
//!
//! What looks like a special token in a text, such as `[SEP]`, is text.

mod words;

use std::collections::BTreeMap;

/// Words with more characters are not cut into pieces.
const MOST_WORD_CHARS: usize = 100;
/// What the pieces of a word but the first begin with.
const CONTINUED: &str = "##";

/// The vocabulary, ready to be searched.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    first: BTreeMap<&'static str, u32>,
    continued: BTreeMap<&'static str, u32>,
    /// The length in bytes of the longest piece
    longest: usize,
    unknown: u32,
    start: u32,
    end: u32,
}

impl Default for Tokenizer {
    fn default() -> Self {
        Self::new()
    }
}

impl Tokenizer {
    /// With the 30,522 tokens of BERT's uncased English models.
    pub fn new() -> Self {
        let (mut first, mut continued) = (BTreeMap::new(), BTreeMap::new());
        for (id, token) in (0..).zip(include_str!("vocab.txt").lines()) {
            match token.strip_prefix(CONTINUED) {
                Some(piece) if !piece.is_empty() => continued.insert(piece, id),
                _ => first.insert(token, id),
            };
        }
        let special = |token: &str| first.get(token).copied().unwrap_or_default();
        Self {
            longest: first
                .keys()
                .chain(continued.keys())
                .map(|piece| piece.len())
                .max()
                .unwrap_or(0),
            unknown: special("[UNK]"),
            start: special("[CLS]"),
            end: special("[SEP]"),
            first,
            continued,
        }
    }

    /// The numbers of the tokens: the start, the text's, and the end. A text with more than `most` of them, which is 2
    /// at least, loses its last ones.
    pub fn encode(&self, text: &str, most: usize) -> Vec<u32> {
        let room = most.max(2) - 1;
        let mut tokens = vec![self.start];
        for word in words::words(text) {
            self.cut(&word, &mut tokens);
            if tokens.len() >= room {
                break;
            }
        }
        tokens.truncate(room);
        tokens.push(self.end);
        tokens
    }

    /// Adds the pieces of a word, or the token for unknown words.
    fn cut(&self, word: &str, tokens: &mut Vec<u32>) {
        let before = tokens.len();
        let mut rest = word;
        while !rest.is_empty() {
            let pieces = match tokens.len() == before {
                true => &self.first,
                false => &self.continued,
            };
            let mut ends = (1..=rest.len().min(self.longest)).rev();
            let found = ends.find_map(|end| Some((end, *pieces.get(rest.get(..end)?)?)));
            let Some((end, token)) = found.filter(|_| word.chars().count() <= MOST_WORD_CHARS)
            else {
                tokens.truncate(before);
                return tokens.push(self.unknown);
            };
            tokens.push(token);
            rest = &rest[end..];
        }
    }
}
