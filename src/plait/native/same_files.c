/* Comparing the contents of many small files in two directories, without the GIL. */

#include "native.h"

#include <stdlib.h>
#include <string.h>

/* The numbers are those of pure/same_files.py. */
enum answer { SAME, OTHER, UNKNOWN };

/* Up to this size a file is compared; it fits its half of the buffer with a byte to spare. */
enum { LARGEST = PLAIT_BUFFER / 2 - 1 };

static enum answer
compare(int left, int right, const char *name, const PlaitExpected expected[2], char *buffer)
{
    char *other = buffer + PLAIT_BUFFER / 2;
    if (!plait_read_expected(left, name, &expected[0], buffer, LARGEST) ||
        !plait_read_expected(right, name, &expected[1], other, LARGEST)) {
        return UNKNOWN;
    }
    size_t size = (size_t)expected[0].size;
    return expected[0].size == expected[1].size && memcmp(buffer, other, size) == 0 ? SAME : OTHER;
}

PyObject *
plait_same_files(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    int left, right;
    PyObject *sequence, *held = NULL, *answers = NULL;
    Py_buffer expected = {0};
    char *buffer = NULL;
    if (!PyArg_ParseTuple(arguments, "iiOy*:same_files", &left, &right, &sequence, &expected)) {
        return NULL;
    }
    const char **names = NULL;
    if (left < 0 || right < 0) {
        PyErr_SetString(PyExc_ValueError, "file descriptor cannot be a negative integer");
        goto end;
    }
    names = plait_plain_names(sequence, &held);
    if (names == NULL) {
        goto end;
    }
    Py_ssize_t count = PyTuple_Size(held);
    if (expected.len != count * 2 * (Py_ssize_t)sizeof(PlaitExpected)) {
        PyErr_SetString(PyExc_ValueError, "expected holds ten int64 for each name");
        goto end;
    }
    buffer = malloc(PLAIT_BUFFER);
    if (buffer == NULL) {
        PyErr_NoMemory();
        goto end;
    }
    answers = PyBytes_FromStringAndSize(NULL, count);
    if (answers != NULL) {
        char *answer = PyBytes_AsString(answers);
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t i = 0; i < count; i++) {
            PlaitExpected both[2];
            memcpy(both, (const char *)expected.buf + (size_t)i * sizeof both, sizeof both);
            answer[i] = (char)compare(left, right, names[i], both, buffer);
        }
        Py_END_ALLOW_THREADS
    }
end:
    free(buffer);
    PyMem_Free((void *)names);
    Py_XDECREF(held);
    PyBuffer_Release(&expected);
    return answers;
}
