// What only the C preprocessor tells: the vector registers of the processor that is compiled for.
// Swift reads it as a constant. Which tile a matrix product is cut into depends on it; no result does.

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

#endif
