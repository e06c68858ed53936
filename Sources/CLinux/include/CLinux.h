#ifndef SUMAC_CLINUX_H
#define SUMAC_CLINUX_H

#include <stdint.h>

#pragma clang assume_nonnull begin

/// Linux system calls that the C library declares only with _GNU_SOURCE. Unless stated otherwise, the functions
/// return 0 on success. On failure they return -1 and set `errno`.

/// Calls renameat2(2) with paths relative to the working folder.
int sumac_rename(const char *source, const char *target, unsigned flags);

/// Calls fallocate(2) for the first `byte_count` bytes.
int sumac_reserve(int descriptor, int64_t byte_count);

/// Calls flock(2) with LOCK_EX and LOCK_NB. The lock ends when all duplicates of the descriptor are closed.
int sumac_lock(int descriptor);

/// Calls open(2) with O_TMPFILE: creates a file without a name in `folder` that disappears when it is closed.
/// Returns the descriptor.
int sumac_open_unnamed(const char *folder);

/// Calls copy_file_range(2): copies bytes from one file to another inside the kernel; file systems that support
/// it share the data. Returns the number of bytes copied, 0 at the end of the source.
int64_t sumac_copy_range(int source, int64_t source_offset, int target, int64_t target_offset,
                         int64_t byte_count);

/// Calls sync_file_range(2): starts writing a range to disk and does not wait for it. A later sync reports errors.
void sumac_start_writing(int descriptor, int64_t byte_offset, int64_t byte_count);

/// Calls sigaction(2): returns 1 if the process ignores `signal`, 0 otherwise.
int sumac_ignores(int signal);

/// Calls sched_getaffinity(2): returns the number of processors that the calling thread may run on, or, if that is
/// unknown, the number of processors that are online.
int sumac_processor_count(void);

/// Configures the allocator to return large blocks to the system as soon as they are freed and to use few arenas,
/// so that resident memory is close to the memory in use. C libraries other than glibc are not configured.
void sumac_configure_allocator(void);

/// Calls dladdr(3): copies the path of the shared library that contains `symbol` to `path`, which has `byte_count`
/// bytes. Returns -1 if it is unknown or too long.
int sumac_library_path(const void *symbol, char *path, int byte_count);

/// Tells the processor that the thread waits for a change in memory.
static inline void sumac_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#pragma clang assume_nonnull end

#endif
