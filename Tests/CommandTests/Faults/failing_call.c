// Preloaded into the program under test: the FAIL_AT-th call that reads, lists or changes the disk fails. With FAIL_CALL,
// only calls of that name count. With NO_EXCHANGE, the file system cannot exchange two entries. Writes the number of
// calls to the file FAIL_COUNT when the program ends.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static int fails(const char *name) {
  static long at = -1;
  static const char *only;
  if (at < 0) {
    only = getenv("FAIL_CALL");
    const char *text = getenv("FAIL_AT");
    at = text ? atol(text) : 0;
  }
  if (only && strcmp(only, name) != 0) return 0;
  return atomic_fetch_add(&calls, 1) + 1 == at;
}

#define NEXT(name)                                   \
  static __typeof__(&name) next;                     \
  if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

// A function that returns -1 and sets errno when it fails.
#define FAILING(result, name, code, parameters, arguments) \
  result name parameters {                                 \
    NEXT(name);                                            \
    if (fails(#name)) return errno = code, -1;             \
    return next arguments;                                 \
  }

// MARK: Reads and listings

FAILING(ssize_t, pread, EIO, (int fd, void *bytes, size_t count, off_t offset), (fd, bytes, count, offset))
FAILING(ssize_t, read, EIO, (int fd, void *bytes, size_t count), (fd, bytes, count))
FAILING(int, fstat, EIO, (int fd, struct stat *status), (fd, status))
FAILING(int, lstat, EIO, (const char *path, struct stat *status), (path, status))
FAILING(int, stat, EIO, (const char *path, struct stat *status), (path, status))
FAILING(int, statvfs, EIO, (const char *path, struct statvfs *status), (path, status))
FAILING(int, access, EIO, (const char *path, int mode), (path, mode))

int open(const char *path, int flags, ...) {
  NEXT(open);
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  if (fails("open")) return errno = EIO, -1;
  return next(path, flags, mode);
}

DIR *opendir(const char *path) {
  NEXT(opendir);
  if (fails("opendir")) return errno = EIO, NULL;
  return next(path);
}

struct dirent *readdir(DIR *folder) {
  NEXT(readdir);
  if (fails("readdir")) return errno = EIO, NULL;
  return next(folder);
}

char *realpath(const char *restrict path, char *restrict resolved) {
  NEXT(realpath);
  if (fails("realpath")) return errno = EIO, NULL;
  return next(path, resolved);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  NEXT(mmap);
  if (fd >= 0 && fails("mmap")) return errno = EIO, MAP_FAILED;
  return next(address, length, protection, flags, fd, offset);
}

// MARK: Changes

FAILING(ssize_t, pwrite, ENOSPC, (int fd, const void *bytes, size_t count, off_t offset), (fd, bytes, count, offset))
FAILING(ssize_t, copy_file_range, EIO,
        (int from, off_t *source, int to, off_t *target, size_t count, unsigned flags),
        (from, source, to, target, count, flags))
FAILING(int, fsync, EIO, (int fd), (fd))
FAILING(int, fallocate, ENOSPC, (int fd, int mode, off_t offset, off_t length), (fd, mode, offset, length))
FAILING(int, mkdir, ENOSPC, (const char *path, mode_t mode), (path, mode))
FAILING(int, rmdir, EIO, (const char *path), (path))
FAILING(int, unlink, EIO, (const char *path), (path))
FAILING(int, link, EIO, (const char *source, const char *target), (source, target))
FAILING(int, flock, EIO, (int fd, int operation), (fd, operation))

int renameat2(int from, const char *source, int to, const char *target, unsigned flags) {
  NEXT(renameat2);
  if (fails("renameat2")) return errno = EIO, -1;
  if (flags == RENAME_EXCHANGE && getenv("NO_EXCHANGE")) return errno = EINVAL, -1;
  return next(from, source, to, target, flags);
}

__attribute__((destructor)) static void tell(void) {
  const char *path = getenv("FAIL_COUNT");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%ld\n", atomic_load(&calls));
  fclose(file);
}
