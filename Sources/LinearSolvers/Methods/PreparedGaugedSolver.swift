import Kernels

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

  package var condition: ConditionEvidence? { regular.condition }

  package func solve(
    _ b: [Double], transposed: Bool, initialGuess: [Double]?
  ) throws(LinearSolveError) -> LinearSolution {
    let (consistent, method) = try consistentPart(of: b, transposed: transposed)
    let solution = try regular.solve(
      consistent, transposed: transposed, initialGuess: initialGuess)
    return gauged(solution, method, transposed: transposed)
  }

  package func solveEach(
    _ columns: [[Double]], transposed: Bool
  ) -> [Result<LinearSolution, LinearSolveError>] {
    let parts = columns.map { b in
      outcome { () throws(LinearSolveError) in try consistentPart(of: b, transposed: transposed) }
    }
    let consistent = parts.compactMap { try? $0.get() }
    var solved = regular.solveEach(consistent.map(\.b), transposed: transposed).makeIterator()
    return parts.map { part in
      outcome { () throws(LinearSolveError) in
        let method = try part.get().method
        guard let solution = solved.next() else { stop("a column of a block solve is missing") }
        return gauged(try solution.get(), method, transposed: transposed)
      }
    }
  }

  /// The right-hand side without what `A` cannot give, and the method in words; throws if what it
  /// cannot give is more than rounding.
  private func consistentPart(
    of b: [Double], transposed: Bool
  ) throws(LinearSolveError) -> (b: [Double], method: String) {
    let outside = transposed ? right : left
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
    return (b, method)
  }

  /// The solution orthogonal to the null vectors.
  private func gauged(
    _ solution: LinearSolution, _ method: String, transposed: Bool
  ) -> LinearSolution {
    var solution = solution
    removeComponents(transposed ? left : right, from: &solution.vector)
    solution.method = method
    solution.residual = nil
    return solution
  }
}

extension PreparedGaugedSolver: KeepsFactors {
  var nearbyFactors: NearbyFactors? { (regular as? any KeepsFactors)?.nearbyFactors }
}

/// `v ← (I − Q Qᵀ) v`, one vector after the other.
package func removeComponents(_ basis: [[Double]], from v: inout [Double]) {
  for q in basis {
    let component = ProbeVector.dot(q, v)
    for i in v.indices { v[i] -= component * q[i] }
  }
}
