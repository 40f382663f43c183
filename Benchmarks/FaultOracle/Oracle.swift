/// The true derivatives of a problem, to some 20 digits, by arithmetic that shares nothing with the
/// library: Newton's method and the implicit function theorem on the polynomial equations, in
/// double-double, with elimination that is refined until it has converged.
///
/// Which inequalities bind is decided at the solution that Newton finds, not at the one that the
/// generator planned: near a kink these may differ.
package struct Oracle: Sendable {
  /// The solution for the problem's input.
  package let solution: [DoubleDouble]

  /// `ẏ` along the tangent, and `x̄` for the cotangent, before they are scaled.
  package let forward: [DoubleDouble]
  package let reverse: [DoubleDouble]

  /// The condition number of the equilibrated `A`, in the 1-norm.
  package let condition: Double

  /// Whether what binds is what the generator planned.
  package let keepsPiece: Bool

  /// `nil` when there is no solution near the planned one (the problem is so ill-conditioned that
  /// rounding its data moved the solution away, or over a fold), or no piece of it settles.
  ///
  /// - Parameter point: a point to take for the solution, on the piece that was planned. The
  ///   derivatives are then those of the conditions there: what is left of an error in comparison
  ///   with them is not due to the point.
  package init?(_ problem: HuntProblem, at point: [Double]? = nil) {
    var piece = problem.piece
    var y = (point ?? problem.planned).map { DoubleDouble($0) }
    let x = problem.input.map { DoubleDouble($0) }
    for _ in 0..<20 {
      let equations = problem.equations(piece)
      if point == nil {
        guard let root = Oracle.newton(equations, y, x, planned: problem.planned) else {
          return nil
        }
        y = root
        let next = problem.corrected(piece, at: y)
        if next != piece {
          piece = next
          continue
        }
      }
      let n = y.count
      let A = equations.jacobian(at: y + x)
      guard let elimination = DenseElimination(A, count: n) else { return nil }
      let tangent = problem.tangent.map { DoubleDouble($0) }
      let cotangent = problem.cotangent.map { DoubleDouble($0) }
      guard
        let forward = elimination.solve(
          equations.inputProduct(at: y + x, tangent).map { -$0 }, transposed: false),
        let adjoint = elimination.solve(cotangent, transposed: true)
      else { return nil }
      self.forward = forward
      reverse = equations.transposedInputProduct(at: y + x, adjoint).map { -$0 }
      condition = elimination.condition()
      keepsPiece = piece == problem.piece
      solution = y
      return
    }
    return nil
  }

  /// The root near the planned one. Each step is refused that leads away from it by a tenth of its
  /// size.
  private static func newton(
    _ equations: Equations, _ start: [DoubleDouble], _ x: [DoubleDouble], planned: [Double]
  ) -> [DoubleDouble]? {
    var y = start
    let size = euclideanNorm(planned)
    var last = Double.infinity
    for _ in 0..<60 {
      let v = y + x
      guard let factors = DenseElimination(equations.jacobian(at: v), count: y.count) else {
        return nil
      }
      let step = factors.correction(equations.residual(at: v))
      for i in y.indices { y[i] = y[i] + DoubleDouble(-step[i]) }
      let length = euclideanNorm(step) / euclideanNorm(y.map(\.high))
      let distance = euclideanNorm(zip(y, planned).map { ($0 + DoubleDouble(-$1)).high })
      guard length.isFinite || step.allSatisfy({ $0 == 0 }), distance <= 0.1 * size else {
        return nil
      }
      // Steps below this are no longer Newton's but rounding.
      if !(length > 0x1p-95) || (last < 0x1p-60 && length > 0.25 * last) { return y }
      last = length
    }
    return nil
  }
}

extension HuntProblem {
  /// What binds at a solution of the equations of `piece`: `piece` itself, if the inequalities that
  /// those equations leave out hold there.
  fileprivate func corrected(_ piece: [Int], at y: [DoubleDouble]) -> [Int] {
    guard ConditionKind.kinked.contains(kind) else { return piece }
    let x = input.map { DoubleDouble($0) }
    let n = smooth.unknownCount
    if let constraints {
      let first = n + constraints.equalityCount
      let allActive = [Int](repeating: 1, count: piece.count)
      let values = equations(allActive).rows(at: y + x)
      return piece.indices.map { i in
        piece[i] == 1 ? (y[first + i].high < 0 ? 0 : 1) : (values[first + i].high > 0 ? 1 : 0)
      }
    }
    // The gradient of the smooth part.
    var system = Equations(rowCount: n, unknownCount: n, inputCount: input.count)
    for i in 0..<n { smooth.addGradient(row: i, to: &system, firstInput: n) }
    let gradient = system.rows(at: y + x)
    let limit = x[smooth.inputCount]
    return piece.indices.map { i in
      switch (kind, piece[i]) {
      case (.lasso, 0):
        // θ = −∇f/λ must not leave [−1, 1].
        if (gradient[i] + limit).high < 0 { return 1 }
        return (limit - gradient[i]).high < 0 ? -1 : 0
      case (.lasso, let sign): return y[i].high * Double(sign) < 0 ? 0 : sign
      case (_, 0):
        if (limit - y[i]).high < 0 { return 1 }
        return (limit + y[i]).high < 0 ? -1 : 0
      case (_, let side): return gradient[i].high * Double(side) > 0 ? 0 : side
      }
    }
  }
}
