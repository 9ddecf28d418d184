#include "CSystem.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
void rtd_keep_freed_memory(int kept_bytes, int own_mapping_bytes) {
    mallopt(M_TRIM_THRESHOLD, kept_bytes);
    mallopt(M_MMAP_THRESHOLD, own_mapping_bytes);
}
#else
void rtd_keep_freed_memory(int kept_bytes, int own_mapping_bytes) {
    (void)kept_bytes;
    (void)own_mapping_bytes;
}
#endif
