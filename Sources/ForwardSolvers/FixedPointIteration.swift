import TracedTensors

/// Finds `x = T(x)` by iterating `T`, accelerated by what the last iterates have in common
/// (Anderson's mixing).
///
/// With `f = T(x) − x` and the changes `ΔX`, `ΔF` of the last `memory` iterations, the next point is
/// ```
/// x + β f − (ΔX + β ΔF) γ     with   γ = argmin ‖f − ΔF γ‖₂
/// ```
/// For a linear map this is GMRES in disguise; a plain iteration (`memory` 0) gains the factor `‖T′‖`
/// each time. An iteration costs one evaluation of `T` and `2 memory² n` operations; `2 memory`
/// vectors are kept.
///
/// Safeguards: a change that depends on the others up to rounding is left out, and where the
/// accelerated point makes `‖f‖₂` more than twice as large, the memory is dropped and the plain step
/// taken instead.
///
/// When traced, the mixing is differentiated too; what is left out counts as decided.
///
/// Sources: D. G. Anderson, "Iterative procedures for nonlinear integral equations", J. ACM 12
/// (1965), 547–560; H. F. Walker and P. Ni, "Anderson acceleration for fixed-point iterations", SIAM
/// J. Numer. Anal. 49 (2011), 1715–1735.
public struct FixedPointIteration: Sendable {
  /// How many changes are mixed; 0 iterates `T` alone.
  public var memory: Int

  /// `β`, the part of a step that is taken. Below 1 it damps an iteration that oscillates.
  public var damping: Double

  /// When to end, by `‖T(x) − x‖₂`.
  public var stopping: Stopping

  /// A fixed-point iteration with the given memory.
  public init(memory: Int = 5, damping: Double = 1, stopping: Stopping = Stopping()) {
    self.memory = memory
    self.damping = damping
    self.stopping = stopping
  }

  /// Finds a fixed point.
  ///
  /// - Parameters:
  ///   - T: the map, to the structure of its argument; what it throws is passed on.
  ///   - start: where the iteration starts.
  ///   - observe: called at the start and after every iteration, with plain numbers.
  /// - Throws: `ForwardSolverError` when there is nothing to return that met the tolerance.
  public func fixedPoint<Point: TensorStructure>(
    of T: (Point) throws -> Point, from start: Point,
    observing observe: (Iterate<Point>) throws -> Void = { _ in }
  ) throws -> Root<Point> {
    try require(memory >= 0, "memory", memory, "at least 0")
    try require(damping > 0 && damping <= 1, "damping", damping, "above 0 and at most 1")
    let packing = Packing(start)
    func defect(_ x: Tensor) throws -> Tensor {
      let image = vector(of: try T(packing.unpack(x)).variables)
      try requireEqualCounts(image.count, x.count, "the value of the map (as many as unknowns)")
      return image - x
    }

    var search = try RootSearch(from: start, packing, stopping, defect)
    var history: [Change] = []
    try observe(search.iterate)
    while try !search.isOver() {
      let (x, f) = (search.point, search.residual)
      var next: RootSearch<Point>.Trial?
      if !history.isEmpty {
        let mixed = FixedPointIteration.mixed(x, f, history, damping)
        let trial = try search.trial(at: mixed, stepLength: damping, defect)
        if trial.isFinite, trial.norm <= 2 * search.norm {
          next = trial
        } else {
          history = []
        }
      }
      let accepted =
        try next ?? search.trial(at: x + f.scaled(by: damping), stepLength: damping, defect)
      try search.move(to: accepted)
      if memory > 0 {
        history.append(Change(x: accepted.point - x, f: accepted.residual - f))
        if history.count > memory { history.removeFirst() }
      }
      try observe(search.iterate)
    }
    return search.root
  }

  /// A change of the point and of its defect.
  private struct Change {
    var x: Tensor
    var f: Tensor
  }

  /// The changes are made orthogonal in `f`, newest first, and their points along with them: then
  /// each coefficient of the least-squares problem is a quotient of two products.
  private static func mixed(
    _ x: Tensor, _ f: Tensor, _ history: [Change], _ damping: Double
  ) -> Tensor {
    var basis: [(change: Change, square: Tensor)] = []
    var (point, rest) = (x, f)
    for change in history.reversed() {
      var rotated = change
      let size = plainNorm(change.f)
      for (other, square) in basis {
        let r = other.f.dot(rotated.f) / square
        rotated.x -= r * other.x
        rotated.f -= r * other.f
      }
      // Below this, what is left of the change is rounding of the others.
      guard plainNorm(rotated.f) > 1e-8 * size else { continue }
      let square = rotated.f.squaredNorm()
      let gamma = rotated.f.dot(rest) / square
      point -= gamma * rotated.x
      rest -= gamma * rotated.f
      basis.append((rotated, square))
    }
    return point + rest.scaled(by: damping)
  }
}
