// The memory estimates are exported, but belong to the part of the interface that is not declared stable.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>
