/* Copying bytes from one open file to another: in the kernel where it can, by reading and writing where it cannot.
 *
 * Both sides are addressed by offset, so that several threads may copy parts of one file under the same descriptors.
 */

#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/ioctl.h>
#include <sys/syscall.h>
#ifndef FICLONE /* as in linux/fs.h, which older systems ship without it */
#define FICLONE _IOW(0x94, 9, int)
#endif
#endif

/* Bytes between two looks at the cancel flag. */
enum { KERNEL_CHUNK = 8 * 1024 * 1024 };

static int
no_space(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

/* Lets the new file share the blocks of the source, where the file system can; true when it does. */
int
plait_clone(int source, int destination)
{
#ifdef FICLONE
    return ioctl(destination, FICLONE, source) == 0;
#else
    (void)source;
    (void)destination;
    return 0;
#endif
}

int
plait_allocate(int descriptor, int64_t size)
{
#ifdef __linux__
    /* Not posix_fallocate: where the file system cannot, that writes into every block. */
    while (fallocate(descriptor, 0, 0, (off_t)size) != 0) {
        if (errno != EINTR) {
            return no_space(errno) ? errno : -1;
        }
    }
    return 0;
#else
    (void)descriptor;
    (void)size;
    return -1;
#endif
}

int
plait_write_at(int descriptor, const char *data, size_t size, int64_t offset)
{
    while (size > 0) {
        ssize_t count = pwrite(descriptor, data, size, (off_t)offset);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return 0;
        }
        data += count;
        size -= (size_t)count;
        offset += count;
    }
    return 1;
}

/* Writes `length` bytes of the buffer behind what was copied so far. */
enum plait_content
plait_write_all(PlaitContent *content, size_t length)
{
    size_t written = 0;
    while (written < length) {
        ssize_t count = pwrite(content->destination, content->buffer + written, length - written,
                               (off_t)(content->offset + content->copied));
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            content->error = errno;
            return PLAIT_WRITE_FAILED;
        }
        written += (size_t)count;
        content->copied += count;
    }
    return PLAIT_COPIED;
}

#ifdef SYS_copy_file_range
/* Copies up to `stop` bytes in all, as far as the kernel can. Whatever it stumbles over is left to reading and writing,
 * which can tell a failed read from a failed write, and a lying file system from the end of the file; only that there
 * is no space needs no second try. */
static enum plait_content
copy_in_kernel(PlaitContent *content, int64_t stop)
{
    while (content->copied < stop) {
        if (content->cancel != NULL && *content->cancel) {
            return PLAIT_STOPPED;
        }
        int64_t left = stop - content->copied;
        int64_t from = content->offset + content->copied, to = from; /* loff_t */
        long count = syscall(SYS_copy_file_range, content->source, &from, content->destination, &to,
                             (size_t)(left < KERNEL_CHUNK ? left : KERNEL_CHUNK), 0u);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && no_space(errno)) {
            content->error = errno;
            return PLAIT_WRITE_FAILED;
        }
        if (count <= 0) {
            break;
        }
        content->copied += count;
    }
    return PLAIT_COPIED;
}
#endif

static enum plait_content
copy_through_buffer(PlaitContent *content, int64_t stop)
{
    while (content->copied < stop) {
        if (content->cancel != NULL && *content->cancel) {
            return PLAIT_STOPPED;
        }
        int64_t left = stop - content->copied;
        ssize_t count = pread(content->source, content->buffer, (size_t)(left < PLAIT_BUFFER ? left : PLAIT_BUFFER),
                              (off_t)(content->offset + content->copied));
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            content->error = errno;
            return PLAIT_READ_FAILED;
        }
        if (count == 0) {
            break;
        }
        enum plait_content result = plait_write_all(content, (size_t)count);
        if (result != PLAIT_COPIED) {
            return result;
        }
    }
    return PLAIT_COPIED;
}

/* Copies until `stop` bytes are copied in all or the source ends. */
static enum plait_content
copy_until(PlaitContent *content, int64_t stop)
{
#ifdef SYS_copy_file_range
    enum plait_content result = copy_in_kernel(content, stop);
    if (result != PLAIT_COPIED) {
        return result;
    }
#endif
    return copy_through_buffer(content, stop);
}

#if defined(SEEK_DATA) && defined(SEEK_HOLE)
/* Copies the data and passes over the holes; true when it came to the end of the range or of the source. */
static int
copy_data_only(PlaitContent *content, enum plait_content *result)
{
    int64_t end = content->offset + content->length;
    *result = PLAIT_COPIED;
    while (content->copied < content->length) {
        int64_t position = content->offset + content->copied;
        int64_t data = (int64_t)lseek(content->source, (off_t)position, SEEK_DATA);
        if (data < 0 && errno == ENXIO) { /* a hole up to the end of the file, or beyond it */
            struct stat st;
            if (fstat(content->source, &st) == 0 && (int64_t)st.st_size > position) {
                content->copied = ((int64_t)st.st_size < end ? (int64_t)st.st_size : end) - content->offset;
            }
            return 1;
        }
        if (data < 0) {
            return 0;
        }
        if (data >= end) {
            content->copied = content->length;
            return 1;
        }
        int64_t hole = (int64_t)lseek(content->source, (off_t)data, SEEK_HOLE);
        if (hole <= data) {
            return 0;
        }
        int64_t stop = (hole < end ? hole : end) - content->offset;
        content->copied = data - content->offset;
        *result = copy_until(content, stop);
        if (*result != PLAIT_COPIED || content->copied < stop) {
            return 1;
        }
    }
    return 1;
}
#endif

enum plait_content
plait_copy_content(PlaitContent *content)
{
#if defined(SEEK_DATA) && defined(SEEK_HOLE)
    enum plait_content result;
    if (content->sparse && copy_data_only(content, &result)) {
        return result;
    }
#endif
    return copy_until(content, content->length);
}

PyObject *
plait_copy_range(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    int source, destination, sparse;
    long long offset, length;
    if (!PyArg_ParseTuple(arguments, "iiLLp:copy_range", &source, &destination, &offset, &length, &sparse)) {
        return NULL;
    }
    if (offset < 0 || length < 0 || offset > INT64_MAX - length) {
        PyErr_SetString(PyExc_ValueError, "offset and length cannot be negative or reach beyond 2**63 - 1");
        return NULL;
    }
    PlaitContent content = {
        .source = source, .destination = destination, .offset = offset, .length = length, .sparse = sparse};
    enum plait_content result;
    content.buffer = malloc(PLAIT_BUFFER);
    if (content.buffer == NULL) {
        return PyErr_NoMemory();
    }
    Py_BEGIN_ALLOW_THREADS
    result = plait_copy_content(&content);
    free(content.buffer);
    Py_END_ALLOW_THREADS
    if (result != PLAIT_COPIED) {
        errno = content.error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyLong_FromLongLong(content.copied);
}

PyObject *
plait_allocate_space(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    int descriptor, error;
    long long size;
    if (!PyArg_ParseTuple(arguments, "iL:allocate", &descriptor, &size)) {
        return NULL;
    }
    if (size < 1) {
        PyErr_SetString(PyExc_ValueError, "the size has to be positive");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    error = plait_allocate(descriptor, size);
    Py_END_ALLOW_THREADS
    if (error > 0) {
        errno = error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyBool_FromLong(error == 0);
}
