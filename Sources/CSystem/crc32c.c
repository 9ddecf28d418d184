// CRC-32C: three interleaved streams of the SSE4.2 instruction (9 GB/s one by one, 24 GB/s in
// three), merged by multiplication with x^n modulo the polynomial from tables made once.
// Elsewhere slicing by 8.
#include "include/CSystem.h"
#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u
enum { LONG = 8192, SHORT = 256 };

static uint32_t slices[8][256];
static uint32_t shift_long[4][256];
static uint32_t shift_short[4][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int hardware;

static uint32_t times(const uint32_t *matrix, uint32_t vector) {
    uint32_t sum = 0;
    for (; vector; vector >>= 1, matrix++)
        if (vector & 1) sum ^= *matrix;
    return sum;
}

static void square(uint32_t *out, const uint32_t *matrix) {
    for (int i = 0; i < 32; i++) out[i] = times(matrix, matrix[i]);
}

// Fills `table` so that applying it to a CRC appends `count` zero bytes (a power of two).
static void make_shift(uint32_t table[4][256], size_t count) {
    uint32_t odd[32], even[32];
    odd[0] = POLYNOMIAL;
    for (int i = 1; i < 32; i++) odd[i] = 1u << (i - 1);
    square(even, odd);
    square(odd, even);
    uint32_t *operator = odd, *other = even;
    for (; count; count >>= 1) {
        square(other, operator);
        uint32_t *swap = operator;
        operator = other;
        other = swap;
        if (count == 1) break;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int byte = 0; byte < 4; byte++) table[byte][n] = times(operator, n << (8 * byte));
}

static inline uint32_t shift(uint32_t table[4][256], uint32_t crc) {
    return table[0][crc & 0xff] ^ table[1][(crc >> 8) & 0xff] ^ table[2][(crc >> 16) & 0xff]
        ^ table[3][crc >> 24];
}

static void prepare(void) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int k = 0; k < 8; k++) crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
        slices[0][n] = crc;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int k = 1; k < 8; k++)
            slices[k][n] = (slices[k - 1][n] >> 8) ^ slices[0][slices[k - 1][n] & 0xff];
    make_shift(shift_long, LONG);
    make_shift(shift_short, SHORT);
#if defined(__x86_64__)
    __builtin_cpu_init();
    hardware = __builtin_cpu_supports("sse4.2");
#endif
}

static uint32_t software(uint32_t crc, const uint8_t *p, size_t n) {
    for (; n && ((uintptr_t)p & 7); n--) crc = (crc >> 8) ^ slices[0][(crc ^ *p++) & 0xff];
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        word ^= crc;
        crc = slices[7][word & 0xff] ^ slices[6][(word >> 8) & 0xff]
            ^ slices[5][(word >> 16) & 0xff] ^ slices[4][(word >> 24) & 0xff]
            ^ slices[3][(word >> 32) & 0xff] ^ slices[2][(word >> 40) & 0xff]
            ^ slices[1][(word >> 48) & 0xff] ^ slices[0][word >> 56];
    }
    for (; n; n--) crc = (crc >> 8) ^ slices[0][(crc ^ *p++) & 0xff];
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static inline uint64_t word_at(uint64_t crc, const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return __builtin_ia32_crc32di(crc, word);
}

#define THREE_WAY(size, table)                                                                     \
    while (n >= 3 * (size)) {                                                                      \
        uint64_t b = 0, c = 0;                                                                     \
        for (const uint8_t *end = p + (size); p < end; p += 8) {                                   \
            a = word_at(a, p);                                                                     \
            b = word_at(b, p + (size));                                                            \
            c = word_at(c, p + 2 * (size));                                                        \
        }                                                                                          \
        a = shift(table, (uint32_t)a) ^ b;                                                         \
        a = shift(table, (uint32_t)a) ^ c;                                                         \
        p += 2 * (size);                                                                           \
        n -= 3 * (size);                                                                           \
    }

__attribute__((target("sse4.2"))) static uint32_t sse42(uint32_t crc, const uint8_t *p, size_t n) {
    uint64_t a = crc;
    THREE_WAY(LONG, shift_long)
    THREE_WAY(SHORT, shift_short)
    for (; n >= 8; n -= 8, p += 8) a = word_at(a, p);
    for (; n; n--) a = __builtin_ia32_crc32qi((uint32_t)a, *p++);
    return (uint32_t)a;
}
#endif

uint32_t rtd_crc32c(uint32_t crc, const void *bytes, size_t count) {
    pthread_once(&once, prepare);
#if defined(__x86_64__)
    if (hardware) return ~sse42(~crc, bytes, count);
#endif
    return ~software(~crc, bytes, count);
}

int rtd_crc32c_is_hardware(void) {
    pthread_once(&once, prepare);
    return hardware;
}
