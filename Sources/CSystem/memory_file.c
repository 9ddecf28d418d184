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
