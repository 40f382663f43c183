import LinearSolvers

/// What truncation is measured by: the conditions at better solutions than the solver's.
struct BetterSolutions: Sendable {
  let conditions: [LinearizedConditions]

  /// `h`, the relative change of the Jacobian on the way here.
  let contraction: Double

  /// How far the noise of the residual and the Newton step move the solution.
  let noise: Double
  let step: Double

  /// How much more a derivative may change on the way to the true solution than the part `change` of it on the way
  /// here.
  ///
  /// The theorem of Newton and Kantorovich: with `h < ½` there is a solution nearby, and there `‖A*⁻¹A‖ ≤ 1 / √(1 − 2h)`,
  /// which one Newton step shows as `1 + h`. The ratio of both changes, `(1 / √(1 − 2h) − 1) / h`, is what is returned. It
  /// grows without limit towards a fold; but a solution is no closer to one than the noise of the residual allows,
  /// which keeps `1 − 2h` above the ratio of noise and step.
  ///
  /// Source: P. Deuflhard, *Newton Methods for Nonlinear Problems* (2004), section 2.1, where `h` is the length of the
  /// step times a Lipschitz constant of `A⁻¹A′`; here it is what the Jacobian shows in two directions, and the derivative
  /// in one more.
  func growth(change: Double) -> Double {
    if step <= noise { return 1 }
    // Where `A` does not change there is no fold, however much a derivative changes by `B`.
    let h = contraction < Certifier.fewNewtonSteps ? contraction : Swift.max(contraction, change)
    guard h.isFinite else { return .infinity }
    let w = Swift.min(1, Swift.max(1 - 2 * h, noise / step)).squareRoot()
    return 2 / (w * (1 + w))
  }
}

/// A solution after one more Newton step, and moved by what rounding makes of the residual, is better where
/// Newton's method converges, and where that rounding is known. What the residual is there shows both.
extension Certifier {
  /// The conditions at solutions as good as can be had: after one more Newton step `s = −A⁻¹F`, and moved by the
  /// noise `e` of the residual; to and fro, where there may be branches. (A solver that drives the *computed* residual
  /// to zero has a Newton step of zero, and is off by that all the same.)
  ///
  /// At `y + d`, `d = s ± e`, the residual leaves a step `A⁻¹F′ = ±e + r` to be made. Of `r`, curvature is `½ h ‖d‖` with
  /// `h = ‖A⁻¹A′d − d‖ / ‖d‖`. The rest comes from rounding; where that is more than `e`, terms inside of the residual
  /// cancel, and two solutions that are moved by as much take the place: along `e`, and along what was seen. (One
  /// direction may be one in which derivatives happen to change little.)
  ///
  /// How much the Jacobian changes on the way is taken along `d` and along `e`, which lies where `A` is weakest.
  func betterSolutions() throws -> BetterSolutions? {
    if let known = state.withLock({ $0.better }) { return known }
    guard measureNewton != nil else { return nil }
    let noise = try noiseStep()
    // Another one than that of the solver itself where a factorisation measures.
    guard
      let correction =
        solver.condition == nil
          && (solver is PreparedGaugedSolver || A.rowCount <= Self.factorisedCount)
        ? try solve([residual], transposed: false)[0] : try exactNewton()?.step
    else { return nil }
    func conditions(moved shift: [Double]) throws -> LinearizedConditions {
      try linearize(solution.indices.map { solution[$0] - correction[$0] + shift[$0] })
    }
    // Where conditions are smooth the other side tells the same: the farther point is enough.
    let farther = ProbeVector.dot(correction, noise) > 0 ? -1.0 : 1
    let shifts = (isSmooth ? [farther] : [1, -1]).map { side in noise.map { side * $0 } }
    var better = try shifts.map(conditions(moved:))

    let left = try solve([better[0].residual], transposed: false)[0]
    let remainder = norm(zip(left, shifts[0]).map { $0 - $1 })
    let way = zip(correction, shifts[0]).map { $1 - $0 }
    let (noiseLength, length) = (norm(noise), norm(way))
    var changes = [remainder == 0 ? 0 : 2 * remainder / length]
    if remainder > Self.noiseAllowance * noiseLength || changes[0] > Self.fewNewtonSteps {
      changes = try relativeChanges(to: better[0].A, of: [way, noise])
    }
    var seen = noiseLength
    if remainder > Self.noiseAllowance * noiseLength + changes[0] * length {
      seen = remainder
      better = [try conditions(moved: left.map { -$0 })]
      if noiseLength > 0 {
        better += try shifts.map { shift in
          try conditions(moved: shift.map { seen / noiseLength * $0 })
        }
      }
    }
    let found = BetterSolutions(
      conditions: better, contraction: changes.max() ?? 0, noise: seen, step: norm(correction))
    state.withLock { $0.better = found }
    return found
  }

  /// The relative change of the Jacobian over the Newton step, at the cost of a recording and a solve. Near a
  /// fold it is far more than a condition number tells: that of a single equation is one, however small
  /// its slope. Nothing is looked at, and zero returned, where the solution is as good as rounding allows.
  func changeOverStep() throws -> Double {
    if residualIsRounding { return 0 }
    if let known = state.withLock({ $0.changeOverStep }) { return known }
    guard let step = try exactNewton()?.step else { return 0 }
    let moved = try linearize(zip(solution, step).map { $0 - $1 })
    let change = try relativeChanges(to: moved.A, of: [step])[0]
    state.withLock { $0.changeOverStep = change }
    return change
  }

  /// `‖A⁻¹A′v − v‖ / ‖v‖`.
  private func relativeChanges(
    to other: any LinearOperator, of vectors: [[Double]]
  ) throws -> [Double] {
    let images = try other.applied(toEach: vectors, transposed: false)
    return zip(try solve(images, transposed: false), vectors).map { solved, v in
      let change = norm(zip(solved, v).map { $0 - $1 })
      return change == 0 ? 0 : change / norm(v)
    }
  }

  /// How far what rounding leaves of a residual may be above its estimate.
  static var noiseAllowance: Double { 2 }

  /// A contraction at which Newton's method is as good as done: growth is 1.2 at most.
  static var fewNewtonSteps: Double { 0.125 }
}
