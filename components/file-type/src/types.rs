//! The types that there are, and what the network's output says of them.

/// One type of files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileType {
    pub(crate) label: &'static str,
    pub(crate) mime_type: &'static str,
    pub(crate) group: &'static str,
    pub(crate) is_text: bool,
    /// Of types that the network knows
    known: Option<Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    place: usize,
    threshold: f32,
    /// The label of the type that is reported instead
    reported: &'static str,
}

/// All types, and the network's in its order.
pub(crate) struct Types {
    all: Vec<FileType>,
    known: Vec<(usize, Known)>,
}

impl Types {
    /// From the table that `table.py` made; lines are written there and nowhere else.
    pub(crate) fn new() -> Self {
        let all: Vec<FileType> = include_str!("types.tsv")
            .lines()
            .filter_map(file_type)
            .collect();
        let mut known: Vec<(usize, Known)> = all
            .iter()
            .enumerate()
            .filter_map(|(index, each)| Some((index, each.known?)))
            .collect();
        known.sort_by_key(|(_, known)| known.place);
        Self { all, known }
    }

    /// How many the network knows.
    pub(crate) fn n_known(&self) -> usize {
        self.known.len()
    }

    /// The type with a label of the table.
    pub(crate) fn labelled(&self, label: &str) -> FileType {
        let found = self.all.iter().find(|each| each.label == label);
        found.copied().unwrap_or(self.all[0])
    }

    /// The type and its score, from the network's probabilities: the most probable one, the last of equals. Below
    /// its threshold a file is only text or unknown; some types are reported as others.
    pub(crate) fn decide(&self, probabilities: &[f32]) -> (FileType, f32) {
        let (mut best, mut score) = (0, f32::MIN);
        for (place, probability) in probabilities.iter().enumerate() {
            if *probability >= score {
                (best, score) = (place, *probability);
            }
        }
        let (index, known) = self.known[best];
        let label = match score < known.threshold {
            true if self.all[index].is_text => "txt",
            true => "unknown",
            false => known.reported,
        };
        (self.labelled(label), score)
    }
}

fn file_type(line: &'static str) -> Option<FileType> {
    let mut cells = line.split('\t');
    let mut next = || cells.next();
    Some(FileType {
        label: next()?,
        mime_type: next()?,
        group: next()?,
        is_text: next()? == "text",
        known: next().and_then(|place| {
            Some(Known {
                place: place.parse().ok()?,
                threshold: next()?.parse().ok()?,
                reported: next()?,
            })
        }),
    })
}
