/* Records of where blobs are, many at once and without the GIL: from the index of a packfile to a state, from a state to
 * a segment of the local index, and sorted. */

#include "native.h"

#include <stdlib.h>
#include <string.h>

enum { MAC = 32, KEY = MAC + 1 };
/* Of a packfile: kind, version, identifier, offset, length, flags. */
enum { PACKED_VERSION = 4, PACKED_MAC = 8, PACKED_PLACE = PACKED_MAC + MAC, PACKED = PACKED_PLACE + 16 };
/* Of a state: two of its own, kind, version, identifier, packfile, offset, length, flags. */
enum { STATE_KIND = 5, STATE_VERSION = 6, STATE_MAC = 10, STATE_PACKFILE = STATE_MAC + MAC };
enum { STATE_PLACE = STATE_PACKFILE + MAC, STATE = STATE_PLACE + 16 };
/* Of a segment: identifier, kind, number of the packfile, offset, length. */
enum { SEGMENT_NUMBER = KEY, SEGMENT_PLACE = KEY + 4, SEGMENT = SEGMENT_PLACE + 12 };
enum { DROPPED = 1, SET_ASIDE = 2, KINDS = 256 };

PyObject *
plait_locations(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer records, packfile, beginning;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*y*y*:locations", &records, &packfile, &beginning)) {
        return NULL;
    }
    if (records.len % PACKED != 0 || packfile.len != MAC || beginning.len != STATE_KIND) {
        PyErr_SetString(PyExc_ValueError, "records have 56 bytes, a packfile's name 32, and a location begins with 5");
    } else {
        Py_ssize_t count = records.len / PACKED;
        result = PyBytes_FromStringAndSize(NULL, count * STATE);
        if (result != NULL) {
            const uint8_t *from = records.buf;
            uint8_t *to = (uint8_t *)PyBytes_AsString(result);
            for (Py_ssize_t i = 0; i < count; i++, from += PACKED, to += STATE) {
                memcpy(to, beginning.buf, STATE_KIND);
                to[STATE_KIND] = from[0];
                memcpy(to + STATE_VERSION, from + PACKED_VERSION, 4);
                memcpy(to + STATE_MAC, from + PACKED_MAC, MAC);
                memcpy(to + STATE_PACKFILE, packfile.buf, MAC);
                memcpy(to + STATE_PLACE, from + PACKED_PLACE, 16);
            }
        }
    }
    PyBuffer_Release(&records);
    PyBuffer_Release(&packfile);
    PyBuffer_Release(&beginning);
    return result;
}

typedef struct {
    uint8_t *records;
    size_t many;
    uint64_t *groups, *aside; /* where in the run they begin, and how many there are */
    size_t group_count, aside_count;
} Sorted;

static void
sort_out(const uint8_t *run, size_t count, const uint8_t *kinds, Sorted *found)
{
    const uint8_t *packfile = NULL;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *from = run + i * STATE;
        uint8_t what = kinds[from[STATE_KIND]];
        if (what == SET_ASIDE) {
            found->aside[found->aside_count++] = i * STATE;
        } else if (what != DROPPED) {
            if (packfile == NULL || memcmp(packfile, from + STATE_PACKFILE, MAC) != 0) {
                packfile = from + STATE_PACKFILE;
                found->groups[found->group_count++] = i * STATE;
            }
            uint8_t *to = found->records + found->many++ * SEGMENT;
            uint32_t number = (uint32_t)(found->group_count - 1);
            memcpy(to, from + STATE_MAC, MAC);
            to[MAC] = from[STATE_KIND];
            memcpy(to + SEGMENT_NUMBER, &number, sizeof number);
            memcpy(to + SEGMENT_PLACE, from + STATE_PLACE, 12);
        }
    }
}

PyObject *
plait_location_records(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer run, kinds;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*y*:location_records", &run, &kinds)) {
        return NULL;
    }
    if (run.len % STATE != 0 || kinds.len != KINDS) {
        PyErr_SetString(PyExc_ValueError, "locations have 90 bytes, and there are 256 kinds");
    } else {
        size_t count = (size_t)run.len / STATE;
        Sorted found = {
            .records = malloc(count * SEGMENT + 1),
            .groups = malloc(count * sizeof(uint64_t) + 1),
            .aside = malloc(count * sizeof(uint64_t) + 1),
        };
        if (found.records == NULL || found.groups == NULL || found.aside == NULL) {
            PyErr_NoMemory();
        } else {
            Py_BEGIN_ALLOW_THREADS
            sort_out(run.buf, count, kinds.buf, &found);
            Py_END_ALLOW_THREADS
            result = Py_BuildValue(
                "(y#y#y#)", (char *)found.records, (Py_ssize_t)(found.many * SEGMENT), (char *)found.groups,
                (Py_ssize_t)(found.group_count * sizeof(uint64_t)), (char *)found.aside,
                (Py_ssize_t)(found.aside_count * sizeof(uint64_t))
            );
        }
        free(found.records);
        free(found.groups);
        free(found.aside);
    }
    PyBuffer_Release(&run);
    PyBuffer_Release(&kinds);
    return result;
}

static int
compare(const void *one, const void *other)
{
    return memcmp(one, other, SEGMENT);
}

/* Puts other numbers in place of those that packfiles have; false where one has none. */
static int
renumber(uint8_t *records, size_t count, const Py_buffer *numbers)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *place = records + i * SEGMENT + SEGMENT_NUMBER;
        uint32_t number;
        memcpy(&number, place, sizeof number);
        if (number >= (size_t)numbers->len / sizeof number) {
            return 0;
        }
        memcpy(place, (const uint8_t *)numbers->buf + number * sizeof number, sizeof number);
    }
    return 1;
}

PyObject *
plait_sort_records(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer records, numbers;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*y*:sort_records", &records, &numbers)) {
        return NULL;
    }
    if (records.len % SEGMENT != 0 || numbers.len % (Py_ssize_t)sizeof(uint32_t) != 0) {
        PyErr_SetString(PyExc_ValueError, "records have 49 bytes, and numbers four");
    } else {
        result = PyBytes_FromStringAndSize(records.buf, records.len);
    }
    if (result != NULL) {
        uint8_t *data = (uint8_t *)PyBytes_AsString(result);
        size_t count = (size_t)records.len / SEGMENT;
        int known;
        Py_BEGIN_ALLOW_THREADS
        known = numbers.len == 0 || renumber(data, count, &numbers);
        if (known && count > 1) {
            qsort(data, count, SEGMENT, compare);
        }
        Py_END_ALLOW_THREADS
        if (!known) {
            Py_CLEAR(result);
            PyErr_SetString(PyExc_ValueError, "a record has a number that is not known");
        }
    }
    PyBuffer_Release(&records);
    PyBuffer_Release(&numbers);
    return result;
}

PyObject *
plait_count_prefixes(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer records, counts;
    int shift;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*iw*:count_prefixes", &records, &shift, &counts)) {
        return NULL;
    }
    if (records.len % SEGMENT != 0 || shift < 0 || shift > 32 ||
        (uint64_t)counts.len != ((uint64_t)1 << (32 - shift)) * sizeof(uint32_t)) {
        PyErr_SetString(PyExc_ValueError, "records have 49 bytes, and there is a number of four for each prefix");
    } else {
        const uint8_t *key = records.buf;
        uint32_t *numbers = counts.buf;
        for (Py_ssize_t left = records.len; left > 0; left -= SEGMENT, key += SEGMENT) {
            uint32_t beginning = (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
            numbers[shift < 32 ? beginning >> shift : 0]++;
        }
        result = Py_NewRef(Py_None);
    }
    PyBuffer_Release(&records);
    PyBuffer_Release(&counts);
    return result;
}
