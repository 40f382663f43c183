import LinearSolvers

/// `2^exponent` times a vector: a quantity on its way through the stages of a derivative, which may
/// have any size.
struct ScaledVector: Sendable {
  var vector: [Double]
  var exponent: Int

  /// The vector for a system that was normalised by another power of two.
  func scaled(for other: Int) -> [Double] { PowerOfTwo.scaled(vector, by: exponent - other) }

  /// The same quantity with the opposite sign.
  var negated: ScaledVector { ScaledVector(vector: vector.map { -$0 }, exponent: exponent) }

  /// The same quantity with its largest entry between 1 and 2.
  var normalised: ScaledVector {
    let size = PowerOfTwo.exponent(of: ProbeVector.maximumMagnitude(vector))
    return ScaledVector(
      vector: PowerOfTwo.scaled(vector, by: -size), exponent: exponent + size)
  }

  /// The binary exponent of the largest entry; `nil` for zero.
  var largestExponent: Int? {
    let largest = ProbeVector.maximumMagnitude(vector)
    return largest > 0 ? PowerOfTwo.exponent(of: largest) + exponent : nil
  }

  /// The numbers; entries may overflow or underflow.
  var numbers: [Double] { PowerOfTwo.scaled(vector, by: exponent) }

  /// The numbers, if none overflows.
  func numbersUnlessTooLarge(_ what: String) throws(DifferentiationError) -> [Double] {
    if let largestExponent { try requireNoOverflow(largestExponent, what) }
    return numbers
  }
}

extension ScaledVector {
  /// Plain numbers, normalised.
  init(normalising numbers: [Double]) {
    self = ScaledVector(vector: numbers, exponent: 0).normalised
  }

  /// The product of an operator with a normalised vector, normalised again. Throws if it is not
  /// finite, or so small that digits were lost.
  init(
    _ product: [Double], of input: ScaledVector, _ what: String
  ) throws(DifferentiationError) {
    try requireFinite(product, what)
    let result = ScaledVector(vector: product, exponent: 0)
    if let exponent = result.largestExponent { try requireNoUnderflow(exponent, what) }
    self = ScaledVector(vector: product, exponent: input.exponent).normalised
  }
}

/// A derivative before it is scaled back.
struct ScaledDerivative {
  var vector: ScaledVector
  var report: DerivativeReport
  var solved: ScaledVector

  /// The derivative, if its largest entry is a number of full precision.
  func derivative(_ what: String) throws(DifferentiationError) -> Derivative<[Double]> {
    let numbers = try vector.numbersUnlessTooLarge(what)
    if let exponent = vector.largestExponent { try requireNoUnderflow(exponent, what) }
    return Derivative(value: numbers, report: report, solved: solved)
  }
}

func requireNoOverflow(_ exponent: Int, _ what: String) throws(DifferentiationError) {
  if exponent > 1023 { throw .overflow(what: what, exponent: exponent) }
}

func requireNoUnderflow(_ exponent: Int, _ what: String) throws(DifferentiationError) {
  if exponent < -1022 { throw .underflow(what: what, exponent: exponent) }
}
