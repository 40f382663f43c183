import Kernels

/// `P R A C = L U` within the band.
struct BandLU: Factorization {
  let count: Int
  let scaling: Equilibration
  let norms: (rows: Double, columns: Double)
  private(set) var condition = ConditionEvidence.unknown
  let growth: Double
  private let matrix: BandMatrix
  private let factors: Factors

  var entries: KeptEntries? {
    KeptEntries(values: matrix.values, runs: Self.runs(of: matrix))
  }

  private enum Factors: Sendable {
    case tridiagonal(TridiagonalFactors)
    /// The rows of ``Banded/factorLU``.
    case general(band: [Double], pivots: [Int])
  }

  var description: String {
    switch factors {
    case .tridiagonal: "tridiagonal LU \(count)×\(count)"
    case .general:
      "banded LU \(count)×\(count), \(matrix.lower.counted("diagonal")) below and "
        + "\(matrix.upper) above"
    }
  }

  /// Factorises in `2 n (kl + 1) (kl + ku + 1)` operations, or throws `singular`.
  init(_ matrix: BandMatrix, passenger: Passenger? = nil) throws(LinearSolveError) {
    let n = matrix.count
    count = n
    self.matrix = matrix
    scaling = try Self.scaling(of: matrix)
    var scaled = matrix
    if !scaling.isIdentity {
      let scaling = scaling
      scaled.numbers.withMutablePointer { scaling.apply(to: $0, Self.runs(of: matrix)) }
    }
    let (norms, dominance) = Self.maximumSums(scaled)
    self.norms = norms
    factors = try Self.factorised(scaled)
    growth = Self.growth(of: factors, from: scaled)
    let width = Double(2 * matrix.lower + matrix.upper + 1)
    condition = try requireRegular(
      limit: 4 * width * Double.ulpOfOne, pivots: pivots, dominance: dominance,
      passenger: passenger)
  }

  /// With `kl` diagonals below the entries of the factors grow by `2^(2 kl − 1)` at most (N. J. Higham,
  /// *Accuracy and Stability of Numerical Algorithms*, 2nd ed., 2002, §9.5): for few it need not be told.
  private static func growth(of factors: Factors, from matrix: BandMatrix) -> Double {
    guard case .general(let band, _) = factors, matrix.lower > 5 else { return 1 }
    let size = matrix.numbers.withPointer {
      Vector.maximumMagnitude($0, count: matrix.numbers.count)
    }
    return size > 0 ? ProbeVector.maximumMagnitude(band) / size : 1
  }

  func solve(_ b: UnsafeMutablePointer<Double>, transposed: Bool) {
    solve(b, columns: 1, transposed: transposed)
  }

  func solve(_ b: UnsafeMutablePointer<Double>, columns k: Int, transposed: Bool) {
    switch factors {
    case .tridiagonal(let factors): factors.solve(b, columns: k, transposed: transposed)
    case .general(let band, let pivots):
      for j in 0..<k {
        if transposed {
          Banded.solveLUTransposed(
            band, count: count, lower: matrix.lower, upper: matrix.upper, pivots: pivots,
            b + j * count)
        } else {
          Banded.solveLU(
            band, count: count, lower: matrix.lower, upper: matrix.upper, pivots: pivots,
            b + j * count)
        }
      }
    }
  }

  /// Whether the residual `r = b − A x` is as small as rounding allows in *every* row:
  /// `|rᵢ| ≤ 2 ε (|A||x| + |b|)ᵢ`. Then refinement has nothing to gain (R. D. Skeel 1980). Costs a
  /// product.
  func isRefined(
    _ x: UnsafePointer<Double>, rightHandSide b: UnsafePointer<Double>,
    residual r: UnsafePointer<Double>, transposed: Bool
  ) -> Bool {
    let n = count
    return matrix.numbers.withPointer { values in
      return Tiles.allSatisfy(count: n) { tile, sums in
        sums.update(repeating: 0, count: tile.count)
        Vector.addMagnitudes(of: b + tile.lowerBound, to: sums, count: tile.count)
        for d in -matrix.lower...matrix.upper {
          let diagonal = values + (d + matrix.lower) * n
          // Row i and column i + d, or the other way round.
          let shift = transposed ? -d : d
          let start = transposed ? diagonal - d : diagonal
          let range = tile.clamped(
            to: Swift.max(0, -shift)..<Swift.max(0, -shift, Swift.min(n, n - shift)))
          Vector.addMagnitudes(
            ofProducts: start + range.lowerBound, x + range.lowerBound + shift,
            to: sums + (range.lowerBound - tile.lowerBound), count: range.count)
        }
        return Vector.areBounded(
          r + tile.lowerBound, by: sums, times: 2 * Double.ulpOfOne, count: tile.count)
      }
    }
  }

  // MARK: Parts

  /// The diagonals as runs of stored entries.
  private static func runs(of matrix: BandMatrix) -> [Equilibration.Run] {
    let n = matrix.count
    return (-matrix.lower...matrix.upper).compactMap { d in
      let first = max(0, -d)
      let end = min(n, n - d)
      guard first < end else { return nil }
      return Equilibration.Run(
        start: (d + matrix.lower) * n + first, count: end - first, row: first, rowStep: 1,
        column: first + d, columnStep: 1)
    }
  }

  private static func scaling(
    of matrix: BandMatrix
  ) throws(LinearSolveError) -> Equilibration {
    let n = matrix.count
    if n == 0 { return Equilibration(identity: 0) }
    return try matrix.numbers.withPointer { start throws(LinearSolveError) in
      let needless = Equilibration.isNeedless(
        largest: Vector.maximumMagnitude(start, count: matrix.numbers.count),
        leastDiagonal: Vector.minimumMagnitude(start + matrix.lower * n, count: n))
      return needless
        ? Equilibration(identity: n) : try Equilibration(start, runs(of: matrix), count: n)
    }
  }

  /// `(‖Â‖∞, ‖Â‖₁)`, and by how much the diagonal dominates the rows and the columns at least.
  private static func maximumSums(
    _ matrix: BandMatrix
  ) -> (norms: (rows: Double, columns: Double), dominance: (rows: Double, columns: Double)) {
    let n = matrix.count
    return matrix.numbers.withPointer { values in
      func sums(byRows: Bool) -> (largest: Double, dominance: Double) {
        var (largest, dominance) = (0.0, Double.infinity)
        _ = Tiles.allSatisfy(count: n) { tile, sums in
          sums.update(repeating: 0, count: tile.count)
          for d in -matrix.lower...matrix.upper {
            let shift = byRows ? d : -d
            let start = values + (d + matrix.lower) * n - (byRows ? 0 : d)
            let range = tile.clamped(
              to: Swift.max(0, -shift)..<Swift.max(0, -shift, Swift.min(n, n - shift)))
            Vector.addMagnitudes(
              of: start + range.lowerBound, to: sums + (range.lowerBound - tile.lowerBound),
              count: range.count)
          }
          largest = Swift.max(largest, Vector.maximumMagnitude(sums, count: tile.count))
          let least = Vector.leastDominance(
            of: values + matrix.lower * n + tile.lowerBound, in: sums, count: tile.count)
          // `min` would drop a NaN.
          if !(least >= dominance), !dominance.isNaN { dominance = least }
          return true
        }
        return (largest, dominance)
      }
      let (rows, columns) = (sums(byRows: true), sums(byRows: false))
      return ((rows.largest, columns.largest), (rows.dominance, columns.dominance))
    }
  }

  private static func factorised(_ matrix: BandMatrix) throws(LinearSolveError) -> Factors {
    if matrix.lower <= 1 && matrix.upper <= 1 && matrix.count > 1 {
      return .tridiagonal(try TridiagonalFactors(matrix))
    }
    let (n, lower, upper) = (matrix.count, matrix.lower, matrix.upper)
    var band = [Double](
      repeating: 0, count: Banded.storageCount(count: n, lower: lower, upper: upper))
    for run in runs(of: matrix) {
      for k in 0..<run.count {
        let place = Banded.index(
          row: run.row + k, column: run.column + k, lower: lower, upper: upper)
        band[place] = matrix.numbers[run.start + k]
      }
    }
    var pivots = [Int](repeating: 0, count: n)
    let failure = Banded.factorLU(&band, count: n, lower: lower, upper: upper, pivots: &pivots)
    if let failure { throw .singular(pivotIndex: failure, estimatedCondition: .infinity) }
    return .general(band: band, pivots: pivots)
  }

  private var pivots: [Double] {
    switch factors {
    case .tridiagonal(let factors): factors.pivots
    case .general(let band, _):
      (0..<count).map { i in
        band[Banded.index(row: i, column: i, lower: matrix.lower, upper: matrix.upper)]
      }
    }
  }
}

/// What ``Banded/factorTridiagonal`` makes, in one block of memory.
private struct TridiagonalFactors: Sendable {
  private let count: Int
  /// Four diagonals of `count` numbers each, then the flags.
  private let memory: NumberBuffer

  /// Throws `singular`.
  init(_ matrix: BandMatrix) throws(LinearSolveError) {
    let n = matrix.count
    count = n
    memory = NumberBuffer(uninitializedCount: 4 * n + (n + 7) / 8)
    // One diagonal after the other, row i of each at index i; a missing one is zero.
    func copy(_ d: Int, from first: Int, count: Int, to place: UnsafeMutablePointer<Double>) {
      guard d >= -matrix.lower && d <= matrix.upper else {
        place.update(repeating: 0, count: count)
        return
      }
      matrix.numbers.withPointer { start in
        place.update(from: start + (d + matrix.lower) * n + first, count: count)
      }
    }
    copy(-1, from: 1, count: n - 1, to: lower)
    copy(0, from: 0, count: n, to: diagonal)
    copy(1, from: 0, count: n - 1, to: upper)
    let failure = Banded.factorTridiagonal(
      lower: lower, diagonal: diagonal, upper: upper, upper2: upper2, exchanged: exchanged,
      count: n)
    if let failure { throw .singular(pivotIndex: failure, estimatedCondition: .infinity) }
  }

  private var lower: UnsafeMutablePointer<Double> { memory.base }
  private var diagonal: UnsafeMutablePointer<Double> { memory.base + count }
  private var upper: UnsafeMutablePointer<Double> { memory.base + 2 * count }
  private var upper2: UnsafeMutablePointer<Double> { memory.base + 3 * count }
  private var exchanged: UnsafeMutablePointer<Bool> {
    UnsafeMutableRawPointer(memory.base + 4 * count).assumingMemoryBound(to: Bool.self)
  }

  var pivots: [Double] { (0..<count).map { 1 / diagonal[$0] } }

  func solve(_ b: UnsafeMutablePointer<Double>, columns: Int, transposed: Bool) {
    if transposed {
      Banded.solveTridiagonalTransposed(
        lower: lower, diagonal: diagonal, upper: upper, upper2: upper2, exchanged: exchanged,
        count: count, columns: columns, b)
    } else {
      Banded.solveTridiagonal(
        lower: lower, diagonal: diagonal, upper: upper, upper2: upper2, exchanged: exchanged,
        count: count, columns: columns, b)
    }
  }
}

/// Passes over long vectors in pieces that stay in the first cache, with room for one sum per entry.
private enum Tiles {
  static func allSatisfy(
    count n: Int, _ body: (Range<Int>, _ sums: UnsafeMutablePointer<Double>) -> Bool
  ) -> Bool {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: Swift.min(n, 512)) { sums in
      guard let start = sums.baseAddress else { return true }
      for first in stride(from: 0, to: n, by: 512)
      where !body(first..<Swift.min(first + 512, n), start) { return false }
      return true
    }
  }
}

/// A diagonal matrix, solved by division.
struct DiagonalDivision: Factorization {
  let count: Int
  let scaling: Equilibration
  let norms: (rows: Double, columns: Double)
  let condition: ConditionEvidence
  let entries: KeptEntries?
  private let scaledDiagonal: [Double]

  var description: String { "diagonal division \(count)×\(count)" }

  /// Throws `singular` for an entry that is zero.
  init(_ diagonal: [Double]) throws(LinearSolveError) {
    if let zero = diagonal.firstIndex(of: 0) {
      throw .singular(pivotIndex: zero, estimatedCondition: .infinity)
    }
    count = diagonal.count
    entries = KeptEntries(
      values: diagonal,
      runs: [
        Equilibration.Run(
          start: 0, count: diagonal.count, row: 0, rowStep: 1, column: 0, columnStep: 1)
      ])
    scaling = Equilibration(
      rowExponents: diagonal.map { -Int($0.exponent) },
      columnExponents: [Int](repeating: 0, count: diagonal.count))
    scaledDiagonal =
      scaling.isIdentity ? diagonal : zip(diagonal, scaling.rows).map { $0 * $1 }
    let largest = scaledDiagonal.reduce(0) { max($0, abs($1)) }
    norms = (largest, largest)
    let inverse = scaledDiagonal.reduce(0) { max($0, 1 / abs($1)) }
    condition = ConditionEvidence(
      conditionNumber: largest * inverse, inverseNorm: inverse, isBound: true,
      spectralBound: inverse,
      scaling: scaling)
  }

  func solve(_ b: UnsafeMutablePointer<Double>, transposed: Bool) {
    for i in 0..<count { b[i] /= scaledDiagonal[i] }
  }
}
