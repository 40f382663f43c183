import Kernels

/// Chooses a method by what can be known about `A`, and says what it chose.
///
/// In this order:
/// 1. diagonal, as its `structure` states: division;
/// 2. banded, as stated, with a band narrow against `n`: elimination within the band;
/// 3. a recorded program whose blocks are eliminated for less than factorising the whole matrix would
///    cost, or than `directWorth` products with it: see ``BlockEliminationSolver``;
/// 4. up to `denseThreshold` unknowns: materialised and factorised, by Cholesky's method if the
///    entries are symmetric and it succeeds, else by LU;
/// 5. symmetric, as probed with two random vectors: conjugate gradients, and MINRES where those meet
///    a direction of negative curvature or do not converge;
/// 6. else GMRES, then BiCGStab;
/// 7. where iteration failed: blocks are eliminated, if there is a program whose elimination costs no
///    more than factorising `materializationLimit` unknowns; or the matrix is materialised and
///    factorised by LU, up to that many; once for all right-hand sides.
///
/// Where there is a program with a price, conjugate gradients are given as many steps as elimination
/// would take in the same time, and other iterations a quarter of them. Where elimination costs a few
/// operations for each unknown, the first iteration of the chain, with that quarter, is tried on a random
/// right-hand side at once, and blocks are eliminated if it fails: otherwise every right-hand side would
/// find that out by itself.
///
/// Symmetric iterations with recorded squares `XᵀD X + diag(θ)`, whose matrices have four million entries and
/// more, read them in single precision, and compute with all digits the residuals from which each cycle of them starts:
/// less time, half of the matrix once more in memory, and the same accuracy. Where that does not converge quickly, the
/// iteration is with the operator itself.
///
/// What the operator states about itself is probed first (`OperatorProbes.swift`): up to two products for
/// operators of the user's, none for stored and recorded ones. A false statement is thrown. The
/// description of what is prepared says what was chosen, why, and what was probed.
///
/// A singular operator is refused by the direct methods, whatever the right-hand side. The iterative
/// ones see right-hand sides only: where a singular system has solutions, they return one of them,
/// unless its `conditionEstimate` reaches 1e13. Then, or at once with `singularityProbe`, a system with
/// a random right-hand side is solved, which shows whether `A` is singular. (An implicit function asks
/// without that, at less cost, before it states an error of a derivative.)
///
/// What is prepared is immutable and gives the same answer to the same right-hand side, whatever was
/// solved before and on whatever thread.
public struct Automatic: LinearSolver {
  /// Up to this many unknowns the matrix is materialised: there, `n` products and a factorisation
  /// cost no more than a Krylov method.
  public var denseThreshold: Int

  /// Up to this many unknowns the matrix is materialised when iteration has failed.
  public var materializationLimit: Int

  /// Iterative methods end once `‖b − A x‖₂ ≤ relativeTolerance · ‖b‖₂`, or at rounding level.
  public var relativeTolerance: Double

  /// Whether iterative methods are given a random right-hand side first, one more solve for each
  /// operator, to see that it is regular; see ``ConjugateGradient/singularityProbe``.
  public var singularityProbe: Bool

  /// A solver that chooses by the given limits.
  public init(
    denseThreshold: Int = 128, materializationLimit: Int = 2000, relativeTolerance: Double = 1e-12,
    singularityProbe: Bool = false
  ) {
    self.denseThreshold = denseThreshold
    self.materializationLimit = materializationLimit
    self.relativeTolerance = relativeTolerance
    self.singularityProbe = singularityProbe
  }

  /// Iterations other than conjugate gradients get this part of the time that elimination would take:
  /// they may fail.
  private static var part: Double { 0.25 }

  /// Chooses and prepares the method.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver { try prepare(A, nil) }

  private func prepare(
    _ A: any LinearOperator, _ passenger: Passenger?
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    let n = A.rowCount
    guard A.isSquare else { throw .notSquare(rowCount: n, columnCount: A.columnCount) }
    if let direct = try prepareBanded(A, passenger) { return direct }
    let blocks = PricedBlocks(A, materializationLimit: materializationLimit)
    if let blocks, let reason = blocks.reasonToEliminate(denseThreshold: denseThreshold),
      let direct = blocks.prepared(reason: reason, passenger)
    {
      return direct
    }
    passenger?.reset()
    if n <= denseThreshold {
      return try prepareDense(A, reason: "n ≤ \(denseThreshold)", passenger)
    }
    return try prepareIterative(A, blocks, passenger)
  }

  private func prepareBanded(
    _ A: any LinearOperator, _ passenger: Passenger?
  ) throws(LinearSolveError) -> (any PreparedLinearSolver)? {
    guard let (lower, upper) = A.structure.bandwidths else { return nil }
    let acceptance = SolveAcceptance.directDefault
    let reason = because(A, "as stated by its structure", probed: "band and products")
    if lower == 0 && upper == 0 {
      let band = try squareBand(A, tolerance: acceptance.backwardErrorLimit)
      return PreparedDirectSolver(
        base: A, factors: try DiagonalDivision((0..<band.count).map { band[$0, $0] }),
        acceptance: acceptance, reason: reason)
    }
    // With fill a row of the factors takes 2 kl + ku + 1 numbers, a row of the matrix n.
    guard 2 * (2 * lower + upper + 1) <= A.rowCount else { return nil }
    let band = try squareBand(A, tolerance: acceptance.backwardErrorLimit)
    return try PreparedDirectSolver(
      base: A, factors: try BandLU(band, passenger: passenger), acceptance: acceptance,
      reason: reason
    ).withProvenFactors()
  }

  private func prepareDense(
    _ A: any LinearOperator, reason: String, _ passenger: Passenger?
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    let n = A.rowCount
    let acceptance = SolveAcceptance.directDefault
    let entries = try squareEntries(A, tolerance: acceptance.backwardErrorLimit)
    func prepared(
      _ factors: some Factorization, _ kind: String
    ) throws(LinearSolveError) -> any PreparedLinearSolver {
      try PreparedDirectSolver(
        base: A, factors: factors, acceptance: acceptance,
        reason: because(A, "\(reason), \(kind)", probed: "entries and products")
      ).withProvenFactors()
    }
    do {
      let factors = try DenseCholesky(
        entries, count: n, symmetryTolerance: CholeskySolver().symmetryTolerance,
        passenger: passenger)
      return try prepared(factors, "symmetric positive definite")
    } catch .notSymmetric {
      return try prepared(try DenseLU(entries, count: n, passenger: passenger), "not symmetric")
    } catch .notPositiveDefinite {
      return try prepared(
        try DenseLU(entries, count: n, passenger: passenger), "not positive definite")
    }
  }

  private func prepareIterative(
    _ A: any LinearOperator, _ blocks: PricedBlocks?, _ passenger: Passenger?
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    let n = A.rowCount
    // Beyond about n products, materialising and factorising would have been cheaper.
    let limit =
      blocks.map { max(Int(Self.part * Double($0.products)), 1) }
      ?? (n <= materializationLimit ? n : nil)
    let probes = try IterativeProbes(A, symmetry: true, tolerance: relativeTolerance)
    var methods: [any PreparedLinearSolver]
    let reason: String
    do {
      let minres = MINRES(relativeTolerance: relativeTolerance, maximumIterations: limit)
      methods = [try minres.prepared(for: A, probes: probes)]
      let cg = ConjugateGradient(
        relativeTolerance: relativeTolerance,
        maximumIterations: blocks.flatMap { $0.isLinear ? nil : $0.products } ?? limit)
      do {
        methods.insert(try cg.prepared(for: A, probes: probes), at: 0)
        reason = "CG, then MINRES; symmetric as probed"
      } catch .notPositiveDefinite {
        reason = "MINRES; symmetric and not positive definite as probed"
      }
    } catch .notSymmetric {
      methods = [
        try GMRES(
          relativeTolerance: relativeTolerance,
          maximumIterations: blocks?.stepsOfGMRES(within: Self.part) ?? limit
        ).prepared(for: A, probes: probes),
        try BiCGStab(
          relativeTolerance: relativeTolerance, maximumIterations: limit.map { $0 / 2 }
        ).prepared(for: A, probes: probes),
      ]
      reason = "GMRES, then BiCGStab; not symmetric"
    }
    // Where elimination is linear the choice is made once, by a random right-hand side: no solve tries an
    // iteration in vain.
    var evidence: RegularityEvidence?
    if let blocks, blocks.isLinear, let first = methods[0] as? any TriesRegularity {
      evidence = try? first.triedRegularity(transposed: false, fully: true)
      if evidence?.isRegular != true {
        let reason = "as found in the program, where \(first.methodDescription) fails"
        if let direct = blocks.prepared(reason: reason, passenger) { return direct }
        passenger?.reset()
      }
    }
    let fallback: (any LinearSolver)? =
      blocks ?? (n <= materializationLimit ? LUSolver() : nil)
    let chain = IterativeChain(
      base: A, methods: methods,
      fallback: fallback.map { LazyFactorization(base: A, solver: $0) }, evidence: evidence,
      methodDescription: because(
        A, "\(reason), n = \(n) > \(denseThreshold)", probed: "transposed product"))
    if singularityProbe { try chain.requireRegularity(of: A) }
    return chain
  }

  /// The reason for a choice, with what was probed, which is nothing for operators of the library's.
  private func because(_ A: any LinearOperator, _ reason: String, probed: String) -> String {
    A.needsProbe ? "\(reason); \(probed) probed" : reason
  }
}

extension Automatic: TakesPassenger {
  package func prepare(
    _ A: any LinearOperator, passenger: Passenger
  ) throws(LinearSolveError) -> any PreparedLinearSolver { try prepare(A, .some(passenger)) }
}
