/* Copying a batch of files from one directory to another, without the GIL: each written beside, checked, renamed. */

#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* The numbers are those of pure.py. */
enum stage {
    DONE,
    CANCELLED,
    OPEN_SOURCE,
    SOURCE_CHANGED,
    READ,
    LENGTH,
    CREATE,
    WRITE,
    SET_MODE,
    SET_TIMES,
    SYNC,
    CLOSE,
    RENAME,
};
enum option { EXCLUSIVE = 1, IN_PLACE = 2, DURABLE = 4, UNNAMED = 8 };

/* Up to this size a file is read at once, before anything is created; it fits the buffer with a byte to spare. */
enum { SMALL = 128 * 1024 };
/* From this size on, reserving the space beforehand saves time. */
enum { ALLOCATED = 1024 * 1024 };

typedef PlaitExpected Expected;

typedef struct {
    int stage, error;
} Outcome;

typedef struct {
    int source, destination, options, mode;
    int by_path; /* an open file is linked by its path below /proc, not by its descriptor */
    char *buffer;
    const volatile uint8_t *cancel;
} Batch;

static void
outcome(Outcome *result, enum stage stage, int error)
{
    *result = (Outcome){.stage = stage, .error = error};
}

/* Opens a source that is still the expected one; -1 with the outcome set. */
static int
open_source(const Batch *batch, const char *name, const Expected *expected, struct stat *st, Outcome *result)
{
    int source = plait_open_expected(batch->source, name, expected, st);
    if (source < 0) {
        outcome(result, errno == 0 ? SOURCE_CHANGED : OPEN_SOURCE, errno);
    }
    return source;
}

/* Says whether exactly the expected content was read; else false with the outcome set. */
static int
source_held(int source, const Expected *expected, int64_t copied, Outcome *result)
{
    struct stat st;
    if (fstat(source, &st) != 0) {
        outcome(result, READ, errno);
    } else if (!plait_same_content(&st, expected)) {
        outcome(result, SOURCE_CHANGED, 0);
    } else if (copied != expected->size) {
        outcome(result, LENGTH, 0);
    } else {
        return 1;
    }
    return 0;
}

/* Reads a small file whole, and looks whether there is more; false with the outcome set. */
static int
read_small(const Batch *batch, int source, const Expected *expected, Outcome *result)
{
    int64_t got = plait_read_whole(source, batch->buffer, expected->size);
    if (got < 0) {
        outcome(result, READ, errno);
        return 0;
    }
    return source_held(source, expected, got, result);
}

/* A partial that was left over is left to the caller: it may be that of a living writer, who holds its lock. */
static int
create_beside(const Batch *batch, const char *partial, mode_t mode)
{
    int descriptor = plait_open_below(batch->destination, partial, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (descriptor < 0) {
        return -1;
    }
    /* Before it was locked, someone may have taken it for a left-over. A file system may have no locks. */
    struct stat st;
    if ((flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) ||
        (fstat(descriptor, &st) == 0 && st.st_nlink == 0)) {
        close(descriptor);
        errno = EEXIST;
        return -1;
    }
    return descriptor;
}

/* A file that has no name yet: nobody meets it, and nothing is left of it when this process dies. */
static int
create_unnamed(const Batch *batch, mode_t mode)
{
#ifdef O_TMPFILE
    return plait_open_below(batch->destination, ".", O_WRONLY | O_TMPFILE, mode);
#else
    (void)batch;
    (void)mode;
    errno = EOPNOTSUPP;
    return -1;
#endif
}

static int
create_in_place(const Batch *batch, const char *name, mode_t mode, const struct stat *source)
{
    int flags = O_WRONLY | O_CREAT | O_NONBLOCK | (batch->options & EXCLUSIVE ? O_EXCL : 0), error = 0;
    int descriptor = plait_open_below(batch->destination, name, flags, mode);
    if (descriptor < 0) {
        return -1;
    }
    struct stat st;
    if (fstat(descriptor, &st) != 0) {
        error = errno;
    } else if (!S_ISREG(st.st_mode) || (st.st_ino == source->st_ino && st.st_dev == source->st_dev)) {
        error = EEXIST; /* nothing that may be emptied */
    } else if (ftruncate(descriptor, 0) != 0) {
        error = errno;
    }
    if (error != 0) {
        close(descriptor);
        errno = error;
        return -1;
    }
    return descriptor;
}

/* Copies the content; false with the outcome set. */
static int
fill(const Batch *batch, int source, int destination, const struct stat *st, const Expected *expected,
     Outcome *result)
{
    PlaitContent content = {
        .source = source,
        .destination = destination,
        .length = expected->size,
        .buffer = batch->buffer,
        .cancel = batch->cancel,
    };
    if (expected->size <= SMALL) {
        if (plait_write_all(&content, (size_t)expected->size) != PLAIT_COPIED) {
            outcome(result, WRITE, content.error);
            return 0;
        }
        return 1;
    }
    if (plait_clone(source, destination)) {
        return source_held(source, expected, expected->size, result);
    }
    content.sparse = (int64_t)st->st_blocks * 512 < expected->size;
    int error = 0;
    if (content.sparse) {
        error = ftruncate(destination, (off_t)expected->size) != 0 ? errno : 0;
    } else if (expected->size >= ALLOCATED) {
        error = plait_allocate(destination, expected->size);
    }
    if (error > 0) {
        outcome(result, WRITE, error);
        return 0;
    }
    switch (plait_copy_content(&content)) {
    case PLAIT_READ_FAILED:
        outcome(result, READ, content.error);
        return 0;
    case PLAIT_WRITE_FAILED:
        outcome(result, WRITE, content.error);
        return 0;
    case PLAIT_STOPPED:
        outcome(result, CANCELLED, 0);
        return 0;
    case PLAIT_COPIED:
        break;
    }
    return source_held(source, expected, content.copied, result);
}

static int
sync_data(int descriptor)
{
#ifdef __APPLE__
    /* fsync leaves the data in the drive's cache there. */
    if (fcntl(descriptor, F_FULLFSYNC) == 0) {
        return 0;
    }
    return fsync(descriptor);
#else
    return fdatasync(descriptor);
#endif
}

/* Mode, times, and where it is asked for the way to the disk; false with the outcome set. */
static int
finish(const Batch *batch, int destination, const struct stat *st, Outcome *result)
{
    struct timespec times[2] = {PLAIT_MTIME(st), PLAIT_MTIME(st)};
    if (batch->mode >= 0 && fchmod(destination, (mode_t)batch->mode & 07777) != 0) {
        outcome(result, SET_MODE, errno);
    } else if (futimens(destination, times) != 0) {
        outcome(result, SET_TIMES, errno);
    } else if (batch->options & DURABLE && sync_data(destination) != 0) {
        outcome(result, SYNC, errno);
    } else {
        return 1;
    }
    return 0;
}

/* Renames where the new name is free, else fails with EEXIST. */
static int
rename_exclusively(int directory, const char *partial, const char *name)
{
    if (plait_rename_to_new(directory, partial, directory, name) == 0) {
        return 0;
    }
    if (errno != ENOSYS && errno != EINVAL && errno != ENOTSUP) {
        return -1;
    }
    if (linkat(directory, partial, directory, name, 0) != 0) {
        return -1;
    }
    (void)unlinkat(directory, partial, 0); /* the file stands: a second name of it is no failure */
    return 0;
}

/* Gives an unnamed file its name, if that is free. */
static int
name_exclusively(Batch *batch, int descriptor, const char *name)
{
#if defined(O_TMPFILE) && defined(AT_EMPTY_PATH)
    if (!batch->by_path) {
        if (linkat(descriptor, "", batch->destination, name, AT_EMPTY_PATH) == 0) {
            return 0;
        }
        if (errno != ENOENT) {
            return -1;
        }
        batch->by_path = 1; /* older kernels let only the privileged do so */
    }
#endif
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    return linkat(AT_FDCWD, path, batch->destination, name, AT_SYMLINK_FOLLOW);
}

static int
publish(const Batch *batch, const char *partial, const char *name)
{
    return batch->options & EXCLUSIVE ? rename_exclusively(batch->destination, partial, name)
                                      : renameat(batch->destination, partial, batch->destination, name);
}

static int
create(const Batch *batch, const char *name, const char *partial, const struct stat *source)
{
    mode_t mode = batch->mode < 0 ? 0666 : 0600; /* what is to be closed is never open meanwhile */
    if (batch->options & UNNAMED) {
        return create_unnamed(batch, mode);
    }
    return batch->options & IN_PLACE ? create_in_place(batch, name, mode, source) : create_beside(batch, partial, mode);
}

static void
copy_one(Batch *batch, const char *name, const char *partial, const Expected *expected, Outcome *result)
{
    int unnamed = batch->options & UNNAMED, in_place = batch->options & IN_PLACE;
    const char *written = unnamed ? NULL : in_place ? name : partial; /* the name of what is not done yet */
    struct stat st;
    *result = (Outcome){0};
    int source = open_source(batch, name, expected, &st, result);
    if (source < 0) {
        return;
    }
    if (expected->size <= SMALL && !read_small(batch, source, expected, result)) {
        close(source);
        return;
    }
    int destination = create(batch, name, partial, &st);
    if (destination < 0) {
        outcome(result, CREATE, errno);
        close(source);
        return;
    }
    int good = fill(batch, source, destination, &st, expected, result) && finish(batch, destination, &st, result);
    close(source);
    if (good && unnamed) {
        good = name_exclusively(batch, destination, name) == 0;
        if (good) {
            written = name;
        } else {
            outcome(result, RENAME, errno);
        }
    }
    if (close(destination) != 0 && errno != EINTR && good) {
        outcome(result, CLOSE, errno);
        good = 0;
    }
    if (good && partial != NULL && publish(batch, partial, name) != 0) {
        outcome(result, RENAME, errno);
        good = 0;
    }
    if (!good && written != NULL) {
        unlinkat(batch->destination, written, 0);
    }
}

/* Refuses what does not fit together; false with an exception set. */
static int
fitting(const char **names, const char **partials, const Py_buffer *expected, int options)
{
    Py_ssize_t count = 0, others = 0;
    while (names[count] != NULL) {
        count++;
    }
    while (partials[others] != NULL) {
        others++;
    }
    if (expected->len != count * (Py_ssize_t)sizeof(Expected)) {
        PyErr_SetString(PyExc_ValueError, "expected holds five int64 for each name");
        return 0;
    }
    if (options & ~(EXCLUSIVE | IN_PLACE | DURABLE | UNNAMED)) {
        PyErr_SetString(PyExc_ValueError, "unknown options");
        return 0;
    }
    if (options & UNNAMED && (options & (EXCLUSIVE | IN_PLACE)) != EXCLUSIVE) {
        PyErr_SetString(PyExc_ValueError, "what has no name yet replaces nothing");
        return 0;
    }
    if (others != (options & (IN_PLACE | UNNAMED) ? 0 : count)) {
        PyErr_SetString(PyExc_ValueError, "there is one partial name for each name, none in place or without names");
        return 0;
    }
    for (Py_ssize_t i = 0; i < others; i++) {
        if (strcmp(names[i], partials[i]) == 0) {
            PyErr_SetString(PyExc_ValueError, "a partial has a name of its own");
            return 0;
        }
    }
    return 1;
}

static PyObject *
outcome_list(const Outcome *outcomes, Py_ssize_t count)
{
    PyObject *done = Py_BuildValue("(ii)", DONE, 0), *list = done == NULL ? NULL : PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *row = outcomes[i].stage == DONE ? Py_NewRef(done)
                                                  : Py_BuildValue("(ii)", outcomes[i].stage, outcomes[i].error);
        if (row == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SetItem(list, i, row);
    }
    Py_XDECREF(done);
    return list;
}

/* Copies all of the batch; NULL with an exception set. */
static PyObject *
copy_all(Batch *batch, const char **names, const char **partials, const char *expected, Py_ssize_t count)
{
    PyObject *list = NULL;
    Outcome *outcomes = malloc((size_t)(count + 1) * sizeof *outcomes);
    batch->buffer = malloc(PLAIT_BUFFER);
    if (outcomes != NULL && batch->buffer != NULL) {
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t i = 0; i < count; i++) {
            if (batch->cancel != NULL && *batch->cancel) {
                outcome(&outcomes[i], CANCELLED, 0);
                continue;
            }
            Expected one;
            memcpy(&one, expected + (size_t)i * sizeof one, sizeof one);
            copy_one(batch, names[i], partials[0] == NULL ? NULL : partials[i], &one, &outcomes[i]);
        }
        Py_END_ALLOW_THREADS
        list = outcome_list(outcomes, count);
    } else {
        PyErr_NoMemory();
    }
    free(outcomes);
    free(batch->buffer);
    return list;
}

PyObject *
plait_copy_files(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Batch batch = {0};
    PyObject *names, *partials, *cancel, *held_names = NULL, *held_partials = NULL, *list = NULL;
    const char **name_table = NULL, **partial_table = NULL;
    Py_buffer expected = {0}, flag = {0};
    if (!PyArg_ParseTuple(arguments, "iiOOy*iiO:copy_files", &batch.source, &batch.destination, &names, &partials,
                          &expected, &batch.options, &batch.mode, &cancel)) {
        return NULL;
    }
    if (batch.source < 0 || batch.destination < 0) {
        PyErr_SetString(PyExc_ValueError, "file descriptor cannot be a negative integer");
        goto end;
    }
    if (cancel != Py_None) {
        if (PyObject_GetBuffer(cancel, &flag, PyBUF_SIMPLE) != 0) {
            goto end;
        }
        if (flag.len < 1) {
            PyErr_SetString(PyExc_ValueError, "cancel holds at least one byte");
            goto end;
        }
        batch.cancel = flag.buf;
    }
    name_table = plait_plain_names(names, &held_names);
    partial_table = name_table == NULL ? NULL : plait_plain_names(partials, &held_partials);
    if (partial_table != NULL && fitting(name_table, partial_table, &expected, batch.options)) {
        list = copy_all(&batch, name_table, partial_table, expected.buf, PyTuple_Size(held_names));
    }
end:
    PyMem_Free((void *)name_table);
    PyMem_Free((void *)partial_table);
    Py_XDECREF(held_names);
    Py_XDECREF(held_partials);
    if (flag.obj != NULL) {
        PyBuffer_Release(&flag);
    }
    PyBuffer_Release(&expected);
    return list;
}
