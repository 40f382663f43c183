import ImplicitDifferentiation

/// What the library says of the error of a derivative: the only place where the hunt asks for it.
package enum StatedError {
  /// Whether reports state errors. Until they do, derivatives that are wrong by more than 1e-8 are
  /// listed as ``Verdict/wrongUnstated(_:)``: they are what a statement would have to catch.
  package static let isAvailable = false

  /// The 2-norm of the error to expect in `value`; `nil` where nothing is stated.
  static func of(_ value: [Double], _ report: DerivativeReport) -> Double? { nil }
}
