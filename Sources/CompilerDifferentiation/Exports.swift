// Derivatives of implicit functions are written in terms of both, so one import brings both.
#if canImport(_Differentiation)
  @_exported public import ImplicitDifferentiation
  @_exported public import _Differentiation
#endif
