/// Solves `A x = b` for a square `A` by eliminating blocks of the program that computes it, whatever
/// that costs; see ``Automatic``, which asks for the price first.
///
/// Recorded conditions are such programs. Diagonals, bands, borders, low rank, normal matrices and the
/// blocks of Karush–Kuhn–Tucker systems are found in them. Any other operator is factorised by
/// ``LUSolver``, and so is one whose elimination loses too many digits.
public struct BlockEliminationSolver: LinearSolver {
  /// What a computed solution must satisfy; see ``SolveAcceptance/directDefault``.
  public var acceptance: SolveAcceptance

  /// Elimination whose solutions must satisfy `acceptance`.
  public init(acceptance: SolveAcceptance = .directDefault) { self.acceptance = acceptance }

  /// Eliminates.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    if let structured = A as? any BlockStructured, let layout = structured.blockLayout,
      let prepared = try? prepared(structured, layout, reason: nil)
    {
      return prepared
    }
    return try LUSolver(acceptance: acceptance).prepare(A)
  }

  /// Eliminates, and tries the factors on a random right-hand side. Throws where today's caller had
  /// better take another method.
  func prepared(
    _ A: any BlockStructured, _ layout: BlockLayout, reason: String?,
    passenger: Passenger? = nil
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    let factors = try BlockElimination(A, try A.blockMatrix(layout), passenger: passenger)
    let prepared = PreparedDirectSolver(
      base: A, factors: factors, acceptance: acceptance, reason: reason)
    for transposed in [false, true] {
      _ = try prepared.solve(
        ProbeVector.make(count: A.rowCount, seed: 7), transposed: transposed)
    }
    return prepared
  }
}

/// A program whose elimination has a price.
struct PricedBlocks: LinearSolver {
  private let A: any BlockStructured
  private let layout: BlockLayout
  private let price: Double
  private let materializationLimit: Int

  /// `nil` if the operator is no such program, or if elimination costs more than to factorise
  /// `materializationLimit` unknowns.
  init?(_ A: any LinearOperator, materializationLimit: Int) {
    guard let structured = A as? any BlockStructured, let layout = structured.blockLayout,
      let price = BlockPlan.price(layout, limit: Price.dense(materializationLimit))
    else { return nil }
    self.A = structured
    self.layout = layout
    self.price = price
    self.materializationLimit = materializationLimit
  }

  /// As the last resort, for the operator that was priced.
  func prepare(_ A: any LinearOperator) throws(LinearSolveError) -> any PreparedLinearSolver {
    do {
      return try BlockEliminationSolver().prepared(self.A, layout, reason: nil)
    } catch {
      if layout.count > materializationLimit { throw error }
      return try LUSolver().prepare(A)
    }
  }

  /// How many products with `A` take as long.
  var products: Int { Int(min(price / productPrice, 1e9)) }

  private var productPrice: Double { Price.step + Price.entry * Double(layout.entryCount) }

  /// How many steps of GMRES take as long as a part of the elimination: a product each, and in step `k`
  /// `2 k` vectors of the basis that are read.
  func stepsOfGMRES(within part: Double) -> Int {
    let a = Price.entry * Double(layout.count)
    let p = productPrice
    let steps = ((p * p + 4 * a * part * price).squareRoot() - p) / (2 * a)
    return Int(min(max(steps, 1), 1e9))
  }

  /// Whether elimination costs no more than a microsecond for each unknown: diagonals, narrow bands and
  /// borders, and no dense part that counts.
  var isLinear: Bool { price <= 1000 * Double(layout.count) }

  /// So many products and fewer are not worth an iteration that may need more.
  private static var directWorth: Int { 40 }

  /// Why elimination is the cheapest method; `nil` if it is not. A matrix that is to be factorised
  /// as a whole may turn out to be definite, which halves the work.
  func reasonToEliminate(denseThreshold: Int) -> String? {
    let n = layout.count
    if n <= denseThreshold {
      return 2 * price < Price.dense(n) ? "as found in the program" : nil
    }
    return products <= Self.directWorth
      ? "as found in the program, for less than \(Self.directWorth) products" : nil
  }

  /// The factors, unless elimination loses too many digits.
  func prepared(reason: String, _ passenger: Passenger?) -> (any PreparedLinearSolver)? {
    try? BlockEliminationSolver().prepared(A, layout, reason: reason, passenger: passenger)
  }
}
