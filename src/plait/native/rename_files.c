/* Renaming many files from one directory to names in another that are free, without the GIL. */

#include "native.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Renames one file that is the expected one; false where that was not done. */
static int
rename_one(int source, const char *name, int destination, const char *new_name, const PlaitExpected *expected)
{
    struct stat st;
    return fstatat(source, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && plait_is_expected(&st, expected) &&
           plait_rename_to_new(source, name, destination, new_name) == 0;
}

PyObject *
plait_rename_files(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    int source, destination;
    PyObject *sequence, *others, *held = NULL, *held_others = NULL, *answers = NULL;
    Py_buffer expected = {0};
    if (!PyArg_ParseTuple(arguments, "iiOOy*:rename_files", &source, &destination, &sequence, &others, &expected)) {
        return NULL;
    }
    const char **names = NULL, **new_names = NULL;
    if (source < 0 || destination < 0) {
        PyErr_SetString(PyExc_ValueError, "file descriptor cannot be a negative integer");
        goto end;
    }
    names = plait_plain_names(sequence, &held);
    new_names = names == NULL ? NULL : plait_plain_names(others, &held_others);
    if (new_names == NULL) {
        goto end;
    }
    Py_ssize_t count = PyTuple_Size(held);
    if (PyTuple_Size(held_others) != count || expected.len != count * (Py_ssize_t)sizeof(PlaitExpected)) {
        PyErr_SetString(PyExc_ValueError, "there are one new name and five int64 of expected for each name");
        goto end;
    }
    answers = PyBytes_FromStringAndSize(NULL, count);
    if (answers != NULL) {
        char *answer = PyBytes_AsString(answers);
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t i = 0; i < count; i++) {
            PlaitExpected one;
            memcpy(&one, (const char *)expected.buf + (size_t)i * sizeof one, sizeof one);
            answer[i] = (char)rename_one(source, names[i], destination, new_names[i], &one);
        }
        Py_END_ALLOW_THREADS
    }
end:
    PyMem_Free((void *)names);
    PyMem_Free((void *)new_names);
    Py_XDECREF(held);
    Py_XDECREF(held_others);
    PyBuffer_Release(&expected);
    return answers;
}
