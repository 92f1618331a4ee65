/* LZ4 frames (version 1.6.4 of the format's description), each decoded whole, into a place that is there already.
 *
 * What the library for Python allocates and copies for each frame takes longer than the decoding of a small one.
 */

#include "native.h"

#include <string.h>

enum {
    MAGIC = 0x184D2204,
    SHORTEST_MATCH = 4,
    LONG = 15, /* a length that goes on in the bytes that follow */
    STRIDE = 16, /* bytes that are copied at once, where the end is far enough */
    FAR = 2 * STRIDE,
    NEAR = 8 /* a distance from which on bytes may be copied so many at a time */
};

enum flag { DICTIONARY = 1, RESERVED = 2, CONTENT_CHECKSUM = 4, CONTENT_SIZE = 8, BLOCK_CHECKSUM = 16, INDEPENDENT = 32 };

static const uint32_t raw_block = 0x80000000u;

typedef struct {
    const uint8_t *at, *end;
} Input;

typedef struct {
    uint8_t *at;
    const uint8_t *start, *end; /* what matches may reach back to, and where there is no more room */
} Output;

static uint32_t
word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t
rotated(uint32_t value, int bits)
{
    return value << bits | value >> (32 - bits);
}

/* XXH32, as in the description of xxHash, with 0 for its seed. */
static uint32_t
checksum(const uint8_t *data, size_t size)
{
    const uint32_t p1 = 2654435761u, p2 = 2246822519u, p3 = 3266489917u, p4 = 668265263u, p5 = 374761393u;
    const uint8_t *end = data + size;
    uint32_t hash = p5;
    if (size >= 16) {
        uint32_t lanes[4] = {p1 + p2, p2, 0, 0 - p1};
        for (; end - data >= 16; data += 16) {
            for (int lane = 0; lane < 4; lane++) {
                lanes[lane] = rotated(lanes[lane] + word(data + 4 * lane) * p2, 13) * p1;
            }
        }
        hash = rotated(lanes[0], 1) + rotated(lanes[1], 7) + rotated(lanes[2], 12) + rotated(lanes[3], 18);
    }
    hash += (uint32_t)size;
    for (; end - data >= 4; data += 4) {
        hash = rotated(hash + word(data) * p3, 17) * p4;
    }
    for (; data < end; data++) {
        hash = rotated(hash + *data * p5, 11) * p1;
    }
    hash = (hash ^ hash >> 15) * p2;
    hash = (hash ^ hash >> 13) * p3;
    return hash ^ hash >> 16;
}

/* Adds the bytes that a length goes on in; false where there are no more. */
static int
lengthen(Input *input, size_t *length)
{
    uint8_t more;
    do {
        if (input->at == input->end) {
            return 0;
        }
        more = *input->at++;
        *length += more;
    } while (more == 255);
    return 1;
}

/* Copies what lies `distance` bytes back, which may overlap with where it goes; at least FAR bytes more have room. */
static void
repeat_fast(uint8_t *to, size_t distance, size_t length)
{
    uint8_t *end = to + length;
    if (distance >= STRIDE) {
        do {
            memcpy(to, to - distance, STRIDE);
            to += STRIDE;
        } while (to < end);
        return;
    }
    if (distance < NEAR) {
        for (int i = 0; i < NEAR; i++) {
            to[i] = to[i - (ptrdiff_t)distance];
        }
        to += NEAR;
        distance *= (NEAR + distance - 1) / distance; /* the same bytes, a few periods back */
    }
    for (; to < end; to += NEAR) {
        memcpy(to, to - distance, NEAR);
    }
}

/* Says whether the literals were there and had room. */
static int
copy_literals(Input *input, Output *output, size_t length)
{
    size_t left = (size_t)(input->end - input->at), room = (size_t)(output->end - output->at);
    if (length <= STRIDE && left >= STRIDE && room >= STRIDE) {
        memcpy(output->at, input->at, STRIDE);
    } else if (length <= left && length <= room) {
        memcpy(output->at, input->at, length);
    } else {
        return 0;
    }
    input->at += length;
    output->at += length;
    return 1;
}

/* Says whether there was something so far back, and room. */
static int
copy_match(Output *output, size_t distance, size_t length)
{
    size_t room = (size_t)(output->end - output->at);
    if (distance == 0 || distance > (size_t)(output->at - output->start) || length > room) {
        return 0;
    }
    if (room - length >= FAR) {
        repeat_fast(output->at, distance, length);
    } else {
        for (size_t i = 0; i < length; i++) {
            output->at[i] = output->at[(ptrdiff_t)i - (ptrdiff_t)distance];
        }
    }
    output->at += length;
    return 1;
}

/* A compressed block, which ends with literals. */
static int
decode_block(Input input, Output *output)
{
    while (input.at < input.end) {
        unsigned token = *input.at++;
        size_t literals = token >> 4, match = token & LONG;
        if (literals == LONG && !lengthen(&input, &literals)) {
            return 0;
        }
        if (!copy_literals(&input, output, literals)) {
            return 0;
        }
        if (input.at == input.end) {
            return 1;
        }
        if (input.end - input.at < 2) {
            return 0;
        }
        size_t distance = (size_t)input.at[0] | (size_t)input.at[1] << 8;
        input.at += 2;
        if (match == LONG && !lengthen(&input, &match)) {
            return 0;
        }
        if (!copy_match(output, distance, match + SHORTEST_MATCH)) {
            return 0;
        }
    }
    return 0;
}

/* One block, its length before it; false where it is damaged or too long. `most`: bytes that a block may have. */
static int
take_block(Input *input, Output *output, uint32_t size, size_t most, unsigned flags)
{
    uint32_t length = size & ~raw_block;
    size_t checked = flags & BLOCK_CHECKSUM ? 4 : 0;
    if (length > most || length + checked > (size_t)(input->end - input->at)) {
        return 0;
    }
    Input block = {input->at, input->at + length};
    input->at += length + checked;
    if (checked && checksum(block.at, length) != word(block.end)) {
        return 0;
    }
    if (size & raw_block) {
        return copy_literals(&block, output, length);
    }
    const uint8_t *end = output->end;
    if ((size_t)(end - output->at) > most) {
        output->end = output->at + most;
    }
    if (flags & INDEPENDENT) {
        output->start = output->at;
    }
    int decoded = decode_block(block, output);
    output->end = end;
    return decoded;
}

/* The beginning of a frame; false for what is none of the usual ones. */
static int
take_header(Input *input, unsigned *flags, size_t *most)
{
    size_t left = (size_t)(input->end - input->at);
    if (left < 7 || word(input->at) != MAGIC) {
        return 0;
    }
    const uint8_t *descriptor = input->at + 4;
    unsigned code = descriptor[1] >> 4;
    size_t length = descriptor[0] & CONTENT_SIZE ? 10 : 2;
    if (descriptor[0] >> 6 != 1 || descriptor[0] & (DICTIONARY | RESERVED) || descriptor[1] & 0x8f || code < 4 ||
        left < 4 + length + 1 || descriptor[length] != (uint8_t)(checksum(descriptor, length) >> 8)) {
        return 0;
    }
    *flags = descriptor[0];
    *most = (size_t)1 << (8 + 2 * code);
    input->at = descriptor + length + 1;
    return 1;
}

ptrdiff_t
plait_lz4_frame(const uint8_t *frame, size_t size, uint8_t *plain, size_t room)
{
    Input input = {frame, frame + size};
    Output output = {plain, plain, plain + room};
    unsigned flags;
    size_t most;
    if (!take_header(&input, &flags, &most)) {
        return -1;
    }
    for (;;) {
        if (input.end - input.at < 4) {
            return -1;
        }
        uint32_t length = word(input.at);
        input.at += 4;
        if (length == 0) {
            break;
        }
        if (!take_block(&input, &output, length, most, flags)) {
            return -1;
        }
    }
    size_t decoded = (size_t)(output.at - plain);
    if (flags & CONTENT_CHECKSUM) {
        if (input.end - input.at < 4 || word(input.at) != checksum(plain, decoded)) {
            return -1;
        }
        input.at += 4;
    }
    if (flags & CONTENT_SIZE && (word(frame + 6) | (uint64_t)word(frame + 10) << 32) != decoded) {
        return -1;
    }
    return input.at == input.end ? (ptrdiff_t)decoded : -1;
}
