/* Writing one small file below a directory: beside its name, then renamed; all of it with the GIL let go of once. */

#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

typedef struct {
    int root;
    const char **parents; /* ends with NULL */
    const char *partial, *leaf;
    const char *data;
    size_t size;
    int mode;
    int sets_time;
    int64_t modified;
} Work;

int
plait_set_time(int descriptor, int64_t modified)
{
    int64_t seconds = modified / 1000000000, rest = modified % 1000000000;
    if (rest < 0) {
        seconds -= 1;
        rest += 1000000000;
    }
    const struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)rest};
    return futimens(descriptor, (const struct timespec[]){time, time}) == 0;
}

/* Fills the locked file and gives it its time and its name. The number of names says whether it was taken for a
 * left-over before it was locked. */
static int
fill_and_name(const Work *work, int directory, int descriptor, struct stat *found)
{
    return plait_write_at(descriptor, work->data, work->size, 0) &&
           (!work->sets_time || plait_set_time(descriptor, work->modified)) && fstat(descriptor, found) == 0 &&
           found->st_nlink == 1 && (uint64_t)found->st_size == work->size &&
           renameat(directory, work->partial, directory, work->leaf) == 0 && fstat(descriptor, found) == 0;
}

/* Says whether the file has its content, its name and its time; where it has not, nothing of it is left. */
static int
write_beside(const Work *work, int directory, struct stat *found)
{
    int descriptor = plait_open_below(directory, work->partial, O_RDWR | O_CREAT | O_EXCL, (mode_t)work->mode);
    if (descriptor < 0) {
        return 0;
    }
    int locked = flock(descriptor, LOCK_EX | LOCK_NB) == 0, held_by_another = !locked && errno == EWOULDBLOCK;
    int done = locked && fill_and_name(work, directory, descriptor, found);
    if (!done && !held_by_another && fstat(descriptor, found) == 0 && found->st_nlink > 0) {
        unlinkat(directory, work->partial, 0);
    }
    close(descriptor);
    return done;
}

static int
write_small(const Work *work, struct stat *found)
{
    int directory = plait_enter(work->root, work->parents);
    if (directory < 0) {
        return 0;
    }
    int done = write_beside(work, directory, found);
    if (directory != work->root) {
        close(directory);
    }
    return done;
}

PyObject *
plait_numbers(const struct stat *st)
{
    return Py_BuildValue(
        "LLLLLLIIILL",
        (long long)st->st_size,
        (long long)plait_nanoseconds(PLAIT_MTIME(st)),
        (long long)plait_nanoseconds(PLAIT_CTIME(st)),
        (long long)plait_nanoseconds(PLAIT_ATIME(st)),
        (long long)st->st_ino,
        (long long)st->st_dev,
        (unsigned int)st->st_mode,
        (unsigned int)st->st_uid,
        (unsigned int)st->st_gid,
        (long long)st->st_nlink,
        (long long)st->st_rdev
    );
}

PyObject *
plait_write_file(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Work work = {0};
    Py_buffer data;
    PyObject *parents, *names, *modified, *held_parents = NULL, *held_names = NULL, *result = NULL;
    const char **own = NULL;
    struct stat found;
    int done;
    if (!PyArg_ParseTuple(
            arguments, "iOOy*iO:write_file", &work.root, &parents, &names, &data, &work.mode, &modified
        )) {
        return NULL;
    }
    work.data = data.buf;
    work.size = (size_t)data.len;
    if (modified != Py_None) {
        work.sets_time = 1;
        work.modified = PyLong_AsLongLong(modified);
        if (work.modified == -1 && PyErr_Occurred()) {
            goto end;
        }
    }
    work.parents = plait_plain_names(parents, &held_parents);
    own = work.parents == NULL ? NULL : plait_plain_names(names, &held_names);
    if (own == NULL) {
        goto end;
    }
    if (own[0] == NULL || own[1] == NULL || own[2] != NULL) {
        PyErr_SetString(PyExc_ValueError, "a file has a partial name and its own");
        goto end;
    }
    work.partial = own[0];
    work.leaf = own[1];
    Py_BEGIN_ALLOW_THREADS
    done = write_small(&work, &found);
    Py_END_ALLOW_THREADS
    result = done ? plait_numbers(&found) : Py_NewRef(Py_None);
end:
    PyMem_Free((void *)work.parents);
    PyMem_Free((void *)own);
    Py_XDECREF(held_parents);
    Py_XDECREF(held_names);
    PyBuffer_Release(&data);
    return result;
}
