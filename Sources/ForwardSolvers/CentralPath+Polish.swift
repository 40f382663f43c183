import TracedTensors

extension CentralPath {
  /// The solution with the constraints that look active as equations; `nil` if that is worse than
  /// the point at hand.
  ///
  /// Constraints with `λᵢ > sᵢ` are taken as active; those whose multiplier comes out negative leave,
  /// those that come out violated enter, a few times. The active set is found on plain numbers; if
  /// the data are traced, the last solve is repeated and recorded.
  func polished(_ tolerance: Double) -> PrimalDualPoint? {
    let plain = program.plain
    let pairs = zip(point.plain.lambda.scalars, point.plain.s.scalars)
    var isActive = pairs.map { $0 > $1 }
    for _ in 0..<10 {
      let active = isActive.indices.filter { isActive[$0] }
      guard let solved = try? plain.solvedAsEquations(active, from: point.plain) else { return nil }
      let noise = 1e-11 * Swift.max(1, plainMaximum(solved.lambda))
      let slackNoise = 1e-11 * Swift.max(1, plainMaximum(solved.y))
      let (lambda, s) = (solved.lambda.scalars, solved.s.scalars)
      let next = isActive.indices.map { i in
        isActive[i] ? lambda[i] >= -noise : s[i] < -slackNoise
      }
      if next != isActive {
        isActive = next
        continue
      }
      let candidate = solved.clipped
      if !(plain.error(at: candidate) <= Swift.max(Swift.min(error, tolerance), 1e-13)) {
        return nil
      }
      if !program.isTraced { return candidate }
      return try? program.solvedAsEquations(active, from: point).clipped
    }
    return nil
  }
}

extension PrimalDualPoint {
  /// Negative slacks and multipliers, which are there by rounding alone, set to zero.
  fileprivate var clipped: PrimalDualPoint {
    PrimalDualPoint(y: y, nu: nu, lambda: max(lambda, 0), s: max(s, 0))
  }
}

extension QuadraticProgramData {
  /// The stationary point with some inequalities as equations and without the others, by iterative
  /// refinement from a point: with dependent equations, the solution close to it.
  fileprivate func solvedAsEquations(
    _ active: [Int], from start: PrimalDualPoint
  ) throws -> PrimalDualPoint {
    let (p, m) = (equalityCount, inequalityCount)
    let rows = G.gathered(active)
    let sides = h.gathered(active)
    let C = Tensor.concatenate([A, rows])
    let d = Tensor.concatenate([b, sides])
    let factors = try KKTFactors(Q, C, .zeros([d.count]))
    var y = start.y
    var multipliers = Tensor.concatenate([start.nu, start.lambda.gathered(active)])
    func defects() -> (upper: Tensor, lower: Tensor) {
      if d.count == 0 { return (-(matmul(Q, y) + c), d) }
      return (
        -(matmul(Q, y) + c + matmul(C, multipliers, transposingLeft: true)), d - matmul(C, y)
      )
    }
    var (upper, lower) = defects()
    var size = Swift.max(plainMaximum(upper), plainMaximum(lower))
    // At least three steps: a derivative is right to ρ, ρ², ρ³ after them.
    for step in 0..<8 {
      let correction = try factors.solve(upper, lower)
      y += correction.upper
      multipliers += correction.lower
      (upper, lower) = defects()
      let next = Swift.max(plainMaximum(upper), plainMaximum(lower))
      if step >= 2, !(next < 0.5 * size) { break }
      size = next
    }
    let inactive = Set(0..<m).subtracting(active).sorted()
    var s = Tensor.zeros([m])
    if !inactive.isEmpty {
      s = (h - matmul(G, y)).gathered(inactive).scattered(inactive, count: m)
    }
    return PrimalDualPoint(
      y: y, nu: multipliers.slice(0..<p),
      lambda: multipliers.slice(p..<multipliers.count).scattered(active, count: m), s: s)
  }
}
