/* The checksum of SQLite's write-ahead log: a recurrence over pairs of words, each step of which needs the last. */

#include "native.h"

static uint32_t
big(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint32_t
little(const uint8_t *bytes)
{
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

static void
add(const uint8_t *data, size_t size, int big_endian, uint32_t sums[2])
{
    uint32_t first = sums[0], second = sums[1];
    if (big_endian) {
        for (size_t index = 0; index < size; index += 8) {
            first += big(data + index) + second;
            second += big(data + index + 4) + first;
        }
    } else {
        for (size_t index = 0; index < size; index += 8) {
            first += little(data + index) + second;
            second += little(data + index + 4) + first;
        }
    }
    sums[0] = first;
    sums[1] = second;
}

PyObject *
plait_wal_checksum(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer data;
    int big_endian;
    unsigned long long first, second;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*p(KK):wal_checksum", &data, &big_endian, &first, &second)) {
        return NULL;
    }
    if (data.len % 8 != 0) {
        PyErr_SetString(PyExc_ValueError, "the checksum is over whole groups of eight bytes");
    } else {
        uint32_t sums[2] = {(uint32_t)first, (uint32_t)second};
        Py_BEGIN_ALLOW_THREADS
        add(data.buf, (size_t)data.len, big_endian, sums);
        Py_END_ALLOW_THREADS
        result = Py_BuildValue("II", (unsigned int)sums[0], (unsigned int)sums[1]);
    }
    PyBuffer_Release(&data);
    return result;
}
