import Kernels
import LinearSolvers

/// `2^exponent` times a vector: a quantity on its way through the stages of a derivative, which may
/// have any size.
struct ScaledVector: Sendable {
  private(set) var vector: [Double]
  private(set) var exponent: Int

  /// The largest magnitude among the entries of `vector`; NaN if one is NaN.
  private var largest: Double

  init(vector: consuming [Double], exponent: Int) {
    largest = ProbeVector.maximumMagnitude(vector)
    self.vector = vector
    self.exponent = exponent
  }

  /// The vector for a system that was normalised by another power of two.
  func scaled(for other: Int) -> [Double] { PowerOfTwo.scaled(vector, by: exponent - other) }

  /// Changes the sign, in place.
  mutating func negate() {
    vector.withUnsafeMutableBufferPointer { buffer in
      if let start = buffer.baseAddress { Vector.scale(-1, start, count: buffer.count) }
    }
  }

  /// Makes the largest entry one between 1 and 2, in place, and the quantity the same.
  mutating func normalise() {
    let size = PowerOfTwo.exponent(of: largest)
    exponent += size
    if size == 0 { return }
    largest = PowerOfTwo.scaled(largest, by: -size)
    vector.withUnsafeMutableBufferPointer { buffer in
      if let start = buffer.baseAddress {
        PowerOfTwo.scale(start, count: buffer.count, by: -size)
      }
    }
  }

  /// The same quantity with its largest entry between 1 and 2.
  var normalised: ScaledVector {
    var result = self
    result.normalise()
    return result
  }

  /// The same quantity, normalised unless its largest entry is near one already.
  var ofOrdinarySize: ScaledVector {
    largest > 0x1p-8 && largest < 0x1p8 ? self : normalised
  }

  /// The binary exponent of the largest entry; `nil` for zero.
  var largestExponent: Int? {
    largest > 0 ? PowerOfTwo.exponent(of: largest) + exponent : nil
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
  init(normalising numbers: consuming [Double]) {
    self.init(vector: numbers, exponent: 0)
    normalise()
  }

  /// The product of an operator with a normalised vector, normalised again. Throws if it is not
  /// finite, or so small that digits were lost.
  init(
    _ product: consuming [Double], of input: ScaledVector, _ what: String
  ) throws(DifferentiationError) {
    self.init(vector: product, exponent: 0)
    if !largest.isFinite { try requireFinite(vector, what) }
    if let exponent = largestExponent { try requireNoUnderflow(exponent, what) }
    exponent = input.exponent
    normalise()
  }
}

/// A derivative before it is scaled back.
struct ScaledDerivative {
  var vector: ScaledVector
  var evidence: DeferredReport
  var solved: ScaledVector

  /// The derivative, if its largest entry is a number of full precision.
  func derivative(_ what: String) throws(DifferentiationError) -> Derivative<[Double]> {
    let numbers = try vector.numbersUnlessTooLarge(what)
    if let exponent = vector.largestExponent { try requireNoUnderflow(exponent, what) }
    return Derivative(value: numbers, evidence: evidence, solved: solved)
  }
}

func requireNoOverflow(_ exponent: Int, _ what: String) throws(DifferentiationError) {
  if exponent > 1023 { throw .overflow(what: what, exponent: exponent) }
}

func requireNoUnderflow(_ exponent: Int, _ what: String) throws(DifferentiationError) {
  if exponent < -1022 { throw .underflow(what: what, exponent: exponent) }
}
