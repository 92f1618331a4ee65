/* MD5 (RFC 1321): its 64 steps, for as many digests at once as the file that includes this wants, and two digests side
 * by side.
 *
 * Every step waits for the one before, so that a processor is half idle with one digest; two side by side take hardly
 * longer than one.
 */

#ifndef PLAIT_NATIVE_MD5_H
#define PLAIT_NATIVE_MD5_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PLAIT_MD5_BLOCK = 64, PLAIT_MD5_DIGEST = 16 };

typedef struct {
    uint32_t a, b, c, d;
} PlaitMd5;

static const PlaitMd5 PLAIT_MD5_BEGIN = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

/* Takes the whole blocks of `size` bytes into two digests. */
void plait_md5_pair(PlaitMd5 *first, PlaitMd5 *second, const uint8_t *data, size_t size);
/* Ends a digest of `size` bytes, of which the last `left` (fewer than a block) were not taken in yet. */
void plait_md5_finish(PlaitMd5 state, const uint8_t *rest, size_t left, uint64_t size, uint8_t *digest);
/* The 16 words of a block. */
static inline void
plait_md5_words(uint32_t words[16], const uint8_t *block)
{
    memcpy(words, block, PLAIT_MD5_BLOCK);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (int index = 0; index < 16; index++) {
        words[index] = __builtin_bswap32(words[index]);
    }
#endif
}

/* Reads `wanted` bytes at an offset, or as many as there are, and gives their number; -1 and errno where that fails. */
int64_t plait_md5_fill(int descriptor, uint8_t *buffer, int64_t wanted, int64_t offset);

/* PLAIT_MD5_STEPS(FOUR) gives FOUR(function, indexes of four words, four constants, four rotations) sixteen times. */

/* The middle two are written so that fewer operations wait for the last result. */
#define PLAIT_MD5_F(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define PLAIT_MD5_G(x, y, z) (((x) & (z)) + ((y) & ~(z)))
#define PLAIT_MD5_H(x, y, z) ((x) ^ (y) ^ (z))
#define PLAIT_MD5_I(x, y, z) ((y) ^ ((x) | ~(z)))

#define PLAIT_MD5_STEPS(FOUR)                                                                                          \
    FOUR(PLAIT_MD5_F, 0, 1, 2, 3, 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 7, 12, 17, 22)                       \
    FOUR(PLAIT_MD5_F, 4, 5, 6, 7, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 7, 12, 17, 22)                       \
    FOUR(PLAIT_MD5_F, 8, 9, 10, 11, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 7, 12, 17, 22)                     \
    FOUR(PLAIT_MD5_F, 12, 13, 14, 15, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 7, 12, 17, 22)                   \
    FOUR(PLAIT_MD5_G, 1, 6, 11, 0, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 5, 9, 14, 20)                       \
    FOUR(PLAIT_MD5_G, 5, 10, 15, 4, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 5, 9, 14, 20)                      \
    FOUR(PLAIT_MD5_G, 9, 14, 3, 8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 5, 9, 14, 20)                       \
    FOUR(PLAIT_MD5_G, 13, 2, 7, 12, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 5, 9, 14, 20)                      \
    FOUR(PLAIT_MD5_H, 5, 8, 11, 14, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 4, 11, 16, 23)                     \
    FOUR(PLAIT_MD5_H, 1, 4, 7, 10, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 4, 11, 16, 23)                      \
    FOUR(PLAIT_MD5_H, 13, 0, 3, 6, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 4, 11, 16, 23)                      \
    FOUR(PLAIT_MD5_H, 9, 12, 15, 2, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 4, 11, 16, 23)                     \
    FOUR(PLAIT_MD5_I, 0, 7, 14, 5, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 6, 10, 15, 21)                      \
    FOUR(PLAIT_MD5_I, 12, 3, 10, 1, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 6, 10, 15, 21)                     \
    FOUR(PLAIT_MD5_I, 8, 15, 6, 13, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 6, 10, 15, 21)                     \
    FOUR(PLAIT_MD5_I, 4, 11, 2, 9, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391, 6, 10, 15, 21)

#define PLAIT_MD5_ROTATE(value, bits) ((value) << (bits) | (value) >> (32 - (bits)))

#endif
