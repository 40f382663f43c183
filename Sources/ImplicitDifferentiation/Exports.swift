// Whoever names a linear solver or looks at an operator does so in terms of LinearSolvers, so one
// import brings both. (The attribute's underscore says that it may be renamed, not that it may go.)
@_exported public import LinearSolvers
