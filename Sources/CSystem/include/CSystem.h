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

/// Starts a process with these descriptors as its standard streams; -1 is /dev/null. 0, or an errno.
int rtd_spawn(const char *executable, char *const arguments[], const int descriptors[3],
              int *process);

/// A file in memory with a descriptor (memfd_create); -1 and errno on failure, always -1 off Linux.
int rtd_memory_file(const char *name);

/// The magic number of the file system that holds `path`, as statfs(2) names it; 0 if unknown.
uint32_t rtd_file_system(const char *path);

/// CRC-32C (Castagnoli, RFC 3720) of `count` bytes, continuing from `crc` (0 to start).
uint32_t rtd_crc32c(uint32_t crc, const void *bytes, size_t count);

/// 1 if this machine has a CRC32C instruction that rtd_crc32c uses.
int rtd_crc32c_is_hardware(void);
#endif
