/* The compression function of Whirlpool (ISO/IEC 10118-3): ten rounds over eight rows of eight bytes. */

#include "native.h"

#include <string.h>

enum { BLOCK = 64, ROWS = 8, ROUNDS = 10 };

static const uint8_t E[16] = {0x1, 0xB, 0x9, 0xC, 0xD, 0x6, 0xF, 0x3, 0xE, 0x8, 0x7, 0x4, 0xA, 0x2, 0x5, 0x0};
static const uint8_t R[16] = {0x7, 0xC, 0xB, 0xD, 0xE, 0x4, 0x9, 0xF, 0x6, 0x3, 0x8, 0xA, 0x2, 0x5, 0x1, 0x0};
static const uint8_t DIFFUSION[ROWS] = {1, 1, 4, 1, 8, 5, 2, 9};

/* What a byte in each column adds to a row, and what each round adds to the first row of its key. */
typedef struct {
    uint64_t columns[ROWS][256];
    uint64_t constants[ROUNDS];
} Tables;

static uint8_t
times(unsigned value, unsigned factor)
{
    unsigned product = 0;
    for (; factor != 0; factor >>= 1) {
        if (factor & 1) {
            product ^= value;
        }
        value <<= 1;
        if (value > 0xFF) {
            value ^= 0x11D;
        }
    }
    return (uint8_t)product;
}

static uint64_t
row_of(const uint8_t *bytes)
{
    uint64_t row = 0;
    for (int column = 0; column < ROWS; column++) {
        row = row << 8 | bytes[column];
    }
    return row;
}

static void
fill(Tables *tables)
{
    uint8_t inverse[16], box[256];
    for (uint8_t value = 0; value < 16; value++) {
        inverse[E[value]] = value;
    }
    for (int value = 0; value < 256; value++) {
        uint8_t left = E[value >> 4], right = inverse[value & 15], middle = R[left ^ right];
        uint8_t bytes[ROWS];
        box[value] = (uint8_t)(E[left ^ middle] << 4 | inverse[right ^ middle]);
        for (int column = 0; column < ROWS; column++) {
            bytes[column] = times(box[value], DIFFUSION[column]);
        }
        uint64_t row = row_of(bytes);
        for (int column = 0; column < ROWS; column++) {
            tables->columns[column][value] = row;
            row = row >> 8 | row << 56;
        }
    }
    for (int round = 0; round < ROUNDS; round++) {
        tables->constants[round] = row_of(box + ROWS * round);
    }
}

static void
mix(const Tables *tables, uint64_t rows[ROWS])
{
    uint64_t mixed[ROWS];
    for (int row = 0; row < ROWS; row++) {
        uint64_t sum = 0;
        for (int column = 0; column < ROWS; column++) {
            sum ^= tables->columns[column][rows[(row - column) & 7] >> (56 - 8 * column) & 0xFF];
        }
        mixed[row] = sum;
    }
    memcpy(rows, mixed, sizeof mixed);
}

static void
compress(const Tables *tables, uint64_t chain[ROWS], const uint8_t *block)
{
    uint64_t message[ROWS], key[ROWS], state[ROWS];
    for (int row = 0; row < ROWS; row++) {
        message[row] = row_of(block + ROWS * row);
        key[row] = chain[row];
        state[row] = message[row] ^ key[row];
    }
    for (int round = 0; round < ROUNDS; round++) {
        mix(tables, key);
        key[0] ^= tables->constants[round];
        mix(tables, state);
        for (int row = 0; row < ROWS; row++) {
            state[row] ^= key[row];
        }
    }
    for (int row = 0; row < ROWS; row++) {
        chain[row] ^= state[row] ^ message[row];
    }
}

static void
compress_all(const uint8_t *before, const uint8_t *data, size_t size, uint8_t after[BLOCK])
{
    Tables tables;
    uint64_t chain[ROWS];
    fill(&tables);
    for (int row = 0; row < ROWS; row++) {
        chain[row] = row_of(before + ROWS * row);
    }
    for (size_t start = 0; start < size; start += BLOCK) {
        compress(&tables, chain, data + start);
    }
    for (int index = 0; index < BLOCK; index++) {
        after[index] = (uint8_t)(chain[index / ROWS] >> (56 - 8 * (index % ROWS)));
    }
}

PyObject *
plait_whirlpool(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer chain, data;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*y*:whirlpool", &chain, &data)) {
        return NULL;
    }
    if (chain.len != BLOCK || data.len % BLOCK != 0) {
        PyErr_SetString(PyExc_ValueError, "a state and blocks have 64 bytes each");
    } else {
        uint8_t after[BLOCK];
        Py_BEGIN_ALLOW_THREADS
        compress_all(chain.buf, data.buf, (size_t)data.len, after);
        Py_END_ALLOW_THREADS
        result = PyBytes_FromStringAndSize((const char *)after, BLOCK);
    }
    PyBuffer_Release(&chain);
    PyBuffer_Release(&data);
    return result;
}
