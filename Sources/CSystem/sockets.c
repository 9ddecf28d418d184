#ifndef _GNU_SOURCE
#define _GNU_SOURCE // accept4
#endif
#include "include/CSystem.h"
#include <poll.h>
#include <time.h>

int rtd_accept(int listener) {
#ifdef __linux__
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
    return accept(listener, NULL, NULL);
#endif
}

int rtd_wait_readable(const int *descriptors, int count, int64_t nanoseconds) {
    enum { MOST = 64 };
    struct pollfd polled[MOST];
    if (count > MOST) count = MOST;
    for (int i = 0; i < count; i++) polled[i] = (struct pollfd){descriptors[i], POLLIN, 0};
#ifdef __linux__
    struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    return ppoll(polled, (nfds_t)count, nanoseconds < 0 ? NULL : &time, NULL);
#else
    int milliseconds = nanoseconds < 0 ? -1 : (int)((nanoseconds + 999999) / 1000000);
    return poll(polled, (nfds_t)count, milliseconds);
#endif
}
