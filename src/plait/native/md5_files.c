/* The MD5s of many small files of one directory, without the GIL. */

#include "native.h"

#include "md5.h"

#include <stdlib.h>
#include <string.h>

/* Up to this size a file is read; the number is that of pure/md5_files.py. */
enum { LARGEST = 1024 * 1024 };
/* What is given for a file: 0 and its digest, or 1 and nothing. */
enum { ANSWER = 1 + PLAIT_MD5_DIGEST };

/* Hashes a file that is, and stays, the expected one; false where it is not, or is too large. */
static int
hash(int directory, const char *name, const PlaitExpected *expected, char *buffer, uint8_t *digest)
{
    if (!plait_read_expected(directory, name, expected, buffer, LARGEST)) {
        return 0;
    }
    size_t size = (size_t)expected->size, left = size % PLAIT_MD5_BLOCK;
    const uint8_t *data = (const uint8_t *)buffer;
    PlaitMd5 state = PLAIT_MD5_BEGIN, unused = PLAIT_MD5_BEGIN;
    plait_md5_pair(&state, &unused, data, size - left);
    plait_md5_finish(state, data + (size - left), left, size, digest);
    return 1;
}

PyObject *
plait_md5_files(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    int directory;
    PyObject *sequence, *held = NULL, *answers = NULL;
    Py_buffer expected = {0};
    char *buffer = NULL;
    if (!PyArg_ParseTuple(arguments, "iOy*:md5_files", &directory, &sequence, &expected)) {
        return NULL;
    }
    const char **names = NULL;
    if (directory < 0) {
        PyErr_SetString(PyExc_ValueError, "file descriptor cannot be a negative integer");
        goto end;
    }
    names = plait_plain_names(sequence, &held);
    if (names == NULL) {
        goto end;
    }
    Py_ssize_t count = PyTuple_Size(held);
    if (expected.len != count * (Py_ssize_t)sizeof(PlaitExpected)) {
        PyErr_SetString(PyExc_ValueError, "expected holds five int64 for each name");
        goto end;
    }
    buffer = malloc(LARGEST + 1);
    if (buffer == NULL) {
        PyErr_NoMemory();
        goto end;
    }
    answers = PyBytes_FromStringAndSize(NULL, count * ANSWER);
    if (answers != NULL) {
        uint8_t *answer = (uint8_t *)PyBytes_AsString(answers);
        Py_BEGIN_ALLOW_THREADS
        memset(answer, 0, (size_t)count * ANSWER);
        for (Py_ssize_t i = 0; i < count; i++, answer += ANSWER) {
            PlaitExpected one;
            memcpy(&one, (const char *)expected.buf + (size_t)i * sizeof one, sizeof one);
            answer[0] = !hash(directory, names[i], &one, buffer, answer + 1);
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
