// What only the C compiler tells of vector registers: those that are compiled for, as a constant that Swift
// reads, and those of the processor at hand. Which loops run, and which tile a matrix product is cut into,
// depends on them; no result does.

#ifndef VECTOR_REGISTERS_H
#define VECTOR_REGISTERS_H

// How many doubles a register holds.
#if defined(__AVX512F__)
#define DOUBLES_PER_VECTOR_REGISTER 8
#elif defined(__AVX__)
#define DOUBLES_PER_VECTOR_REGISTER 4
#else
#define DOUBLES_PER_VECTOR_REGISTER 2
#endif

// Whether the processor, and the system, have registers of eight doubles, and all instructions that the flags
// of `WideKernels` in Package.swift let the compiler use (AVX-512 implies the earlier AVX, and FMA). A
// load and a comparison: the C runtime asks the processor before the program starts. Always 0 where
// Package.swift gives no such flags, and with `-Xcc -DPLAIN_KERNELS`, for tests of the other loops.
static inline int processor_has_registers_of_eight_doubles(void) {
#if defined(__x86_64__) && defined(__linux__) && !defined(PLAIN_KERNELS)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq");
#else
  return 0;
#endif
}

#endif
