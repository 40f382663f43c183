import Kernels

/// Looks for kinks of the conditions within the accuracy of a solution.
///
/// A residual with `max`, `abs` or a comparison is one of several smooth pieces at each point, and
/// the recording holds the one that the solver's answer happens to lie on. If the answer is known to
/// `r` only and a border between pieces is nearer than that, the derivative of another piece may be
/// the true one. So `A v` and `B w` are compared at two points, to both sides of the solution and as
/// far away as its accuracy: where they jump, there is a kink between.
///
/// Only for conditions that compare what they depend on; costs two recordings, two products at each
/// and a linear solve. Jumps along directions that the two points do not differ in stay unseen.
struct KinkProbe {
  let conditions: LinearizedConditions
  let solution: [Double]
  let newtonStep: [Double]
  /// What rounding of the residual may do to the solution.
  let noiseStep: [Double]
  let linearize: (_ solution: [Double]) throws -> LinearizedConditions

  /// Products of one piece change by about as much as the solution.
  private static var jump: Double { 1e-4 }

  /// Of a solve, relative to its answer.
  private static var rounding: Double { 16 * .ulpOfOne }

  /// The distance at which there is a kink, relative to the solution (2-norms); `nil` if none was
  /// found.
  func distance() throws -> Double? {
    let signs = ProbeVector.make(count: solution.count, seed: 7)
    // Each entry by what the Newton step says of it, and by rounding.
    let radii = solution.indices.map { i in
      4 * (newtonStep[i].magnitude + noiseStep[i].magnitude)
        + Self.rounding * solution[i].magnitude
    }
    for side in [1.0, -1.0] {
      let shift = solution.indices.map { i in
        (signs[i] < 0 ? -side : side) * radii[i] - newtonStep[i]
      }
      let moved = try linearize(zip(solution, shift).map { $0 + $1 })
      if try jumps(conditions.A, moved.A, seed: 8) || jumps(conditions.B, moved.B, seed: 9) {
        let size = ProbeVector.norm(solution)
        return size > 0 ? ProbeVector.norm(shift) / size : .infinity
      }
    }
    return nil
  }

  private func jumps(
    _ before: any LinearOperator, _ after: any LinearOperator, seed: UInt64
  ) throws -> Bool {
    let v = ProbeVector.make(count: before.columnCount, seed: seed)
    let (old, new) = (try before.applied(to: v), try after.applied(to: v))
    let scale = ProbeVector.maximumMagnitude(old)
    let change = ProbeVector.maximumMagnitude(zip(old, new).map { $0 - $1 })
    return !(change <= Self.jump * scale)
  }
}
