/* Encrypted streams: a key of their own, wrapped as in RFC 3394, then records of AES-256-GCM-SIV as in RFC 8452.
 *
 * By the AES and carry-less multiplication instructions of x86-64, whose time does not depend on what they work on.
 * OpenSSL does this mode block by block, at a tenth of the speed; its code is the twin, which runs on other processors.
 */

#include "native.h"

#include <string.h>

enum outcome { OPENED, KEY_ALTERED, RECORD_ALTERED };

#ifdef __x86_64__

#include <immintrin.h>

#define WITH_AES __attribute__((target("aes,pclmul,sse4.1")))
#define INLINED static inline __attribute__((always_inline)) WITH_AES

enum {
    BLOCK = 16,
    ROUNDS = 14,
    KEY = 32,
    HALF = 8, /* the unit of RFC 3394 */
    HALVES = KEY / HALF,
    WRAPPED = KEY + HALF,
    NONCE = 12,
    OVERHEAD = NONCE + BLOCK,
    WIDE = 8, /* blocks worked on together: the instructions of one need not wait for each other */
    ALONE = 16 * 1024 /* bytes from which on other threads may run meanwhile */
};

static const uint64_t initial_value = 0xA6A6A6A6A6A6A6A6u;

typedef struct {
    __m128i round[ROUNDS + 1];
} Schedule;

typedef struct {
    __m128i power[WIDE]; /* the key of the hash, and its powers where there is much to hash */
    __m128i sum;
} Polyval;

/* The two keys of one record. */
typedef struct {
    Schedule schedule;
    Polyval polyval;
} RecordKeys;

INLINED __m128i
load(const void *bytes)
{
    return _mm_loadu_si128((const __m128i *)bytes);
}

INLINED void
store(void *bytes, __m128i value)
{
    _mm_storeu_si128((__m128i *)bytes, value);
}

/* Each word with all before it in the block. */
INLINED __m128i
accumulated(__m128i block)
{
    block = _mm_xor_si128(block, _mm_slli_si128(block, 4));
    return _mm_xor_si128(block, _mm_slli_si128(block, 8));
}

/* The round keys `index` and the one after it; a macro, as the constant has to be one of the instruction. */
#define EXPAND(index, constant)                                                                                \
    do {                                                                                                       \
        __m128i mixed = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(round[(index) - 1], constant), 0xff);      \
        round[index] = _mm_xor_si128(accumulated(round[(index) - 2]), mixed);                                  \
        if ((index) < ROUNDS) {                                                                                \
            mixed = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(round[index], 0), 0xaa);                       \
            round[(index) + 1] = _mm_xor_si128(accumulated(round[(index) - 1]), mixed);                        \
        }                                                                                                      \
    } while (0)

INLINED void
expand(Schedule *schedule, __m128i first, __m128i second)
{
    __m128i round[ROUNDS + 2];
    round[0] = first;
    round[1] = second;
    EXPAND(2, 0x01);
    EXPAND(4, 0x02);
    EXPAND(6, 0x04);
    EXPAND(8, 0x08);
    EXPAND(10, 0x10);
    EXPAND(12, 0x20);
    EXPAND(14, 0x40);
    memcpy(schedule->round, round, sizeof schedule->round);
}

/* The schedule that decrypts what `schedule` encrypts. */
INLINED void
invert(Schedule *inverse, const Schedule *schedule)
{
    inverse->round[0] = schedule->round[ROUNDS];
    for (int round = 1; round < ROUNDS; round++) {
        inverse->round[round] = _mm_aesimc_si128(schedule->round[ROUNDS - round]);
    }
    inverse->round[ROUNDS] = schedule->round[0];
}

INLINED __m128i
encrypt(const Schedule *schedule, __m128i block)
{
    block = _mm_xor_si128(block, schedule->round[0]);
    for (int round = 1; round < ROUNDS; round++) {
        block = _mm_aesenc_si128(block, schedule->round[round]);
    }
    return _mm_aesenclast_si128(block, schedule->round[ROUNDS]);
}

INLINED __m128i
decrypt(const Schedule *inverse, __m128i block)
{
    block = _mm_xor_si128(block, inverse->round[0]);
    for (int round = 1; round < ROUNDS; round++) {
        block = _mm_aesdec_si128(block, inverse->round[round]);
    }
    return _mm_aesdeclast_si128(block, inverse->round[ROUNDS]);
}

INLINED void
encrypt_wide(const Schedule *schedule, __m128i *blocks)
{
    for (int index = 0; index < WIDE; index++) {
        blocks[index] = _mm_xor_si128(blocks[index], schedule->round[0]);
    }
    for (int round = 1; round < ROUNDS; round++) {
        for (int index = 0; index < WIDE; index++) {
            blocks[index] = _mm_aesenc_si128(blocks[index], schedule->round[round]);
        }
    }
    for (int index = 0; index < WIDE; index++) {
        blocks[index] = _mm_aesenclast_si128(blocks[index], schedule->round[ROUNDS]);
    }
}

/* RFC 3394, section 2.2.1: the key of a stream, wrapped. */
WITH_AES static void
wrap(const uint8_t *key, const uint8_t *secret, uint8_t *wrapped)
{
    Schedule schedule;
    expand(&schedule, load(key), load(key + BLOCK));
    uint64_t check = initial_value, halves[HALVES];
    memcpy(halves, secret, KEY);
    for (uint64_t step = 0; step < 6 * HALVES; step++) {
        __m128i block = encrypt(&schedule, _mm_set_epi64x((int64_t)halves[step % HALVES], (int64_t)check));
        check = (uint64_t)_mm_cvtsi128_si64(block) ^ __builtin_bswap64(step + 1);
        halves[step % HALVES] = (uint64_t)_mm_extract_epi64(block, 1);
    }
    memcpy(wrapped, &check, HALF);
    memcpy(wrapped + HALF, halves, KEY);
}

/* RFC 3394, section 2.2.2; false where it was wrapped by another key, or altered. */
WITH_AES static int
unwrap(const uint8_t *key, const uint8_t *wrapped, uint8_t *secret)
{
    Schedule schedule, inverse;
    expand(&schedule, load(key), load(key + BLOCK));
    invert(&inverse, &schedule);
    uint64_t check, halves[HALVES];
    memcpy(&check, wrapped, HALF);
    memcpy(halves, wrapped + HALF, KEY);
    for (uint64_t step = 6 * HALVES; step-- > 0;) {
        check ^= __builtin_bswap64(step + 1);
        __m128i block = decrypt(&inverse, _mm_set_epi64x((int64_t)halves[step % HALVES], (int64_t)check));
        check = (uint64_t)_mm_cvtsi128_si64(block);
        halves[step % HALVES] = (uint64_t)_mm_extract_epi64(block, 1);
    }
    memcpy(secret, halves, KEY);
    return check == initial_value;
}

/* Adds a product, not yet reduced, in three parts. */
INLINED void
add_product(__m128i a, __m128i b, __m128i *low, __m128i *middle, __m128i *high)
{
    *low = _mm_xor_si128(*low, _mm_clmulepi64_si128(a, b, 0x00));
    *high = _mm_xor_si128(*high, _mm_clmulepi64_si128(a, b, 0x11));
    *middle = _mm_xor_si128(*middle, _mm_clmulepi64_si128(a, b, 0x10));
    *middle = _mm_xor_si128(*middle, _mm_clmulepi64_si128(a, b, 0x01));
}

/* A product times x to the power of -128, modulo x^128 + x^127 + x^126 + x^121 + 1: `dot` in RFC 8452, section 3. */
INLINED __m128i
reduce(__m128i low, __m128i middle, __m128i high)
{
    const __m128i polynomial = _mm_set_epi32((int)0xC2000000u, 0, 0, 1);
    low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
    high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
    low = _mm_xor_si128(_mm_clmulepi64_si128(low, polynomial, 0x10), _mm_shuffle_epi32(low, 0x4e));
    low = _mm_xor_si128(_mm_clmulepi64_si128(low, polynomial, 0x10), _mm_shuffle_epi32(low, 0x4e));
    return _mm_xor_si128(high, low);
}

INLINED __m128i
dot(__m128i a, __m128i b)
{
    __m128i low = _mm_setzero_si128(), middle = low, high = low;
    add_product(a, b, &low, &middle, &high);
    return reduce(low, middle, high);
}

INLINED void
hash_block(Polyval *polyval, __m128i block)
{
    polyval->sum = dot(_mm_xor_si128(polyval->sum, block), polyval->power[0]);
}

/* POLYVAL of a text, padded with zeros, and of its length behind none of additional data. */
INLINED __m128i
hashed(Polyval *polyval, const uint8_t *text, size_t size)
{
    size_t at = 0;
    if (size >= 2 * WIDE * BLOCK) {
        for (int index = 1; index < WIDE; index++) {
            polyval->power[index] = dot(polyval->power[index - 1], polyval->power[0]);
        }
        for (; at + WIDE * BLOCK <= size; at += WIDE * BLOCK) {
            __m128i low = _mm_setzero_si128(), middle = low, high = low;
            add_product(_mm_xor_si128(polyval->sum, load(text + at)), polyval->power[WIDE - 1], &low, &middle, &high);
            for (int index = 1; index < WIDE; index++) {
                add_product(load(text + at + index * BLOCK), polyval->power[WIDE - 1 - index], &low, &middle, &high);
            }
            polyval->sum = reduce(low, middle, high);
        }
    }
    for (; at + BLOCK <= size; at += BLOCK) {
        hash_block(polyval, load(text + at));
    }
    if (at < size) {
        uint8_t last[BLOCK] = {0};
        memcpy(last, text + at, size - at);
        hash_block(polyval, load(last));
    }
    hash_block(polyval, _mm_set_epi64x((int64_t)(8 * (uint64_t)size), 0));
    return polyval->sum;
}

/* RFC 8452, section 4: the keys of a record from that of its stream and its nonce. */
INLINED void
derive(RecordKeys *keys, const Schedule *stream, const uint8_t *nonce)
{
    uint32_t words[3];
    memcpy(words, nonce, NONCE);
    __m128i blocks[WIDE];
    for (int index = 0; index < WIDE; index++) {
        blocks[index] = _mm_set_epi32((int)words[2], (int)words[1], (int)words[0], index);
    }
    encrypt_wide(stream, blocks);
    keys->polyval.power[0] = _mm_unpacklo_epi64(blocks[0], blocks[1]);
    keys->polyval.sum = _mm_setzero_si128();
    expand(&keys->schedule, _mm_unpacklo_epi64(blocks[2], blocks[3]), _mm_unpacklo_epi64(blocks[4], blocks[5]));
}

INLINED __m128i
tag_of(RecordKeys *keys, const uint8_t *nonce, const uint8_t *text, size_t size)
{
    uint8_t block[BLOCK] = {0};
    memcpy(block, nonce, NONCE);
    store(block, _mm_xor_si128(load(block), hashed(&keys->polyval, text, size)));
    block[BLOCK - 1] &= 0x7f;
    return encrypt(&keys->schedule, load(block));
}

/* The counter mode of RFC 8452: the first 32 bits count, and wrap around. */
INLINED void
cross(const Schedule *schedule, __m128i tag, const uint8_t *from, uint8_t *to, size_t size)
{
    const __m128i one = _mm_set_epi32(0, 0, 0, 1);
    __m128i counter = _mm_or_si128(tag, _mm_set_epi32((int)0x80000000u, 0, 0, 0));
    size_t at = 0;
    for (; at + WIDE * BLOCK <= size; at += WIDE * BLOCK) {
        __m128i blocks[WIDE];
        for (int index = 0; index < WIDE; index++) {
            blocks[index] = counter;
            counter = _mm_add_epi32(counter, one);
        }
        encrypt_wide(schedule, blocks);
        for (int index = 0; index < WIDE; index++) {
            store(to + at + index * BLOCK, _mm_xor_si128(blocks[index], load(from + at + index * BLOCK)));
        }
    }
    for (; at < size; at += BLOCK) {
        size_t length = size - at < BLOCK ? size - at : BLOCK;
        uint8_t last[BLOCK] = {0};
        memcpy(last, from + at, length);
        store(last, _mm_xor_si128(encrypt(schedule, counter), load(last)));
        memcpy(to + at, last, length);
        counter = _mm_add_epi32(counter, one);
    }
}

WITH_AES static void
seal(const uint8_t *key, const uint8_t *secret, const uint8_t *plain, size_t size, size_t record, uint8_t *stream)
{
    wrap(key, secret, stream);
    stream += WRAPPED;
    Schedule schedule;
    expand(&schedule, load(secret), load(secret + BLOCK));
    const uint8_t *nonce = secret + KEY;
    for (size_t at = 0; at < size; at += record, nonce += NONCE) {
        size_t length = size - at < record ? size - at : record;
        RecordKeys keys;
        derive(&keys, &schedule, nonce);
        __m128i tag = tag_of(&keys, nonce, plain + at, length);
        memcpy(stream, nonce, NONCE);
        cross(&keys.schedule, tag, plain + at, stream + NONCE, length);
        store(stream + NONCE + length, tag);
        stream += length + OVERHEAD;
    }
}

WITH_AES static enum outcome
unseal(const uint8_t *key, const uint8_t *stream, size_t size, size_t record, uint8_t *plain)
{
    uint8_t secret[KEY];
    if (!unwrap(key, stream, secret)) {
        return KEY_ALTERED;
    }
    Schedule schedule;
    expand(&schedule, load(secret), load(secret + BLOCK));
    for (size_t at = WRAPPED; at < size; at += record + OVERHEAD) {
        const uint8_t *nonce = stream + at;
        size_t length = (size - at < record + OVERHEAD ? size - at : record + OVERHEAD) - OVERHEAD;
        RecordKeys keys;
        derive(&keys, &schedule, nonce);
        __m128i tag = load(nonce + NONCE + length);
        cross(&keys.schedule, tag, nonce + NONCE, plain, length);
        __m128i difference = _mm_xor_si128(tag, tag_of(&keys, nonce, plain, length));
        if (!_mm_testz_si128(difference, difference)) {
            return RECORD_ALTERED;
        }
        plain += length;
    }
    return OPENED;
}

int
plait_seals(void)
{
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

#else

enum { KEY = 32, WRAPPED = 40, NONCE = 12, OVERHEAD = 28, ALONE = 1 };

/* Never called: `plait.native` takes the twin where this says that there are no such instructions. */
int
plait_seals(void)
{
    return 0;
}

static void
seal(const uint8_t *key, const uint8_t *secret, const uint8_t *plain, size_t size, size_t record, uint8_t *stream)
{
    (void)key, (void)secret, (void)plain, (void)size, (void)record, (void)stream;
}

static enum outcome
unseal(const uint8_t *key, const uint8_t *stream, size_t size, size_t record, uint8_t *plain)
{
    (void)key, (void)stream, (void)size, (void)record, (void)plain;
    return KEY_ALTERED;
}

#endif

static size_t
records_in(size_t size, size_t record)
{
    return size / record + (size % record != 0);
}

size_t
plait_opened_size(size_t size, size_t record)
{
    size_t body = size - WRAPPED, step = record + OVERHEAD;
    if (size < WRAPPED || (body % step != 0 && body % step <= OVERHEAD)) {
        return SIZE_MAX;
    }
    return body - records_in(body, step) * OVERHEAD;
}

int
plait_unseal(const uint8_t *key, const uint8_t *stream, size_t size, size_t record, uint8_t *plain)
{
    return unseal(key, stream, size, record, plain) == OPENED;
}

static int
is_usable(const Py_buffer *key, Py_ssize_t record)
{
    if (key->len == KEY && record > 0 && record <= PY_SSIZE_T_MAX - OVERHEAD) {
        return 1;
    }
    PyErr_SetString(PyExc_ValueError, "the key has to have 32 bytes, and records some");
    return 0;
}

static PyObject *
sealed(const Py_buffer *key, const Py_buffer *secret, const Py_buffer *plain, Py_ssize_t record)
{
    if (!is_usable(key, record)) {
        return NULL;
    }
    size_t size = (size_t)plain->len, records = records_in(size, (size_t)record);
    if (records > (PY_SSIZE_T_MAX - WRAPPED - size) / OVERHEAD || (size_t)secret->len != KEY + records * NONCE) {
        PyErr_SetString(PyExc_ValueError, "the secret has to be a key and a nonce for each record");
        return NULL;
    }
    PyObject *stream = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(WRAPPED + size + records * OVERHEAD));
    if (stream == NULL) {
        return NULL;
    }
    uint8_t *bytes = (uint8_t *)PyBytes_AsString(stream);
    PyThreadState *state = size >= ALONE ? PyEval_SaveThread() : NULL;
    seal(key->buf, secret->buf, plain->buf, size, (size_t)record, bytes);
    if (state != NULL) {
        PyEval_RestoreThread(state);
    }
    return stream;
}

PyObject *
plait_seal_stream(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer key, secret, plain;
    Py_ssize_t record;
    if (!PyArg_ParseTuple(arguments, "y*y*y*n:seal_stream", &key, &secret, &plain, &record)) {
        return NULL;
    }
    PyObject *stream = sealed(&key, &secret, &plain, record);
    PyBuffer_Release(&key);
    PyBuffer_Release(&secret);
    PyBuffer_Release(&plain);
    return stream;
}

static PyObject *
opened(const Py_buffer *key, const Py_buffer *stream, Py_ssize_t record)
{
    if (!is_usable(key, record)) {
        return NULL;
    }
    if (stream->len < WRAPPED) {
        return PyErr_Format(PyExc_ValueError, "an encrypted stream is cut short: %zd bytes", stream->len);
    }
    size_t size = (size_t)stream->len, body = size - WRAPPED, step = (size_t)record + OVERHEAD;
    if (body % step != 0 && body % step <= OVERHEAD) {
        PyErr_SetString(PyExc_ValueError, "the last record of an encrypted stream is cut short");
        return NULL;
    }
    PyObject *plain = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(body - records_in(body, step) * OVERHEAD));
    if (plain == NULL) {
        return NULL;
    }
    uint8_t *bytes = (uint8_t *)PyBytes_AsString(plain);
    PyThreadState *state = size >= ALONE ? PyEval_SaveThread() : NULL;
    enum outcome outcome = unseal(key->buf, stream->buf, size, (size_t)record, bytes);
    if (state != NULL) {
        PyEval_RestoreThread(state);
    }
    if (outcome == OPENED) {
        return plain;
    }
    Py_DECREF(plain);
    PyErr_SetString(PyExc_ValueError, outcome == KEY_ALTERED
                                          ? "the key of an encrypted stream was altered, or is another repository's"
                                          : "a record of an encrypted stream was altered");
    return NULL;
}

PyObject *
plait_open_stream(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer key, stream;
    Py_ssize_t record;
    if (!PyArg_ParseTuple(arguments, "y*y*n:open_stream", &key, &stream, &record)) {
        return NULL;
    }
    PyObject *plain = opened(&key, &stream, record);
    PyBuffer_Release(&key);
    PyBuffer_Release(&stream);
    return plain;
}
