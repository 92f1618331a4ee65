/* Shannon entropy of bytes, to the last bit as the Go runtime computes it. */

#include "native.h"

#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF /* a fused multiplication would change the last bit; gcc does not fuse under -std=c11 */
#endif

enum { SYMBOLS = 256, LANES = 4 };

/* log2 of a normal number: the natural logarithm of FreeBSD's msun, in the order of operations of Go's math.Log. */
static double
log2_as_in_go(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int exponent = (int)(bits >> 52) - 1022;
    bits = (bits & 0x000FFFFFFFFFFFFFu) | 0x3FE0000000000000u;
    double mantissa;
    memcpy(&mantissa, &bits, sizeof mantissa);
    if (mantissa == 0.5) {
        return (double)(exponent - 1);
    }
    double k = 0, f = mantissa;
    if (f < 0.70710678118654752440) {
        f *= 2;
        k = -1;
    }
    f -= 1;
    double s = f / (2 + f), s2 = s * s, s4 = s2 * s2;
    double t1 = s2 * (6.666666666666735130e-01 +
                      s4 * (2.857142874366239149e-01 + s4 * (1.818357216161805012e-01 + s4 * 1.479819860511658591e-01)));
    double t2 = s4 * (3.999999999940941908e-01 + s4 * (2.222219843214978396e-01 + s4 * 1.531383769920937332e-01));
    double r = t1 + t2, h = 0.5 * f * f;
    double natural = k * 6.93147180369123816490e-01 - ((h - (s * (h + r) + k * 1.90821492927058770002e-10)) - f);
    return (double)exponent + natural * (1 / 0.693147180559945309417232121458176568);
}

static double
entropy(const uint8_t *data, size_t size)
{
    uint64_t counts[LANES][SYMBOLS] = {{0}};
    size_t index = 0;
    for (; index + LANES <= size; index += LANES) { /* neighbours are often equal: they should not wait for each other */
        for (size_t lane = 0; lane < LANES; lane++) {
            counts[lane][data[index + lane]]++;
        }
    }
    for (; index < size; index++) {
        counts[0][data[index]]++;
    }
    double result = 0;
    for (size_t symbol = 0; symbol < SYMBOLS; symbol++) {
        uint64_t count = counts[0][symbol] + counts[1][symbol] + counts[2][symbol] + counts[3][symbol];
        if (count != 0) {
            double share = (double)count / (double)size;
            result -= share * log2_as_in_go(share);
        }
    }
    return result;
}

PyObject *
plait_entropy(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer data;
    double result;
    if (!PyArg_ParseTuple(arguments, "y*:entropy", &data)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    result = entropy(data.buf, (size_t)data.len);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&data);
    return PyFloat_FromDouble(result);
}
