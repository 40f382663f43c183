// Whoever solves with a traced matrix, or reads the operator of a recording, does so in terms of
// LinearSolvers, so one import brings both. (The attribute's underscore says that it may be renamed,
// not that it may go.)
@_exported public import LinearSolvers
