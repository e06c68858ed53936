#ifndef SUMAC_CLINUX_H
#define SUMAC_CLINUX_H

#include <stdint.h>

#pragma clang assume_nonnull begin

/// Calls of Linux that its C library shows to GNU sources only. They return 0 or what they
/// are said to, or -1 with `errno`.

/// renameat2(2) from and to paths relative to the working folder.
int sumac_rename(const char *source, const char *target, unsigned flags);

/// fallocate(2) of the first `byte_count` bytes.
int sumac_reserve(int descriptor, int64_t byte_count);

/// open(2) with O_TMPFILE: a file without a name in `folder`, gone when it is closed.
/// Returns the descriptor.
int sumac_open_unnamed(const char *folder);

/// copy_file_range(2): bytes of one file into another inside the kernel, shared where the file
/// system can. Returns how many were copied, 0 at the end of the source.
int64_t sumac_copy_range(int source, int64_t source_offset, int target, int64_t target_offset,
                         int64_t byte_count);

/// sync_file_range(2): asks for a range to be written to disk, and does not wait for it. A sync meets what
/// goes wrong.
void sumac_start_writing(int descriptor, int64_t byte_offset, int64_t byte_count);

/// sched_getaffinity(2): the number of processors that the calling thread may run on, or
/// if that is not told, the number that are online.
int sumac_processor_count(void);

/// Has the allocator give large blocks back to the system as soon as they are freed, and keep its
/// free lists in few places, so that resident memory is what is in use. Other C libraries ignore it.
void sumac_configure_allocator(void);

#pragma clang assume_nonnull end

#endif
