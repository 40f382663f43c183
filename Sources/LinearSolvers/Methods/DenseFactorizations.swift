import Kernels

/// The entries of a square operator: finite, and those of its products as probed with one random
/// vector. `tolerance` is the backward error that the caller accepts.
func squareEntries(
  _ A: any LinearOperator, tolerance: Double
) throws(LinearSolveError) -> [Double] {
  let n = A.rowCount
  guard A.isSquare else { throw .notSquare(rowCount: n, columnCount: A.columnCount) }
  let entries = try A.denseMatrix()
  try requireCount(entries.count, n * n, "the dense matrix of the operator")
  let bad = entries.withUnsafeBufferPointer { buffer -> Int? in
    guard let start = buffer.baseAddress else { return nil }
    return Vector.firstNonFinite(start, count: buffer.count)
  }
  if let bad {
    throw .notFinite(
      what: "the matrix (row \(bad / n), column \(bad % n))", index: bad, value: entries[bad])
  }
  let matrix = try DenseOperator(rowCount: n, columnCount: n, entries: entries)
  try A.requireProducts(of: matrix, .entries, tolerance: tolerance)
  return entries
}

/// `(‖A‖∞, ‖A‖₁)` of a row-major `n × n` matrix.
private func maximumSums(_ a: UnsafePointer<Double>, count n: Int) -> (Double, Double) {
  var largestRow = 0.0
  var columns = [Double](repeating: 0, count: n)
  for i in 0..<n {
    var row = 0.0
    for j in 0..<n {
      let size = abs(a[i * n + j])
      row += size
      columns[j] += size
    }
    largestRow = max(largestRow, row)
  }
  return (largestRow, columns.max() ?? 0)
}

/// The rows of a row-major `n × n` matrix.
private func rowRuns(count n: Int) -> [Equilibration.Run] {
  (0..<n).map { i in
    Equilibration.Run(start: i * n, count: n, row: i, rowStep: 0, column: 0, columnStep: 1)
  }
}

/// A row-major `n × n` matrix, unless it is large.
private func keptEntries(_ values: [Double], count n: Int) -> KeptEntries? {
  values.count <= KeptEntries.denseLimit
    ? KeptEntries(values: values, runs: rowRuns(count: n)) : nil
}

/// `P R A C = L U`.
struct DenseLU: Factorization {
  let count: Int
  let scaling: Equilibration
  let norms: (rows: Double, columns: Double)
  private(set) var condition = ConditionEvidence.unknown
  let growth: Double
  let entries: KeptEntries?
  private let factors: [Double]
  private let pivots: [Int]

  var description: String { "dense LU \(count)×\(count)" }
  var areDear: Bool { true }

  /// Factorises the row-major `n × n` matrix, or throws `singular`. `2/3 n³` operations.
  init(
    _ entries: [Double], count n: Int, passenger: Passenger? = nil
  ) throws(LinearSolveError) {
    var a = entries
    var pivots = [Int](repeating: 0, count: n)
    let scaling: Equilibration
    var norms = (rows: 0.0, columns: 0.0)
    var size = 0.0
    var failure: Int?
    if n == 0 {
      scaling = Equilibration(identity: 0)
    } else {
      let runs = rowRuns(count: n)
      scaling = try a.withUnsafeMutableBufferPointer { buffer throws(LinearSolveError) in
        guard let start = buffer.baseAddress else { return Equilibration(identity: n) }
        let scaling = try Equilibration(start, runs, count: n)
        scaling.apply(to: start, runs)
        norms = maximumSums(start, count: n)
        size = Vector.maximumMagnitude(start, count: buffer.count)
        let workspace = VectorArena(
          vectors: 1, length: Dense.workspaceCount(rows: n, inner: n, columns: n))
        failure = Dense.factorLU(start, count: n, pivots: &pivots, workspace: workspace[0])
        return scaling
      }
    }
    if let failure { throw .singular(pivotIndex: failure, estimatedCondition: .infinity) }
    count = n
    self.scaling = scaling
    self.norms = norms
    self.entries = keptEntries(entries, count: n)
    factors = a
    growth = size > 0 ? ProbeVector.maximumMagnitude(a) / size : 1
    self.pivots = pivots
    condition = try requireRegular(
      limit: Double(n) * Double.ulpOfOne, pivots: (0..<n).lazy.map { a[$0 * n + $0] },
      passenger: passenger)
  }

  func solve(_ b: UnsafeMutablePointer<Double>, transposed: Bool) {
    if transposed {
      Dense.solveLUTransposed(factors, count: count, pivots: pivots, b)
    } else {
      Dense.solveLU(factors, count: count, pivots: pivots, b)
    }
  }

  func solve(_ b: UnsafeMutablePointer<Double>, columns k: Int, transposed: Bool) {
    withRows(of: b, count: count, columns: k) { rows in
      if transposed {
        Dense.solveLUTransposed(
          factors, count: count, pivots: pivots, rows, columns: k, rowStride: k)
      } else {
        Dense.solveLU(factors, count: count, pivots: pivots, rows, columns: k, rowStride: k)
      }
    }
  }
}

/// `2ᵏ S A S = L Lᵀ` with `S` from the diagonal of `A` and `2ᵏ` from its size, so that multiplying `A`
/// by a power of two, even or odd, changes no digit of `L`.
struct DenseCholesky: Factorization {
  let count: Int
  let scaling: Equilibration
  let norms: (rows: Double, columns: Double)
  private(set) var condition = ConditionEvidence.unknown
  let entries: KeptEntries?
  private let factor: [Double]

  var description: String { "dense Cholesky \(count)×\(count)" }
  var areDear: Bool { true }

  /// Factorises the row-major `n × n` matrix in `1/3 n³` operations. Throws `notPositiveDefinite`
  /// or `notSymmetric`, the latter if two entries differ by more than `symmetryTolerance` of
  /// `√(aᵢᵢ aⱼⱼ)`, which bounds the entries of a definite matrix.
  init(
    _ entries: [Double], count n: Int, symmetryTolerance: Double, passenger: Passenger? = nil
  ) throws(LinearSolveError) {
    let size = PowerOfTwo.exponent(of: (0..<n).reduce(0) { max($0, entries[$1 * n + $1]) })
    var exponents = [Int](repeating: 0, count: n)
    for i in 0..<n {
      let pivot = entries[i * n + i]
      if pivot <= 0 {
        let defect = Self.relativeDefect(entries, count: n)
        if defect > symmetryTolerance { throw .notSymmetric(relativeDefect: defect) }
        throw .notPositiveDefinite(index: i, curvature: pivot)
      }
      exponents[i] = -((Int(pivot.exponent) - size) >> 1)
    }
    scaling = Equilibration(
      rowExponents: exponents.map { $0 - (size - size / 2) },
      columnExponents: exponents.map { $0 - size / 2 })
    var a = entries
    var defect = 0.0
    var norms = (rows: 0.0, columns: 0.0)
    var failure: Int?
    let scaling = scaling
    a.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      let runs = rowRuns(count: n)
      scaling.apply(to: start, runs)
      // The diagonal lies in 1 ..< 4 now.
      for i in 0..<n {
        for j in 0..<i { defect = max(defect, abs(start[i * n + j] - start[j * n + i])) }
      }
      if defect > symmetryTolerance { return }
      norms = maximumSums(start, count: n)
      let workspace = VectorArena(
        vectors: 1, length: Dense.workspaceCount(rows: n, inner: n, columns: n))
      failure = Dense.factorCholesky(start, count: n, workspace: workspace[0])
    }
    if defect > symmetryTolerance { throw .notSymmetric(relativeDefect: defect) }
    if let failure {
      throw .notPositiveDefinite(
        index: failure, curvature: Self.pivot(failure, of: entries, count: n, scaling))
    }
    count = n
    self.norms = norms
    self.entries = keptEntries(entries, count: n)
    factor = a
    condition = try requireRegular(
      limit: Double(n) * Double.ulpOfOne, pivots: (0..<n).lazy.map { a[$0 * n + $0] },
      passenger: passenger)
  }

  func solve(_ b: UnsafeMutablePointer<Double>, transposed: Bool) {
    Dense.solveCholesky(factor, count: count, b)
  }

  func solve(_ b: UnsafeMutablePointer<Double>, columns k: Int, transposed: Bool) {
    withRows(of: b, count: count, columns: k) { rows in
      Dense.solveCholesky(factor, count: count, rows, columns: k, rowStride: k)
    }
  }

  /// `max |aᵢⱼ − aⱼᵢ| / max |aᵢⱼ|`, where the diagonal gives no scale.
  private static func relativeDefect(_ entries: [Double], count n: Int) -> Double {
    var (defect, largest) = (0.0, 0.0)
    for i in 0..<n {
      for j in 0..<n {
        largest = max(largest, abs(entries[i * n + j]))
        defect = max(defect, abs(entries[i * n + j] / 2 - entries[j * n + i] / 2))
      }
    }
    return largest == 0 ? 0 : 2 * (defect / largest)
  }

  /// The pivot at which elimination failed: what is left of diagonal entry `k` of the scaled matrix
  /// after the rows before it, `aₖₖ − ‖L⁻¹aₖ‖²`. They are factorised once more.
  private static func pivot(
    _ k: Int, of entries: [Double], count n: Int, _ scaling: Equilibration
  ) -> Double {
    var leading = [Double](repeating: 0, count: k * k)
    var row = [Double](repeating: 0, count: k)
    func entry(_ i: Int, _ j: Int) -> Double {
      let entry = entries[i * n + j]
      return scaling.isIdentity ? entry : entry * scaling.rows[i] * scaling.columns[j]
    }
    for i in 0..<k {
      row[i] = entry(k, i)
      for j in 0..<k { leading[i * k + j] = entry(i, j) }
    }
    let workspace = VectorArena(
      vectors: 1, length: Dense.workspaceCount(rows: k, inner: k, columns: k))
    _ = Dense.factorCholesky(&leading, count: k, workspace: workspace[0])
    Dense.solveLower(leading, count: k, rowStride: k, unitDiagonal: false, &row)
    return entry(k, k) - Vector.dot(row, row, count: k)
  }
}

/// Hands the `k` columns at `b`, one after the other, to `body` as a row-major `n × k` matrix, and
/// takes what it made of them.
private func withRows(
  of b: UnsafeMutablePointer<Double>, count n: Int, columns k: Int,
  _ body: (UnsafeMutablePointer<Double>) -> Void
) {
  let rows = VectorArena(vectors: 1, length: n * k)
  Dense.transpose(b, rows: k, columns: n, into: rows[0])
  body(rows[0])
  Dense.transpose(rows[0], rows: n, columns: k, into: b)
}
