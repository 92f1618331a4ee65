/* Content-defined chunking: where the gear hash of FastCDC cuts. */

#include "native.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE = 256 };

typedef struct {
    uint64_t gear[TABLE];
    uint64_t small, large; /* masks before and from the normal size on */
    size_t minimum, normal, maximum;
} PlaitCutting;

/* The length of the first chunk of `window`, which holds what is left or at least `maximum` bytes. */
static size_t
first_cut(const PlaitCutting *cutting, const uint8_t *window, size_t left)
{
    size_t end = left < cutting->maximum ? left : cutting->maximum;
    if (end <= cutting->minimum) {
        return end;
    }
    size_t normal = end < cutting->normal ? end : cutting->normal;
    size_t index = cutting->minimum;
    uint64_t print = 0;
    for (; index < normal; index++) {
        print = (print << 1) + cutting->gear[window[index]];
        if ((print & cutting->small) == 0) {
            return index;
        }
    }
    for (; index < end; index++) {
        print = (print << 1) + cutting->gear[window[index]];
        if ((print & cutting->large) == 0) {
            return index;
        }
    }
    return end;
}

/* Fills `lengths` with those of the chunks that are certain, and returns their number. */
static size_t
cut_all(const PlaitCutting *cutting, const uint8_t *data, size_t size, int final, size_t *lengths)
{
    size_t count = 0, position = 0;
    while (size - position >= cutting->maximum || (final && position < size)) {
        size_t length = first_cut(cutting, data + position, size - position);
        lengths[count++] = length;
        position += length;
    }
    return count;
}

static PyObject *
as_list(const size_t *lengths, size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t index = 0; list != NULL && index < count; index++) {
        PyObject *length = PyLong_FromSize_t(lengths[index]);
        if (length == NULL || PyList_SetItem(list, (Py_ssize_t)index, length) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

PyObject *
plait_cut_points(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer data, gear;
    Py_ssize_t minimum, normal, maximum;
    PlaitCutting cutting;
    int final;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*y*(nnn)(KK)p:cut_points", &data, &gear, &minimum, &normal, &maximum, &cutting.small,
                          &cutting.large, &final)) {
        return NULL;
    }
    if (gear.len != (Py_ssize_t)sizeof cutting.gear) {
        PyErr_SetString(PyExc_ValueError, "the gear table has 256 words of 64 bits");
    } else if (minimum < 1 || normal < minimum || maximum < normal) {
        PyErr_SetString(PyExc_ValueError, "the sizes of chunks have to be positive and in order");
    } else {
        memcpy(cutting.gear, gear.buf, sizeof cutting.gear);
        cutting.minimum = (size_t)minimum;
        cutting.normal = (size_t)normal;
        cutting.maximum = (size_t)maximum;
        size_t size = (size_t)data.len, count = 0;
        /* Every chunk but the last is at least `minimum` long. */
        size_t *lengths = malloc((size / cutting.minimum + 1) * sizeof *lengths);
        if (lengths == NULL) {
            PyErr_NoMemory();
        } else {
            Py_BEGIN_ALLOW_THREADS
            count = cut_all(&cutting, data.buf, size, final, lengths);
            Py_END_ALLOW_THREADS
            result = as_list(lengths, count);
            free(lengths);
        }
    }
    PyBuffer_Release(&data);
    PyBuffer_Release(&gear);
    return result;
}
