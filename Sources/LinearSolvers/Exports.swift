// A solver is handed an operator and throws its errors, so one import brings both modules. (The
// attribute's underscore says that it may be renamed, not that it may go.)
@_exported public import LinearOperators
