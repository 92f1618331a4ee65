/* Two MD5 digests (RFC 1321) over the same data at once: that of a whole file and that of the part it is in.
 *
 * Every step of MD5 waits for the one before, so that a processor is half idle with one digest; two side by side take
 * hardly longer than one.
 */

#include "native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 64, DIGEST = 16, READ_AT_ONCE = 256 * 1024 };


typedef struct {
    uint32_t a, b, c, d;
} State;

/* RFC 1321, section 3.4; the middle two written so that fewer operations wait for the last result. */
#define F(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define G(x, y, z) (((x) & (z)) + ((y) & ~(z)))
#define H(x, y, z) ((x) ^ (y) ^ (z))
#define I(x, y, z) ((y) ^ ((x) | ~(z)))

#define ROTATE(value, bits) ((value) << (bits) | (value) >> (32 - (bits)))

#define ONE(function, a, b, c, d, word, constant, bits)                                                                 \
    a += (word) + (constant);                                                                                          \
    a += function(b, c, d);                                                                                            \
    a = ROTATE(a, bits) + (b);

#define STEP(function, a, b, c, d, index, constant, bits)                                                              \
    ONE(function, a##1, b##1, c##1, d##1, words[index], constant, bits)                                                \
    ONE(function, a##2, b##2, c##2, d##2, words[index], constant, bits)

#define FOUR(function, i, j, k, l, ci, cj, ck, cl, r, s, t, u)                                                         \
    STEP(function, a, b, c, d, i, ci, r)                                                                               \
    STEP(function, d, a, b, c, j, cj, s)                                                                               \
    STEP(function, c, d, a, b, k, ck, t)                                                                               \
    STEP(function, b, c, d, a, l, cl, u)

static void
load(uint32_t words[16], const uint8_t *block)
{
    for (int index = 0; index < 16; index++) {
        const uint8_t *bytes = block + 4 * index;
        words[index] = (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
    }
}

static void
compress(State *first, State *second, const uint8_t *data, size_t size)
{
    uint32_t a1 = first->a, b1 = first->b, c1 = first->c, d1 = first->d;
    uint32_t a2 = second->a, b2 = second->b, c2 = second->c, d2 = second->d;
    for (; size >= BLOCK; data += BLOCK, size -= BLOCK) {
        uint32_t words[16];
        const State old1 = {a1, b1, c1, d1}, old2 = {a2, b2, c2, d2};
        load(words, data);
        FOUR(F, 0, 1, 2, 3, 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 7, 12, 17, 22)
        FOUR(F, 4, 5, 6, 7, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 7, 12, 17, 22)
        FOUR(F, 8, 9, 10, 11, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 7, 12, 17, 22)
        FOUR(F, 12, 13, 14, 15, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 7, 12, 17, 22)
        FOUR(G, 1, 6, 11, 0, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 5, 9, 14, 20)
        FOUR(G, 5, 10, 15, 4, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 5, 9, 14, 20)
        FOUR(G, 9, 14, 3, 8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 5, 9, 14, 20)
        FOUR(G, 13, 2, 7, 12, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 5, 9, 14, 20)
        FOUR(H, 5, 8, 11, 14, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 4, 11, 16, 23)
        FOUR(H, 1, 4, 7, 10, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 4, 11, 16, 23)
        FOUR(H, 13, 0, 3, 6, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 4, 11, 16, 23)
        FOUR(H, 9, 12, 15, 2, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 4, 11, 16, 23)
        FOUR(I, 0, 7, 14, 5, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 6, 10, 15, 21)
        FOUR(I, 12, 3, 10, 1, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 6, 10, 15, 21)
        FOUR(I, 8, 15, 6, 13, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 6, 10, 15, 21)
        FOUR(I, 4, 11, 2, 9, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391, 6, 10, 15, 21)
        a1 += old1.a, b1 += old1.b, c1 += old1.c, d1 += old1.d;
        a2 += old2.a, b2 += old2.b, c2 += old2.c, d2 += old2.d;
    }
    *first = (State){a1, b1, c1, d1};
    *second = (State){a2, b2, c2, d2};
}

static const State BEGIN = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

/* Ends a digest of `size` bytes, of which the last `left` (fewer than BLOCK) were not taken in yet. */
static void
finish(State state, const uint8_t *rest, size_t left, uint64_t size, uint8_t digest[DIGEST])
{
    uint8_t padded[2 * BLOCK] = {0};
    size_t length = left < BLOCK - 8 ? BLOCK : 2 * BLOCK;
    State unused = BEGIN;
    memcpy(padded, rest, left);
    padded[left] = 0x80;
    for (int index = 0; index < 8; index++) {
        padded[length - 8 + index] = (uint8_t)(size << 3 >> (8 * index));
    }
    compress(&state, &unused, padded, length);
    const uint32_t words[4] = {state.a, state.b, state.c, state.d};
    for (int index = 0; index < DIGEST; index++) {
        digest[index] = (uint8_t)(words[index / 4] >> (8 * (index % 4)));
    }
}

typedef struct {
    int descriptor;
    int64_t size, part_size;
    const volatile uint8_t *cancel; /* may be NULL */
    uint8_t *buffer; /* of READ_AT_ONCE bytes */
    uint8_t *digests; /* the whole one, then those of the parts */
    int64_t taken;
    int error;
} Work;

/* Reads `wanted` bytes, or as many as there are; -1 and the error of the work where that fails. */
static int64_t
fill(Work *work, int64_t wanted)
{
    int64_t got = 0;
    while (got < wanted) {
        ssize_t count = pread(work->descriptor, work->buffer + got, (size_t)(wanted - got), (off_t)(work->taken + got));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            work->error = errno;
            return -1;
        }
        if (count == 0) {
            break;
        }
        got += count;
    }
    return got;
}

/* Takes in everything; ends early, with less taken, where the file does or the flag is set. */
static void
take(Work *work)
{
    State whole = BEGIN, part = BEGIN;
    uint8_t *digest = work->digests + DIGEST;
    const uint8_t *rest = work->buffer;
    size_t left = 0;
    while (work->taken < work->size && !(work->cancel != NULL && *work->cancel)) {
        int64_t start = work->taken - work->taken % work->part_size;
        int64_t end = work->size - start > work->part_size ? start + work->part_size : work->size;
        int64_t wanted = end - work->taken < READ_AT_ONCE ? end - work->taken : READ_AT_ONCE;
        int64_t got = fill(work, wanted);
        if (got != wanted) {
            work->taken += got < 0 ? 0 : got;
            return;
        }
        compress(&whole, &part, work->buffer, (size_t)got);
        work->taken += got;
        left = (size_t)(got % BLOCK);
        rest = work->buffer + got - left;
        if (work->taken == end) {
            finish(part, rest, left, (uint64_t)(end - start), digest);
            digest += DIGEST;
            part = BEGIN;
        }
    }
    finish(whole, rest, left, (uint64_t)work->size, work->digests);
}

PyObject *
plait_md5_parts(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Work work = {0};
    Py_buffer flag = {0};
    long long size, part_size;
    PyObject *cancel, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "iLLO:md5_parts", &work.descriptor, &size, &part_size, &cancel)) {
        return NULL;
    }
    if (size < 0 || part_size <= 0 || part_size % READ_AT_ONCE != 0) {
        PyErr_SetString(PyExc_ValueError, "the size cannot be negative, and parts are multiples of 256 KiB");
        return NULL;
    }
    if (cancel != Py_None && PyObject_GetBuffer(cancel, &flag, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    work.size = size;
    work.part_size = part_size;
    work.cancel = flag.len > 0 ? flag.buf : NULL;
    int64_t parts = size / part_size + (size % part_size != 0);
    size_t length = (size_t)(DIGEST * (parts + 1));
    work.buffer = malloc(READ_AT_ONCE);
    work.digests = calloc(length, 1);
    if (work.buffer == NULL || work.digests == NULL) {
        PyErr_NoMemory();
    } else {
        Py_BEGIN_ALLOW_THREADS
        take(&work);
        Py_END_ALLOW_THREADS
        if (work.error != 0) {
            errno = work.error;
            PyErr_SetFromErrno(PyExc_OSError);
        } else {
            if (work.taken < size) {
                memset(work.digests, 0, length);
            }
            result = Py_BuildValue("y#L", (const char *)work.digests, (Py_ssize_t)length, (long long)work.taken);
        }
    }
    free(work.buffer);
    free(work.digests);
    if (flag.obj != NULL) {
        PyBuffer_Release(&flag);
    }
    return result;
}
