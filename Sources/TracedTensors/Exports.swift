// Whoever reads the operator of a recording, or what is wrong with a derivative, does so in terms of
// LinearOperators, so one import brings both. (The attribute's underscore says that it may be renamed,
// not that it may go.)
@_exported public import LinearOperators
