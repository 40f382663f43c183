#if !canImport(_Differentiation)
  import Testing

  @Test(.disabled("This toolchain has no _Differentiation: CompilerDifferentiation is empty."))
  func compilerDifferentiation() {}
#endif
