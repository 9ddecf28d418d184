#ifndef _GNU_SOURCE
#define _GNU_SOURCE // accept4
#endif
#include "include/CSystem.h"

int rtd_accept(int listener) {
#ifdef __linux__
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
    return accept(listener, NULL, NULL);
#endif
}
