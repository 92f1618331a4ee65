/* Looking up many keys in a sorted file of records, without the GIL: a segment of a repository's index. */

#include "native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY = 33, RECORD = KEY + 4 + 8 + 4, COLUMNS = 3 };
enum { MISSING = -1, SEVERAL = -2, UNREADABLE = -3 };

typedef struct {
    const uint8_t *records; /* NULL where they are to be read from the file */
    uint64_t size; /* bytes of all records */
    int descriptor;
    int64_t start; /* where they begin in the file */
    const uint32_t *before; /* how many come before each prefix, and how many there are */
    size_t prefixes;
    int shift;
    uint8_t *buffer;
    size_t capacity;
} Segment;

/* The records of a prefix; NULL where they cannot be read. */
static const uint8_t *
records_of(Segment *segment, uint64_t first, size_t length)
{
    if (segment->records != NULL) {
        return segment->records + first;
    }
    if (length > segment->capacity) {
        uint8_t *larger = realloc(segment->buffer, length);
        if (larger == NULL) {
            return NULL;
        }
        segment->buffer = larger;
        segment->capacity = length;
    }
    size_t got = 0;
    while (got < length) {
        ssize_t count = pread(
            segment->descriptor, segment->buffer + got, length - got, (off_t)(segment->start + (int64_t)(first + got))
        );
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return NULL;
        }
        got += (size_t)count;
    }
    return segment->buffer;
}

static void
find_one(Segment *segment, const uint8_t *key, int64_t *row)
{
    uint32_t beginning = (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
    size_t prefix = segment->shift < 32 ? beginning >> segment->shift : 0;
    row[0] = UNREADABLE;
    row[1] = row[2] = 0;
    if (prefix + 1 >= segment->prefixes || segment->before[prefix] > segment->before[prefix + 1]) {
        return;
    }
    uint64_t first = (uint64_t)segment->before[prefix] * RECORD, end = (uint64_t)segment->before[prefix + 1] * RECORD;
    if (segment->records != NULL && end > segment->size) {
        return;
    }
    const uint8_t *record = first == end ? NULL : records_of(segment, first, (size_t)(end - first));
    if (first != end && record == NULL) {
        return;
    }
    row[0] = MISSING;
    for (; first < end; first += RECORD, record += RECORD) {
        if (memcmp(record, key, KEY) != 0) {
            continue;
        }
        if (row[0] != MISSING) {
            row[0] = SEVERAL;
            return;
        }
        uint32_t number, length;
        uint64_t offset;
        memcpy(&number, record + KEY, sizeof number);
        memcpy(&offset, record + KEY + 4, sizeof offset);
        memcpy(&length, record + KEY + 12, sizeof length);
        row[0] = number;
        row[1] = (int64_t)offset;
        row[2] = length;
    }
}

PyObject *
plait_find_records(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Segment segment = {0};
    Py_buffer records, before, keys;
    long long start;
    PyObject *found = NULL;
    if (!PyArg_ParseTuple(
            arguments, "y*iLy*iy*:find_records", &records, &segment.descriptor, &start, &before, &segment.shift, &keys
        )) {
        return NULL;
    }
    if (keys.len % KEY != 0 || before.len % (Py_ssize_t)sizeof(uint32_t) != 0 || segment.shift < 0 ||
        segment.shift > 32) {
        PyErr_SetString(PyExc_ValueError, "keys have 33 bytes, numbers of records four, and prefixes up to 32 bits");
    } else {
        size_t count = (size_t)keys.len / KEY;
        segment.records = records.len > 0 ? records.buf : NULL;
        segment.size = (uint64_t)records.len;
        segment.start = start;
        segment.before = before.buf;
        segment.prefixes = (size_t)before.len / sizeof(uint32_t);
        found = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * COLUMNS * sizeof(int64_t)));
        if (found != NULL) {
            char *rows = PyBytes_AsString(found);
            Py_BEGIN_ALLOW_THREADS
            for (size_t i = 0; i < count; i++) {
                int64_t row[COLUMNS];
                find_one(&segment, (const uint8_t *)keys.buf + i * KEY, row);
                memcpy(rows + i * sizeof row, row, sizeof row);
            }
            free(segment.buffer);
            Py_END_ALLOW_THREADS
        }
    }
    PyBuffer_Release(&records);
    PyBuffer_Release(&before);
    PyBuffer_Release(&keys);
    return found;
}
