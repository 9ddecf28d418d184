// The few things Swift's libc module lacks, and CRC32C by instruction. Nothing here allocates.
#ifndef RTD_CSYSTEM_H
#define RTD_CSYSTEM_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
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

/// CRC-32C (Castagnoli, RFC 3720) of `count` bytes, continuing from `crc` (0 to start).
uint32_t rtd_crc32c(uint32_t crc, const void *bytes, size_t count);

/// 1 if this machine has a CRC32C instruction that rtd_crc32c uses.
int rtd_crc32c_is_hardware(void);
#endif
