#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stdint.h>

/// How often this process has asked for memory so far, by whatever function; -1 where requests
/// cannot be counted (see AllocationCounter.c).
int64_t allocationCount(void);

/// How many bytes it has asked for so far; -1 where requests cannot be counted.
int64_t allocatedByteCount(void);

#endif
