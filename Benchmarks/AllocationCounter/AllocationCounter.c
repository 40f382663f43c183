// Counts every request for memory of the executable that links this file, and of the libraries it
// loads: with the GNU C library a program may define the allocation functions itself, and all
// callers then use its own. These count and pass on. They are written in C because Swift cannot
// define a symbol of the C library.
//
// The counters are plain thread-local numbers, so that counting costs next to nothing: only the
// requests of the calling thread are seen.

#include "AllocationCounter.h"

#include <stddef.h>

#if defined(__linux__)
#include <features.h>
#endif

#if defined(__GLIBC__)

#include <errno.h>

static __thread int64_t requests __attribute__((tls_model("initial-exec")));
static __thread int64_t bytes __attribute__((tls_model("initial-exec")));

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static inline void note(size_t size) {
  requests += 1;
  bytes += (int64_t)size;
}

void *malloc(size_t size) {
  note(size);
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  note(count * size);
  return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
  note(size);
  return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
  note(size);
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  note(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
  note(size);
  void *result = __libc_memalign(alignment, size);
  if (!result) return ENOMEM;
  *block = result;
  return 0;
}

void free(void *block) { __libc_free(block); }

int64_t allocationCount(void) { return requests; }
int64_t allocatedByteCount(void) { return bytes; }

#else

int64_t allocationCount(void) { return -1; }
int64_t allocatedByteCount(void) { return -1; }

#endif
