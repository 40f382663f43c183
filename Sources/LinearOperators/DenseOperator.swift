import Kernels

/// An `m × n` matrix kept entry by entry. A product costs `m n` multiplications.
public struct DenseOperator: LinearOperator {
  /// `m`.
  public let rowCount: Int

  /// `n`.
  public let columnCount: Int

  /// The entries, row-major.
  public let entries: [Double]

  /// The operator of the row-major `entries`; throws unless there are `rowCount · columnCount`.
  public init(rowCount: Int, columnCount: Int, entries: [Double]) throws(LinearSolveError) {
    try requireCount(entries.count, rowCount * columnCount, "the entries of the matrix")
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.entries = entries
  }

  /// The operator with the given rows; throws unless they are equally long.
  public init(rows: [[Double]]) throws(LinearSolveError) {
    let n = rows.first?.count ?? 0
    for (i, row) in rows.enumerated() {
      try requireCount(row.count, n, "row \(i) of the matrix")
    }
    try self.init(rowCount: rows.count, columnCount: n, entries: rows.flatMap { $0 })
  }

  /// `y ← A x`.
  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try requireSizes(x.count, y.count, transposed: false)
    multiply(x, columns: 1, into: &y, transposed: false)
  }

  /// `y ← Aᵀ x`.
  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try requireSizes(x.count, y.count, transposed: true)
    multiply(x, columns: 1, into: &y, transposed: true)
  }

  /// `Y ← A X`, reading the entries once.
  public func matmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try requireSizes(x.count, y.count, columns: k, transposed: false)
    multiply(x, columns: k, into: &y, transposed: false)
  }

  /// `Y ← Aᵀ X`, reading the entries once.
  public func transposeMatmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try requireSizes(x.count, y.count, columns: k, transposed: true)
    multiply(x, columns: k, into: &y, transposed: true)
  }

  /// The entries at hand.
  public func denseMatrix() throws(LinearSolveError) -> [Double] { entries }

  private func multiply(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>, transposed: Bool
  ) {
    let (m, n) = (rowCount, columnCount)
    entries.withUnsafeBufferPointer { entries in
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          guard let out = y.baseAddress else { return }
          guard let a = entries.baseAddress, let x = x.baseAddress else {
            y.update(repeating: 0)  // an empty sum
            return
          }
          if transposed {
            Dense.multiplyTransposed(
              a, rows: m, columns: n, rowStride: n, byEach: x, stride: m, into: out, stride: n,
              count: k, scaledBy: 1, adding: false)
          } else {
            Dense.multiply(
              a, rows: m, columns: n, rowStride: n, byEach: x, stride: n, into: out, stride: m,
              count: k, scaledBy: 1, adding: false)
          }
        }
      }
    }
  }
}
