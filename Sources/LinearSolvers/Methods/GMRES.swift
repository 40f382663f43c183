import Kernels

/// Solves `A x = b` for any square `A` by minimising `‖b − A x‖` over Krylov spaces.
///
/// Step `k` after a restart costs one `matvec` and `2 k` vector operations; `restart + 4` vectors of
/// length `n` are kept. The residual never grows. Without restart at most `n` steps are needed; with
/// it, the method may stagnate, and then throws. The preconditioner is applied on the right, so
/// that the residual tested is the true one. Several right-hand sides are iterated on in lockstep, as
/// many as their vectors allow.
///
/// Source: Y. Saad and M. H. Schultz, "GMRES: A Generalized Minimal Residual Algorithm for Solving
/// Nonsymmetric Linear Systems", SIAM J. Sci. Stat. Comput. 7 (1986), 856–869.
public struct GMRES: LinearSolver, SteppedMethod {
  /// The number of steps after which the basis is thrown away; at most `n` are made.
  public var restart: Int

  /// The solve ends once `‖b − A x‖₂ ≤ max(relativeTolerance · ‖b‖₂, absoluteTolerance)`, or once
  /// the residual is as small as rounding allows (``SolveAcceptance``).
  public var relativeTolerance: Double

  /// See `relativeTolerance`; in the units of `b`.
  public var absoluteTolerance: Double

  /// The limit for the number of iterations; `nil` means `max(5000, 20 n)`.
  public var maximumIterations: Int?

  /// `M⁻¹`, an approximate inverse of `A`.
  public var preconditioner: (any LinearOperator)?

  /// Whether the system with a seeded random right-hand side is solved first, when `A` is prepared, to
  /// see that `A` is regular; if that fails, ``LinearSolveError/singularityProbeFailed(reason:)`` is
  /// thrown. Without it a singular `A` with a right-hand side in its range has many solutions, and one
  /// of them is returned. Costs one more solve for each operator.
  public var singularityProbe: Bool

  /// GMRES with the given restart length and tolerances.
  public init(
    restart: Int = 50, relativeTolerance: Double = 1e-12, absoluteTolerance: Double = 0,
    maximumIterations: Int? = nil, preconditioner: (any LinearOperator)? = nil,
    singularityProbe: Bool = false
  ) {
    self.restart = restart
    self.relativeTolerance = relativeTolerance
    self.absoluteTolerance = absoluteTolerance
    self.maximumIterations = maximumIterations
    self.preconditioner = preconditioner
    self.singularityProbe = singularityProbe
    requireRestart()
  }

  /// Checks the shape, and stops for a restart length below one.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    requireRestart()
    return try prepared(for: A)
  }

  private func requireRestart() {
    if restart < 1 { stop("GMRES needs a restart length of at least 1, not \(restart)") }
  }

  var name: String { "GMRES(\(restart))" }

  var keepsResidual: Bool { preconditioner == nil }

  func vectorCount(count n: Int) -> Int { Recurrence.vectorCount(steps: min(restart, n)) + 5 }

  func begin(_ system: IterativeSystem) throws(LinearSolveError) -> Recurrence {
    try Recurrence(system, steps: min(restart, system.columnCount))
  }

  /// Modified Gram-Schmidt; a second time if the first removed so much that rounding shows
  /// ("twice is enough", W. Kahan in B. N. Parlett, The Symmetric Eigenvalue Problem, §6.9). Fills
  /// `column` with the coefficients and returns the norm of what is left.
  static func orthogonalize(
    _ w: UnsafeMutablePointer<Double>, against basis: some Sequence<UnsafeMutablePointer<Double>>,
    length n: Int, norm: Double, column: inout [Double]
  ) -> Double {
    var before = norm
    var after = norm
    for _ in 0..<2 {
      for (j, v) in basis.enumerated() {
        let h = Vector.dot(v, w, count: n)
        Vector.addScaled(-h, v, to: w, count: n)
        column[j] += h
      }
      after = Vector.norm(w, count: n)
      if after > 0.7 * before { break }
      before = after
    }
    return after
  }

  /// Arnoldi vectors `vₖ` with `A M⁻¹ V = V₊ H`; Givens rotations keep `H` triangular, so that the
  /// residual norm is known at every step. The iterate moves when the cycle ends.
  struct Recurrence: CycleRecurrence {
    let system: IterativeSystem
    /// The steps after which the cycle ends.
    private let steps: Int
    private let target: Double
    /// `v₀`; the others stand as far apart as `v₁` from here.
    private let first: UnsafeMutablePointer<Double>
    private let spacing: Int
    /// `M⁻¹ vₖ`, if there is a preconditioner.
    private let z: UnsafeMutablePointer<Double>
    /// The steps made.
    private var k = 0
    /// Column k starts at k (k + 1) / 2.
    private var triangle: [Double] = []
    private var rotations = [(cosine: Double, sine: Double)]()
    private var rhs: [Double]
    /// The column of `H` that a step computes.
    private var column: [Double] = []

    init(_ system: IterativeSystem, steps: Int) throws(LinearSolveError) {
      self.system = system
      self.steps = steps
      target = system.cycleTarget
      let count = Self.vectorCount(steps: steps)
      first = system.workVector(0, of: count)
      spacing = system.workVector(1, of: count) - first
      z = system.workVector(steps + 1, of: count)
      rhs = [system.residualNorm]
      let n = system.columnCount
      first.update(from: system.residual, count: n)
      Vector.scale(1 / system.residualNorm, first, count: n)
      try preconditionNext()
    }

    /// `vⱼ`.
    private func basis(_ j: Int) -> UnsafeMutablePointer<Double> { first + j * spacing }

    /// The basis, and `z`.
    static func vectorCount(steps: Int) -> Int { steps + 2 }

    func nextProduct() -> CycleProduct {
      CycleProduct(direction: system.isPreconditioned ? z : basis(k), product: basis(k + 1))
    }

    private func preconditionNext() throws(LinearSolveError) {
      if system.isPreconditioned { try system.precondition(basis(k), into: z) }
    }

    mutating func advance() throws(LinearSolveError) -> CycleOutcome? {
      let n = system.columnCount
      let w = basis(k + 1)
      let productNorm = Vector.norm(w, count: n)
      guard productNorm.isFinite else { try system.rejectNonFinite("‖A v‖", from: w, count: n) }
      system.note(iterationNorm: productNorm)

      column.removeAll(keepingCapacity: true)
      for _ in 0...k { column.append(0) }
      let remainder = GMRES.orthogonalize(
        w, against: (0...k).lazy.map { [first, spacing] in first + $0 * spacing }, length: n,
        norm: productNorm, column: &column)

      for (j, rotation) in rotations.enumerated() {
        let upper = rotation.cosine * column[j] + rotation.sine * column[j + 1]
        column[j + 1] = rotation.cosine * column[j + 1] - rotation.sine * column[j]
        column[j] = upper
      }
      // A remainder at rounding level: the space is invariant, and the next vector would be noise.
      let isInvariant = remainder <= Double.ulpOfOne * Double(n).squareRoot() * productNorm
      let below = isInvariant ? 0 : remainder
      let diagonal = (column[k] * column[k] + below * below).squareRoot()
      if diagonal <= Double.ulpOfOne * productNorm {
        // H is singular: this column cannot help.
        system.note(singularValue: diagonal)
        try update()
        return .stopped(
          .breakdown(quantity: "the pivot of the Hessenberg matrix", iteration: system.iterations))
      }
      let rotation = (cosine: column[k] / diagonal, sine: below / diagonal)
      rotations.append(rotation)
      column[k] = diagonal
      triangle.append(contentsOf: column)
      rhs.append(-rotation.sine * rhs[k])
      rhs[k] *= rotation.cosine
      k += 1
      if !isInvariant { Vector.scale(1 / remainder, w, count: n) }
      if abs(rhs[k]) <= target || isInvariant {
        if system.trustsRecurrence { keepResidual() }
        try update()
        return .claimsConvergence
      }
      if k == steps || system.isAtLimit {
        try update()
        return k == steps ? .cycleEnd : .limit
      }
      try preconditionNext()
      return nil
    }

    /// Puts `b − A x` for the `x` that `update` makes into `system.residual`: the rotations taken back from
    /// what they left below the triangle, as a sum of basis vectors. Costs as much as `update`.
    private func keepResidual() {
      let n = system.columnCount
      system.residual.update(repeating: 0, count: n)
      var below = rhs[k]
      for j in stride(from: k, to: 0, by: -1) where below != 0 {
        let rotation = rotations[j - 1]
        Vector.addScaled(rotation.cosine * below, basis(j), to: system.residual, count: n)
        below *= -rotation.sine
      }
      Vector.addScaled(below, first, to: system.residual, count: n)
    }

    /// `x ← x + M⁻¹ V y` with `R y = g`. Overwrites the basis.
    private func update() throws(LinearSolveError) {
      if k == 0 { return }
      let triangle = PackedTriangle(entries: triangle, count: k)
      system.note(singularValue: triangle.leastSingularValue)
      let n = system.columnCount
      var y = [Double](rhs.prefix(k))
      triangle.solve(&y)
      let sum = first
      Vector.scale(y[0], sum, count: n)
      for j in 1..<k { Vector.addScaled(y[j], basis(j), to: sum, count: n) }
      if system.isPreconditioned {
        try system.precondition(sum, into: z)
        Vector.addScaled(1, z, to: system.x, count: n)
      } else {
        Vector.addScaled(1, sum, to: system.x, count: n)
      }
    }
  }
}
