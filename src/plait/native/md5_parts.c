/* The MD5 (RFC 1321) of a whole file and those of its parts, in one reading. */

#include "native.h"

#include "md5.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = PLAIT_MD5_BLOCK, DIGEST = PLAIT_MD5_DIGEST, READ_AT_ONCE = 256 * 1024 };

#define ONE(function, a, b, c, d, word, constant, bits)                                                                 \
    a += (word) + (constant);                                                                                          \
    a += function(b, c, d);                                                                                            \
    a = PLAIT_MD5_ROTATE(a, bits) + (b);

#define STEP(function, a, b, c, d, index, constant, bits)                                                              \
    ONE(function, a##1, b##1, c##1, d##1, words[index], constant, bits)                                                \
    ONE(function, a##2, b##2, c##2, d##2, words[index], constant, bits)

#define FOUR(function, i, j, k, l, ci, cj, ck, cl, r, s, t, u)                                                         \
    STEP(function, a, b, c, d, i, ci, r)                                                                               \
    STEP(function, d, a, b, c, j, cj, s)                                                                               \
    STEP(function, c, d, a, b, k, ck, t)                                                                               \
    STEP(function, b, c, d, a, l, cl, u)

void
plait_md5_pair(PlaitMd5 *first, PlaitMd5 *second, const uint8_t *data, size_t size)
{
    uint32_t a1 = first->a, b1 = first->b, c1 = first->c, d1 = first->d;
    uint32_t a2 = second->a, b2 = second->b, c2 = second->c, d2 = second->d;
    for (; size >= BLOCK; data += BLOCK, size -= BLOCK) {
        uint32_t words[16];
        const PlaitMd5 old1 = {a1, b1, c1, d1}, old2 = {a2, b2, c2, d2};
        plait_md5_words(words, data);
        PLAIT_MD5_STEPS(FOUR)
        a1 += old1.a, b1 += old1.b, c1 += old1.c, d1 += old1.d;
        a2 += old2.a, b2 += old2.b, c2 += old2.c, d2 += old2.d;
    }
    *first = (PlaitMd5){a1, b1, c1, d1};
    *second = (PlaitMd5){a2, b2, c2, d2};
}

void
plait_md5_finish(PlaitMd5 state, const uint8_t *rest, size_t left, uint64_t size, uint8_t *digest)
{
    uint8_t padded[2 * BLOCK] = {0};
    size_t length = left < BLOCK - 8 ? BLOCK : 2 * BLOCK;
    PlaitMd5 unused = PLAIT_MD5_BEGIN;
    memcpy(padded, rest, left);
    padded[left] = 0x80;
    for (int index = 0; index < 8; index++) {
        padded[length - 8 + index] = (uint8_t)(size << 3 >> (8 * index));
    }
    plait_md5_pair(&state, &unused, padded, length);
    const uint32_t words[4] = {state.a, state.b, state.c, state.d};
    for (int index = 0; index < DIGEST; index++) {
        digest[index] = (uint8_t)(words[index / 4] >> (8 * (index % 4)));
    }
}

int64_t
plait_md5_fill(int descriptor, uint8_t *buffer, int64_t wanted, int64_t offset)
{
    int64_t got = 0;
    while (got < wanted) {
        ssize_t count = pread(descriptor, buffer + got, (size_t)(wanted - got), (off_t)(offset + got));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return -1;
        }
        if (count == 0) {
            break;
        }
        got += count;
    }
    return got;
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

/* Takes in everything; ends early, with less taken, where the file does or the flag is set. */
static void
take(Work *work)
{
    PlaitMd5 whole = PLAIT_MD5_BEGIN, part = PLAIT_MD5_BEGIN;
    uint8_t *digest = work->digests + DIGEST;
    const uint8_t *rest = work->buffer;
    size_t left = 0;
    while (work->taken < work->size && !(work->cancel != NULL && *work->cancel)) {
        int64_t start = work->taken - work->taken % work->part_size;
        int64_t end = work->size - start > work->part_size ? start + work->part_size : work->size;
        int64_t wanted = end - work->taken < READ_AT_ONCE ? end - work->taken : READ_AT_ONCE;
        int64_t got = plait_md5_fill(work->descriptor, work->buffer, wanted, work->taken);
        if (got != wanted) {
            work->error = got < 0 ? errno : 0;
            work->taken += got < 0 ? 0 : got;
            return;
        }
        plait_md5_pair(&whole, &part, work->buffer, (size_t)got);
        work->taken += got;
        left = (size_t)(got % BLOCK);
        rest = work->buffer + got - left;
        if (work->taken == end) {
            plait_md5_finish(part, rest, left, (uint64_t)(end - start), digest);
            digest += DIGEST;
            part = PLAIT_MD5_BEGIN;
        }
    }
    plait_md5_finish(whole, rest, left, (uint64_t)work->size, work->digests);
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
