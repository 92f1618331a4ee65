"""Shannon entropy of bytes, to the last bit as the Go runtime computes it."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait.native.pure.fastcdc import Bytes


def entropy(data: Bytes, /) -> float:
    """Bits per byte of `data`, between 0 and 8; 0 for none.

    The sum is taken in the order of byte values and with Go's logarithm, so that the result is the same number, not
    only a near one, as Go's for the same bytes: it is part of what content addresses are made of.
    """
    view = memoryview(data).cast("B")
    result = 0.0
    for _, count in sorted(Counter(view).items()):
        share = count / len(view)
        result -= share * _log2(share)
    return result


def _log2(value: float) -> float:
    mantissa, exponent = math.frexp(value)
    if mantissa == 0.5:
        return float(exponent - 1)
    return exponent + _log(mantissa) * (1 / 0.693147180559945309417232121458176568)


def _log(mantissa: float) -> float:
    """The natural logarithm of a number between 0.5 and 1: FreeBSD's msun, in the order of Go's math.Log."""
    k = 0.0
    f = mantissa
    if f < 0.70710678118654752440:
        f *= 2
        k = -1.0
    f -= 1
    s = f / (2 + f)
    s2 = s * s
    s4 = s2 * s2
    t1 = s2 * (
        6.666666666666735130e-01
        + s4 * (2.857142874366239149e-01 + s4 * (1.818357216161805012e-01 + s4 * 1.479819860511658591e-01))
    )
    t2 = s4 * (3.999999999940941908e-01 + s4 * (2.222219843214978396e-01 + s4 * 1.531383769920937332e-01))
    h = 0.5 * f * f
    return k * 6.93147180369123816490e-01 - ((h - (s * (h + (t1 + t2)) + k * 1.90821492927058770002e-10)) - f)
