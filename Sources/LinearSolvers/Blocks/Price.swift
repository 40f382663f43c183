/// What elimination makes of shapes.
extension BlockShape {
  /// Whether a band is narrow enough to be eliminated as one. With row exchanges a row of the factors
  /// takes `2 kl + ku + 1` numbers.
  var isNarrow: Bool { 2 * (2 * lower + upper + 1) <= rows }

  /// The shape of `A − L W`.
  static func fill(_ l: BlockShape, _ w: BlockShape, adding a: BlockShape?) -> BlockShape {
    let dense = BlockShape(dense: l.rows, by: w.columns)
    if l.isDense || w.isDense || a?.isDense == true { return dense }
    // An entry of L meets a row of W; some of the products fall into the same place.
    let entries = l.isDiagonal ? w.entries : w.isDiagonal ? l.entries : products(l, w)
    let isDiagonal = l.isDiagonal && w.isDiagonal && a?.isDiagonal != false
    let lower = max(a?.lower ?? 0, l.lower + w.lower)
    let upper = max(a?.upper ?? 0, l.upper + w.upper)
    let all = isDiagonal ? entries : min(entries + (a?.entries ?? 0), (lower + upper + 1) * l.rows)
    guard isWorthSparsity(entries: all, rows: l.rows, columns: w.columns) else { return dense }
    return BlockShape(
      rows: l.rows, columns: w.columns, entries: all, isDense: false, lower: lower, upper: upper,
      isDiagonal: isDiagonal)
  }

  /// How many products of entries `L W` takes.
  static func products(_ l: BlockShape, _ w: BlockShape) -> Int {
    w.rows == 0 ? 0 : l.entries * w.entries / w.rows
  }
}

/// Times in nanoseconds, to compare ways of solving with each other.
///
/// Measured on a 2-core Zen 5 with the plain x86-64 instruction set, release build, at sizes of 50 to
/// 1000; other machines differ, but their ratios hardly do. A choice is a matter of speed only.
enum Price {
  /// One multiplication and addition of a product of dense matrices.
  static let matrixProduct = 0.12
  /// One of the factorisation of a dense matrix.
  static let factorisation = 0.18
  /// One entry of a matrix that is read once: a product with a vector, a triangular solve.
  static let entry = 0.3
  /// One entry that is found by its index.
  static let indexedEntry = 3.0
  /// One entry of a diagonal, in a vector that is read and written.
  static let diagonalEntry = 1.0
  /// One entry of a sparse block that is read off the program, scaled, compared with its neighbours, and
  /// looked at again when the error is estimated.
  static let preparedEntry = 25.0
  /// Whatever is done once, with its memory.
  static let step = 1000.0

  /// How often a factorised matrix is solved with: estimates of its condition, two right-hand sides.
  static let solves = 20.0

  /// What has to be done before any pivot is taken.
  static func preparing(_ block: BlockShape) -> Double {
    (block.isDense ? 4 * entry : preparedEntry) * Double(block.entries)
  }

  /// Factorising a dense `n × n` matrix, and the solves.
  static func dense(_ n: Int) -> Double {
    let n = Double(n)
    return step + factorisation * n * n * n / 3 + entry * solves * n * n
  }

  /// `A − L W`.
  static func fill(_ l: BlockShape, _ w: BlockShape, adding a: BlockShape?) -> Double {
    let (m, k, n) = (Double(l.rows), Double(l.columns), Double(w.columns))
    let products =
      switch (l.isDense, w.isDense) {
      case (true, true): matrixProduct * m * k * n
      case (false, true): entry * Double(l.entries) * n
      case (true, false): 2 * entry * m * Double(w.entries)
      case (false, false): 4 * indexedEntry * Double(BlockShape.products(l, w))
      }
    let written = BlockShape.fill(l, w, adding: a).isDense ? entry * m * n : 0
    return step + products + written
  }

  /// The products of a block with vectors in the solves.
  static func use(_ block: BlockShape) -> Double {
    let each = block.isDense ? entry : block.isDiagonal ? diagonalEntry : indexedEntry
    return each * solves * Double(block.entries)
  }

  /// Elimination within a band, and `columns` solves with it.
  static func band(_ block: BlockShape, columns: Int) -> Double {
    let (n, kl, ku) = (Double(block.rows), Double(block.lower), Double(block.upper))
    return step + n * (kl + 1) * (kl + ku + 4)
      + 2 * entry * n * (2 * kl + ku + 4) * (Double(columns) + solves)
  }
}
