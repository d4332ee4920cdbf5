//! World `rules` as compiled rules have it: what their core module exports ([`interface`]) and the component around it,
//! which is the same bytes for every rule set.
//!
//! The compiler puts a core module in front of these bytes; a host that finds them behind one knows all of the component
//! without reading its types, and may call the module directly. Deliberately absent: anything about one rule set.

pub mod interface;

const EXPLAINING: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/explaining.bin"));

const SILENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/silent.bin"));

/// What follows the core module, the component's first section, of a component that `explains`, or of one that doesn't.
pub const fn around(explains: bool) -> &'static [u8] {
    if explains { EXPLAINING } else { SILENT }
}

/// The core module of a component that these bytes follow, and whether it explains; `None` for every other component.
pub fn core_module(component: &[u8]) -> Option<(&[u8], bool)> {
    [true, false].into_iter().find_map(|explains| {
        let before = component.strip_suffix(around(explains))?;
        let section = before.strip_prefix(COMPONENT_HEADER)?;
        let (id, contents) = section.split_first()?;
        (*id == CORE_MODULE_SECTION).then_some(())?;
        let (length, module) = leb128(contents)?;
        (length == module.len()).then_some((module, explains))
    })
}

const COMPONENT_HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
const CORE_MODULE_SECTION: u8 = 1;

fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (position, byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 0x7f) << (7 * position);
        if *byte < 0x80 {
            return Some((number, &bytes[position + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(module: &[u8], explains: bool) -> Vec<u8> {
        let length = u8::try_from(module.len()).expect("a short module");
        [
            COMPONENT_HEADER,
            &[CORE_MODULE_SECTION, length],
            module,
            around(explains),
        ]
        .concat()
    }

    #[test]
    fn only_one_core_module_before_the_very_bytes_is_recognised() {
        for explains in [true, false] {
            let whole = component(b"the module", explains);
            assert_eq!(core_module(&whole), Some((&b"the module"[..], explains)));
            for changed in 0..whole.len() {
                let mut other = whole.clone();
                other[changed] ^= 1;
                let is_module = (10..20).contains(&changed);
                assert_eq!(core_module(&other).is_some(), is_module, "byte {changed}");
            }
            for end in 0..whole.len() {
                assert_eq!(core_module(&whole[..end]), None);
            }
            assert_eq!(core_module(&[&whole[..], &[0, 1, 0]].concat()), None);
        }
    }
}
