import Kernels
import LinearSolvers

/// How far one Newton step would still move a solution, and against which length that counts.
///
/// The step is `A⁻¹F`, which no scaling of `F` changes. It is compared with, in this order:
/// 1. `‖y‖`, the size of the solution;
/// 2. where that is not enough, and the solution vanishes against the lengths of its problem
///    (`y = x₁ − x₂` at `x₁ = x₂` is zero up to rounding, and its own size says nothing): with
///    `ℓ = ‖B w‖ ‖v‖ / ‖A v‖`, how far it moves at least, as a rule, when the numbers of the input
///    change by about their own size (`wᵢ = σᵢ xᵢ`; the `σᵢ` and the `vᵢ` are fixed and random, of
///    sign ± and size ½ to 1, so that nothing cancels). The solution vanishes if `‖y‖ < 1e-8 ℓ`.
///    (`‖A⁻¹B w‖` would not do: near a singular point it is large, and a point that solves nothing
///    would pass for a solution of zero);
/// 3. where there is no such length either, at `x = 0`, nothing
///    but the curvature of the conditions can tell a long step from a short one: the correction is then the relative change
///    of `A v` and `B w` for fixed random `v`, `w` when the step is made, that is to say the error of
///    the derivative itself. It is zero for conditions that are linear.
///
/// No absolute length occurs: the verdict is the same in all units of `F`, `x` and `y`. The first
/// comparison costs a linear solve; the others are made only where the point would be refused, and
/// cost one more solve, or one more recording.
///
/// Source: P. Deuflhard, *Newton Methods for Nonlinear Problems* (2004), section 1.2, for the step
/// as an error that does not depend on the scale of `F`; the lengths are ours.
struct NewtonCorrection<Input: TensorStructure, Output: TensorStructure> {
  let point: Input
  let solution: Output
  let conditions: Conditions<Input, Output>
  let linearized: LinearizedConditions
  let prepared: any PreparedLinearSolver
  /// `A⁻¹F`, if it is known already.
  let step: [Double]?
  let tolerance: Double

  /// Below this multiple of `ℓ` a solution counts as zero: half the digits of a number.
  private static var vanishing: Double { 1e-8 }

  /// The step `A⁻¹F`, and its length as a ratio.
  func measured() throws(DifferentiationError) -> (step: [Double], correction: Double) {
    // With a gauge, its regular system: there the inconsistent part of a residual counts too. What
    // is left free says nothing about the size of the solution.
    let gauged = prepared as? PreparedGaugedSolver
    let regular = gauged?.regular ?? prepared
    var position = solution.flattened()
    if let gauged { removeComponents(gauged.right, from: &position) }
    do {
      let step =
        if let step { step } else {
          try regular.solve(linearized.residual, transposed: false).vector
        }
      let (length, size) = (ProbeVector.norm(step), ProbeVector.norm(position))
      if length == 0 { return (step, 0) }
      let correction = length / size
      if correction <= tolerance { return (step, correction) }
      let response = try self.response()
      if response == 0, ProbeVector.maximumMagnitude(point.flattened()) == 0 {
        let isShort = size > 0 && length < size / 2
        return (step, isShort ? correction : change(after: step))
      }
      let vanishes = response.isFinite && size < Self.vanishing * response
      return (step, vanishes ? length / response : correction)
    } catch {
      throw .linearSolve(error, during: "of the Newton correction, with A = ∂F/∂y,")
    }
  }

  /// `ℓ = ‖B w‖ ‖v‖ / ‖A v‖`.
  private func response() throws(LinearSolveError) -> Double {
    let x = point.flattened()
    let input = ScaledVector(
      normalising: zip(x, ProbeVector.make(count: x.count, seed: 1)).map { $0 * $1 })
    let v = ProbeVector.make(count: linearized.A.columnCount, seed: 4)
    let moved = ScaledVector(
      vector: try linearized.B.applied(to: input.vector), exponent: input.exponent
    ).normalised
    let size = ScaledVector(normalising: try linearized.A.applied(to: v))
    let ratio = ProbeVector.norm(moved.vector) * ProbeVector.norm(v) / ProbeVector.norm(size.vector)
    return PowerOfTwo.scaled(ratio, by: moved.exponent - size.exponent)
  }

  /// The relative change of the Jacobians; infinity where there are none after the step.
  private func change(after step: [Double]) -> Double {
    let moved = zip(solution.flattened(), step).map { $0 - $1 }
    guard let other = try? conditions.linearize(point, solution.refilled(moved) { $0 }) else {
      return .infinity
    }
    return max(
      change(from: linearized.A, to: other.A, seed: 2),
      change(from: linearized.B, to: other.B, seed: 3))
  }

  private func change(
    from before: any LinearOperator, to after: any LinearOperator, seed: UInt64
  ) -> Double {
    let v = ProbeVector.make(count: before.columnCount, seed: seed)
    guard let old = try? before.applied(to: v), let new = try? after.applied(to: v) else {
      return .infinity
    }
    let difference = ProbeVector.norm(zip(old, new).map { $0 - $1 })
    return difference == 0 ? 0 : difference / ProbeVector.norm(old)
  }
}

/// What a Newton step from a solution tells about it.
struct NewtonFinding: Sendable {
  /// `A⁻¹F`; `nil` where a bound of its length was enough.
  var step: [Double]?

  /// Its length relative to the solution, as ``NewtonCorrection`` measures it, or a bound of that.
  var correction: Double

  /// The largest change of an entry of the solution, relative to the entry; with a bound, that.
  var entryCorrection: Double

  /// Errors that the function's policy has turned into warnings.
  var warnings: [String] = []

  /// Whether a report may give it: the step itself, or a bound so small that the step would tell nothing
  /// more.
  var saysEnough: Bool { step != nil || correction <= 1e-10 }
}
