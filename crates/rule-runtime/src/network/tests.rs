//! Cases of cel-go, ext/network_test.go, and of the standard library.

use super::*;
use std::net::{Ipv4Addr as StdV4, Ipv6Addr as StdV6};

fn ip(text: &str) -> Address {
    parse_ip(text.as_bytes()).expect(text)
}

fn cidr(text: &str) -> Block {
    parse_cidr(text.as_bytes()).expect(text)
}

fn text(outcome: Outcome<&[u8]>) -> String {
    String::from_utf8_lossy(outcome.expect("text")).into_owned()
}

#[test]
fn addresses_are_read_and_written_as_the_standard_library_does() {
    let mut state = 7_u64;
    for round in 0..4_000_u32 {
        let mut bits = 0_u128;
        for _ in 0..8 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let group = (state >> 48) as u128;
            // Many zero groups, so that gaps occur
            let shift = (state >> 20) % 16;
            bits = bits << 16
                | if state >> 40 & round as u64 & 3 == 0 {
                    0
                } else {
                    group >> shift
                };
        }
        let v6 = StdV6::from_bits(bits);
        if v6.to_ipv4_mapped().is_none() {
            assert_eq!(ip(&v6.to_string()), Address { bits, is_v4: false });
            assert_eq!(text(Address { bits, is_v4: false }.text()), v6.to_string());
        }
        let v4 = StdV4::from_bits(bits as u32);
        assert_eq!(text(ip(&v4.to_string()).text()), v4.to_string());
    }
    assert_eq!(text(ip("2001:DB8::1").text()), "2001:db8::1");
    assert_eq!(text(ip("2001:db8:0:0:1:0:0:1").text()), "2001:db8::1:0:0:1");
    for not_an_ip in [
        "",
        "192.168.0.1.0",
        "192.168.0.01",
        "::ffff:192.168.0.1",
        "fe80::1%en0",
        "not an ip",
        "1.2.3.4/24",
        "1.2.3",
    ] {
        assert_eq!(parse_ip(not_an_ip.as_bytes()), None, "{not_an_ip}");
    }
    for (written, canonical) in [
        ("127.0.0.1", true),
        ("::1", true),
        ("2001:db8::abcd", true),
        ("2001:DB8::ABCD", false),
        ("2001:db8:0:0:0:0:0:1", false),
    ] {
        assert_eq!(is_canonical(written.as_bytes()), Ok(canonical), "{written}");
    }
    assert_eq!(is_canonical(b"127.0.0.1.0"), Err(INVALID_IP));
}

#[test]
fn addresses_have_kinds() {
    // family, unspecified, loopback, global unicast, link-local multicast, link-local unicast
    for (written, expected) in [
        ("0.0.0.0", (4, true, false, false, false, false)),
        ("127.0.0.1", (4, false, true, false, false, false)),
        ("1.2.3.4", (4, false, false, true, false, false)),
        ("192.168.0.1", (4, false, false, true, false, false)),
        ("255.255.255.255", (4, false, false, false, false, false)),
        ("224.0.0.1", (4, false, false, false, true, false)),
        ("224.0.1.1", (4, false, false, false, false, false)),
        ("169.254.169.254", (4, false, false, false, false, true)),
        ("::", (6, true, false, false, false, false)),
        ("::1", (6, false, true, false, false, false)),
        ("2001:db8::abcd", (6, false, false, true, false, false)),
        ("fd00::1", (6, false, false, true, false, false)),
        ("ff02::1", (6, false, false, false, true, false)),
        ("ff00::1", (6, false, false, false, false, false)),
        ("fe80::1", (6, false, false, false, false, true)),
        ("fd80::1", (6, false, false, true, false, false)),
    ] {
        let ip = ip(written);
        let found = (
            ip.family(),
            ip.bits == 0,
            ip.is_loopback(),
            ip.is_global_unicast(),
            ip.is_link_local_multicast(),
            ip.is_link_local_unicast(),
        );
        assert_eq!(found, expected, "{written}");
        assert_eq!(Address::of(&ip.to_ip()), ip);
    }
}

#[test]
fn blocks_contain_addresses_and_blocks() {
    for (block, address, expected) in [
        ("192.168.0.0/24", "192.168.0.1", true),
        ("192.168.0.0/24", "192.168.1.1", false),
        ("192.168.0.0/24", "::1", false),
        ("2001:db8::/32", "2001:db8::1", true),
        ("2001:db8::/32", "2001:dc8::1", false),
        ("0.0.0.0/0", "1.2.3.4", true),
        ("::/0", "ff::", true),
        ("10.0.0.1/32", "10.0.0.1", true),
    ] {
        assert_eq!(
            cidr(block).contains(ip(address)),
            expected,
            "{block} {address}"
        );
    }
    for (block, other, expected) in [
        ("192.168.0.0/24", "192.168.0.0/25", true),
        ("192.168.0.0/24", "192.168.0.0/24", true),
        ("192.168.0.0/24", "192.168.0.0/23", false),
        ("192.168.0.0/24", "192.169.0.0/25", false),
        ("192.168.0.0/24", "2001:db8::/33", false),
        ("2001:db8::/32", "2001:db8::/33", true),
        ("2001:db8::/32", "2001:db8::/31", false),
    ] {
        assert_eq!(
            cidr(block).contains_block(cidr(other)),
            expected,
            "{block} {other}"
        );
    }
    assert_eq!(
        text(cidr("192.168.0.1/24").masked().text()),
        "192.168.0.0/24"
    );
    assert_eq!(
        text(cidr("2001:DB8::1/32").masked().text()),
        "2001:db8::/32"
    );
    assert_eq!(text(cidr("192.168.0.1/24").address.text()), "192.168.0.1");
    assert_eq!(
        Block::of(&cidr("fe80::1/127").to_value()),
        cidr("fe80::1/127")
    );
    for not_a_block in [
        "192.168.0.0/",
        "192.168.0.0",
        "192.168.0.0/33",
        "::1/129",
        "1.2.3.4/024",
        "1.2.3.4/+8",
        "::ffff:1.2.3.4/24",
        "1.2.3.4/0000000000",
        "",
    ] {
        assert_eq!(parse_cidr(not_a_block.as_bytes()), None, "{not_a_block}");
    }
}
