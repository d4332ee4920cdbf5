//! The math extension, as far as it is not plain instructions.

use crate::abi::{Outcome, helpers};
use crate::lists;
use crate::status::{INTEGER_OVERFLOW, INVALID_ARGUMENT, NO_SUCH_OVERLOAD};
use crate::value::{Value, tag};

helpers! {
    /// `math.greatest(…)`: of the elements of a list, the first of those that none exceeds.
    math_greatest(value) = |list| extreme(list, 1);
    /// `math.least(…)`: of the elements of a list, the first of those that exceed none.
    math_least(value) = |list| extreme(list, -1);
    /// `math.abs(int)`
    math_abs_int(int) = |value: i64| value.checked_abs().ok_or(INTEGER_OVERFLOW);
    /// `math.sign(int)`
    math_sign_int(int) = |value: i64| Ok(value.signum());
    /// `math.sign(uint)`
    math_sign_uint(uint) = |value: u64| Ok(u64::from(value > 0));
    /// `math.sign(double)`
    math_sign_double(double) = sign;
    /// `math.bitShiftLeft(int or uint, int)`
    math_shift_left(uint, int) = |value: u64, n| Ok(value.checked_shl(distance(n)?).unwrap_or(0));
    /// `math.bitShiftRight(int or uint, int)`: zeros come in, also for ints.
    math_shift_right(uint, int) = |value: u64, n| Ok(value.checked_shr(distance(n)?).unwrap_or(0));
}

fn extreme(list: &Value, direction: i32) -> Outcome<Value> {
    let elements = list.elements();
    if elements.is_empty() {
        return Err(INVALID_ARGUMENT);
    }
    let is_number = |element: &Value| {
        matches!(
            element.tag,
            tag::INT | tag::UINT | tag::DOUBLE | tag::DECIMAL
        )
    };
    if !elements.iter().all(is_number) {
        return Err(NO_SUCH_OVERLOAD);
    }
    lists::extreme(list, direction)
}

fn sign(value: f64) -> Outcome<f64> {
    Ok(if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else if value == 0.0 {
        0.0
    } else {
        value
    })
}

fn distance(n_bits: i64) -> Outcome<u32> {
    if n_bits < 0 {
        return Err(INVALID_ARGUMENT);
    }
    Ok(n_bits.min(64) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From cel-spec's tests/simple/testdata/math_ext.textproto.
    #[test]
    fn extremes_compare_numbers_of_all_types() {
        let (i, u, d) = (
            Value::int as fn(i64) -> Value,
            Value::uint as fn(u64) -> Value,
            Value::double as fn(f64) -> Value,
        );
        for (elements, greatest, least) in [
            (vec![i(-5)], i(-5), i(-5)),
            (vec![i(1), d(1.0)], i(1), i(1)),
            (vec![d(1.0), i(1), u(1)], d(1.0), d(1.0)),
            (vec![i(i64::MIN), i(1)], i(1), i(i64::MIN)),
            (
                vec![d(5.4), i(10), u(3), d(-5.0), i(i64::MAX)],
                i(i64::MAX),
                d(-5.0),
            ),
            (
                vec![d(5.4), d(10.5), u(3), d(-5.0), d(3.5)],
                d(10.5),
                d(-5.0),
            ),
            (vec![i(-3), u(3)], u(3), i(-3)),
        ] {
            for (direction, expected) in [(1, greatest), (-1, least)] {
                let found = extreme(&Value::list(&elements), direction).expect("a number");
                assert_eq!(
                    (found.tag, found.payload),
                    (expected.tag, expected.payload),
                    "{elements:?}"
                );
            }
        }
        let refused = |elements: &[Value]| extreme(&Value::list(elements), 1).err();
        assert_eq!(refused(&[]), Some(INVALID_ARGUMENT));
        assert_eq!(refused(&[Value::string(b"1")]), Some(NO_SUCH_OVERLOAD));
        assert_eq!(refused(&[i(1), Value::NULL]), Some(NO_SUCH_OVERLOAD));
    }

    #[test]
    fn shifts_and_signs_are_those_of_the_specification() {
        let mut out = [0_u64; 2];
        let mut shift = |right: bool, value: i64, n: i64| {
            let helper = if right {
                math_shift_right
            } else {
                math_shift_left
            };
            // SAFETY: `out` has 16 bytes.
            let status = unsafe { helper(value as u64, n, out.as_mut_ptr().cast()) };
            (status, out[0] as i64)
        };
        assert_eq!(shift(false, 1, 2), (0, 4));
        assert_eq!(shift(false, 1, 200), (0, 0));
        assert_eq!(shift(false, -1, 200), (0, 0));
        assert_eq!(shift(false, 1, -1).0, INVALID_ARGUMENT);
        assert_eq!(shift(true, 1024, 2), (0, 256));
        assert_eq!(shift(true, 1024, 64), (0, 0));
        assert_eq!(shift(true, -1024, 3), (0, 2_305_843_009_213_693_824));
        assert_eq!(shift(true, -1024, 64), (0, 0));
        assert_eq!(sign(100.5), Ok(1.0));
        assert_eq!(sign(-32.0), Ok(-1.0));
        assert_eq!(sign(0.0), Ok(0.0));
        assert!(sign(f64::NAN).is_ok_and(f64::is_nan));
    }
}
