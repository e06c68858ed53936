#define _GNU_SOURCE
#include "CLinux.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int sumac_rename(const char *source, const char *target, unsigned flags) {
  return renameat2(AT_FDCWD, source, AT_FDCWD, target, flags);
}

int sumac_reserve(int descriptor, int64_t byte_count) {
  return fallocate(descriptor, 0, 0, byte_count);
}

int sumac_lock(int descriptor) {
  return flock(descriptor, LOCK_EX | LOCK_NB);
}

int sumac_open_unnamed(const char *folder) {
  return open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

int64_t sumac_copy_range(int source, int64_t source_offset, int target, int64_t target_offset,
                         int64_t byte_count) {
  off_t from = source_offset, to = target_offset;
  return copy_file_range(source, &from, target, &to, (size_t)byte_count, 0);
}

void sumac_start_writing(int descriptor, int64_t byte_offset, int64_t byte_count) {
  sync_file_range(descriptor, byte_offset, byte_count, SYNC_FILE_RANGE_WRITE);
}

int sumac_ignores(int signal) {
  struct sigaction action;
  return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int sumac_processor_count(void) {
  // The kernel rejects masks that are shorter than its own, and does not report its length.
  for (int bits = 1024; bits <= 1 << 20; bits *= 2) {
    cpu_set_t *mask = CPU_ALLOC(bits);
    if (!mask) break;
    size_t byte_count = CPU_ALLOC_SIZE(bits);
    int result = sched_getaffinity(0, byte_count, mask);
    int reason = errno;
    int count = result == 0 ? CPU_COUNT_S(byte_count, mask) : 0;
    CPU_FREE(mask);
    if (result == 0) return count;
    if (reason != EINVAL) break;
  }
  return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

void sumac_configure_allocator(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
  mallopt(M_ARENA_MAX, 2);
#endif
}

int sumac_library_path(const void *symbol, char *path, int byte_count) {
  Dl_info info;
  if (dladdr(symbol, &info) == 0 || info.dli_fname == NULL) return -1;
  size_t length = strlen(info.dli_fname) + 1;
  if (length > (size_t)byte_count) return -1;
  memcpy(path, info.dli_fname, length);
  return 0;
}
