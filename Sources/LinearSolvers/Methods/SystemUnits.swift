import Kernels

/// The units of the equations and unknowns of a system, by powers of two that are known beforehand:
/// equation `i` is of the size `2^-rows[i]`, unknown `j` of the size `2^columns[j]`.
///
/// Whoever knows what the numbers of a system stand for knows their units better than can be told from
/// the entries. In the conditions of a constrained minimum, `(H, Gᵀ; G, 0)`, an `H` that is small against
/// `G` may be a small unit of the objective or nothing but rounding, and the largest entries of rows and
/// columns, by which a factorisation scales, are the same in both cases.
package struct SystemUnits: Sendable {
  /// Equation `i` is multiplied by `rows[i]`, a power of two.
  let rows: [Double]

  /// Unknown `j` is `columns[j]`, a power of two, times the unknown of the scaled system.
  let columns: [Double]

  /// The exponent nearest to `k` whose power is a number, with room for factors.
  package static func nearestExponent(_ k: Int) -> Int { min(max(k, -1000), 1000) }

  /// The units by exponents, which are brought into the range ±1000 so that their powers are numbers.
  package init(rowExponents: [Int], columnExponents: [Int]) {
    func power(_ k: Int) -> Double {
      Double(sign: .plus, exponent: Self.nearestExponent(k), significand: 1)
    }
    rows = rowExponents.map(power)
    columns = columnExponents.map(power)
  }

  /// The method for systems in these units: it is handed `R A C`. A gauge stays around it.
  package func solver(_ base: any LinearSolver) -> any LinearSolver {
    if var gauged = base as? GaugedSolver {
      gauged.base = UnitsSolver(base: gauged.base, units: self)
      return gauged
    }
    return UnitsSolver(base: base, units: self)
  }
}

/// `R A C`, with powers of two on the diagonals of `R` and `C`.
struct OperatorInUnits: LinearOperator, ProvenOperator {
  let base: any LinearOperator
  let units: SystemUnits

  var rowCount: Int { base.rowCount }
  var columnCount: Int { base.columnCount }
  var structure: OperatorStructure { base.structure }
  var isProven: Bool { !base.needsProbe }

  func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError) {
    try multiply(x, columns: 1, into: &y, transposed: false)
  }

  func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  { try multiply(x, columns: 1, into: &y, transposed: true) }

  func matmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) { try multiply(x, columns: k, into: &y, transposed: false) }

  func transposeMatmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) { try multiply(x, columns: k, into: &y, transposed: true) }

  func denseMatrix() throws(LinearSolveError) -> [Double] {
    var entries = try base.denseMatrix()
    let n = columnCount
    try requireCount(entries.count, rowCount * n, "the dense matrix of the operator")
    for place in entries.indices {
      entries[place] = scaled(entries[place], row: place / n, column: place % n)
    }
    return entries
  }

  func bandMatrix() throws(LinearSolveError) -> BandMatrix? {
    guard var band = try base.bandMatrix() else { return nil }
    for row in 0..<band.count {
      let columns = max(0, row - band.lower)...min(band.count - 1, row + band.upper)
      for column in columns {
        band[row, column] = scaled(band[row, column], row: row, column: column)
      }
    }
    return band
  }

  /// `R a C`, the factor that shrinks first: the product of both may be no number.
  private func scaled(_ a: Double, row: Int, column: Int) -> Double {
    let (r, c) = (units.rows[row], units.columns[column])
    return r < c ? (a * r) * c : (a * c) * r
  }

  private func multiply(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>, transposed: Bool
  ) throws(LinearSolveError) {
    try requireSizes(x.count, y.count, columns: k, transposed: transposed)
    let (before, after) = transposed ? (units.rows, units.columns) : (units.columns, units.rows)
    if before.isEmpty || after.isEmpty { return }
    let input = [Double](unsafeUninitializedCapacity: x.count) { buffer, count in
      for i in x.indices { buffer.initializeElement(at: i, to: x[i] * before[i % before.count]) }
      count = x.count
    }
    if transposed {
      try base.transposeMatmat(input.span, columns: k, into: &y)
    } else {
      try base.matmat(input.span, columns: k, into: &y)
    }
    for i in y.indices { y[i] *= after[i % after.count] }
  }
}

extension OperatorInUnits: BlockStructured {
  var blockLayout: BlockLayout? { (base as? any BlockStructured)?.blockLayout }

  /// Nodes keep their units.
  func blockMatrix(_ layout: BlockLayout) throws(LinearSolveError) -> BlockMatrix {
    guard let base = base as? any BlockStructured else {
      stop("The blocks of an operator without blocks were asked for.")
    }
    let nodes = [Double](
      repeating: 1, count: layout.rowCounts.reduce(0, +) - layout.count)
    var matrix = try base.blockMatrix(layout)
    matrix.scale(rows: units.rows + nodes, columns: units.columns + nodes)
    return matrix
  }
}
