// Makes the calls that move bytes move fewer than they were asked for, or be interrupted, as the
// kernel may: preloaded into a program under test. readv, by which sockets are read, is left alone:
// what it gives less than was asked for tells an edge-triggered reader that the socket is empty.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

static unsigned draw(void) {
  static _Thread_local unsigned state;
  static atomic_uint threads = 1;
  if (state == 0) state = 2654435761u * atomic_fetch_add(&threads, 1);
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

// How many of `count` bytes are moved; at least one. An eventfd takes its eight bytes or none.
static size_t part(size_t count) {
  size_t most = count < 4096 ? count : 4096;
  return most <= 8 ? count : 1 + draw() % most;
}

static int interrupted(void) {
  if (draw() % 16 != 0) return 0;
  errno = EINTR;
  return 1;
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (real == NULL) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t read(int file, void *bytes, size_t count) {
  REAL(read);
  return interrupted() ? -1 : real(file, bytes, part(count));
}

ssize_t write(int file, const void *bytes, size_t count) {
  REAL(write);
  return interrupted() ? -1 : real(file, bytes, part(count));
}

ssize_t pread(int file, void *bytes, size_t count, off_t place) {
  REAL(pread);
  return interrupted() ? -1 : real(file, bytes, part(count), place);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t place) {
  REAL(pwrite);
  return interrupted() ? -1 : real(file, bytes, part(count), place);
}

// Sockets are written so, a part at a time.
ssize_t writev(int socket, const struct iovec *parts, int count) {
  REAL(writev);
  struct iovec first = {parts->iov_base, part(parts->iov_len)};
  if (interrupted()) return -1;
  return count == 1 ? real(socket, &first, 1) : real(socket, parts, count);
}

ssize_t sendfile(int socket, int file, off_t *place, size_t count) {
  REAL(sendfile);
  return interrupted() ? -1 : real(socket, file, place, part(count));
}
