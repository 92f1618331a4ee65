/* Names below open directories: which are plain, opening what has one, and giving another that is free. */

#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif
#endif

const char **
plait_plain_names(PyObject *sequence, PyObject **held)
{
    *held = PySequence_Tuple(sequence);
    if (*held == NULL) {
        return NULL;
    }
    Py_ssize_t count = PyTuple_Size(*held);
    const char **names = PyMem_Malloc((size_t)(count + 1) * sizeof *names);
    if (names == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        char *name;
        Py_ssize_t length;
        PyObject *object = PyTuple_GetItem(*held, i);
        if (!PyBytes_Check(object)) {
            PyErr_SetString(PyExc_TypeError, "names are bytes");
            PyMem_Free(names);
            return NULL;
        }
        PyBytes_AsStringAndSize(object, &name, &length);
        if (length == 0 || memchr(name, '/', (size_t)length) || memchr(name, '\0', (size_t)length) ||
            strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            PyErr_Format(PyExc_ValueError, "not a plain file name: %R", object);
            PyMem_Free(names);
            return NULL;
        }
        names[i] = name;
    }
    names[count] = NULL;
    return names;
}

int
plait_open_below(int directory, const char *name, int flags, mode_t mode)
{
    int descriptor;
    do {
        descriptor = openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, mode);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

int
plait_enter(int root, const char **parents)
{
    int current = root;
    for (const char **name = parents; *name != NULL; name++) {
        int below = plait_open_below(current, *name, O_RDONLY | O_DIRECTORY, 0);
        if (current != root) {
            close(current);
        }
        if (below < 0) {
            return -1;
        }
        current = below;
    }
    return current;
}

int
plait_rename_to_new(int source, const char *name, int destination, const char *new_name)
{
#if defined(SYS_renameat2)
    return (int)syscall(SYS_renameat2, source, name, destination, new_name, RENAME_NOREPLACE);
#elif defined(RENAME_EXCL)
    return renameatx_np(source, name, destination, new_name, RENAME_EXCL);
#else
    (void)source;
    (void)name;
    (void)destination;
    (void)new_name;
    errno = ENOSYS;
    return -1;
#endif
}
