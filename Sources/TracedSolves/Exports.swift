// Whoever solves with a traced matrix does so in terms of both, so one import brings all three
// modules. (The attribute's underscore says that it may be renamed, not that it may go.)
@_exported public import LinearSolvers
@_exported public import TracedTensors
