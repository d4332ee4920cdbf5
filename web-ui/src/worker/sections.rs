//! What the bytes of a component are: its sections, those of the modules inside, and how large each is.

use rulestage_sort::sort_by_key;

/// Names and sizes, largest first; empty for what is no component.
pub(crate) fn sizes(component: &[u8]) -> Vec<(String, usize)> {
    const CORE_MODULE: u8 = 1;
    let mut sizes: Vec<(String, usize)> = Vec::new();
    let mut add = |name: &str, size: usize| match sizes.iter_mut().find(|(known, _)| known == name)
    {
        Some((_, known)) => *known += size,
        None => sizes.push((name.to_owned(), size)),
    };
    for section in sections(component) {
        if section.id != CORE_MODULE {
            add("component types and glue", section.size);
            continue;
        }
        for inner in sections(section.body) {
            let name = match inner.id {
                0 => "names and notes",
                1 => "function types",
                9 => "indirect calls",
                10 => "code",
                11 => "data",
                _ => "declarations",
            };
            add(name, inner.size);
        }
    }
    sort_by_key(&mut sizes, |(_, size)| std::cmp::Reverse(*size));
    sizes
}

struct Section<'a> {
    id: u8,
    body: &'a [u8],
    /// With its head
    size: usize,
}

/// The sections of a module or component: an identifier, the size of the body in LEB128, the body.
fn sections(bytes: &[u8]) -> Vec<Section<'_>> {
    const PREAMBLE: usize = 8;
    let mut found = Vec::new();
    let mut rest = bytes.get(PREAMBLE..).unwrap_or_default();
    while let Some((id, mut body)) = rest.split_first() {
        let start = rest.len();
        let mut size = 0usize;
        for shift in (0..35).step_by(7) {
            let Some((byte, behind)) = body.split_first() else {
                return found;
            };
            size |= usize::from(byte & 0x7f) << shift;
            body = behind;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let Some((body, behind)) = body.split_at_checked(size) else {
            return found;
        };
        found.push(Section {
            id: *id,
            body,
            size: start - behind.len(),
        });
        rest = behind;
    }
    found
}
