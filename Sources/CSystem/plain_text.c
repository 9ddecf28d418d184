// Where the plain part of a long JSON string ends, 64 bytes at a time: by AVX2 in half the
// instructions that SSE2 needs, chosen once for the machine.
#include "include/CSystem.h"

typedef const unsigned char *(*search)(const unsigned char *);

static const unsigned char *by_words(const unsigned char *at) {
    for (;; at += 64) {
        uint64_t stops = rtd_json_stops64(at);
        if (stops) return at + __builtin_ctzll(stops);
    }
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,bmi"))) static inline uint64_t stops32(const unsigned char *at) {
    __m256i chunk = _mm256_loadu_si256((const __m256i *)at);
    // A signed comparison finds the controls and what is not ASCII at once.
    __m256i odd = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), chunk);
    __m256i quotes = _mm256_cmpeq_epi8(chunk, _mm256_set1_epi8('"'));
    __m256i slashes = _mm256_cmpeq_epi8(chunk, _mm256_set1_epi8('\\'));
    __m256i stops = _mm256_or_si256(odd, _mm256_or_si256(quotes, slashes));
    return (uint32_t)_mm256_movemask_epi8(stops);
}

__attribute__((target("avx2,bmi"))) static const unsigned char *by_avx2(const unsigned char *at) {
    for (;; at += 64) {
        uint64_t stops = stops32(at) | stops32(at + 32) << 32;
        if (stops) return at + __builtin_ctzll(stops);
    }
}
#endif

static const unsigned char *choose(const unsigned char *at);
static search chosen = choose;

static const unsigned char *choose(const unsigned char *at) {
    search best = by_words;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) best = by_avx2;
#endif
    __atomic_store_n(&chosen, best, __ATOMIC_RELAXED);
    return best(at);
}

const unsigned char *rtd_json_plain_end(const unsigned char *at) {
    return __atomic_load_n(&chosen, __ATOMIC_RELAXED)(at);
}
