// The estimates of memory are in the part that is exported but not yet called stable.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>
