import Kernels

/// `P R A C = L U` within the band.
struct BandLU: Factorization {
  let count: Int
  let scaling: Equilibration
  let norms: (rows: Double, columns: Double)
  private(set) var condition = ConditionEvidence.unknown
  let entries: KeptEntries?
  private let lower: Int
  private let upper: Int
  private let storage: Storage

  private enum Storage: Sendable {
    /// The diagonals of ``Banded/factorTridiagonal``; `diagonal` holds reciprocals.
    case tridiagonal(
      lower: [Double], diagonal: [Double], upper: [Double], upper2: [Double], exchanged: [Bool])
    /// The rows of ``Banded/factorLU``.
    case general(band: [Double], pivots: [Int])
  }

  var description: String {
    switch storage {
    case .tridiagonal: "tridiagonal LU \(count)×\(count)"
    case .general:
      "banded LU \(count)×\(count), \(lower.counted("diagonal")) below and \(upper) above"
    }
  }

  /// Factorises in `2 n (kl + 1) (kl + ku + 1)` operations, or throws `singular`.
  init(_ matrix: BandMatrix) throws(LinearSolveError) {
    let n = matrix.count
    count = n
    lower = matrix.lower
    upper = matrix.upper
    var values = matrix.values
    let runs = (-matrix.lower...matrix.upper).compactMap { d -> Equilibration.Run? in
      let first = max(0, -d)
      let end = min(n, n - d)
      guard first < end else { return nil }
      return Equilibration.Run(
        start: (d + matrix.lower) * n + first, count: end - first, row: first, rowStep: 1,
        column: first + d, columnStep: 1)
    }
    var rowSums = [Double](repeating: 0, count: n)
    var columnSums = rowSums
    scaling = try values.withUnsafeMutableBufferPointer { buffer throws(LinearSolveError) in
      guard let start = buffer.baseAddress, n > 0 else { return Equilibration(identity: n) }
      let scaling = try Equilibration(start, runs, count: n)
      scaling.apply(to: start, runs)
      for run in runs {
        for k in 0..<run.count {
          let size = abs(start[run.start + k])
          rowSums[run.row + k] += size
          columnSums[run.column + k] += size
        }
      }
      return scaling
    }
    norms = (rowSums.max() ?? 0, columnSums.max() ?? 0)
    entries = KeptEntries(values: matrix.values, runs: runs)

    let pivots: [Double]
    if matrix.lower <= 1 && matrix.upper <= 1 && n > 1 {
      (storage, pivots) = try Self.factorTridiagonal(values, matrix)
    } else {
      (storage, pivots) = try Self.factorGeneral(values, runs, matrix)
    }
    let width = Double(2 * matrix.lower + matrix.upper + 1)
    condition = try requireRegular(limit: 4 * width * Double.ulpOfOne, pivots: pivots)
  }

  func solve(_ b: UnsafeMutablePointer<Double>, transposed: Bool) {
    switch storage {
    case .tridiagonal(let lower, let diagonal, let upper, let upper2, let exchanged):
      if transposed {
        Banded.solveTridiagonalTransposed(
          lower: lower, diagonal: diagonal, upper: upper, upper2: upper2, exchanged: exchanged,
          count: count, b)
      } else {
        Banded.solveTridiagonal(
          lower: lower, diagonal: diagonal, upper: upper, upper2: upper2, exchanged: exchanged,
          count: count, b)
      }
    case .general(let band, let pivots):
      if transposed {
        Banded.solveLUTransposed(
          band, count: count, lower: lower, upper: upper, pivots: pivots, b)
      } else {
        Banded.solveLU(band, count: count, lower: lower, upper: upper, pivots: pivots, b)
      }
    }
  }

  private static func factorTridiagonal(
    _ values: [Double], _ matrix: BandMatrix
  ) throws(LinearSolveError) -> (Storage, [Double]) {
    let n = matrix.count
    // One diagonal after the other, row i of each at index i; a missing one is zero.
    func diagonal(_ d: Int, from first: Int, count: Int) -> [Double] {
      guard d >= -matrix.lower && d <= matrix.upper else {
        return [Double](repeating: 0, count: count)
      }
      let start = (d + matrix.lower) * n + first
      return [Double](values[start..<start + count])
    }
    var below = diagonal(-1, from: 1, count: n - 1)
    var main = diagonal(0, from: 0, count: n)
    var above = diagonal(1, from: 0, count: n - 1)
    var above2 = [Double](repeating: 0, count: max(n - 2, 1))
    var exchanged = [Bool](repeating: false, count: n - 1)
    let failure = Banded.factorTridiagonal(
      lower: &below, diagonal: &main, upper: &above, upper2: &above2, exchanged: &exchanged,
      count: n)
    if let failure { throw .singular(pivotIndex: failure, estimatedCondition: .infinity) }
    let storage = Storage.tridiagonal(
      lower: below, diagonal: main, upper: above, upper2: above2, exchanged: exchanged)
    return (storage, main.map { 1 / $0 })
  }

  private static func factorGeneral(
    _ values: [Double], _ runs: [Equilibration.Run], _ matrix: BandMatrix
  ) throws(LinearSolveError) -> (Storage, [Double]) {
    let (n, lower, upper) = (matrix.count, matrix.lower, matrix.upper)
    var band = [Double](
      repeating: 0, count: Banded.storageCount(count: n, lower: lower, upper: upper))
    for run in runs {
      for k in 0..<run.count {
        let place = Banded.index(
          row: run.row + k, column: run.column + k, lower: lower, upper: upper)
        band[place] = values[run.start + k]
      }
    }
    var pivots = [Int](repeating: 0, count: n)
    let failure = Banded.factorLU(&band, count: n, lower: lower, upper: upper, pivots: &pivots)
    if let failure { throw .singular(pivotIndex: failure, estimatedCondition: .infinity) }
    let diagonal = (0..<n).map { i in
      band[Banded.index(row: i, column: i, lower: lower, upper: upper)]
    }
    return (.general(band: band, pivots: pivots), diagonal)
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
    scaledDiagonal = zip(diagonal, scaling.rows).map { $0 * $1 }
    let largest = scaledDiagonal.reduce(0) { max($0, abs($1)) }
    norms = (largest, largest)
    let inverse = scaledDiagonal.reduce(0) { max($0, 1 / abs($1)) }
    condition = ConditionEvidence(
      conditionNumber: largest * inverse, inverseNorm: inverse, scaling: scaling)
  }

  func solve(_ b: UnsafeMutablePointer<Double>, transposed: Bool) {
    for i in 0..<count { b[i] /= scaledDiagonal[i] }
  }
}
