//! Text to the tokens of BERT's uncased models, as Hugging Face's `BertTokenizer` makes them: the text is cleaned,
//! stripped of accents and put in lower case, cut into words at blanks, punctuation and Chinese characters, and each
//! word into the longest pieces that the vocabulary has (WordPiece, Schuster and Nakajima 2012).
//!
//! What looks like a special token in a text, such as `[SEP]`, is text.

mod words;

/// Words with more characters are not cut into pieces.
const MOST_WORD_CHARS: usize = 100;
/// What the pieces of a word but the first begin with.
const CONTINUED: &str = "##";

/// The vocabulary, ready to be searched.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    /// Each token's text, without what continued pieces begin with
    texts: Vec<&'static str>,
    first: Pieces,
    continued: Pieces,
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
        let (mut first, mut continued) = (Pieces::new(), Pieces::new());
        let mut texts = Vec::new();
        for (token, line) in (0..).zip(include_str!("vocab.txt").lines()) {
            let (pieces, text) = match line.strip_prefix(CONTINUED) {
                Some(piece) if !piece.is_empty() => (&mut continued, piece),
                _ => (&mut first, line),
            };
            texts.push(text);
            pieces.add(token, text, &texts);
        }
        let special = |token: &str| {
            let hash = token.bytes().fold(NO_HASH, with_byte);
            first.find(hash, token, &texts).unwrap_or_default()
        };
        Self {
            longest: texts.iter().map(|text| text.len()).max().unwrap_or(0),
            unknown: special("[UNK]"),
            start: special("[CLS]"),
            end: special("[SEP]"),
            texts,
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
        let mut hashes_of_starts = Vec::new();
        while !rest.is_empty() {
            let pieces = match tokens.len() == before {
                true => &self.first,
                false => &self.continued,
            };
            let hashes = rest.bytes().take(self.longest).scan(NO_HASH, |hash, byte| {
                *hash = with_byte(*hash, byte);
                Some(*hash)
            });
            hashes_of_starts.clear();
            hashes_of_starts.extend(hashes);
            let mut starts = hashes_of_starts.iter().enumerate().rev();
            let found = starts.find_map(|(last, hash)| {
                let end = last + 1;
                Some((end, pieces.find(*hash, rest.get(..end)?, &self.texts)?))
            });
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

/// Places for pieces: a power of two, and more than twice the pieces, which are fewer than 65,535.
const N_SLOTS: usize = 1 << 16;

/// The tokens of pieces, each at the place that its hash says or the next one that was free.
#[derive(Debug, Clone)]
struct Pieces {
    /// Tokens plus one; 0: free
    slots: Vec<u16>,
}

impl Pieces {
    fn new() -> Self {
        Self {
            slots: vec![0; N_SLOTS],
        }
    }

    /// Adds a token of this text, which `texts` has already. The last one of equal texts counts.
    fn add(&mut self, token: u16, text: &str, texts: &[&str]) {
        let mut slot = text.bytes().fold(NO_HASH, with_byte) as usize % N_SLOTS;
        while self.slots[slot] != 0 && texts[usize::from(self.slots[slot]) - 1] != text {
            slot = (slot + 1) % N_SLOTS;
        }
        self.slots[slot] = token + 1;
    }

    /// The token of the text with this hash.
    fn find(&self, hash: u32, text: &str, texts: &[&str]) -> Option<u32> {
        let mut slot = hash as usize % N_SLOTS;
        loop {
            let token = self.slots[slot].checked_sub(1)?;
            if texts[usize::from(token)] == text {
                return Some(token.into());
            }
            slot = (slot + 1) % N_SLOTS;
        }
    }
}

/// FNV-1a with its high half folded in at each byte, so that the hash of every start of a word is known on the way.
const NO_HASH: u32 = 0x811c_9dc5;

fn with_byte(hash: u32, byte: u8) -> u32 {
    let mixed = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    mixed ^ (mixed >> 15)
}
