/* Files that are, and stay, as a listing told of them. */

#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
plait_same_content(const struct stat *st, const PlaitExpected *expected)
{
    return (int64_t)st->st_size == expected->size && plait_nanoseconds(PLAIT_MTIME(st)) == expected->modified;
}

int
plait_is_expected(const struct stat *st, const PlaitExpected *expected)
{
    return S_ISREG(st->st_mode) && plait_same_content(st, expected) &&
           plait_nanoseconds(PLAIT_CTIME(st)) == expected->changed && (int64_t)st->st_ino == expected->inode &&
           (int64_t)st->st_dev == expected->device;
}

int
plait_open_expected(int directory, const char *name, const PlaitExpected *expected, struct stat *st)
{
    /* O_NONBLOCK: should a pipe have taken the name, opening it must not wait for a writer. */
    int source = plait_open_below(directory, name, O_RDONLY | O_NONBLOCK, 0), error = 0;
    if (source < 0) {
        return -1;
    }
    if (fstat(source, st) != 0) {
        error = errno;
    } else if (plait_is_expected(st, expected)) {
        return source;
    }
    close(source);
    errno = error;
    return -1;
}

int64_t
plait_read_whole(int source, char *buffer, int64_t size)
{
    size_t wanted = (size_t)size + 1, got = 0;
    while (got < wanted) {
        ssize_t count = read(source, buffer + got, wanted - got);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return -1;
        }
        got += (size_t)count;
        if (count == 0 || got == (size_t)size) {
            break;
        }
    }
    return (int64_t)got;
}

int
plait_read_exactly(int source, char *buffer, size_t size)
{
    size_t got = 0;
    while (got <= size) {
        ssize_t count = read(source, buffer + got, size + 1 - got);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return 0;
        }
        got += (size_t)count;
        if (count == 0) {
            break;
        }
    }
    return got == size;
}

int
plait_still_expected(int source, const PlaitExpected *expected)
{
    struct stat st;
    return fstat(source, &st) == 0 && plait_same_content(&st, expected);
}

int
plait_read_expected(int directory, const char *name, const PlaitExpected *expected, char *buffer, int64_t largest)
{
    struct stat st;
    if (expected->size < 0 || expected->size > largest) {
        return 0;
    }
    int source = plait_open_expected(directory, name, expected, &st);
    if (source < 0) {
        return 0;
    }
    int held = plait_read_whole(source, buffer, expected->size) == expected->size &&
               plait_still_expected(source, expected);
    close(source);
    return held;
}
