import Kernels

/// Powers of two for the rows and columns of a square matrix, `Â = R A C`, that bring the largest
/// entry of every row and column near one.
///
/// Rows in different units make a matrix look singular that is not: with entries from `1e-40` to
/// `1e40` its condition number may be `1e75` while its solutions are as accurate as those of the
/// scaled matrix, whose condition number is 11. Powers of two change no digit.
///
/// Source: D. Ruiz, "A Scaling Algorithm to Equilibrate Both Rows and Columns Norms in Matrices",
/// RAL-TR-2001-034 (2001); on integers here, namely the exponents of the entries.
struct Equilibration: Sendable {
  /// The number of rows, and of columns.
  let count: Int

  /// `R`, by its diagonal; empty for `R = I`.
  let rows: [Double]

  /// `C`, by its diagonal; empty for `C = I`.
  let columns: [Double]

  /// Whether the matrix was well scaled already, so that `R = C = I`.
  let isIdentity: Bool

  /// A stretch of neighbouring stored entries. Entry `k` stands in row `row + k · rowStep`, column
  /// `column + k · columnStep`: a row of a dense matrix, or a diagonal of a banded one.
  struct Run {
    var start: Int
    var count: Int
    var row: Int
    var rowStep: Int
    var column: Int
    var columnStep: Int
  }

  /// Row and column maxima within `2⁶` of each other are left as they are.
  private static let tolerance = 6

  /// Scaling factors stay within `2^±1000`, and unscaled matrices within `2^±500`: their solutions
  /// stay in range on the way, and elimination does not see the size.
  private static let (factorLimit, sizeLimit) = (1000, 500)

  /// The given factors, powers of two.
  init(rows: ArraySlice<Double>, columns: ArraySlice<Double>) {
    count = rows.count
    isIdentity = rows.allSatisfy { $0 == 1 } && columns.allSatisfy { $0 == 1 }
    self.rows = isIdentity ? [] : Array(rows)
    self.columns = isIdentity ? [] : Array(columns)
  }

  /// `R = C = I` for `n` rows.
  init(identity n: Int) {
    count = n
    rows = []
    columns = []
    isIdentity = true
  }

  /// The scaling by the given exponents.
  init(rowExponents: [Int], columnExponents: [Int]) {
    func power(_ k: Int) -> Double {
      let limited = min(max(k, -Self.factorLimit), Self.factorLimit)
      return Double(sign: .plus, exponent: limited, significand: 1)
    }
    count = rowExponents.count
    isIdentity = rowExponents.allSatisfy { $0 == 0 } && columnExponents.allSatisfy { $0 == 0 }
    rows = isIdentity ? [] : rowExponents.map(power)
    columns = isIdentity ? [] : columnExponents.map(power)
  }

  /// Whether a matrix needs no scaling for sure, by the sizes of its largest entry and of its smallest
  /// diagonal entry: then no row and no column is much smaller than another.
  static func isNeedless(largest: Double, leastDiagonal: Double) -> Bool {
    guard leastDiagonal > 0, largest.isFinite else { return false }
    let size = Int(largest.exponent)
    return abs(size) <= sizeLimit && size - Int(leastDiagonal.exponent) <= tolerance
  }

  /// The scaling for the finite entries at `values`. Throws `singular` for a zero row or column.
  init(
    _ values: UnsafePointer<Double>, _ runs: [Run], count n: Int
  ) throws(LinearSolveError) {
    try self.init(count: n) { $0.measure(values, runs) }
  }

  /// The scaling for the finite entries that `measure` shows, again at each call. Throws `singular`
  /// for a zero row or column.
  init(count n: Int, _ measure: (inout ExponentMaxima) -> Void) throws(LinearSolveError) {
    var sizes = ExponentMaxima(count: n)
    func measureAll() {
      sizes.forget()
      measure(&sizes)
    }
    measureAll()
    try sizes.requireNonzero()
    let size = sizes.largest
    let isBalanced = sizes.isBalanced(within: Self.tolerance)
    if isBalanced && abs(size) <= Self.sizeLimit {
      self.init(identity: n)
      return
    }
    // The size of the matrix first, so that multiplying it by a power of two changes no digit of the
    // solutions; in equal parts, so that neither factor leaves the range.
    sizes.divide(by: size)
    if isBalanced {
      self.init(sizes)
      return
    }
    measureAll()
    // Square roots of both maxima at once converge to a scaling that does not depend on whether
    // rows or columns come first; the last two passes then make the maxima exactly 2⁰.
    for _ in 0..<6 {
      for i in 0..<n { sizes.rowExponents[i] -= sizes.rowMaxima[i] / 2 }
      for j in 0..<n { sizes.columnExponents[j] -= sizes.columnMaxima[j] / 2 }
      measureAll()
    }
    for i in 0..<n { sizes.rowExponents[i] -= sizes.rowMaxima[i] }
    measureAll()
    for j in 0..<n { sizes.columnExponents[j] -= sizes.columnMaxima[j] }
    self.init(sizes)
  }

  private init(_ sizes: ExponentMaxima) {
    self.init(
      rowExponents: sizes.rowExponents.map(Int.init),
      columnExponents: sizes.columnExponents.map(Int.init))
  }

  /// `A ← R A C`.
  func apply(to values: UnsafeMutablePointer<Double>, _ runs: [Run]) {
    if isIdentity { return }
    // r · c may overflow where r · a · c does not; the factor that shrinks goes first.
    for run in runs {
      let stretch = values + run.start
      if run.rowStep == 0, run.columnStep == 1 {
        let r = rows[run.row]
        columns.withUnsafeBufferPointer { columns in
          for k in 0..<run.count {
            let c = columns[run.column + k]
            stretch[k] = (stretch[k] * min(r, c)) * max(r, c)
          }
        }
        continue
      }
      for k in 0..<run.count {
        let r = rows[run.row + k * run.rowStep]
        let c = columns[run.column + k * run.columnStep]
        stretch[k] = (stretch[k] * min(r, c)) * max(r, c)
      }
    }
  }

  /// `b ← R b` (`C b` if `transposed`), the right-hand side of the scaled system.
  func scaleRightHandSide(_ b: UnsafeMutablePointer<Double>, transposed: Bool) {
    if isIdentity { return }
    let factors = transposed ? columns : rows
    for i in factors.indices { b[i] *= factors[i] }
  }

  /// `x ← C x` (`R x` if `transposed`), from the scaled unknown to the given one.
  func scaleSolution(_ x: UnsafeMutablePointer<Double>, transposed: Bool) {
    scaleRightHandSide(x, transposed: !transposed)
  }

  /// `max |(R v)ᵢ|` (`C` if `transposed`): a residual or right-hand side as the scaled system sees it.
  func rightHandSideNorm(_ v: UnsafePointer<Double>, transposed: Bool) -> Double {
    if isIdentity { return Vector.maximumMagnitude(v, count: count) }
    let factors = transposed ? columns : rows
    return factors.indices.reduce(0) { max($0, abs(v[$1] * factors[$1])) }
  }

  /// `max |(C⁻¹x)ᵢ|` (`R⁻¹` if `transposed`): a solution as the scaled system sees it.
  func solutionNorm(_ x: UnsafePointer<Double>, transposed: Bool) -> Double {
    if isIdentity { return Vector.maximumMagnitude(x, count: count) }
    let factors = transposed ? rows : columns
    return factors.indices.reduce(0) { max($0, abs(x[$1] / factors[$1])) }
  }

}

/// The largest exponents in the rows and columns of a matrix that is being scaled.
struct ExponentMaxima {
  fileprivate var rowExponents: [Int32]
  fileprivate var columnExponents: [Int32]
  fileprivate var rowMaxima: [Int32]
  fileprivate var columnMaxima: [Int32]

  /// The maximum over no entry at all.
  private static let none = Int32.min / 2

  fileprivate init(count n: Int) {
    rowExponents = [Int32](repeating: 0, count: n)
    columnExponents = rowExponents
    rowMaxima = rowExponents
    columnMaxima = rowExponents
  }

  fileprivate mutating func forget() {
    for i in rowMaxima.indices {
      rowMaxima[i] = Self.none
      columnMaxima[i] = Self.none
    }
  }

  /// Takes the entries at `values` into account.
  mutating func measure(_ values: UnsafePointer<Double>, _ runs: [Equilibration.Run]) {
    // Pointers, because this runs over every entry of the matrix.
    rowMaxima.withUnsafeMutableBufferPointer { rowMaxima in
      columnMaxima.withUnsafeMutableBufferPointer { columnMaxima in
        rowExponents.withUnsafeBufferPointer { rowExponents in
          columnExponents.withUnsafeBufferPointer { columnExponents in
            for run in runs {
              for k in 0..<run.count where values[run.start + k] != 0 {
                let i = run.row + k * run.rowStep
                let j = run.column + k * run.columnStep
                let size =
                  Self.exponent(values[run.start + k]) + rowExponents[i] + columnExponents[j]
                if size > rowMaxima[i] { rowMaxima[i] = size }
                if size > columnMaxima[j] { columnMaxima[j] = size }
              }
            }
          }
        }
      }
    }
  }

  fileprivate func requireNonzero() throws(LinearSolveError) {
    for maxima in [rowMaxima, columnMaxima] {
      if let index = maxima.firstIndex(of: Self.none) {
        throw .singular(pivotIndex: index, estimatedCondition: .infinity)
      }
    }
  }

  /// The exponent of the largest entry.
  fileprivate var largest: Int { Int(rowMaxima.max() ?? 0) }

  fileprivate func isBalanced(within tolerance: Int) -> Bool {
    for maxima in [rowMaxima, columnMaxima] {
      guard let low = maxima.min(), let high = maxima.max() else { continue }
      if Int(high) - Int(low) > tolerance { return false }
    }
    return true
  }

  /// Takes `2^exponent` out of the matrix, half of it by rows, half by columns.
  fileprivate mutating func divide(by exponent: Int) {
    let half = Int32(exponent / 2)
    for i in rowExponents.indices { rowExponents[i] -= Int32(exponent) - half }
    for j in columnExponents.indices { columnExponents[j] -= half }
  }

  /// `⌊log₂|a|⌋`, from the bits where `a` is normal.
  @inline(__always)
  private static func exponent(_ a: Double) -> Int32 {
    let biased = Int32(truncatingIfNeeded: (a.bitPattern &>> 52) & 0x7FF)
    return biased == 0 ? Int32(a.exponent) : biased &- 1023
  }
}
