import Kernels

/// `A` factorised by eliminating blocks of the program that computes it: structure that is found, not
/// declared.
///
/// The program is read as a larger, sparse system whose unknowns are those of `A` and the nodes in
/// between (``BlockMatrix``). The rules are few:
///
/// 1. *A diagonal is divided by.* In `[D E; G H]` with a diagonal `D` the rest becomes `H − G D⁻¹ E`.
///    Softmax as an optimum has `D = τ diag(1/y)` bordered by a row and a column of ones: what is left
///    is one number, and a solve costs `O(n)`.
/// 2. *A narrow band is factorised as a band*; `P⁻¹E` is dense. A tridiagonal system with one more
///    unknown, such as the length of an arc: what is left is one number.
/// 3. *A block alone in its row or its column is a system of its own.* Two problems that were recorded
///    together, or one that depends on the other, are solved one after the other.
/// 4. *A node is an unknown like any other.* `A = Xᵀ(D X) + Λ` with 1000 rows in `X` and 50 columns:
///    eliminating the nodes gives the normal matrix, 50 × 50. With 50 rows and 1000 columns: eliminating
///    `Λ` leaves `I + X Λ⁻¹ Xᵀ D`, 50 × 50 again (M. A. Woodbury 1950).
/// 5. *A pivot must not be small.* An entry of a diagonal below `1/1000` of the largest other entry both
///    of its row and of its column is refused. If others are not, the segment is split: of the
///    conditions `λᵢ sᵢ = 0` those of inactive constraints, where `sᵢ` is large, are eliminated by
///    `sᵢ`, those of active ones stay or are eliminated by `λᵢ`.
/// 6. *The cheapest comes first* (``BlockPlan``), and what is left is factorised densely as soon as
///    that is cheaper than any pivot: by Cholesky's method if it is symmetric and definite, else by LU.
///
/// The larger matrix is scaled by powers of two first, as any matrix here. Nothing is believed of the
/// pivots' quality in the end: the condition of the larger matrix and the growth of its entries are
/// measured, and a factorisation that may have lost more than `trustedLoss` of the digits is refused;
/// so is one that fails on a random right-hand side. Then `A` itself is factorised, or iterated with.
///
/// A solve costs a few operations for each entry of the blocks that elimination met, a transposed one
/// the same: the factors of `M = L U` are kept as blocks, and `Mᵀ = Uᵀ Lᵀ`.
///
/// Sources: I. S. Duff, A. M. Erisman and J. K. Reid, *Direct Methods for Sparse Matrices*, 2nd ed.
/// (2017), chapters 5 (thresholds), 7 (fill) and 10; J. R. Bunch and D. J. Rose, "Partitioning, Tearing
/// and Modification of Sparse Linear Systems", J. Math. Anal. Appl. 48 (1974), 574–593.
struct BlockElimination: Factorization {
  let count: Int
  let scaling: Equilibration
  private(set) var norms = (rows: 0.0, columns: 0.0)
  private(set) var condition = ConditionEvidence.unknown
  private let factors: BlockFactors

  var description: String { "block elimination \(count)×\(count): \(factors.description)" }
  /// Where the dense part outweighs the rest.
  var areDear: Bool { factors.restCount * factors.restCount > count }

  /// `κ(M) · growth` from which a factorisation is not used: of sixteen digits, five are left for the
  /// refinement to begin with.
  private static var trustedLoss: Double { 1e11 }

  /// Eliminates. `A` is the operator that `matrix` was read off.
  ///
  /// - Throws: `singular` if the larger matrix is close to it, or if pivots were too small.
  init(
    _ A: any LinearOperator, _ matrix: BlockMatrix, passenger: Passenger? = nil
  ) throws(LinearSolveError) {
    let layout = matrix.layout
    count = layout.count
    var matrix = matrix
    let total = layout.rowCounts.reduce(0, +)
    let outer = try Equilibration(matrix, count: total)
    if !outer.isIdentity { matrix.scale(rows: outer.rows, columns: outer.columns) }
    scaling = outer.restricted(to: count)
    let outerNorm = matrix.columnNorm
    factors = try BlockFactors(matrix, scaling: outer)

    // The size is enough here.
    let factors = factors
    let outerInverse = ConditionEstimate.inverseNorm(count: total, rounds: 1) {
      factors.solveAll($0, columns: 1, transposed: $1)
    }
    let loss = outerNorm * outerInverse * factors.growth
    if !(loss <= Self.trustedLoss) { throw .singular(pivotIndex: 0, estimatedCondition: loss) }
    norms = try scaledNorms(of: A)
    if !norms.rows.isFinite || !norms.columns.isFinite {
      throw .singular(pivotIndex: 0, estimatedCondition: .infinity)
    }
    // The limit is that of the larger matrix, above.
    condition = try requireRegular(
      limit: 0, pivots: EmptyCollection<Double>(), passenger: passenger)
  }

  func solve(_ b: UnsafeMutablePointer<Double>, transposed: Bool) {
    factors.solve(b, count: count, columns: 1, transposed: transposed)
  }

  func solve(_ b: UnsafeMutablePointer<Double>, columns k: Int, transposed: Bool) {
    factors.solve(b, count: count, columns: k, transposed: transposed)
  }

  /// `‖Â‖∞` and `‖Âᵀ‖∞`, from products: never too large, and hardly ever less than a third.
  private func scaledNorms(
    of A: any LinearOperator
  ) throws(LinearSolveError) -> (rows: Double, columns: Double) {
    let n = count
    var failure: LinearSolveError?
    var product = [Double](repeating: 0, count: n)
    func norm(ofTranspose: Bool) -> Double {
      ConditionEstimate.inverseNorm(count: n, rounds: 1) { x, transposed in
        scaling.scaleSolution(x, transposed: transposed != ofTranspose)
        do throws(LinearSolveError) {
          let input = UnsafeBufferPointer(start: x, count: n).span
          var output = product.mutableSpan
          try transposed != ofTranspose
            ? A.transposeMatvec(input, into: &output) : A.matvec(input, into: &output)
        } catch {
          failure = error
        }
        x.update(from: product, count: n)
        scaling.scaleRightHandSide(x, transposed: transposed != ofTranspose)
      }
    }
    let norms = (rows: norm(ofTranspose: true), columns: norm(ofTranspose: false))
    if let failure { throw failure }
    return norms
  }
}

extension BlockMatrix {
  /// `‖M‖₁`.
  fileprivate var columnNorm: Double {
    let n = layout.rowCounts.reduce(0, +)
    var rows = [Double](repeating: 0, count: n)
    var columns = rows
    rows.withUnsafeMutableBufferPointer { rows in
      columns.withUnsafeMutableBufferPointer { columns in
        guard let r = rows.baseAddress, let c = columns.baseAddress else { return }
        forEachBlock { block, row, column in block.addSums(rows: r + row, columns: c + column) }
      }
    }
    return columns.max() ?? 0
  }
}

extension Equilibration {
  /// The scaling of a matrix in blocks, of `n` rows in all. Throws `singular` for a zero row or column.
  fileprivate init(_ matrix: BlockMatrix, count n: Int) throws(LinearSolveError) {
    var parts: [(values: [Double], runs: [Run])] = []
    matrix.forEachBlock { block, row, column in
      parts.append((block.values, block.runs(row: row, column: column)))
    }
    try self.init(count: n) { sizes in
      for part in parts { sizes.measure(part.values, part.runs) }
    }
  }

  /// The scaling of the first `n` rows and columns.
  fileprivate func restricted(to n: Int) -> Equilibration {
    isIdentity
      ? Equilibration(identity: n) : Equilibration(rows: rows[..<n], columns: columns[..<n])
  }
}

extension Block {
  /// The stored entries.
  fileprivate var values: [Double] {
    switch self {
    case .sparse(let block): block.values
    case .dense(let block): block.entries
    }
  }

  /// Where they stand in a matrix in which the block begins at (`row`, `column`).
  fileprivate func runs(row: Int, column: Int) -> [Equilibration.Run] {
    switch self {
    case .sparse(let block) where block.isDiagonal:
      return [
        Equilibration.Run(
          start: 0, count: block.rowCount, row: row, rowStep: 1, column: column, columnStep: 1)
      ]
    case .sparse(let block):
      var runs: [Equilibration.Run] = []
      runs.reserveCapacity(block.entryCount)
      block.forEachEntry { i, j, _ in
        runs.append(
          Equilibration.Run(
            start: runs.count, count: 1, row: row + i, rowStep: 0, column: column + j,
            columnStep: 0))
      }
      return runs
    case .dense(let block) where block.columnCount == 1:
      return [
        Equilibration.Run(
          start: 0, count: block.rowCount, row: row, rowStep: 1, column: column, columnStep: 0)
      ]
    case .dense(let block):
      let width = block.columnCount
      return (0..<block.rowCount).map { i in
        Equilibration.Run(
          start: i * width, count: width, row: row + i, rowStep: 0, column: column, columnStep: 1)
      }
    }
  }
}
