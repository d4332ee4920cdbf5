"""Prints cases for crates/decimal: an operation, its operands, and what Python's decimal module makes of them.

    python3 crates/decimal/tests/python_table.py > crates/decimal/tests/python_table.txt
"""

import random
from decimal import (ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN,
                     ROUND_HALF_UP, Decimal, getcontext)
from fractions import Fraction

getcontext().prec = 200
MAX = 38


def fits(value, is_exact=True):
    """The value with at most 38 digits and places, dropping zeros where they are too many; None where none will do."""
    sign, digits, exponent = value.as_tuple()
    digits = list(digits)
    if exponent > 0:
        digits += [0] * exponent
        exponent = 0
    while len(digits) > 1 and digits[0] == 0:
        digits = digits[1:]
    while (len(digits) > MAX or -exponent > MAX) and exponent < 0 and digits[-1] == 0:
        digits = digits[:-1] or [0]
        exponent += 1
    if len(digits) > MAX or -exponent > MAX:
        return None
    if not any(digits):
        sign = 0
    return Decimal((sign, tuple(digits), exponent))


def is_finite(fraction):
    n = fraction.denominator
    for factor in (2, 5):
        while n % factor == 0:
            n //= factor
    return n == 1


def divide(a, b):
    if b == 0:
        return "divide-by-zero"
    ideal = max(0, -a.as_tuple().exponent + b.as_tuple().exponent)
    exact = Fraction(a) / Fraction(b)
    if is_finite(exact):
        places = ideal
        while exact * 10**places % 1 != 0 and places < MAX:
            places += 1
        if exact * 10**places % 1 == 0 and abs(exact * 10**places) < 10**MAX:
            return Decimal(int(exact * 10**places)).scaleb(-places)
    places = min(MAX, max(18, -a.as_tuple().exponent, -b.as_tuple().exponent))
    while places >= 0:
        # Python rounds fractions half to even.
        rounded = round(exact * 10**places)
        if abs(exact * 10**places) < 10**MAX and abs(rounded) < 10**MAX:
            return Decimal(rounded).scaleb(-places)
        places -= 1
    return None


def remainder(a, b):
    if b == 0:
        return "divide-by-zero"
    places = max(-a.as_tuple().exponent, -b.as_tuple().exponent)
    return fits((a % b).quantize(Decimal(1).scaleb(-places)))


def rounded(a, places, how):
    quantum = Decimal(1).scaleb(-places)
    value = a.quantize(quantum, rounding=how)
    return fits_exactly(value)


def fits_exactly(value):
    """As `fits`, but the places stay."""
    result = fits(value)
    if result is None or result.as_tuple().exponent != min(0, value.as_tuple().exponent):
        return None
    return result


def text(value):
    if value is None:
        return "overflow"
    if isinstance(value, str):
        return value
    return format(value if value != 0 else abs(value), "f")


def number(rng):
    kind = rng.randrange(6)
    if kind == 0:
        return Decimal(rng.randrange(-20, 21)).scaleb(-rng.randrange(0, 4))
    if kind == 1:
        return Decimal(rng.randrange(-10**6, 10**6)).scaleb(-2)
    if kind == 2:
        return Decimal(10**rng.randrange(0, 38) * rng.choice([-1, 1, 5, 2, 9])).scaleb(-rng.randrange(0, 39))
    n_digits = rng.randrange(1, 39)
    value = rng.randrange(10**n_digits) * rng.choice([-1, 1])
    if kind == 3:
        value = rng.choice([-1, 1]) * (10**n_digits - 1)
    if kind == 4:
        value = rng.choice([2, 5]) ** rng.randrange(0, 54)
    return Decimal(value).scaleb(-rng.randrange(0, 39))


def main():
    rng = random.Random(20260)
    rounding = {"round": ROUND_HALF_UP, "even": ROUND_HALF_EVEN, "floor": ROUND_FLOOR, "ceil": ROUND_CEILING,
                "trunc": ROUND_DOWN}
    for _ in range(300):
        a, b = number(rng), number(rng)
        if rng.randrange(4) == 0:
            b = a + Decimal(rng.randrange(-3, 4)).scaleb(-rng.randrange(0, 39))
        a, b = fits(a), fits(b)
        if a is None or b is None:
            continue
        pair = f"{text(a)} {text(b)}"
        print("add", pair, text(fits(a + b)))
        print("subtract", pair, text(fits(a - b)))
        print("multiply", pair, text(fits(a * b)))
        print("divide", pair, text(divide(a, b)))
        print("remainder", pair, text(remainder(a, b)))
        print("compare", pair, (a > b) - (a < b))
        places = rng.randrange(-38, 39) if rng.randrange(2) else rng.randrange(-2, 6)
        for name, how in rounding.items():
            print(name, text(a), places, text(rounded(a, places, how)))


main()
