/* Writing a batch of small files into one directory, without the GIL: each beside its name, dressed, then renamed. */

#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { HOLE = 64 * 1024 }; /* zeros, at a multiple of this offset, that become a hole of the file */

typedef struct {
    int64_t start, size, first_mode, mode, owner, group, modified;
} Row;

typedef struct {
    int directory;
    const char *data;
    size_t size;
} Batch;

static const char zeros[HOLE];

/* Writes the content, but for its holes. */
static int
fill(int descriptor, const char *data, size_t size)
{
    if (size < HOLE) {
        return plait_write_at(descriptor, data, size, 0);
    }
    size_t from = 0;
    int holes = 0;
    for (size_t at = 0; at + HOLE <= size; at += HOLE) {
        if (data[at] != 0 || memcmp(data + at, zeros, HOLE) != 0) {
            continue;
        }
        holes = 1;
        if (!plait_write_at(descriptor, data + from, at - from, (int64_t)from)) {
            return 0;
        }
        from = at + HOLE;
    }
    return plait_write_at(descriptor, data + from, size - from, (int64_t)from) &&
           (!holes || ftruncate(descriptor, (off_t)size) == 0);
}

/* Owner, mode and time. The owner comes before the mode, of which its change takes bits away. */
static int
dress(int descriptor, const Row *row, const struct stat *found)
{
    int owned = row->owner >= 0 && ((int64_t)found->st_uid != row->owner || (int64_t)found->st_gid != row->group);
    if (owned && fchown(descriptor, (uid_t)row->owner, (gid_t)row->group) != 0) {
        return 0;
    }
    if ((owned || (int64_t)(found->st_mode & 07777) != row->mode) && fchmod(descriptor, (mode_t)row->mode) != 0) {
        return 0;
    }
    return plait_set_time(descriptor, row->modified);
}

/* Says whether the file has everything; where it has not, nothing of it is left. */
static int
write_one(const Batch *batch, const char *name, const char *partial, const Row *row)
{
    int flags = O_RDWR | O_CREAT | O_EXCL;
    int descriptor = plait_open_below(batch->directory, partial, flags, (mode_t)row->first_mode);
    if (descriptor < 0) {
        return 0;
    }
    struct stat found;
    int locked = flock(descriptor, LOCK_EX | LOCK_NB) == 0, held_by_another = !locked && errno == EWOULDBLOCK;
    /* The number of names says whether it was taken for a left-over before it was locked. */
    int done = locked && fstat(descriptor, &found) == 0 && found.st_nlink == 1 &&
               fill(descriptor, batch->data + row->start, (size_t)row->size) && dress(descriptor, row, &found) &&
               renameat(batch->directory, partial, batch->directory, name) == 0;
    if (!done && !held_by_another && fstat(descriptor, &found) == 0 && found.st_nlink > 0) {
        unlinkat(batch->directory, partial, 0);
    }
    return close(descriptor) == 0 && done;
}

static void
write_all(const Batch *batch, const char **names, const char **partials, const char *rows, char *written, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        Row row;
        memcpy(&row, rows + i * sizeof row, sizeof row);
        written[i] = (char)write_one(batch, names[i], partials[i], &row);
    }
}

static size_t
counted(const char **names)
{
    size_t count = 0;
    while (names[count] != NULL) {
        count++;
    }
    return count;
}

/* Refuses what does not fit together; false with an exception set. */
static int
fitting(const Batch *batch, const char **names, const char **partials, const Py_buffer *rows)
{
    size_t count = counted(names);
    if (counted(partials) != count || (size_t)rows->len != count * sizeof(Row)) {
        PyErr_SetString(PyExc_ValueError, "there is one partial name and seven int64 for each name");
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        Row row;
        memcpy(&row, (const char *)rows->buf + i * sizeof row, sizeof row);
        if (row.start < 0 || row.size < 0 || (uint64_t)row.start > batch->size ||
            (uint64_t)row.size > batch->size - (uint64_t)row.start) {
            PyErr_SetString(PyExc_ValueError, "the content of a file is not in the data");
            return 0;
        }
    }
    return 1;
}

PyObject *
plait_write_files(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Batch batch = {0};
    Py_buffer data, rows;
    PyObject *names, *partials, *held_names = NULL, *held_partials = NULL, *written = NULL;
    const char **name_table, **partial_table;
    if (!PyArg_ParseTuple(
            arguments, "iOOy*y*:write_files", &batch.directory, &names, &partials, &data, &rows
        )) {
        return NULL;
    }
    batch.data = data.buf;
    batch.size = (size_t)data.len;
    name_table = plait_plain_names(names, &held_names);
    partial_table = name_table == NULL ? NULL : plait_plain_names(partials, &held_partials);
    if (partial_table != NULL && fitting(&batch, name_table, partial_table, &rows)) {
        size_t count = counted(name_table);
        written = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)count);
        if (written != NULL) {
            char *flags = PyBytes_AsString(written);
            Py_BEGIN_ALLOW_THREADS
            write_all(&batch, name_table, partial_table, rows.buf, flags, count);
            Py_END_ALLOW_THREADS
        }
    }
    PyMem_Free((void *)name_table);
    PyMem_Free((void *)partial_table);
    Py_XDECREF(held_names);
    Py_XDECREF(held_partials);
    PyBuffer_Release(&data);
    PyBuffer_Release(&rows);
    return written;
}
