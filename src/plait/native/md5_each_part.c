/* The MD5s (RFC 1321) of consecutive parts of a file, several parts at once: four to five times as fast as one by one. */

#include "native.h"

#include "md5.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LANES = 16,
    FEWEST = 4, /* fewer parts are faster one by one */
    READ_AT_ONCE = 16 * 1024,
};

/* Where the linker can choose when the program starts, the loop comes in a form for each kind of processor. */
#if defined(__x86_64__) && defined(__GLIBC__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

/* The same word of all lanes; compilers make of it what the processor has. */
typedef uint32_t Word __attribute__((vector_size(4 * LANES)));

typedef struct {
    Word a, b, c, d;
} State;

#define STEP(function, a, b, c, d, index, constant, bits)                                                              \
    a += words[index] + (uint32_t)(constant);                                                                          \
    a += function(b, c, d);                                                                                            \
    a = PLAIT_MD5_ROTATE(a, bits) + (b);

#define FOUR(function, i, j, k, l, ci, cj, ck, cl, r, s, t, u)                                                         \
    STEP(function, a, b, c, d, i, ci, r)                                                                               \
    STEP(function, d, a, b, c, j, cj, s)                                                                               \
    STEP(function, c, d, a, b, k, ck, t)                                                                               \
    STEP(function, b, c, d, a, l, cl, u)

/* Takes `blocks` blocks into each lane; lane n begins at n * READ_AT_ONCE of the data. */
FOR_EACH_PROCESSOR static void
compress(State *state, const uint8_t *data, size_t blocks)
{
    Word a = state->a, b = state->b, c = state->c, d = state->d;
    for (; blocks > 0; data += PLAIT_MD5_BLOCK, blocks--) {
        uint32_t turned[16][LANES];
        Word words[16];
        const State old = {a, b, c, d};
        for (int lane = 0; lane < LANES; lane++) {
            uint32_t block[16];
            plait_md5_words(block, data + lane * READ_AT_ONCE);
            for (int index = 0; index < 16; index++) {
                turned[index][lane] = block[index];
            }
        }
        memcpy(words, turned, sizeof words);
        PLAIT_MD5_STEPS(FOUR)
        a += old.a, b += old.b, c += old.c, d += old.d;
    }
    *state = (State){a, b, c, d};
}

typedef struct {
    int descriptor;
    int64_t offset, size, part_size;
    const volatile uint8_t *cancel; /* may be NULL */
    uint8_t *buffer; /* of LANES * READ_AT_ONCE bytes */
    uint8_t *digests;
    int stopped, error;
} Work;

/* Fills the buffer at `lane` from the file; false where that cannot be, or nobody wants it any more. */
static int
fill(Work *work, int lane, int64_t wanted, int64_t offset)
{
    if (work->cancel != NULL && *work->cancel) {
        work->stopped = 1;
        return 0;
    }
    int64_t got = plait_md5_fill(work->descriptor, work->buffer + lane * READ_AT_ONCE, wanted, offset);
    work->error = got < 0 ? errno : 0;
    work->stopped = got != wanted;
    return !work->stopped;
}

/* Goes on with one part, from `taken` bytes of it to its end. */
static int
finish_part(Work *work, int lane, PlaitMd5 state, int64_t start, int64_t taken, int64_t length, uint8_t *digest)
{
    const uint8_t *buffer = work->buffer + lane * READ_AT_ONCE, *rest = buffer;
    PlaitMd5 unused = PLAIT_MD5_BEGIN;
    size_t left = 0;
    while (taken < length) {
        int64_t wanted = length - taken < READ_AT_ONCE ? length - taken : READ_AT_ONCE;
        if (!fill(work, lane, wanted, start + taken)) {
            return 0;
        }
        plait_md5_pair(&state, &unused, buffer, (size_t)wanted);
        left = (size_t)(wanted % PLAIT_MD5_BLOCK);
        rest = buffer + wanted - left;
        taken += wanted;
    }
    plait_md5_finish(state, rest, left, (uint64_t)length, digest);
    return 1;
}

/* Takes in up to LANES parts from `start` on, side by side as far as the shortest reaches. */
static int
take_together(Work *work, int64_t start, int parts)
{
    int64_t end = work->offset + work->size, last = end - start - (parts - 1) * work->part_size;
    int64_t shortest = last < work->part_size ? last : work->part_size, taken = 0;
    uint8_t *digests = work->digests + (start - work->offset) / work->part_size * PLAIT_MD5_DIGEST;
    const PlaitMd5 begin = PLAIT_MD5_BEGIN;
    const Word zero = {0};
    State state = {zero + begin.a, zero + begin.b, zero + begin.c, zero + begin.d};
    while (parts >= FEWEST && shortest - taken >= PLAIT_MD5_BLOCK) {
        int64_t wanted = shortest - taken < READ_AT_ONCE ? shortest - taken : READ_AT_ONCE;
        wanted -= wanted % PLAIT_MD5_BLOCK;
        for (int lane = 0; lane < parts; lane++) {
            if (!fill(work, lane, wanted, start + lane * work->part_size + taken)) {
                return 0;
            }
        }
        compress(&state, work->buffer, (size_t)wanted / PLAIT_MD5_BLOCK);
        taken += wanted;
    }
    for (int lane = 0; lane < parts; lane++) {
        PlaitMd5 one = {state.a[lane], state.b[lane], state.c[lane], state.d[lane]};
        int64_t length = lane == parts - 1 ? shortest : work->part_size;
        if (!finish_part(
                work, lane, one, start + lane * work->part_size, taken, length, digests + lane * PLAIT_MD5_DIGEST
            )) {
            return 0;
        }
    }
    return 1;
}

/* A last part that is much shorter than the others is taken in by itself, so that it holds up none of them. */
static void
take(Work *work)
{
    int64_t whole = work->size / work->part_size, done = 0;
    while (done < whole) {
        int parts = whole - done < LANES ? (int)(whole - done) : LANES;
        if (!take_together(work, work->offset + done * work->part_size, parts)) {
            return;
        }
        done += parts;
    }
    if (work->size % work->part_size != 0) {
        take_together(work, work->offset + whole * work->part_size, 1);
    }
}

PyObject *
plait_md5_each_part(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Work work = {0};
    Py_buffer flag = {0};
    long long offset, size, part_size;
    PyObject *cancel, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "iLLLO:md5_each_part", &work.descriptor, &offset, &size, &part_size, &cancel)) {
        return NULL;
    }
    if (offset < 0 || size < 0 || part_size <= 0 || size > INT64_MAX - offset) {
        PyErr_SetString(PyExc_ValueError, "offset and size cannot be negative, and parts hold something");
        return NULL;
    }
    if (cancel != Py_None && PyObject_GetBuffer(cancel, &flag, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    work.offset = offset;
    work.size = size;
    work.part_size = part_size;
    work.cancel = flag.len > 0 ? flag.buf : NULL;
    int64_t parts = size / part_size + (size % part_size != 0);
    size_t length = (size_t)(PLAIT_MD5_DIGEST * parts);
    work.buffer = calloc(LANES, READ_AT_ONCE);
    work.digests = malloc(length + 1);
    if (work.buffer == NULL || work.digests == NULL) {
        PyErr_NoMemory();
    } else {
        Py_BEGIN_ALLOW_THREADS
        take(&work);
        Py_END_ALLOW_THREADS
        if (work.error != 0) {
            errno = work.error;
            PyErr_SetFromErrno(PyExc_OSError);
        } else if (work.stopped) {
            result = Py_NewRef(Py_None);
        } else {
            result = PyBytes_FromStringAndSize((const char *)work.digests, (Py_ssize_t)length);
        }
    }
    free(work.buffer);
    free(work.digests);
    if (flag.obj != NULL) {
        PyBuffer_Release(&flag);
    }
    return result;
}
