// The few things Swift's libc module lacks, and CRC32C by instruction. Nothing here allocates.
#ifndef RTD_CSYSTEM_H
#define RTD_CSYSTEM_H
// No _GNU_SOURCE here: it would change types that other modules (Dispatch) have seen without it.
#include <stddef.h>
#include <stdint.h>

#ifdef __linux__
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#else
#include <sys/event.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#endif

/// Accepts a connection; on Linux non-blocking and closed by exec. -1 and errno on failure.
int rtd_accept(int listener);

/// Waits until one of at most 64 sockets has something to read, or the time has passed (negative:
/// for ever). Their number; 0 when the time has passed, -1 and errno on failure.
int rtd_wait_readable(const int *descriptors, int count, int64_t nanoseconds);

/// Starts a process in a session of its own, with "/" as working directory, standard error appended
/// to `log`, `pipe_end` as descriptor `pipe_target`, and nothing else open. 0, or an errno.
int rtd_spawn_detached(const char *executable, char *const arguments[], const char *log,
                       int pipe_end, int pipe_target, int *process);

/// Starts a process with these descriptors as its standard streams; -1 is /dev/null. 0, or an
/// errno.
int rtd_spawn(const char *executable, char *const arguments[], const int descriptors[3],
              int *process);

/// A file in memory with a descriptor (memfd_create); -1 and errno on failure, always -1 off Linux.
int rtd_memory_file(const char *name);

/// Keeps so much freed memory for what is allocated next; larger pieces than `own_mapping_bytes`
/// are given back at once (mallopt(3); nothing with another libc than glibc).
void rtd_keep_freed_memory(int kept_bytes, int own_mapping_bytes);

/// The magic number of the file system that holds `path`, as statfs(2) names it; 0 if unknown.
uint32_t rtd_file_system(const char *path);

/// CRC-32C (Castagnoli, RFC 3720) of `count` bytes, continuing from `crc` (0 to start).
uint32_t rtd_crc32c(uint32_t crc, const void *bytes, size_t count);

/// 1 if this machine has a CRC32C instruction that rtd_crc32c uses.
int rtd_crc32c_is_hardware(void);

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

/// Which of the 16 bytes at `bytes` end the plain part of a JSON string: quotes, backslashes, those
/// below 0x20 or above 0x7f. A mask of which `rtd_first16` gives the first; 0 if none does. Inline,
/// because Swift has no way to a mask of the bytes of a vector.
static inline uint64_t rtd_json_stops16(const void *bytes) {
#if defined(__SSE2__)
  __m128i chunk = _mm_loadu_si128((const __m128i *)bytes);
  // A signed comparison finds the controls and what is not ASCII at once.
  __m128i odd = _mm_cmplt_epi8(chunk, _mm_set1_epi8(0x20));
  __m128i quotes = _mm_cmpeq_epi8(chunk, _mm_set1_epi8('"'));
  __m128i slashes = _mm_cmpeq_epi8(chunk, _mm_set1_epi8('\\'));
  __m128i stops = _mm_or_si128(odd, _mm_or_si128(quotes, slashes));
  return (uint64_t)(unsigned)_mm_movemask_epi8(stops);
#elif defined(__ARM_NEON)
  uint8x16_t chunk = vld1q_u8((const uint8_t *)bytes);
  uint8x16_t odd = vcltq_s8(vreinterpretq_s8_u8(chunk), vdupq_n_s8(0x20));
  uint8x16_t stops = vorrq_u8(odd, vorrq_u8(vceqq_u8(chunk, vdupq_n_u8('"')),
                                            vceqq_u8(chunk, vdupq_n_u8('\\'))));
  uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(stops), 4);
  return vget_lane_u64(vreinterpret_u64_u8(nibbles), 0);
#else
  const unsigned char *at = (const unsigned char *)bytes;
  uint64_t mask = 0;
  for (int index = 0; index < 16; index++)
    if (at[index] < 0x20 || at[index] > 0x7f || at[index] == '"' || at[index] == '\\')
      mask |= (uint64_t)1 << index;
  return mask;
#endif
}

/// The index of the first byte in a mask that is not 0.
static inline int rtd_first16(uint64_t mask) {
#if !defined(__SSE2__) && defined(__ARM_NEON)
  return __builtin_ctzll(mask) / 4;
#else
  return __builtin_ctzll(mask);
#endif
}

/// The same of 64 bytes, a bit each. Strings of any length up to 64 take the same way through it,
/// so no jump is foretold wrongly.
static inline uint64_t rtd_json_stops64(const void *bytes) {
  const unsigned char *at = (const unsigned char *)bytes;
#if !defined(__SSE2__) && defined(__ARM_NEON)
  const uint8x16_t bits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint8x16_t stops[4];
  for (int part = 0; part < 4; part++) {
    uint8x16_t chunk = vld1q_u8(at + 16 * part);
    uint8x16_t odd = vcltq_s8(vreinterpretq_s8_u8(chunk), vdupq_n_s8(0x20));
    stops[part] = vandq_u8(bits, vorrq_u8(odd, vorrq_u8(vceqq_u8(chunk, vdupq_n_u8('"')),
                                                        vceqq_u8(chunk, vdupq_n_u8('\\')))));
  }
  uint8x16_t low = vpaddq_u8(stops[0], stops[1]);
  uint8x16_t high = vpaddq_u8(stops[2], stops[3]);
  uint8x16_t sum = vpaddq_u8(low, high);
  return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
#else
  return rtd_json_stops16(at) | rtd_json_stops16(at + 16) << 16 |
         rtd_json_stops16(at + 32) << 32 | rtd_json_stops16(at + 48) << 48;
#endif
}

/// The first byte from `at` on that ends the plain part of a JSON string, with 64 bytes behind it.
const unsigned char *rtd_json_plain_end(const unsigned char *at);

/// The same number, of which the compiler no longer knows how it was made: it cannot put another
/// expression in its place that was found to be equal.
static inline ptrdiff_t rtd_opaque(ptrdiff_t number) {
  __asm__ volatile("" : "+r"(number));
  return number;
}

/// 1 if 16 bytes are the same, but for those whose bits are set in `ignored`.
static inline int rtd_equal16(const void *a, const void *b, uint32_t ignored) {
#if defined(__SSE2__)
  __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)a),
                                _mm_loadu_si128((const __m128i *)b));
  return ((uint32_t)_mm_movemask_epi8(same) | ignored) == 0xffff;
#elif defined(__ARM_NEON)
  const uint8x16_t bits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint8x16_t same = vceqq_u8(vld1q_u8((const uint8_t *)a), vld1q_u8((const uint8_t *)b));
  uint8x16_t hits = vandq_u8(bits, same);
  uint32_t low = vaddv_u8(vget_low_u8(hits)), high = vaddv_u8(vget_high_u8(hits));
  uint32_t mask = low | high << 8;
  return (mask | ignored) == 0xffff;
#else
  const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
  for (int index = 0; index < 16; index++)
    if (x[index] != y[index] && !(ignored >> index & 1)) return 0;
  return 1;
#endif
}

/// The bytes of 16 that are `byte`, a bit each.
static inline uint32_t rtd_match16(const void *bytes, unsigned char byte) {
#if defined(__SSE2__)
  __m128i chunk = _mm_loadu_si128((const __m128i *)bytes);
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(chunk, _mm_set1_epi8((char)byte)));
#elif defined(__ARM_NEON)
  const uint8x16_t bits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint8x16_t hits = vandq_u8(bits, vceqq_u8(vld1q_u8((const uint8_t *)bytes), vdupq_n_u8(byte)));
  return (uint32_t)vaddv_u8(vget_low_u8(hits)) | (uint32_t)vaddv_u8(vget_high_u8(hits)) << 8;
#else
  const unsigned char *at = (const unsigned char *)bytes;
  uint32_t mask = 0;
  for (int index = 0; index < 16; index++)
    if (at[index] == byte) mask |= (uint32_t)1 << index;
  return mask;
#endif
}

/// The functions of libm of one argument.
enum rtd_math_function {
    RTD_EXP, RTD_LN, RTD_LOG10, RTD_CBRT, RTD_SIN, RTD_COS, RTD_TAN, RTD_ASIN, RTD_ACOS, RTD_ATAN,
    RTD_SINH, RTD_COSH, RTD_TANH, RTD_ASINH, RTD_ACOSH, RTD_ATANH
};

double rtd_math(enum rtd_math_function function, double x);

/// pow(3) and atan2(3).
double rtd_power(double x, double y);
double rtd_atan2(double y, double x);
#endif
