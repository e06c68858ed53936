// Preloaded into the program under test: the FAIL_AT-th call that changes the disk fails as on a full
// disk. Writes the number of calls to the file FAIL_COUNT when the program ends.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static int fails(void) {
  static long at = -1;
  if (at < 0) {
    const char *text = getenv("FAIL_AT");
    at = text ? atol(text) : 0;
  }
  return atomic_fetch_add(&calls, 1) + 1 == at;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  static __typeof__(&pwrite64) next;
  if (!next) next = NEXT(pwrite64);
  if (fails()) return errno = ENOSPC, -1;
  return next(fd, bytes, count, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  return pwrite64(fd, bytes, count, offset);
}

int fsync(int fd) {
  static __typeof__(&fsync) next;
  if (!next) next = NEXT(fsync);
  if (fails()) return errno = EIO, -1;
  return next(fd);
}

int renameat2(int from, const char *source, int to, const char *target, unsigned flags) {
  static __typeof__(&renameat2) next;
  if (!next) next = NEXT(renameat2);
  if (fails()) return errno = EIO, -1;
  return next(from, source, to, target, flags);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  static __typeof__(&fallocate64) next;
  if (!next) next = NEXT(fallocate64);
  if (fails()) return errno = ENOSPC, -1;
  return next(fd, mode, offset, length);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  return fallocate64(fd, mode, offset, length);
}

int mkdir(const char *path, mode_t mode) {
  static __typeof__(&mkdir) next;
  if (!next) next = NEXT(mkdir);
  if (fails()) return errno = ENOSPC, -1;
  return next(path, mode);
}

__attribute__((destructor)) static void tell(void) {
  const char *path = getenv("FAIL_COUNT");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%ld\n", atomic_load(&calls));
  fclose(file);
}
