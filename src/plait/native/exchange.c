/* One request and the beginning of its answer (HTTP/1.1, RFC 9112) over a socket, with the GIL let go of once. */

#include "native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* Python ignores SIGPIPE */
#endif

static const char END[] = "\r\n\r\n", LENGTH[] = "\r\ncontent-length:";
enum { END_SIZE = sizeof END - 1, LENGTH_SIZE = sizeof LENGTH - 1, STATUS_AT = sizeof "HTTP/1.1", STATUS_SIZE = 3 };

typedef struct {
    int descriptor;
    const char *data;
    size_t size, sent;
    char *answer;
    size_t limit, received, wanted; /* wanted: 0 until the headers have ended */
    int has_body; /* what is asked for comes with content */
} Work;

/* How much content an answer announces; 0 where it does not say, or its status goes without. */
static size_t
announced(const Work *work, size_t head)
{
    const char *status = work->answer + STATUS_AT;
    if (!work->has_body || head < STATUS_AT + STATUS_SIZE || status[0] == '1' || memcmp(status, "204", 3) == 0 ||
        memcmp(status, "304", 3) == 0) {
        return 0;
    }
    for (size_t at = 0; at + LENGTH_SIZE < head; at++) {
        if (work->answer[at] == '\r' && strncasecmp(work->answer + at, LENGTH, LENGTH_SIZE) == 0) {
            size_t length = 0;
            const char *digit = work->answer + at + LENGTH_SIZE;
            while (*digit == ' ' || *digit == '\t') {
                digit++;
            }
            for (; *digit >= '0' && *digit <= '9' && length < work->limit; digit++) {
                length = 10 * length + (size_t)(*digit - '0');
            }
            return length;
        }
    }
    return 0;
}

/* Looks for the end of the headers in what came after `before` bytes. */
static void
look(Work *work, size_t before)
{
    size_t start = before < END_SIZE ? 0 : before - (END_SIZE - 1);
    for (size_t at = start; at + END_SIZE <= work->received; at++) {
        if (memcmp(work->answer + at, END, END_SIZE) == 0) {
            size_t head = at + END_SIZE, length = announced(work, head);
            work->wanted = length < work->limit - head ? head + length : work->limit;
            return;
        }
    }
}

/* Sends what is left and receives; 0 once enough has come or nothing more comes, else errno. */
static int
go_on(Work *work)
{
    while (work->sent < work->size) {
        ssize_t count = send(work->descriptor, work->data + work->sent, work->size - work->sent, MSG_NOSIGNAL);
        if (count < 0) {
            return errno;
        }
        work->sent += (size_t)count;
    }
    while (work->received < work->limit && (work->wanted == 0 || work->received < work->wanted)) {
        size_t before = work->received;
        ssize_t count = recv(work->descriptor, work->answer + before, work->limit - before, 0);
        if (count < 0 && (errno == EINTR || work->wanted == 0)) {
            return errno;
        }
        if (count <= 0) { /* with the headers there, who reads on finds out what it is */
            return 0;
        }
        work->received += (size_t)count;
        if (work->wanted == 0) {
            look(work, before);
        }
    }
    return 0;
}

PyObject *
plait_exchange(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Work work = {0};
    Py_buffer data;
    Py_ssize_t limit;
    PyObject *result = NULL;
    int error;
    if (!PyArg_ParseTuple(arguments, "iy*np:exchange", &work.descriptor, &data, &limit, &work.has_body)) {
        return NULL;
    }
    work.data = data.buf;
    work.size = (size_t)data.len;
    work.limit = (size_t)limit;
    if (limit <= 0) {
        PyErr_SetString(PyExc_ValueError, "an answer has a beginning");
    } else if ((work.answer = malloc(work.limit)) == NULL) {
        PyErr_NoMemory();
    } else {
        do {
            Py_BEGIN_ALLOW_THREADS
            error = go_on(&work);
            Py_END_ALLOW_THREADS
        } while (error == EINTR && PyErr_CheckSignals() == 0);
        if (error == 0) {
            result = PyBytes_FromStringAndSize(work.answer, (Py_ssize_t)work.received);
        } else if (error != EINTR) {
            errno = error;
            PyErr_SetFromErrno(PyExc_OSError);
        }
    }
    free(work.answer);
    PyBuffer_Release(&data);
    return result;
}
