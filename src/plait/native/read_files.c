/* Reading many small files of one directory, each whole, without the GIL. */

#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/xattr.h>
#endif

enum { NUMBERS = 8 };

typedef struct {
    char *data; /* of all files that were read, one behind the other */
    size_t size, capacity;
    int64_t (*rows)[NUMBERS];
} Read;

/* Whether the file has no extended attributes; false as well where that cannot be found out. */
static int
is_bare(int descriptor)
{
#ifdef __linux__
    ssize_t size = flistxattr(descriptor, NULL, 0);
    return size == 0 || (size < 0 && (errno == ENOTSUP || errno == ENOSYS));
#else
    (void)descriptor;
    return 0;
#endif
}

/* Makes room for so many more bytes, and one. */
static int
make_room(Read *work, size_t size)
{
    if (size < work->capacity - work->size) {
        return 1;
    }
    size_t capacity = 2 * work->capacity + size + 1;
    char *larger = realloc(work->data, capacity);
    if (larger == NULL) {
        return 0;
    }
    work->data = larger;
    work->capacity = capacity;
    return 1;
}

static int
read_open(Read *work, int descriptor, size_t limit, int bare, int64_t row[NUMBERS])
{
    struct stat st;
    if (fstat(descriptor, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_size < 0 ||
        (uint64_t)st.st_size > limit || (bare && !is_bare(descriptor)) || !make_room(work, (size_t)st.st_size)) {
        return 0;
    }
    size_t size = (size_t)st.st_size;
    if (!plait_read_exactly(descriptor, work->data + work->size, size)) {
        return 0;
    }
    work->size += size;
    row[0] = st.st_size;
    row[1] = plait_nanoseconds(PLAIT_MTIME(&st));
    row[2] = (int64_t)st.st_ino;
    row[3] = (int64_t)st.st_dev;
    row[4] = st.st_mode;
    row[5] = st.st_uid;
    row[6] = st.st_gid;
    row[7] = 1;
    return 1;
}

static void
read_all(Read *work, int directory, const char **names, size_t limit, int bare)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        /* Not blocking: a pipe may have taken the name of a file. */
        int descriptor = plait_open_below(directory, names[i], O_RDONLY | O_NONBLOCK, 0);
        if (descriptor < 0) {
            continue;
        }
        if (!read_open(work, descriptor, limit, bare, work->rows[i])) {
            memset(work->rows[i], 0, sizeof work->rows[i]);
        }
        close(descriptor);
    }
}

PyObject *
plait_read_files(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Read work = {0};
    int directory, bare;
    Py_ssize_t limit;
    PyObject *sequence, *held = NULL, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "iOnp:read_files", &directory, &sequence, &limit, &bare)) {
        return NULL;
    }
    const char **names = plait_plain_names(sequence, &held);
    if (names == NULL) {
        goto end;
    }
    if (directory < 0 || limit < 0) {
        PyErr_SetString(PyExc_ValueError, "a descriptor is not negative, and a size neither");
        goto end;
    }
    size_t count = (size_t)PyTuple_Size(held);
    work.capacity = PLAIT_BUFFER;
    work.data = malloc(work.capacity);
    work.rows = calloc(count + 1, sizeof *work.rows);
    if (work.data == NULL || work.rows == NULL) {
        PyErr_NoMemory();
        goto end;
    }
    Py_BEGIN_ALLOW_THREADS
    read_all(&work, directory, names, (size_t)limit, bare);
    Py_END_ALLOW_THREADS
    result = Py_BuildValue(
        "(y#y#)", (char *)work.rows, (Py_ssize_t)(count * sizeof *work.rows), work.data, (Py_ssize_t)work.size
    );
end:
    free(work.data);
    free(work.rows);
    PyMem_Free((void *)names);
    Py_XDECREF(held);
    return result;
}
