// Conditions are written in terms of tensors, and a linear solver is named beside them, so one import
// brings all three modules. (The attribute's underscore says that it may be renamed, not that it may
// go.)
@_exported public import LinearSolvers
@_exported public import TracedSolves
@_exported public import TracedTensors
