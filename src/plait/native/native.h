/* What every C file of plait.native._native shares: platform switches, and the functions behind the method table.
 *
 * One subject a file; module.c only lists. The extension uses the stable ABI of CPython 3.11 (Py_LIMITED_API), and
 * every function has a twin of the same name and results in pure.py, whose docstring says what it does.
 */

#ifndef PLAIT_NATIVE_H
#define PLAIT_NATIVE_H

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN

#include <Python.h> /* first: it chooses what the system's headers declare */

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#ifdef __APPLE__
#define PLAIT_MTIME(st) ((st)->st_mtimespec)
#define PLAIT_CTIME(st) ((st)->st_ctimespec)
#define PLAIT_ATIME(st) ((st)->st_atimespec)
#else
#define PLAIT_MTIME(st) ((st)->st_mtim)
#define PLAIT_CTIME(st) ((st)->st_ctim)
#define PLAIT_ATIME(st) ((st)->st_atim)
#endif

/* Nanoseconds since the epoch; a time beyond the range becomes the nearest end of it. tv_nsec counts upwards from
 * tv_sec before the epoch as well. */
static inline int64_t
plait_nanoseconds(struct timespec time)
{
    int64_t seconds = (int64_t)time.tv_sec, rest = (int64_t)time.tv_nsec, result;
    if (seconds < 0) { /* the first of the range is not a whole second: come from above */
        seconds += 1;
        rest -= 1000000000;
    }
    if (__builtin_mul_overflow(seconds, (int64_t)1000000000, &result) ||
        __builtin_add_overflow(result, rest, &result)) {
        return time.tv_sec < 0 ? INT64_MIN : INT64_MAX;
    }
    return result;
}

/* What the module holds. */
typedef struct {
    PyObject *pages_type;
} PlaitState;

/* scan.c */
PyObject *plait_scan(PyObject *module, PyObject *directory);
PyObject *plait_scan_below(PyObject *module, PyObject *arguments);
PyObject *plait_scan_pages(PyObject *module, PyObject *arguments);
PyObject *plait_pages_type(PyObject *module);

/* blake3_chunk.c */
enum { PLAIT_BLAKE3_CHUNK = 1024 };
/* Whether the keyed BLAKE3 of at most PLAIT_BLAKE3_CHUNK bytes is the expected one of 32. */
int plait_is_blake3(const uint8_t *secret, const uint8_t *data, size_t size, const uint8_t *expected);

/* content.c: bytes from one descriptor to another. */
enum { PLAIT_BUFFER = 256 * 1024 };

enum plait_content { PLAIT_COPIED, PLAIT_READ_FAILED, PLAIT_WRITE_FAILED, PLAIT_STOPPED };

typedef struct {
    int source, destination;
    int64_t offset, length;
    int sparse; /* leave out what is a hole in the source */
    char *buffer; /* of PLAIT_BUFFER bytes */
    const volatile uint8_t *cancel; /* stops where this is not 0; may be NULL */
    int64_t copied; /* less than length: the source ended */
    int error; /* errno of what failed */
} PlaitContent;

enum plait_content plait_copy_content(PlaitContent *content);
/* Writes all of it; false with errno set. */
int plait_write_at(int descriptor, const char *data, size_t size, int64_t offset);
enum plait_content plait_write_all(PlaitContent *content, size_t length);
int plait_clone(int source, int destination);
int plait_allocate(int descriptor, int64_t size); /* 0, or errno where there is no space, or -1: not here */
PyObject *plait_allocate_space(PyObject *module, PyObject *arguments);
PyObject *plait_copy_range(PyObject *module, PyObject *arguments);

/* copy_files.c */
PyObject *plait_copy_files(PyObject *module, PyObject *arguments);

/* rename_files.c */
PyObject *plait_rename_files(PyObject *module, PyObject *arguments);

/* same_files.c */
PyObject *plait_same_files(PyObject *module, PyObject *arguments);

/* expected.c */
/* What is to be found of a file: bytes, and nanoseconds since the epoch. */
typedef struct {
    int64_t size, modified, changed, inode, device;
} PlaitExpected;

int plait_same_content(const struct stat *st, const PlaitExpected *expected); /* by size and modification time */
int plait_is_expected(const struct stat *st, const PlaitExpected *expected);
/* Opens a file that is the expected one; -1 with errno set, to 0 where it is another. */
int plait_open_expected(int directory, const char *name, const PlaitExpected *expected, struct stat *st);
/* Reads up to `size` bytes, and one more where fewer came at once; how many they were, or -1 with errno set. */
int64_t plait_read_whole(int source, char *buffer, int64_t size);
/* Reads to the end, which has to come behind `size` bytes; false where it does not. The buffer has room for one more. */
int plait_read_exactly(int source, char *buffer, size_t size);
int plait_still_expected(int source, const PlaitExpected *expected);
/* Reads all of a file that is, and stays, the expected one into a buffer of `largest` + 1 bytes; false where it is not,
 * or is larger. */
int plait_read_expected(int directory, const char *name, const PlaitExpected *expected, char *buffer, int64_t largest);

/* fastcdc.c */
PyObject *plait_cut_points(PyObject *module, PyObject *arguments);

/* entropy.c */
PyObject *plait_entropy(PyObject *module, PyObject *arguments);

/* exchange.c */
PyObject *plait_exchange(PyObject *module, PyObject *arguments);

/* find_records.c */
PyObject *plait_find_records(PyObject *module, PyObject *arguments);

/* gcm_siv.c */
int plait_seals(void); /* whether this processor has what the two functions need */
size_t plait_opened_size(size_t size, size_t record); /* what is in a stream; SIZE_MAX: it is cut short */
int plait_unseal(const uint8_t *key, const uint8_t *stream, size_t size, size_t record, uint8_t *plain);
PyObject *plait_open_stream(PyObject *module, PyObject *arguments);
PyObject *plait_seal_stream(PyObject *module, PyObject *arguments);

/* lz4_frame.c */
/* Decodes a frame that is all of `frame`; its length, or -1 where it is damaged, unusual, or longer than `room`. What is
 * behind the decoded bytes, up to the end of the room, may be written over. */
ptrdiff_t plait_lz4_frame(const uint8_t *frame, size_t size, uint8_t *plain, size_t room);

/* md5_each_part.c */
PyObject *plait_md5_each_part(PyObject *module, PyObject *arguments);

/* md5_files.c */
PyObject *plait_md5_files(PyObject *module, PyObject *arguments);

/* md5_parts.c */
PyObject *plait_md5_parts(PyObject *module, PyObject *arguments);

/* names.c */
/* The names of a sequence of bytes as C strings that live as long as `held`, the last of them NULL. Returns NULL with an
 * exception set where one is no plain file name. To be freed with PyMem_Free. */
const char **plait_plain_names(PyObject *sequence, PyObject **held);
/* Opens what has a name in a directory, no link; -1 with errno set. */
int plait_open_below(int directory, const char *name, int flags, mode_t mode);
/* A descriptor of a directory below an open one, which is that one itself where there are no parents; -1 where it is
 * not there, or no directory. */
int plait_enter(int root, const char **parents);
/* Renames in one step to a name that is free; -1 with errno set, to ENOSYS, EINVAL or ENOTSUP where there is no such
 * way. */
int plait_rename_to_new(int source, const char *name, int destination, const char *new_name);

/* open_blobs.c */
PyObject *plait_open_blob(PyObject *module, PyObject *arguments);
PyObject *plait_open_blobs(PyObject *module, PyObject *arguments);

/* read_file.c */
PyObject *plait_read_file(PyObject *module, PyObject *arguments);

/* read_files.c */
PyObject *plait_read_files(PyObject *module, PyObject *arguments);

/* records.c */
PyObject *plait_locations(PyObject *module, PyObject *arguments);
PyObject *plait_location_records(PyObject *module, PyObject *arguments);
PyObject *plait_sort_records(PyObject *module, PyObject *arguments);
PyObject *plait_count_prefixes(PyObject *module, PyObject *arguments);

/* tree_shape.c */
PyObject *plait_tree_shape(PyObject *module, PyObject *arguments);

/* wal_checksum.c */
PyObject *plait_wal_checksum(PyObject *module, PyObject *arguments);

/* whirlpool.c */
PyObject *plait_whirlpool(PyObject *module, PyObject *arguments);

/* write_file.c */
/* What is told of a file. */
PyObject *plait_numbers(const struct stat *st);
/* Sets both times of a file, in nanoseconds since the epoch; false with errno set. */
int plait_set_time(int descriptor, int64_t modified);
PyObject *plait_write_file(PyObject *module, PyObject *arguments);

/* write_files.c */
PyObject *plait_write_files(PyObject *module, PyObject *arguments);

#endif
