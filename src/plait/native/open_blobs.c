/* Opening many small blobs of a repository at once, without the GIL: each decrypted and decompressed, into one place. */

#include "native.h"

#include <stdlib.h>
#include <string.h>

enum { DAMAGED = -1, NO_ROOM = -2 };
enum { EXPANSION = 255 }; /* what LZ4 makes of a byte at most */

typedef struct {
    uint64_t offset, length, limit;
} Span;

typedef struct {
    const uint8_t *key; /* NULL where nothing is encrypted */
    size_t record;
    int compressed;
    const uint8_t *stored;
    size_t size;
    uint8_t *at, *end; /* where the next one goes, and where there is no more room */
    uint8_t *scratch;
    size_t capacity;
} Work;

/* Says whether the scratch is there and holds so many bytes. */
static int
make_room(Work *work, size_t size)
{
    if (work->scratch == NULL || size > work->capacity) {
        uint8_t *larger = realloc(work->scratch, size + 1);
        if (larger == NULL) {
            return 0;
        }
        work->scratch = larger;
        work->capacity = size;
    }
    return 1;
}

/* What is left to decompress: the blob itself, or what was encrypted, in the scratch; NULL where it is damaged. */
static const uint8_t *
decrypted(Work *work, const uint8_t *blob, size_t *size)
{
    if (work->key == NULL) {
        return blob;
    }
    size_t opened = plait_opened_size(*size, work->record);
    if (opened == SIZE_MAX || !make_room(work, opened) ||
        !plait_unseal(work->key, blob, *size, work->record, work->scratch)) {
        return NULL;
    }
    *size = opened;
    return work->scratch;
}

/* Puts one blob where the last one ended; its length, or what is in the way. */
static int64_t
open_one(Work *work, const Span *span)
{
    if (span->offset > work->size || span->length > work->size - span->offset) {
        return DAMAGED;
    }
    size_t size = (size_t)span->length, room = (size_t)(work->end - work->at);
    const uint8_t *stream = decrypted(work, work->stored + span->offset, &size);
    if (stream == NULL) {
        return DAMAGED;
    }
    uint64_t longest = work->compressed ? (uint64_t)size * EXPANSION : size;
    if (longest > span->limit) {
        longest = span->limit;
    }
    int fits = longest <= room;
    size_t most = fits ? (size_t)longest : room;
    if (work->compressed) {
        ptrdiff_t length = plait_lz4_frame(stream, size, work->at, most);
        return length >= 0 ? (int64_t)length : fits ? DAMAGED : NO_ROOM;
    }
    if (size > most) {
        return fits ? DAMAGED : NO_ROOM;
    }
    memcpy(work->at, stream, size);
    return (int64_t)size;
}

static void
open_all(Work *work, const char *spans, char *lengths, size_t count)
{
    int full = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t length = NO_ROOM;
        if (!full) {
            Span span;
            memcpy(&span, spans + i * sizeof span, sizeof span);
            length = open_one(work, &span);
            full = length == NO_ROOM;
        }
        if (length > 0) {
            work->at += length;
        }
        memcpy(lengths + i * sizeof length, &length, sizeof length);
    }
}

/* Refuses what does not fit together; false with an exception set. */
static int
fitting(const Py_buffer *key, Py_ssize_t record, const Py_buffer *spans)
{
    if (key->obj != NULL && (key->len != 32 || record <= 0 || record > PY_SSIZE_T_MAX / 2)) {
        PyErr_SetString(PyExc_ValueError, "the key has to have 32 bytes, and records some");
        return 0;
    }
    if (spans->len % (Py_ssize_t)sizeof(Span) != 0) {
        PyErr_SetString(PyExc_ValueError, "spans hold three uint64 for each blob");
        return 0;
    }
    return 1;
}

PyObject *
plait_open_blobs(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Work work = {0};
    Py_buffer key = {0}, stored, spans, place;
    Py_ssize_t record;
    PyObject *lengths = NULL;
    if (!PyArg_ParseTuple(
            arguments, "z*npy*y*w*:open_blobs", &key, &record, &work.compressed, &stored, &spans, &place
        )) {
        return NULL;
    }
    if (fitting(&key, record, &spans)) {
        size_t count = (size_t)spans.len / sizeof(Span);
        lengths = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(int64_t)));
        if (lengths != NULL) {
            char *filled = PyBytes_AsString(lengths);
            work.key = key.buf;
            work.record = (size_t)record;
            work.stored = stored.buf;
            work.size = (size_t)stored.len;
            work.at = place.buf;
            work.end = work.at + place.len;
            Py_BEGIN_ALLOW_THREADS
            open_all(&work, spans.buf, filled, count);
            free(work.scratch);
            Py_END_ALLOW_THREADS
        }
    }
    if (key.obj != NULL) {
        PyBuffer_Release(&key);
    }
    PyBuffer_Release(&stored);
    PyBuffer_Release(&spans);
    PyBuffer_Release(&place);
    return lengths;
}
