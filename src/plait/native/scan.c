/* Reading one directory: names in the total order, and the attributes of each entry, without the GIL.
 *
 * The names are read and sorted first (16 bytes and the name itself an entry), the attributes are then written where
 * they will stay. Only what decides the order, a directory, is looked at while reading, so that an entry keeps its place
 * whatever becomes of it later.
 */

#include "native.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KIND_FILE = 0, KIND_DIRECTORY = 1, KIND_SYMLINK = 2, KIND_SPECIAL = 3, KIND_VANISHED = 254, KIND_UNREADABLE = 255 };
enum { DETAILS = 9 };

typedef struct {
    int64_t size;
    int64_t modified;
    int64_t details[DETAILS];
    uint8_t kind;
} Attributes;

typedef struct {
    char *key; /* ends with a slash for a directory, then with a NUL */
    uint32_t length; /* of the name, without the slash */
    int32_t known; /* index of the attributes read together with the name, or -1 */
} Entry;

typedef struct Block {
    struct Block *next;
    size_t used, size;
    char bytes[];
} Block;

typedef struct {
    DIR *stream;
    Block *blocks;
    Entry *entries;
    size_t count, capacity;
    Attributes *known;
    size_t known_count, known_capacity;
} Listing;

typedef struct {
    PyObject *kinds, *sizes, *modified, *details;
} Columns;

/* Where the columns' content is. */
typedef struct {
    uint8_t *kinds;
    int64_t *sizes, *modified, *details;
} Cells;

static void
listing_free(Listing *listing)
{
    if (listing->stream != NULL) {
        closedir(listing->stream);
    }
    while (listing->blocks != NULL) {
        Block *next = listing->blocks->next;
        free(listing->blocks);
        listing->blocks = next;
    }
    free(listing->entries);
    free(listing->known);
    memset(listing, 0, sizeof *listing);
}

static char *
listing_room(Listing *listing, size_t size)
{
    Block *block = listing->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t room = block == NULL ? 4096 : block->size < 1 << 20 ? 4 * block->size : block->size;
        block = malloc(sizeof *block + room);
        if (block == NULL) {
            return NULL;
        }
        *block = (Block){.next = listing->blocks, .size = room};
        listing->blocks = block;
    }
    char *start = block->bytes + block->used;
    block->used += size;
    return start;
}

/* Makes room for one more element; returns the array, moved or not, or NULL. */
static void *
grown(void *array, size_t count, size_t *capacity, size_t width)
{
    if (count < *capacity) {
        return array;
    }
    size_t wanted = *capacity == 0 ? 64 : 2 * *capacity;
    void *moved = realloc(array, wanted * width);
    if (moved != NULL) {
        *capacity = wanted;
    }
    return moved;
}

static void
unreadable(Attributes *attributes, int error)
{
    memset(attributes, 0, sizeof *attributes);
    attributes->kind = error == ENOENT ? KIND_VANISHED : KIND_UNREADABLE;
    attributes->size = error;
    attributes->modified = INT64_MIN;
}

static void
look(int directory, const char *name, Attributes *attributes)
{
    struct stat st;
    int failed;
    do {
        failed = fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW);
    } while (failed && errno == EINTR);
    if (failed) {
        unreadable(attributes, errno);
        return;
    }
    *attributes = (Attributes){
        .kind = S_ISREG(st.st_mode)   ? KIND_FILE
                : S_ISDIR(st.st_mode) ? KIND_DIRECTORY
                : S_ISLNK(st.st_mode) ? KIND_SYMLINK
                                      : KIND_SPECIAL,
        .size = (int64_t)st.st_size,
        .modified = plait_nanoseconds(PLAIT_MTIME(&st)),
        .details = {plait_nanoseconds(PLAIT_CTIME(&st)), plait_nanoseconds(PLAIT_ATIME(&st)), (int64_t)st.st_ino,
                    (int64_t)st.st_dev, (int64_t)st.st_mode, (int64_t)st.st_uid, (int64_t)st.st_gid,
                    (int64_t)st.st_nlink, (int64_t)st.st_rdev},
    };
}

/* Adds what readdir yielded. Returns 0 or an errno. */
static int
listing_add(Listing *listing, const struct dirent *found)
{
    Attributes attributes = {.kind = KIND_FILE};
    int known = found->d_type == DT_DIR || found->d_type == DT_UNKNOWN;
    if (known) {
        look(dirfd(listing->stream), found->d_name, &attributes);
        if (attributes.kind == KIND_VANISHED) {
            return 0;
        }
        Attributes *moved = grown(listing->known, listing->known_count, &listing->known_capacity, sizeof attributes);
        if (moved == NULL) {
            return ENOMEM;
        }
        listing->known = moved;
    }
    Entry *entries = grown(listing->entries, listing->count, &listing->capacity, sizeof(Entry));
    if (entries == NULL) {
        return ENOMEM;
    }
    listing->entries = entries;
    size_t length = strlen(found->d_name), slash = attributes.kind == KIND_DIRECTORY;
    char *key = listing_room(listing, length + slash + 1);
    if (key == NULL) {
        return ENOMEM;
    }
    memcpy(key, found->d_name, length);
    memcpy(key + length, "/", slash);
    key[length + slash] = '\0';
    if (known) {
        listing->known[listing->known_count] = attributes;
    }
    entries[listing->count++] = (Entry){
        .key = key,
        .length = (uint32_t)length,
        .known = known ? (int32_t)listing->known_count++ : -1,
    };
    return 0;
}

static int
by_key(const void *left, const void *right)
{
    return strcmp(((const Entry *)left)->key, ((const Entry *)right)->key);
}

static int
open_below(int directory, const char *name)
{
    int own;
    do {
        own = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    } while (own < 0 && errno == EINTR);
    return own;
}

/* Reads and sorts the names; `own` is the listing's from now on. Returns 0 or an errno. */
static int
listing_read(Listing *listing, int own)
{
    int error = 0;
    listing->stream = fdopendir(own);
    if (listing->stream == NULL) {
        error = errno;
        close(own);
        return error;
    }
    while (error == 0) {
        errno = 0;
        const struct dirent *found = readdir(listing->stream);
        if (found == NULL) {
            error = errno;
            break;
        }
        const char *name = found->d_name;
        if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))) {
            continue;
        }
        error = listing_add(listing, found);
    }
    if (error == 0 && listing->count > 1) {
        qsort(listing->entries, listing->count, sizeof(Entry), by_key);
    }
    return error;
}

/* Writes the attributes of `count` entries from `first` on into the columns. Returns how many have vanished. */
static size_t
fill(const Listing *listing, size_t first, size_t count, Cells cells)
{
    const Entry *entry = listing->entries + first;
    size_t vanished = 0;
    for (size_t i = 0; i < count; i++, entry++) {
        Attributes attributes;
        if (entry->known >= 0) {
            attributes = listing->known[entry->known];
        } else {
            look(dirfd(listing->stream), entry->key, &attributes);
            if (attributes.kind == KIND_DIRECTORY) { /* since its name was read: its place would be another */
                unreadable(&attributes, ESTALE);
            }
        }
        vanished += attributes.kind == KIND_VANISHED;
        cells.kinds[i] = attributes.kind;
        cells.sizes[i] = attributes.size;
        cells.modified[i] = attributes.modified;
        memcpy(cells.details + i * DETAILS, attributes.details, sizeof attributes.details);
    }
    return vanished;
}

static void
columns_clear(Columns *columns)
{
    Py_CLEAR(columns->kinds);
    Py_CLEAR(columns->sizes);
    Py_CLEAR(columns->modified);
    Py_CLEAR(columns->details);
}

/* Columns for `count` entries; false with an exception set. */
static int
columns_new(Columns *columns, size_t count)
{
    Py_ssize_t rows = (Py_ssize_t)count;
    *columns = (Columns){
        .kinds = PyBytes_FromStringAndSize(NULL, rows),
        .sizes = PyBytes_FromStringAndSize(NULL, 8 * rows),
        .modified = PyBytes_FromStringAndSize(NULL, 8 * rows),
        .details = PyBytes_FromStringAndSize(NULL, 8 * DETAILS * rows),
    };
    if (columns->kinds && columns->sizes && columns->modified && columns->details) {
        return 1;
    }
    columns_clear(columns);
    return 0;
}

static Cells
cells_of(const Columns *columns)
{
    return (Cells){
        .kinds = (uint8_t *)PyBytes_AsString(columns->kinds),
        .sizes = (int64_t *)PyBytes_AsString(columns->sizes),
        .modified = (int64_t *)PyBytes_AsString(columns->modified),
        .details = (int64_t *)PyBytes_AsString(columns->details),
    };
}

/* Replaces a bytes object by the rows of `width` bytes that have not vanished; false with an exception set. */
static int
compact(PyObject **column, const uint8_t *kinds, size_t rows, size_t kept, size_t width)
{
    PyObject *shorter = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(kept * width));
    if (shorter == NULL) {
        return 0;
    }
    const char *from = PyBytes_AsString(*column);
    char *to = PyBytes_AsString(shorter);
    for (size_t i = 0; i < rows; i++, from += width) {
        if (kinds[i] != KIND_VANISHED) {
            memcpy(to, from, width);
            to += width;
        }
    }
    Py_DECREF(*column);
    *column = shorter;
    return 1;
}

static PyObject *
decoded_names(const Entry *entries, const uint8_t *kinds, size_t rows, size_t kept)
{
    PyObject *names = PyList_New((Py_ssize_t)kept);
    for (size_t i = 0, at = 0; names != NULL && i < rows; i++) {
        if (kinds[i] == KIND_VANISHED) {
            continue;
        }
        PyObject *name = PyUnicode_DecodeUTF8(entries[i].key, entries[i].length, "surrogateescape");
        if (name == NULL) {
            Py_CLEAR(names);
            break;
        }
        PyList_SetItem(names, (Py_ssize_t)at++, name);
    }
    return names;
}

/* The tuple of names and columns, which it takes over, less the rows that have vanished. */
static PyObject *
rows_done(const Entry *entries, size_t count, size_t vanished, Columns *columns)
{
    const uint8_t *kinds = (const uint8_t *)PyBytes_AsString(columns->kinds);
    size_t kept = count - vanished;
    PyObject *names = decoded_names(entries, kinds, count, kept), *result = NULL;
    if (names != NULL &&
        (vanished == 0 ||
         (compact(&columns->sizes, kinds, count, kept, 8) && compact(&columns->modified, kinds, count, kept, 8) &&
          compact(&columns->details, kinds, count, kept, 8 * DETAILS) &&
          compact(&columns->kinds, kinds, count, kept, 1)))) {
        result = PyTuple_Pack(5, names, columns->kinds, columns->sizes, columns->modified, columns->details);
    }
    Py_XDECREF(names);
    columns_clear(columns);
    return result;
}

/* The tuple of names and columns for `count` entries from `first` on, less those that have vanished. */
static PyObject *
rows_of(const Listing *listing, size_t first, size_t count)
{
    Columns columns;
    if (!columns_new(&columns, count)) {
        return NULL;
    }
    Cells cells = cells_of(&columns);
    size_t vanished;
    Py_BEGIN_ALLOW_THREADS
    vanished = fill(listing, first, count, cells);
    Py_END_ALLOW_THREADS
    return rows_done(listing->entries + first, count, vanished, &columns);
}

/* Reads the names of the directory given as a Python object; false with an exception set and nothing held. */
static int
listing_open(Listing *listing, PyObject *directory)
{
    int descriptor = PyObject_AsFileDescriptor(directory), error;
    *listing = (Listing){0};
    if (descriptor < 0) {
        return 0;
    }
    Py_BEGIN_ALLOW_THREADS
    /* A file description of its own: the caller's offset does not matter and does not move. */
    int own = open_below(descriptor, ".");
    error = own < 0 ? errno : listing_read(listing, own);
    if (error != 0) {
        listing_free(listing);
    }
    Py_END_ALLOW_THREADS
    if (error != 0) {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
    }
    return error == 0;
}

PyObject *
plait_scan(PyObject *Py_UNUSED(module), PyObject *directory)
{
    Listing listing;
    if (!listing_open(&listing, directory)) {
        return NULL;
    }
    PyObject *result = rows_of(&listing, 0, listing.count);
    Py_BEGIN_ALLOW_THREADS
    listing_free(&listing);
    Py_END_ALLOW_THREADS
    return result;
}

/* A subdirectory being scanned. */
typedef struct {
    Listing listing; /* without a stream: it is not to be told of */
    Columns columns;
    Cells cells;
    size_t vanished;
    int descriptor; /* -1 where no directory lies below */
} Below;

/* Reads the names of a subdirectory, if its file has at most `*left` bytes, which it takes away. */
static void
below_read(Below *below, int parent, const char *name, int64_t *left)
{
    struct stat st;
    int own = *left < 0 ? -1 : open_below(parent, name);
    if (own < 0) {
        return;
    }
    if (fstat(own, &st) != 0 || (*left -= (int64_t)st.st_size) < 0) {
        close(own);
        return;
    }
    if (listing_read(&below->listing, own) != 0) {
        listing_free(&below->listing);
        return;
    }
    for (size_t i = 0; i < below->listing.known_count && below->descriptor < 0; i++) {
        if (below->listing.known[i].kind == KIND_DIRECTORY) {
            below->descriptor = fcntl(own, F_DUPFD_CLOEXEC, 0);
            if (below->descriptor < 0) {
                listing_free(&below->listing);
                return;
            }
        }
    }
}

/* What is told of a subdirectory: its descriptor, which is the caller's from now on, and its rows; or None. */
static PyObject *
below_done(Below *below)
{
    if (below->listing.stream == NULL) {
        Py_RETURN_NONE;
    }
    PyObject *rows = rows_done(below->listing.entries, below->listing.count, below->vanished, &below->columns);
    PyObject *result = rows == NULL ? NULL : Py_BuildValue("(iN)", below->descriptor, rows);
    if (result != NULL) {
        below->descriptor = -1;
    }
    return result;
}

/* Scans `count` subdirectories; NULL with an exception set. */
static PyObject *
scan_all_below(int parent, const char **names, Py_ssize_t count, int64_t most)
{
    PyObject *list = NULL;
    int good = 1;
    Below *all = calloc((size_t)count + 1, sizeof *all);
    if (all == NULL) {
        return PyErr_NoMemory();
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++) {
        all[i].descriptor = -1;
        below_read(&all[i], parent, names[i], &most);
    }
    Py_END_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count && good; i++) {
        if (all[i].listing.stream != NULL) {
            good = columns_new(&all[i].columns, all[i].listing.count);
            all[i].cells = good ? cells_of(&all[i].columns) : all[i].cells;
        }
    }
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t i = 0; i < count; i++) {
            if (all[i].listing.stream != NULL) {
                all[i].vanished = fill(&all[i].listing, 0, all[i].listing.count, all[i].cells);
            }
        }
        Py_END_ALLOW_THREADS
        list = PyList_New(count);
    }
    for (Py_ssize_t i = 0; i < count && list != NULL; i++) {
        PyObject *one = below_done(&all[i]);
        if (one == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SetItem(list, i, one);
        }
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        columns_clear(&all[i].columns);
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++) {
        listing_free(&all[i].listing);
        if (all[i].descriptor >= 0) {
            close(all[i].descriptor);
        }
    }
    free(all);
    Py_END_ALLOW_THREADS
    return list;
}

PyObject *
plait_scan_below(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    int parent;
    long long most;
    PyObject *sequence, *held, *list = NULL;
    if (!PyArg_ParseTuple(arguments, "iOL:scan_below", &parent, &sequence, &most)) {
        return NULL;
    }
    if (parent < 0) {
        PyErr_SetString(PyExc_ValueError, "file descriptor cannot be a negative integer");
        return NULL;
    }
    const char **names = plait_plain_names(sequence, &held);
    if (names != NULL) {
        list = scan_all_below(parent, names, PyTuple_Size(held), most);
    }
    PyMem_Free((void *)names);
    Py_XDECREF(held);
    return list;
}

/* The iterator that scan_pages returns: names of the whole directory, attributes a page at a time. */
typedef struct {
    PyObject_HEAD
    Listing listing; /* freed with the last page */
    size_t next, rows;
    int reading; /* threads that use the listing without the GIL */
} Pages;

static PyObject *
pages_next(PyObject *self)
{
    Pages *pages = (Pages *)self;
    Listing *listing = &pages->listing;
    PyObject *page = NULL;
    while (page == NULL && pages->next < listing->count) {
        /* Taken before the GIL is let go: another thread gets another page. */
        size_t first = pages->next, left = listing->count - first;
        size_t count = left < pages->rows ? left : pages->rows;
        pages->next += count;
        pages->reading++;
        page = rows_of(listing, first, count);
        pages->reading--;
        if (page == NULL) {
            return NULL;
        }
        if (PyList_Size(PyTuple_GetItem(page, 0)) == 0) {
            Py_CLEAR(page);
        }
    }
    if (pages->next >= listing->count && pages->reading == 0) {
        listing_free(listing);
    }
    return page;
}

static void
pages_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    listing_free(&((Pages *)self)->listing);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyType_Slot pages_slots[] = {
    {Py_tp_dealloc, pages_free},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, pages_next},
    {0, NULL},
};

static PyType_Spec pages_spec = {
    .name = "plait.native._native.Pages",
    .basicsize = sizeof(Pages),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = pages_slots,
};

PyObject *
plait_pages_type(PyObject *module)
{
    return PyType_FromModuleAndSpec(module, &pages_spec, NULL);
}

PyObject *
plait_scan_pages(PyObject *module, PyObject *arguments)
{
    PlaitState *state = PyModule_GetState(module);
    PyObject *directory;
    Py_ssize_t rows;
    if (!PyArg_ParseTuple(arguments, "On:scan_pages", &directory, &rows)) {
        return NULL;
    }
    if (rows < 1) {
        PyErr_SetString(PyExc_ValueError, "a page holds at least one row");
        return NULL;
    }
    Pages *pages = PyObject_New(Pages, (PyTypeObject *)state->pages_type);
    if (pages == NULL) {
        return NULL;
    }
    pages->next = 0;
    pages->rows = (size_t)rows;
    pages->reading = 0;
    if (!listing_open(&pages->listing, directory)) {
        Py_DECREF(pages);
        return NULL;
    }
    return (PyObject *)pages;
}
