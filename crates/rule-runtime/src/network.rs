//! The network extension: IP addresses and CIDR blocks.

use crate::abi::{Outcome, helpers};
use crate::convert::write_digits;
use crate::memory::{Buffer, allocate};
use crate::status::{INVALID_CIDR, INVALID_IP, TOO_LARGE};
use crate::value::{Value, tag};
use core::net::{Ipv4Addr, Ipv6Addr};

helpers! {
    /// `ip(text)`
    ip_from_string(text) = |text| parse_ip(text).map(Address::to_ip).ok_or(INVALID_IP);
    /// `isIP(text)`
    ip_is_valid(text) = |text| Ok(parse_ip(text).is_some());
    /// `ip.isCanonical(text)`
    ip_is_canonical(text) = is_canonical;
    /// `string(ip)`
    ip_to_string(value) = |ip: &Value| Address::of(ip).text();
    /// `ip.family()`: 4 or 6
    ip_family(value) = |ip: &Value| Ok(Address::of(ip).family());
    /// `ip.isUnspecified()`
    ip_is_unspecified(value) = |ip: &Value| Ok(Address::of(ip).bits == 0);
    /// `ip.isLoopback()`
    ip_is_loopback(value) = |ip: &Value| Ok(Address::of(ip).is_loopback());
    /// `ip.isGlobalUnicast()`
    ip_is_global_unicast(value) = |ip: &Value| Ok(Address::of(ip).is_global_unicast());
    /// `ip.isLinkLocalMulticast()`
    ip_is_link_local_multicast(value) = |ip: &Value| Ok(Address::of(ip).is_link_local_multicast());
    /// `ip.isLinkLocalUnicast()`
    ip_is_link_local_unicast(value) = |ip: &Value| Ok(Address::of(ip).is_link_local_unicast());
    /// `cidr(text)`
    cidr_from_string(text) = |text| parse_cidr(text).map(Block::to_value).ok_or(INVALID_CIDR);
    /// `isCIDR(text)`
    cidr_is_valid(text) = |text| Ok(parse_cidr(text).is_some());
    /// `string(cidr)`
    cidr_to_string(value) = |cidr: &Value| Block::of(cidr).text();
    /// `cidr.containsIP(ip)`
    cidr_contains_ip(value, value) = |cidr, ip| Ok(Block::of(cidr).contains(Address::of(ip)));
    /// `cidr.containsIP(text)`
    cidr_contains_ip_text(value, text) = |cidr, text| {
        let ip = parse_ip(text).ok_or(INVALID_IP)?;
        Ok(Block::of(cidr).contains(ip))
    };
    /// `cidr.containsCIDR(cidr)`
    cidr_contains_cidr(value, value) = |cidr, other| Ok(Block::of(cidr).contains_block(Block::of(other)));
    /// `cidr.containsCIDR(text)`
    cidr_contains_cidr_text(value, text) = |cidr, text| {
        let other = parse_cidr(text).ok_or(INVALID_CIDR)?;
        Ok(Block::of(cidr).contains_block(other))
    };
    /// `cidr.ip()`
    cidr_ip(value) = |cidr: &Value| Ok(Block::of(cidr).address.to_ip());
    /// `cidr.masked()`: the first address of the block
    cidr_masked(value) = |cidr: &Value| Ok(Block::of(cidr).masked().to_value());
    /// `cidr.prefixLength()`
    cidr_prefix_length(value) = |cidr: &Value| Ok(i64::from(Block::of(cidr).prefix_length));
}

/// An address: IPv4 in the low 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Address {
    bits: u128,
    is_v4: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    address: Address,
    prefix_length: u32,
}

impl Address {
    fn of(value: &Value) -> Self {
        let bytes = value.network_address();
        let bits = bytes
            .iter()
            .fold(0, |bits, byte| bits << 8 | u128::from(*byte));
        Self {
            bits,
            is_v4: bytes.len() == 4,
        }
    }

    fn store(self, tag: u32, prefix_length: u32) -> Value {
        let cell = allocate(16).cast::<[u8; 16]>();
        let shift = if self.is_v4 { 96 } else { 0 };
        // SAFETY: fresh memory with room for the address.
        unsafe { cell.write((self.bits << shift).to_be_bytes()) };
        let family = if self.is_v4 { 4 } else { 16 };
        Value {
            tag,
            extra: family | prefix_length << 8,
            payload: cell.expose_provenance() as u64,
        }
    }

    fn to_ip(self) -> Value {
        self.store(tag::IP, 0)
    }

    const fn family(self) -> i64 {
        if self.is_v4 { 4 } else { 6 }
    }

    const fn n_bits(self) -> u32 {
        if self.is_v4 { 32 } else { 128 }
    }

    /// Whether the address starts with these bits.
    const fn starts_with(self, bits: u128, n_bits: u32) -> bool {
        self.bits >> (self.n_bits() - n_bits) == bits
    }

    const fn is_loopback(self) -> bool {
        if self.is_v4 {
            self.starts_with(127, 8)
        } else {
            self.bits == 1
        }
    }

    const fn is_link_local_unicast(self) -> bool {
        if self.is_v4 {
            self.starts_with(0xA9FE, 16)
        } else {
            self.starts_with(0xFE80 >> 6, 10)
        }
    }

    const fn is_link_local_multicast(self) -> bool {
        if self.is_v4 {
            self.starts_with(0xE0_0000, 24)
        } else {
            self.bits >> 120 == 0xFF && self.bits >> 112 & 0xF == 2
        }
    }

    const fn is_multicast(self) -> bool {
        if self.is_v4 {
            self.starts_with(0xE, 4)
        } else {
            self.starts_with(0xFF, 8)
        }
    }

    const fn is_global_unicast(self) -> bool {
        !(self.bits == 0
            || self.is_v4 && self.bits == 0xFFFF_FFFF
            || self.is_loopback()
            || self.is_multicast()
            || self.is_link_local_unicast())
    }

    fn push_text(self, out: &mut Buffer) {
        if self.is_v4 {
            for index in 0..4 {
                if index > 0 {
                    out.push(b'.');
                }
                push_number((self.bits >> (24 - 8 * index) & 0xFF) as u64, out);
            }
            return;
        }
        let (gap, gap_length) = self.longest_gap();
        let mut index = 0;
        while index < 8 {
            if index == gap && gap_length > 1 {
                out.extend(b"::");
                index += gap_length;
                continue;
            }
            if index > 0 && !(gap_length > 1 && index == gap + gap_length) {
                out.push(b':');
            }
            push_group(self.group(index), out);
            index += 1;
        }
    }

    const fn group(self, index: u32) -> u32 {
        (self.bits >> (112 - 16 * index) & 0xFFFF) as u32
    }

    /// The first of the longest runs of zero groups (RFC 5952): where, and how long.
    fn longest_gap(self) -> (u32, u32) {
        let (mut best, mut best_length) = (0, 0);
        for start in 0..8 {
            let length = (start..8)
                .take_while(|index| self.group(*index) == 0)
                .count() as u32;
            if length > best_length {
                (best, best_length) = (start, length);
            }
        }
        (best, best_length)
    }

    fn text<'a>(self) -> Outcome<&'a [u8]> {
        let mut out = Buffer::new();
        self.push_text(&mut out);
        out.finish().ok_or(TOO_LARGE)
    }
}

impl Block {
    fn of(value: &Value) -> Self {
        Self {
            address: Address::of(value),
            prefix_length: value.extra >> 8 & 0xFF,
        }
    }

    fn to_value(self) -> Value {
        self.address.store(tag::CIDR, self.prefix_length)
    }

    fn masked(self) -> Self {
        let n_rest = self.address.n_bits() - self.prefix_length.min(self.address.n_bits());
        let mask = u128::MAX.checked_shl(n_rest).unwrap_or(0);
        let address = Address {
            bits: self.address.bits & mask,
            ..self.address
        };
        Self { address, ..self }
    }

    fn contains(self, address: Address) -> bool {
        self.masked() == Self { address, ..self }.masked()
    }

    fn contains_block(self, other: Self) -> bool {
        self.prefix_length <= other.prefix_length && self.contains(other.address)
    }

    fn text<'a>(self) -> Outcome<&'a [u8]> {
        let mut out = Buffer::new();
        self.push_text(&mut out);
        out.finish().ok_or(TOO_LARGE)
    }

    fn push_text(self, out: &mut Buffer) {
        self.address.push_text(out);
        out.push(b'/');
        push_number(u64::from(self.prefix_length), out);
    }
}

/// Appends the text of an IP address or CIDR block.
pub(crate) fn push_text(value: &Value, out: &mut Buffer) {
    if value.tag == tag::IP {
        Address::of(value).push_text(out);
    } else {
        Block::of(value).push_text(out);
    }
}

fn push_number(number: u64, out: &mut Buffer) {
    let mut digits = [0; 20];
    let length = write_digits(number, &mut digits);
    out.extend(digits.get(..length).unwrap_or_default());
}

/// Hexadecimal without leading zeros.
fn push_group(group: u32, out: &mut Buffer) {
    let mut is_leading = true;
    for shift in [12, 8, 4, 0] {
        let digit = (group >> shift & 15) as u8;
        is_leading &= digit == 0 && shift > 0;
        if !is_leading {
            out.push(if digit < 10 { b'0' } else { b'a' - 10 } + digit);
        }
    }
}

/// Neither zones nor IPv4 addresses mapped to IPv6 are addresses here.
fn parse_ip(text: &[u8]) -> Option<Address> {
    // SAFETY: strings are UTF-8.
    let text = unsafe { core::str::from_utf8_unchecked(text) };
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(Address {
            bits: u128::from(address.to_bits()),
            is_v4: true,
        });
    }
    let address = text.parse::<Ipv6Addr>().ok()?;
    if address.to_ipv4_mapped().is_some() {
        return None;
    }
    Some(Address {
        bits: address.to_bits(),
        is_v4: false,
    })
}

fn parse_cidr(text: &[u8]) -> Option<Block> {
    let slash = text.iter().rposition(|byte| *byte == b'/')?;
    let address = parse_ip(text.get(..slash)?)?;
    let digits = text.get(slash + 1..)?;
    let mut prefix_length = 0;
    for (index, digit) in digits.iter().enumerate() {
        if !digit.is_ascii_digit() || index > 2 || index > 0 && prefix_length == 0 {
            return None;
        }
        prefix_length = prefix_length * 10 + u32::from(digit - b'0');
    }
    if digits.is_empty() || prefix_length > address.n_bits() {
        return None;
    }
    Some(Block {
        address,
        prefix_length,
    })
}

fn is_canonical(text: &[u8]) -> Outcome<bool> {
    let address = parse_ip(text).ok_or(INVALID_IP)?;
    Ok(address.text()? == text)
}

#[cfg(test)]
mod tests;
