#ifndef TOP_LEVEL_ERRORS_H
#define TOP_LEVEL_ERRORS_H

/// Called by the code that Swift generates for a `main.swift` when an error leaves it.
void swift_errorInMain(void *error);

#endif
