import Kernels

/// What two or three products with random vectors show about an operator before iterative methods
/// use it: its size, NaN, whether it is symmetric, a direction of negative curvature, and whether its
/// transposed product is its own. Methods that take over from one another share them.
struct IterativeProbes: Sendable {
  /// Products of operators within `2^±200` of one can be squared and multiplied safely.
  private static var safeExponent: Int { 200 }

  /// The power of two that brings products to size one; zero for operators of ordinary size.
  let operatorExponent: Int

  /// A lower bound for the 2-norm of the scaled operator.
  let operatorNorm: Double

  /// `|⟨u, A v⟩ − ⟨A u, v⟩|`, relative; `nil` if it was not asked for.
  let symmetryDefect: Double?

  /// The smaller of `uᵀA u / uᵀu` and `vᵀA v / vᵀv`; `nil` likewise.
  let curvature: Double?

  /// What may be iterated with in place of the operator.
  let rounded: LazyRoundedForm?

  /// One product, one more in the same pass for `symmetry`, and one with the transpose for operators that need a probe.
  ///
  /// - Parameter tolerance: the accuracy of the solves, below which products need not agree.
  init(
    _ A: any LinearOperator, symmetry: Bool, tolerance: Double
  ) throws(LinearSolveError) {
    rounded = (A as? any HasRoundedForm).map { LazyRoundedForm($0) }
    let n = A.columnCount
    let u = ProbeVector.make(count: n, seed: 1)
    let others = symmetry && n > 0 ? [ProbeVector.make(count: n, seed: 2)] : []
    let products = try A.applied(toEach: [u] + others, transposed: false)
    let product = products[0]
    try requireFiniteEntries(product, "a product with the operator")
    let exponent = PowerOfTwo.exponent(of: ProbeVector.maximumMagnitude(product))
    operatorExponent = abs(exponent) > Self.safeExponent ? -exponent : 0
    let uu = ProbeVector.dot(u, u)
    let norm = ProbeVector.norm(PowerOfTwo.scaled(product, by: operatorExponent))
    operatorNorm = n == 0 ? 0 : norm / uu.squareRoot()
    if let v = others.first {
      let other = products[1]
      symmetryDefect = ProbeVector.defect(product: product, with: v, other: other, against: u)
      curvature = min(
        ProbeVector.dot(u, product) / uu, ProbeVector.dot(v, other) / ProbeVector.dot(v, v))
    } else {
      symmetryDefect = symmetry ? 0 : nil
      curvature = symmetry ? 0 : nil
    }
    if let symmetryDefect, (A as? ClosureOperator)?.isDeclaredSymmetric == true {
      // The transposed product is the product: there is nothing more to try.
      if !(symmetryDefect <= max(probeTolerance, tolerance)) {
        throw .structureMismatch(declared: .symmetric, relativeDefect: symmetryDefect)
      }
      return
    }
    try A.requireTransposedProduct(product, of: u, tolerance: tolerance)
  }

  /// Throws ``LinearSolveError/notSymmetric(relativeDefect:)`` for an operator that is not symmetric
  /// up to rounding.
  func requireSymmetry() throws(LinearSolveError) {
    // `!(≤)` so that NaN is refused too.
    if let symmetryDefect, !(symmetryDefect <= probeTolerance) {
      throw .notSymmetric(relativeDefect: symmetryDefect)
    }
  }

  /// Throws ``LinearSolveError/notPositiveDefinite(index:curvature:)``, with index zero, for a
  /// curvature that is negative beyond rounding.
  func requireDefiniteness(count n: Int) throws(LinearSolveError) {
    let size = PowerOfTwo.scaled(operatorNorm, by: -operatorExponent)
    if let curvature, curvature < -Double(n) * Double.ulpOfOne * size {
      throw .notPositiveDefinite(index: 0, curvature: curvature)
    }
  }
}
