#define _GNU_SOURCE
#include "CSystem.h"

#ifdef __linux__
int rtd_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }
#else
int rtd_memory_file(const char *name) {
    (void)name;
    return -1;
}
#endif

#ifdef __linux__
#include <sys/vfs.h>
uint32_t rtd_file_system(const char *path) {
    struct statfs status;
    return statfs(path, &status) == 0 ? (uint32_t)status.f_type : 0;
}
#else
uint32_t rtd_file_system(const char *path) {
    (void)path;
    return 0;
}
#endif
