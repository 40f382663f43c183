/// A gauge-singular operator, ready to solve.
package struct PreparedGaugedSolver: PreparedLinearSolver {
  let gauge: GaugedSolver
  /// Orthonormal null vectors of `Aᵀ` and of `A`.
  package let left: [[Double]]
  package let right: [[Double]]
  /// For `A + α L Rᵀ`. Its solutions contain the inconsistent part of a right-hand side, `Lᵀb / α`
  /// along `R`: unlike those of this solver they vanish only if `b` does.
  package let regular: any PreparedLinearSolver

  package var methodDescription: String {
    regular.methodDescription + ", gauge of dimension \(right.count) fixed"
  }

  package func solve(
    _ b: [Double], transposed: Bool, initialGuess: [Double]?
  ) throws(LinearSolveError) -> LinearSolution {
    let (outside, free) = transposed ? (right, left) : (left, right)
    var b = b
    let size = ProbeVector.norm(b)
    var method = methodDescription
    for (index, vector) in outside.enumerated() where size > 0 {
      let component = ProbeVector.dot(vector, b)
      if component.magnitude <= gauge.consistencyTolerance * size { continue }
      switch gauge.inconsistent {
      case .refuse:
        throw .inconsistentWithGauge(
          side: transposed ? .right : .left, index: index, component: component,
          rightHandSideNorm: size, tolerance: gauge.consistencyTolerance)
      case .leastSquares:
        method =
          methodDescription + "; least squares, as asked for: the right-hand side is "
          + "inconsistent by \((component.magnitude / size).shortened) of its size"
      }
    }
    removeComponents(outside, from: &b)
    var solution = try regular.solve(b, transposed: transposed, initialGuess: initialGuess)
    removeComponents(free, from: &solution.vector)
    solution.method = method
    return solution
  }
}

/// `v ← (I − Q Qᵀ) v`, one vector after the other.
package func removeComponents(_ basis: [[Double]], from v: inout [Double]) {
  for q in basis {
    let component = ProbeVector.dot(q, v)
    for i in v.indices { v[i] -= component * q[i] }
  }
}
