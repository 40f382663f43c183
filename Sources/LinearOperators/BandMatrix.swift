import Kernels

/// A square matrix with `lower` diagonals below and `upper` above the main one, by diagonals.
///
/// Diagonal `d = j − i` is stored as `count` numbers in a row, each at the index of its matrix
/// row: `A[i, j] = values[(j − i + lower) · count + i]`. Places whose column falls outside the
/// matrix hold zero. That is `(lower + upper + 1) · count` numbers.
public struct BandMatrix: Sendable, Equatable {
  /// The number of rows, and of columns.
  public let count: Int

  /// The number of diagonals below the main one.
  public let lower: Int

  /// The number of diagonals above the main one.
  public let upper: Int

  /// The diagonals, lowest first, `count` numbers each.
  public package(set) var values: [Double] {
    get { numbers.array }
    set { numbers = Numbers(newValue) }
  }

  package var numbers: Numbers

  /// The zero matrix of the given shape.
  public init(count: Int, lower: Int, upper: Int) {
    self.count = count
    self.lower = lower
    self.upper = upper
    numbers = Numbers(repeating: 0, count: (lower + upper + 1) * count)
  }

  /// The tridiagonal matrix with the given diagonals: `below` and `above` have one number less
  /// than `diagonal`. Throws if they do not.
  public init(
    below: [Double], diagonal: [Double], above: [Double]
  ) throws(LinearSolveError) {
    let n = diagonal.count
    try requireCount(below.count, max(n - 1, 0), "the diagonal below the main one")
    try requireCount(above.count, max(n - 1, 0), "the diagonal above the main one")
    self.init(count: n, lower: 1, upper: 1)
    numbers.withMutablePointer { values in
      for i in 0..<n {
        values[n + i] = diagonal[i]
        if i > 0 { values[i] = below[i - 1] }
        if i + 1 < n { values[2 * n + i] = above[i] }
      }
    }
  }

  /// The entry in row `i` and column `j`: zero outside the band. Only entries inside can be set.
  public subscript(i: Int, j: Int) -> Double {
    get { contains(i, j) ? numbers[(j - i + lower) * count + i] : 0 }
    set {
      guard contains(i, j) else {
        stop(
          "entry (\(i), \(j)) is outside the band -\(lower)…\(upper) of a matrix of \(count) rows")
      }
      numbers[(j - i + lower) * count + i] = newValue
    }
  }

  /// The transpose: `lower` and `upper` change places.
  public var transposed: BandMatrix {
    var result = BandMatrix(count: count, lower: upper, upper: lower)
    for i in 0..<count {
      for j in max(0, i - lower)..<min(count, i + upper + 1) { result[j, i] = self[i, j] }
    }
    return result
  }

  /// The same matrix, row-major `count × count`.
  public var denseMatrix: [Double] {
    var entries = [Double](repeating: 0, count: count * count)
    for i in 0..<count {
      for j in max(0, i - lower)..<min(count, i + upper + 1) { entries[i * count + j] = self[i, j] }
    }
    return entries
  }

  private func contains(_ i: Int, _ j: Int) -> Bool {
    i >= 0 && i < count && j >= 0 && j < count && i - j <= lower && j - i <= upper
  }
}
