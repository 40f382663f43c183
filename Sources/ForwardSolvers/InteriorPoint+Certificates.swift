import TracedTensors

// Why a quadratic program has no solution, each time proved by the solution of another one that
// always has one.

extension InteriorPoint {
  /// Throws `.infeasible` or `.unboundedDirection` if that can be proved.
  func diagnose(
    _ program: QuadraticProgramData, _ scaling: QuadraticProgramScaling
  ) throws {
    if let error = try contradiction(program, scaling) { throw error }
    if let error = try descent(program, scaling) { throw error }
  }

  private func auxiliarySolution(_ program: QuadraticProgramData) throws -> PrimalDualPoint? {
    var path = try CentralPath(program)
    while path.error > tolerance, path.iteration < maximumIterations, !path.isStuck {
      try path.advance()
    }
    if let polished = path.polished(tolerance) { return polished }
    return path.error <= 1e-8 ? path.point : nil
  }

  /// The constraints' least violation, `min ½‖u‖² + ½‖v‖²` with `A x − u = b`, `G x − v ≤ h`. At the
  /// solution `Aᵀu + Gᵀv = 0` and `bᵀu + hᵀv = −‖u‖² − ‖v‖²`, with `v ≥ 0`: if that is not zero,
  /// no point is feasible (Farkas).
  private func contradiction(
    _ program: QuadraticProgramData, _ scaling: QuadraticProgramScaling
  ) throws -> ForwardSolverError? {
    let (n, p, m) = (program.unknownCount, program.equalityCount, program.inequalityCount)
    if p + m == 0 { return nil }
    let weights = [Double](repeating: 0, count: n) + [Double](repeating: 1, count: p + m)
    func widened(_ rows: Tensor, at offset: Int, of count: Int) -> Tensor {
      let identity = -Tensor.identity(count)
      return .concatenate(
        [rows, identity.padded(before: offset, after: p + m - offset - count, alongAxis: 1)],
        alongAxis: 1)
    }
    let auxiliary = QuadraticProgramData(
      Q: Tensor(weights).diagonal(), c: .zeros([n + p + m]),
      equalities: p == 0 ? nil : (widened(program.A, at: 0, of: p), program.b),
      inequalities: m == 0 ? nil : (widened(program.G, at: p, of: m), program.h))
    guard let solved = try auxiliarySolution(auxiliary) else { return nil }
    let violation = solved.y.slice(n..<n + p + m)
    guard plainNorm(violation) > 100 * tolerance else { return nil }
    // In the user's units, weights of the rows with sum 1.
    let u = Tensor(scaling.equalities) * violation.slice(0..<p)
    let v = Tensor(scaling.inequalities) * max(violation.slice(p..<p + m), 0)
    let total = (abs(u).sum() + v.sum()).scalar
    let (E, R, D) = (
      Tensor(scaling.equalities), Tensor(scaling.inequalities), Tensor(scaling.unknowns)
    )
    var combination = Tensor.zeros([n])
    if p > 0 { combination += matmul(program.A, u / E, transposingLeft: true) / D }
    if m > 0 { combination += matmul(program.G, v / R, transposingLeft: true) / D }
    let sides = (u / E).dot(program.b) + (v / R).dot(program.h)
    let shortfall = -sides.scalar * scaling.size / total
    let residual = plainMaximum(combination) / total
    // No feasible point within 10⁶ times the size of the data, which is what rounding lets one say.
    guard shortfall > 0, plainMaximum(combination * D) <= 1e-6 * -sides.scalar else { return nil }
    return .infeasible(shortfall: shortfall, certificateResidual: residual)
  }

  /// The steepest direction of endless descent, `min ½‖d + c‖²` with `Q d = 0`, `A d = 0`,
  /// `G d ≤ 0`: at the solution `cᵀd = −‖d‖²`.
  private func descent(
    _ program: QuadraticProgramData, _ scaling: QuadraticProgramScaling
  ) throws -> ForwardSolverError? {
    let (n, p, m) = (program.unknownCount, program.equalityCount, program.inequalityCount)
    let auxiliary = QuadraticProgramData(
      Q: .identity(n), c: program.c,
      equalities: (.concatenate([program.Q, program.A]), .zeros([n + p])),
      inequalities: m == 0 ? nil : (program.G, .zeros([m])))
    guard let solved = try auxiliarySolution(auxiliary) else { return nil }
    let d = solved.y
    let slope = program.c.dot(d).scalar
    func rise(_ rows: Tensor) -> Double {
      matmul(rows, d).scalars.reduce(0) { Swift.max($0, $1) }
    }
    let residual = Swift.max(
      plainMaximum(matmul(program.Q, d)),
      Swift.max(p == 0 ? 0 : plainMaximum(matmul(program.A, d)), m == 0 ? 0 : rise(program.G)))
    guard plainNorm(d) > 100 * tolerance, slope < 0, residual <= 1e-6 * plainMaximum(d) else {
      return nil
    }
    // In the user's units, the largest entry of the direction 1.
    let direction = Tensor(scaling.unknowns) * d
    let length = plainMaximum(direction)
    return .unboundedDirection(
      slope: slope / (scaling.objective * scaling.size * length),
      certificateResidual: residual / plainMaximum(d))
  }
}
