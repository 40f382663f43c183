import Kernels

extension Tensor {
  /// `f(x)` entry by entry; `derivative` gives `f′` from `x` and `f(x)`, in tensor operations, so
  /// that it has derivatives itself.
  func mapped(
    _ function: UnaryFunction, derivative: (_ x: Tensor, _ y: Tensor) -> Tensor
  ) -> Tensor {
    guard let trace = tag?.trace else {
      return Tensor(
        Storage(count: count) {
          ElementwiseKernels.apply(function, storage.values, into: $0, count: count)
        }, dimensions)
    }
    let below = lowered(below: trace)
    let value = below.mapped(function, derivative: derivative)
    let slope = derivative(below, value)
    return recorded(
      value, by: trace, self, Piece(below, times: slope, StridedTerm(count: count)))
  }

  /// The indicator, entry by entry, of `self < other` (or `≤`): 1 where it holds, else 0. A
  /// constant: it has no derivative. Extents of 1 stretch; comparisons with NaN do not hold.
  public func isLess(than other: Tensor, orEqual: Bool = false) -> Tensor {
    guard let shape = Shape.broadcast(dimensions, other.dimensions) else {
      return shapeMismatch("isLess(than:)", dimensions, other.dimensions)
    }
    noteBranch(self, other)
    return binary(
      orEqual ? .isLessOrEqual : .isLess, withoutDerivative, other.withoutDerivative, shape)
  }
}

/// `eˣ`, entry by entry, to 1.2 units in the last place.
public func exp(_ x: Tensor) -> Tensor { x.mapped(.exp) { _, y in y } }

/// The natural logarithm, entry by entry, to 1.2 units in the last place: −∞ at 0, NaN below.
public func log(_ x: Tensor) -> Tensor { x.mapped(.log) { x, _ in reciprocal(x) } }

/// The square root, entry by entry: NaN below 0, derivative ∞ at 0.
public func sqrt(_ x: Tensor) -> Tensor { x.mapped(.squareRoot) { _, y in 0.5 / y } }

/// The sine, entry by entry.
public func sin(_ x: Tensor) -> Tensor { x.mapped(.sin) { x, _ in cos(x) } }

/// The cosine, entry by entry.
public func cos(_ x: Tensor) -> Tensor { x.mapped(.cos) { x, _ in -sin(x) } }

/// The hyperbolic tangent, entry by entry.
public func tanh(_ x: Tensor) -> Tensor { x.mapped(.tanh) { _, y in 1 - y * y } }

/// `1 / (1 + e⁻ˣ)`, entry by entry, without overflow.
public func logistic(_ x: Tensor) -> Tensor { x.mapped(.logistic) { x, y in y * logistic(-x) } }

/// `log(1 + eˣ)`, entry by entry, without overflow; its derivative is `logistic(x)`.
public func softplus(_ x: Tensor) -> Tensor { x.mapped(.softplus) { x, _ in logistic(x) } }

/// `|x|`, entry by entry. At the kink `x = 0` the derivative is taken as 0.
public func abs(_ x: Tensor) -> Tensor {
  noteBranch(x)
  return x.mapped(.magnitude) { x, _ in x.withoutDerivative.mapped(.sign) { x, _ in x } }
}

/// The larger of two, entry by entry; extents of 1 stretch; NaN if either is. Where both are equal
/// (a kink) the derivative is that of the first.
public func max(_ a: Tensor, _ b: Tensor) -> Tensor { extremum(.maximum, "max", a, b) }

/// The smaller of two, entry by entry; extents of 1 stretch; NaN if either is. Where both are
/// equal (a kink) the derivative is that of the first.
public func min(_ a: Tensor, _ b: Tensor) -> Tensor { extremum(.minimum, "min", a, b) }

/// `x` limited to `lower … upper`, entry by entry. At a limit (a kink) the derivative is that of
/// `x`.
public func clamp(_ x: Tensor, _ lower: Tensor, _ upper: Tensor) -> Tensor {
  min(max(x, lower), upper)
}

/// The entries of `a` where `mask` is not 0, those of `b` elsewhere; extents of 1 stretch.
///
/// The mask is a constant (`isLess(than:)` makes one). Entries not selected do not count, be they
/// NaN; but an infinite *derivative* behind an entry not selected still meets a factor 0 and gives
/// NaN, so choose a harmless argument before applying a function with a pole.
public func select(_ mask: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
  guard let pair = Shape.broadcast(a.dimensions, b.dimensions),
    let shape = Shape.broadcast(pair, mask.dimensions)
  else { return shapeMismatch("select", a.dimensions, b.dimensions) }
  guard let trace = innermostTrace(a, b) else {
    let full = (
      mask.withoutDerivative.broadcast(to: shape), a.broadcast(to: shape), b.broadcast(to: shape)
    )
    return Tensor(
      Storage(count: shape.count) {
        ElementwiseKernels.select(
          full.0.storage.values, full.1.storage.values, full.2.storage.values, into: $0,
          count: shape.count)
      }, shape)
  }
  let (p, q) = (a.lowered(below: trace), b.lowered(below: trace))
  let value = select(mask, p, q)
  let one = select(mask, 1, 0).broadcast(to: shape)
  return recorded(
    value, by: trace,
    maskedDifferentials(shape, one, a, p) + maskedDifferentials(shape, 1 - one, b, q))
}

private func extremum(_ function: BinaryFunction, _ name: String, _ a: Tensor, _ b: Tensor)
  -> Tensor
{
  guard let shape = Shape.broadcast(a.dimensions, b.dimensions) else {
    return shapeMismatch(name, a.dimensions, b.dimensions)
  }
  guard let trace = innermostTrace(a, b) else { return binary(function, a, b, shape) }
  noteBranch(a, b)
  let (p, q) = (a.lowered(below: trace), b.lowered(below: trace))
  let value = extremum(function, name, p, q)
  let first =
    (function == .maximum ? q.isLess(than: p, orEqual: true) : p.isLess(than: q, orEqual: true))
    .broadcast(to: shape)
  return recorded(
    value, by: trace,
    maskedDifferentials(shape, first, a, p) + maskedDifferentials(shape, 1 - first, b, q))
}

private func maskedDifferentials(
  _ shape: Shape, _ mask: Tensor, _ operand: Tensor, _ below: Tensor
) -> [(operand: Tensor, piece: Piece)] {
  StridedTerm.elementwise(shape, coefficient: shape, input: operand.dimensions).map {
    (operand, Piece(below, times: mask, $0))
  }
}

/// Tells the traces of the operand, of all levels, that its values decided between two formulas.
func noteBranch(_ operand: Tensor) {
  if operand.isTraced { noteBranch(among: [operand]) }
}

/// The same for two operands.
func noteBranch(_ a: Tensor, _ b: Tensor) {
  if a.isTraced || b.isTraced { noteBranch(among: [a, b]) }
}

/// The same for any number of operands.
package func noteBranch(_ operands: Tensor...) { noteBranch(among: operands) }

private func noteBranch(among operands: [Tensor]) {
  var operands = operands
  while let trace = innermostTrace(of: operands) {
    if trace.hasBranches { return }
    trace.hasBranches = true
    operands = operands.map { $0.lowered(below: trace) }
  }
}
