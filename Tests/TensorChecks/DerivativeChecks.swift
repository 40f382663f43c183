import TracedTensors

// What the derivative tests share: structures as vectors, and differences over a sweep of steps.

/// `Σ aᵢ bᵢ` over structures of equal sizes, as a tensor that may be traced.
package func inner<Value: TensorStructure>(_ a: Value, _ b: Value) -> Tensor {
  zip(a.tensors, b.tensors).reduce(Tensor(0)) { $0 + $1.0.dot($1.1) }
}

package func euclideanNorm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

package func largestMagnitude(_ x: [Double]) -> Double { x.reduce(0) { max($0, abs($1)) } }

/// `max |aᵢ − bᵢ|`; infinite where the sizes differ or a NaN is met.
package func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count else { return .infinity }
  var largest = 0.0
  for (p, q) in zip(a, b) where p != q {
    guard abs(p - q) >= 0 else { return .infinity }
    largest = max(largest, abs(p - q))
  }
  return largest
}

/// `x + h · t`, entry by entry.
package func moved<Value: TensorStructure>(_ x: Value, by h: Double, along t: Value) -> Value {
  let (point, direction) = (x.flattened(), t.flattened())
  let numbers = zip(point, direction).map { $0 + h * $1 }
  return (try? x.rebuilt(from: numbers)) ?? x
}

/// The steps of a sweep, 2⁻³ … 2⁻²⁶: powers of two, so that dividing by them rounds nothing.
package let differenceSteps: [Double] = stride(from: -3, through: -26, by: -1).map {
  Double(sign: .plus, exponent: $0, significand: 1)
}

/// The best that central differences can say: their truncation h²f‴/6 and their rounding ε|f|/h
/// cross at ε^⅔ ≈ 4e-11 of the size of f and its derivatives. The factor stands for the ratio of
/// f‴ to f, of order ten for the operations tested.
package let differenceTolerance = 32 * 3.7e-11

/// `‖⟨difference quotient⟩ − derivative‖∞` at the best step of the sweep, relative to the size of
/// the function's value and derivative.
package func differenceError(
  derivative: [Double], size: Double, _ f: (_ step: Double) throws -> [Double]
) rethrows -> Double {
  var best = Double.infinity
  for h in differenceSteps {
    let quotient = zip(try f(h), try f(-h)).map { ($0 - $1) / (2 * h) }
    best = min(best, largestDifference(quotient, derivative))
  }
  return best / max(1, size, largestMagnitude(derivative))
}

extension Operation {
  /// Seeded operands.
  package func draw(seed: UInt64) -> [Tensor] {
    var numbers = ProbeNumbers(seed: seed)
    return operands.map { $0.draw(&numbers) }
  }

  /// A seeded direction in the space of the operands.
  package func drawTangent(seed: UInt64) -> [Tensor] {
    var numbers = ProbeNumbers(seed: seed &+ 1000)
    return operands.map { Operand($0.shape).draw(&numbers) }
  }

  /// A seeded cotangent of the value.
  package func drawCotangent(seed: UInt64) -> Tensor {
    var numbers = ProbeNumbers(seed: seed &+ 2000)
    return Operand(apply(draw(seed: seed)).shape).draw(&numbers)
  }
}
