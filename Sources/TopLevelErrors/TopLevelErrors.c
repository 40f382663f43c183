// An error that leaves the top-level code of a `main.swift` ends in the runtime's
// `swift_errorInMain`, which prints a line meant for programmers and dies by a signal. A page
// wants a sentence and an exit status, and its source is to stay plain top-level code, where
// nothing can be wrapped around. So the executables link this function of the same name, which
// the linker prefers to that of the shared library.
//
// It is weak: linked with the static standard library, the original wins, and all that changes is
// how an error looks. It is written in C because Swift reserves the name.

#include "TopLevelErrors.h"

/// Defined in LiteratePages/UncaughtErrors.swift; does not return.
void literatePagesUncaughtError(void *error);

__attribute__((weak)) void swift_errorInMain(void *error) {
  literatePagesUncaughtError(error);
}
