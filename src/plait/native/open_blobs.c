/* Opening blobs of a repository: decrypted and decompressed, many small ones at once into one place, or one by itself. */

#include "native.h"

#include <stdlib.h>
#include <string.h>

enum { DAMAGED = -1, NO_ROOM = -2 };
enum { EXPANSION = 255 }; /* what LZ4 makes of a byte at most */
enum { IDENTIFIER = 32 };
enum { ALONE = 16 * 1024 }; /* bytes from which on other threads may run meanwhile */

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
    const uint8_t *secret, *identifiers; /* of the MAC, and one for each blob; NULL where none is verified here */
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

/* How long what is in a stream of so many bytes may be. */
static uint64_t
longest_inside(const Work *work, size_t size, uint64_t limit)
{
    uint64_t longest = work->compressed ? (uint64_t)size * EXPANSION : size;
    return longest < limit ? longest : limit;
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
    uint64_t longest = longest_inside(work, size, span->limit);
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
            if (work->secret != NULL && length >= 0 && length <= PLAIT_BLAKE3_CHUNK &&
                !plait_is_blake3(work->secret, work->at, (size_t)length, work->identifiers + i * IDENTIFIER)) {
                length = DAMAGED;
            }
        }
        if (length > 0) {
            work->at += length;
        }
        memcpy(lengths + i * sizeof length, &length, sizeof length);
    }
}

/* Refuses what does not fit together; false with an exception set. */
static int
is_usable(const Py_buffer *key, Py_ssize_t record)
{
    if (key->obj != NULL && (key->len != 32 || record <= 0 || record > PY_SSIZE_T_MAX / 2)) {
        PyErr_SetString(PyExc_ValueError, "the key has to have 32 bytes, and records some");
        return 0;
    }
    return 1;
}

static int
fitting(
    const Py_buffer *key, Py_ssize_t record, const Py_buffer *spans, const Py_buffer *secret,
    const Py_buffer *identifiers
)
{
    if (!is_usable(key, record)) {
        return 0;
    }
    if (secret->obj != NULL && (secret->len != IDENTIFIER ||
                                identifiers->len != spans->len / (Py_ssize_t)sizeof(Span) * IDENTIFIER)) {
        PyErr_SetString(PyExc_ValueError, "the secret has 32 bytes, and so has each identifier");
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
    Py_buffer key = {0}, secret = {0}, stored, spans, place, identifiers;
    Py_ssize_t record;
    PyObject *lengths = NULL;
    if (!PyArg_ParseTuple(
            arguments, "z*npy*y*w*z*y*:open_blobs", &key, &record, &work.compressed, &stored, &spans, &place, &secret,
            &identifiers
        )) {
        return NULL;
    }
    if (fitting(&key, record, &spans, &secret, &identifiers)) {
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
            work.secret = secret.buf;
            work.identifiers = identifiers.buf;
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
    if (secret.obj != NULL) {
        PyBuffer_Release(&secret);
    }
    PyBuffer_Release(&spans);
    PyBuffer_Release(&place);
    PyBuffer_Release(&identifiers);
    return lengths;
}

/* Opens all of `stored`; None where it is damaged or too long, NULL with an exception set. */
static PyObject *
open_whole(Work *work, uint64_t limit)
{
    uint64_t longest = longest_inside(work, work->size, limit);
    PyObject *plain = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)longest);
    if (plain == NULL) {
        return NULL;
    }
    work->at = (uint8_t *)PyBytes_AsString(plain);
    work->end = work->at + longest;
    Span span = {0, work->size, longest};
    PyThreadState *state = work->size >= ALONE ? PyEval_SaveThread() : NULL;
    int64_t length = open_one(work, &span);
    free(work->scratch);
    if (state != NULL) {
        PyEval_RestoreThread(state);
    }
    if (length == (int64_t)longest) {
        return plain;
    }
    PyObject *result =
        length < 0 ? Py_NewRef(Py_None) : PyBytes_FromStringAndSize(PyBytes_AsString(plain), (Py_ssize_t)length);
    Py_DECREF(plain);
    return result;
}

PyObject *
plait_open_blob(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Work work = {0};
    Py_buffer key = {0}, stored;
    Py_ssize_t record, limit;
    PyObject *plain = NULL;
    if (!PyArg_ParseTuple(arguments, "z*npy*n:open_blob", &key, &record, &work.compressed, &stored, &limit)) {
        return NULL;
    }
    if (limit < 0) {
        PyErr_SetString(PyExc_ValueError, "a limit cannot be negative");
    } else if (is_usable(&key, record)) {
        work.key = key.buf;
        work.record = (size_t)record;
        work.stored = stored.buf;
        work.size = (size_t)stored.len;
        plain = open_whole(&work, (uint64_t)limit);
    }
    if (key.obj != NULL) {
        PyBuffer_Release(&key);
    }
    PyBuffer_Release(&stored);
    return plain;
}
