/* BLAKE3 in its keyed mode, of one chunk: the identifier of a blob of at most 1,024 bytes.
 *
 * The library is faster where there is more to hash; for a small blob, calling it from Python costs more than the hash.
 * Names are those of the specification (BLAKE3: one function, fast everywhere; section 2).
 */

#include "native.h"

#include <string.h>

enum { WORDS = 8, BLOCK = 64, ROUNDS = 7 };
enum flag { CHUNK_START = 1, CHUNK_END = 2, ROOT = 8, KEYED_HASH = 16 };

static const uint32_t initial[4] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A};

/* Which word of a block comes when, in each round. */
static const uint8_t schedule[ROUNDS][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1}, {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4}, {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

static uint32_t
word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t
rotated(uint32_t value, int bits)
{
    return value >> bits | value << (32 - bits);
}

static inline void
mix(uint32_t *v, int a, int b, int c, int d, uint32_t x, uint32_t y)
{
    v[a] += v[b] + x;
    v[d] = rotated(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotated(v[b] ^ v[c], 12);
    v[a] += v[b] + y;
    v[d] = rotated(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = rotated(v[b] ^ v[c], 7);
}

/* The chaining value after a block, the first of its chunk: their counter is 0. */
static void
compress(uint32_t *chain, const uint8_t *block, size_t size, unsigned flags)
{
    uint32_t m[16], v[16];
    for (int i = 0; i < 16; i++) {
        m[i] = word(block + 4 * i);
    }
    memcpy(v, chain, WORDS * sizeof *v);
    memcpy(v + WORDS, initial, sizeof initial);
    v[12] = v[13] = 0;
    v[14] = (uint32_t)size;
    v[15] = flags;
#pragma GCC unroll 7
    for (int round = 0; round < ROUNDS; round++) {
        const uint8_t *s = schedule[round];
        mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
        mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
        mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
        mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
        mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
        mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
        mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
        mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (int i = 0; i < WORDS; i++) {
        chain[i] = v[i] ^ v[i + WORDS];
    }
}

int
plait_is_blake3(const uint8_t *secret, const uint8_t *data, size_t size, const uint8_t *expected)
{
    uint32_t chain[WORDS], difference = 0;
    for (int i = 0; i < WORDS; i++) {
        chain[i] = word(secret + 4 * i);
    }
    unsigned flags = KEYED_HASH | CHUNK_START;
    for (; size > BLOCK; data += BLOCK, size -= BLOCK) {
        compress(chain, data, BLOCK, flags);
        flags = KEYED_HASH;
    }
    uint8_t block[BLOCK] = {0};
    memcpy(block, data, size);
    compress(chain, block, size, flags | CHUNK_END | ROOT);
    for (int i = 0; i < WORDS; i++) {
        difference |= chain[i] ^ word(expected + 4 * i);
    }
    return difference == 0;
}
