/* Reading one small file below a directory, whole and unchanged; all of it with the GIL let go of once. */

#include "native.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
    int root;
    const char **parents; /* ends with NULL */
    const char *leaf;
    size_t limit;
    char *data; /* of limit + 1 bytes */
    struct stat found;
} Work;

static int
unchanged(const struct stat *before, const struct stat *after)
{
    return before->st_size == after->st_size &&
           plait_nanoseconds(PLAIT_MTIME(before)) == plait_nanoseconds(PLAIT_MTIME(after)) &&
           plait_nanoseconds(PLAIT_CTIME(before)) == plait_nanoseconds(PLAIT_CTIME(after));
}

/* Says whether the open file ended where its size says, and stayed what it was. */
static int
take(Work *work, int descriptor)
{
    if (fstat(descriptor, &work->found) != 0 || !S_ISREG(work->found.st_mode) || work->found.st_size < 0 ||
        (uint64_t)work->found.st_size > work->limit) {
        return 0;
    }
    size_t size = (size_t)work->found.st_size;
    struct stat after;
    return plait_read_exactly(descriptor, work->data, size) && fstat(descriptor, &after) == 0 &&
           unchanged(&work->found, &after);
}

static int
read_small(Work *work)
{
    int directory = plait_enter(work->root, work->parents), taken = 0;
    if (directory < 0) {
        return 0;
    }
    /* Not blocking: a pipe may have taken the name of a file. */
    int descriptor = plait_open_below(directory, work->leaf, O_RDONLY | O_NONBLOCK, 0);
    if (descriptor >= 0) {
        taken = take(work, descriptor);
        close(descriptor);
    }
    if (directory != work->root) {
        close(directory);
    }
    return taken;
}

PyObject *
plait_read_file(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Work work = {0};
    Py_ssize_t limit;
    PyObject *parents, *name, *held_parents = NULL, *held_name = NULL, *result = NULL;
    const char **own = NULL;
    int taken;
    if (!PyArg_ParseTuple(arguments, "iOOn:read_file", &work.root, &parents, &name, &limit)) {
        return NULL;
    }
    work.parents = plait_plain_names(parents, &held_parents);
    own = work.parents == NULL ? NULL : plait_plain_names(name, &held_name);
    if (own == NULL) {
        goto end;
    }
    if (own[0] == NULL || own[1] != NULL || limit < 0) {
        PyErr_SetString(PyExc_ValueError, "a file has one name, and a size is not negative");
        goto end;
    }
    work.leaf = own[0];
    work.limit = (size_t)limit;
    work.data = malloc(work.limit + 1);
    if (work.data == NULL) {
        PyErr_NoMemory();
        goto end;
    }
    Py_BEGIN_ALLOW_THREADS
    taken = read_small(&work);
    Py_END_ALLOW_THREADS
    if (taken) {
        result = Py_BuildValue("Ny#", plait_numbers(&work.found), work.data, (Py_ssize_t)work.found.st_size);
    } else {
        result = Py_NewRef(Py_None);
    }
end:
    free(work.data);
    PyMem_Free((void *)work.parents);
    PyMem_Free((void *)own);
    Py_XDECREF(held_parents);
    Py_XDECREF(held_name);
    return result;
}
