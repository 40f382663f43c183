/// A factorised square matrix, after scaling: `Â = R A C`.
protocol Factorization: Sendable {
  /// The number of rows.
  var count: Int { get }

  /// What it is, in words: `"dense LU 12×12"`.
  var description: String { get }

  /// `R` and `C`.
  var scaling: Equilibration { get }

  /// `‖Â‖∞` and `‖Âᵀ‖∞`.
  var norms: (rows: Double, columns: Double) { get }

  /// What is known of the condition of `Â`.
  var condition: ConditionEvidence { get }

  /// How much larger than those of `Â` the entries of the factors are, at most, where that is to be told:
  /// the factors are those of a matrix that differs by about `ε` times as much.
  var growth: Double { get }

  /// What was factorised; `nil` where that is not kept.
  var entries: KeptEntries? { get }

  /// Whether making them takes so much longer than solving with them that a nearby operator
  /// should use them too. Bands are factorised again.
  var areDear: Bool { get }

  /// Whether refinement has nothing to gain: `x` is as good, entry by entry, as its residual can
  /// tell. Where that is not known without trouble, `false`.
  func isRefined(
    _ x: UnsafePointer<Double>, rightHandSide b: UnsafePointer<Double>,
    residual: UnsafePointer<Double>, transposed: Bool
  ) -> Bool

  /// `b ← Â⁻¹b`, or `Â⁻ᵀb`.
  func solve(_ b: UnsafeMutablePointer<Double>, transposed: Bool)

  /// The same for `k` columns, one after the other in memory. Rounding does not depend on how many
  /// there are, but may differ from that of the solve for a single vector.
  func solve(_ b: UnsafeMutablePointer<Double>, columns k: Int, transposed: Bool)
}

extension Factorization {
  var areDear: Bool { false }
  var growth: Double { 1 }

  func isRefined(
    _ x: UnsafePointer<Double>, rightHandSide b: UnsafePointer<Double>,
    residual: UnsafePointer<Double>, transposed: Bool
  ) -> Bool { false }

  var entries: KeptEntries? { nil }

  /// `b ← A⁻¹b = C Â⁻¹ R b`, or `A⁻ᵀb = R Â⁻ᵀ C b`.
  func solveScaled(_ b: UnsafeMutablePointer<Double>, transposed: Bool) {
    scaling.scaleRightHandSide(b, transposed: transposed)
    solve(b, transposed: transposed)
    scaling.scaleSolution(b, transposed: transposed)
  }

  /// Column by column.
  func solve(_ b: UnsafeMutablePointer<Double>, columns k: Int, transposed: Bool) {
    for j in 0..<k { solve(b + j * count, transposed: transposed) }
  }
}

extension Factorization {
  /// The condition of `Â`. Throws `singular` if that is singular to working precision: if its reciprocal condition number
  /// (1-norm, estimated or bounded) is at most `limit`.
  ///
  /// Elimination on an exactly singular matrix finds, because of rounding, the factors of one at a
  /// relative distance of about `width · ε`; so nothing above that limit was singular.
  ///
  /// Where the diagonal dominates every column, by `δ` at least, nothing is estimated: then
  /// `‖Â⁻¹‖₁ ≤ 1/δ` (J. M. Varah, "A lower bound for the smallest singular value of a matrix", Linear
  /// Algebra Appl. 11 (1975), 3–5). Where it dominates rows as well, `‖Â⁻¹‖₂ ≤ (‖Â⁻¹‖∞ ‖Â⁻¹‖₁)^½`.
  ///
  /// - Parameters:
  ///   - pivots: for the error only.
  ///   - dominance: of rows and columns, if it is known; it counts if it is not much smaller than
  ///     `‖Â‖∞`, `‖Â‖₁`.
  ///   - passenger: is solved for on the way, unless a bound spares it.
  func requireRegular(
    limit: Double, pivots: @autoclosure () -> some Collection<Double>,
    dominance: (rows: Double, columns: Double) = (0, 0), passenger: Passenger? = nil
  ) throws(LinearSolveError) -> ConditionEvidence {
    func isDominated(_ least: Double, _ norm: Double) -> Bool {
      least > 0 && least.isFinite && norm <= ConditionEvidence.dominatedLimit * least
    }
    let columnsAreDominated = isDominated(dominance.columns, norms.columns)
    let rounds = count <= 1000 ? 5 : 0  // for long bands the estimate should not outweigh the rest
    func inverseNorm(_ passenger: UnsafeMutablePointer<Double>?) -> Double {
      ConditionEstimate.inverseNorm(
        count: count, rounds: rounds, passenger: passenger
      ) { b, columns, transposed in
        // Dense factors take few columns faster one by one.
        if areDear {
          for j in 0..<columns { solve(b + j * count, transposed: transposed) }
        } else {
          solve(b, columns: columns, transposed: transposed)
        }
      }
    }
    /// Has `body` solve for the passenger in the scaled system.
    func solved<Result>(
      _ passenger: Passenger, _ body: (UnsafeMutablePointer<Double>) -> Result
    ) -> Result {
      passenger.solved { b in
        scaling.scaleRightHandSide(b, transposed: false)
        let result = body(b)
        scaling.scaleSolution(b, transposed: false)
        return result
      }
    }
    let inverse =
      if columnsAreDominated {
        1 / dominance.columns
      } else if let passenger {
        solved(passenger) { inverseNorm($0) }
      } else {
        inverseNorm(nil)
      }
    let condition = norms.columns * inverse
    if count > 1 && !(1 > limit * condition) || !inverse.isFinite {
      let smallest = pivots().enumerated().min { abs($0.element) < abs($1.element) }
      throw .singular(pivotIndex: smallest?.offset ?? 0, estimatedCondition: condition)
    }
    let inverseByRows =
      columnsAreDominated && isDominated(dominance.rows, norms.rows) ? 1 / dominance.rows : nil
    let evidence = ConditionEvidence(
      conditionNumber: condition, inverseNorm: inverse, isBound: columnsAreDominated,
      spectralBound: inverseByRows.map { (inverse * $0).squareRoot() }, scaling: scaling)
    if columnsAreDominated, let passenger, !passenger.isSpared(by: evidence) {
      solved(passenger) { solve($0, transposed: false) }
    }
    return evidence
  }
}
