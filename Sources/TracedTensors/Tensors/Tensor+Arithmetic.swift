import Kernels

// Operators take tensors only. A `Double` in a formula is written as a literal (`0.5 * x`) or as
// `Tensor(step)`: overloads with `Double` would make every mixed expression slow to type-check.

extension Tensor {
  /// `a + b`, entry by entry; extents of 1 stretch.
  public static func + (a: Tensor, b: Tensor) -> Tensor { a.sum(of: b, factor: 1, "+") }

  /// `a − b`, entry by entry; extents of 1 stretch.
  public static func - (a: Tensor, b: Tensor) -> Tensor { a.sum(of: b, factor: -1, "-") }

  /// `a · b`, entry by entry; extents of 1 stretch. Matrix products are `matmul`.
  public static func * (a: Tensor, b: Tensor) -> Tensor {
    if let factor = a.constantScalar { return b.scaled(by: factor) }
    if let factor = b.constantScalar { return a.scaled(by: factor) }
    guard let shape = Shape.broadcast(a.dimensions, b.dimensions) else {
      return shapeMismatch("*", a.dimensions, b.dimensions)
    }
    let terms = StridedTerm.elementwise(shape, coefficient: a.dimensions, input: b.dimensions)
    return evaluate(shape, terms, disjoint: terms.count > 1) { Piece(b, times: a, $0) }
  }

  /// `a / b`, entry by entry; extents of 1 stretch.
  public static func / (a: Tensor, b: Tensor) -> Tensor {
    guard let shape = Shape.broadcast(a.dimensions, b.dimensions) else {
      return shapeMismatch("/", a.dimensions, b.dimensions)
    }
    guard let trace = innermostTrace(a, b) else { return binary(.quotient, a, b, shape) }
    let (p, q) = (a.lowered(below: trace), b.lowered(below: trace))
    let value = p / q
    var differentials: [(operand: Tensor, piece: Piece)] = []
    if a.node(in: trace) != nil {
      // dy = da / b
      for term in StridedTerm.elementwise(shape, coefficient: q.dimensions, input: p.dimensions) {
        if let divisor = q.constantScalar {
          differentials.append((a, Piece(p, term, factor: 1 / divisor)))
        } else {
          differentials.append((a, Piece(p, times: reciprocal(q), term)))
        }
      }
    }
    if b.node(in: trace) != nil {
      // dy = −(y / b) db
      let slope = -(value / q)
      for term in StridedTerm.elementwise(shape, coefficient: shape, input: q.dimensions) {
        differentials.append((b, Piece(q, times: slope, term)))
      }
    }
    return recorded(value, by: trace, differentials)
  }

  /// `−a`.
  public static prefix func - (a: Tensor) -> Tensor { a.scaled(by: -1) }

  /// `a += b`.
  public static func += (a: inout Tensor, b: Tensor) { a = a + b }

  /// `a -= b`.
  public static func -= (a: inout Tensor, b: Tensor) { a = a - b }

  /// `a *= b`, entry by entry.
  public static func *= (a: inout Tensor, b: Tensor) { a = a * b }

  /// `a /= b`, entry by entry.
  public static func /= (a: inout Tensor, b: Tensor) { a = a / b }

  /// `factor · self`, for a plain number.
  public func scaled(by factor: Double) -> Tensor {
    evaluate(dimensions, Piece(self, StridedTerm(count: count), factor: factor))
  }

  /// The number of an untraced scalar (shape `[]`), so that it can be a plain factor.
  private var constantScalar: Double? {
    rank == 0 && tag == nil ? storage.base[0] : nil
  }

  private func sum(of other: Tensor, factor: Double, _ operation: String) -> Tensor {
    guard let shape = Shape.broadcast(dimensions, other.dimensions) else {
      return shapeMismatch(operation, dimensions, other.dimensions)
    }
    let left = StridedTerm.elementwise(shape, coefficient: nil, input: dimensions)
    let right = StridedTerm.elementwise(shape, coefficient: nil, input: other.dimensions)
    if left.count == 1, right.count == 1 {
      return evaluate(shape, Piece(self, left[0]), Piece(other, right[0], factor: factor))
    }
    return evaluate(
      shape, left.map { Piece(self, $0) } + right.map { Piece(other, $0, factor: factor) })
  }
}

/// `f(a, b)` entry by entry, of tensors of which neither is traced.
func binary(_ function: BinaryFunction, _ a: Tensor, _ b: Tensor, _ shape: Shape) -> Tensor {
  let result = Storage(uninitializedCount: shape.count)
  for term in StridedTerm.elementwise(shape, coefficient: a.dimensions, input: b.dimensions)
  where term.volume > 0 {
    ElementwiseKernels.apply(
      function, term.canonical(hasCoefficient: true), a.storage.values, b.storage.values,
      into: result.base)
  }
  return Tensor(result, shape)
}

/// `1 / x`, entry by entry.
public func reciprocal(_ x: Tensor) -> Tensor {
  x.mapped(.reciprocal) { _, y in -(y * y) }
}

/// `xⁿ` for an integer `n`, entry by entry: by products alone, so `pow(x, 2)` is exactly `x * x`.
///
/// `pow(x, 0)` is 1 everywhere, also at 0; a negative `n` is the reciprocal of the positive power.
public func pow(_ x: Tensor, _ n: Int) -> Tensor {
  guard let trace = x.tag?.trace else {
    return Tensor(
      Storage(count: x.count) {
        ElementwiseKernels.integerPower(x.storage.values, n, into: $0, count: x.count)
      }, x.dimensions)
  }
  let below = x.lowered(below: trace)
  let value = pow(below, n)
  if n == 0 { return value }
  let slope = pow(below, n - 1).scaled(by: Double(n))
  return recorded(value, by: trace, x, Piece(below, times: slope, StridedTerm(count: x.count)))
}

/// `xʸ` for real exponents, entry by entry; extents of 1 stretch.
///
/// A negative base gives NaN unless the exponent is an integer. The derivative in the exponent is
/// `xʸ log x`, taken as 0 where `x` is 0 and `y` is not negative; that in the base is 0 for `x⁰`,
/// also at 0.
public func pow(_ x: Tensor, _ y: Tensor) -> Tensor {
  guard let shape = Shape.broadcast(x.dimensions, y.dimensions) else {
    return shapeMismatch("pow", x.dimensions, y.dimensions)
  }
  guard let trace = innermostTrace(x, y) else { return binary(.power, x, y, shape) }
  let (p, q) = (x.lowered(below: trace), y.lowered(below: trace))
  let value = pow(p, q)
  var differentials: [(operand: Tensor, piece: Piece)] = []
  if x.node(in: trace) != nil {
    // At 0⁰ the factor q would meet an infinite power.
    let isPole = p.isZero * q.isZero
    let slope = q * pow(p, select(isPole, 0, q - 1))
    for term in StridedTerm.elementwise(shape, coefficient: shape, input: p.dimensions) {
      differentials.append((x, Piece(p, times: slope, term)))
    }
  }
  if y.node(in: trace) != nil {
    let slope = value * log(select(p.isZero, Tensor.ones(p.shape), p))
    for term in StridedTerm.elementwise(shape, coefficient: shape, input: q.dimensions) {
      differentials.append((y, Piece(q, times: slope, term)))
    }
  }
  return recorded(value, by: trace, differentials)
}

extension Tensor {
  /// The indicator of zero, entry by entry.
  fileprivate var isZero: Tensor {
    let values = withoutDerivative
    return values.isLess(than: 0, orEqual: true) - values.isLess(than: 0)
  }
}
