import Kernels

/// `Σ α X̃ᵀ D X̃ + diag(θ)` with matrices in single precision; see ``HasRoundedForm``.
struct RoundedNormalOperator: LinearOperator {
  /// A matrix of some rows, rounded, between two products with it.
  struct Square {
    let matrix: NumberBuffer
    let rowCount: Int
    let weights: [Double]?
    let factor: Double

    /// The rounded numbers, two to a double.
    var numbers: UnsafeMutablePointer<Float> {
      UnsafeMutableRawPointer(matrix.base).assumingMemoryBound(to: Float.self)
    }
  }

  let squares: [Square]
  let diagonal: [Double]

  var rowCount: Int { diagonal.count }
  var columnCount: Int { diagonal.count }

  func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError) {
    try matmat(x, columns: 1, into: &y)
  }

  /// It is symmetric, up to the rounding of sums.
  func transposeMatvec(
    _ x: Span<Double>, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try matmat(x, columns: 1, into: &y)
  }

  func transposeMatmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try matmat(x, columns: k, into: &y)
  }

  /// Each matrix is read once; each column has the bits that it has alone.
  func matmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try requireSizes(x.count, y.count, columns: k, transposed: false)
    let n = diagonal.count
    x.withUnsafeBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        guard let input = x.baseAddress, let output = y.baseAddress else { return }
        for j in 0..<k { for i in 0..<n { output[j * n + i] = diagonal[i] * input[j * n + i] } }
        for square in squares {
          square.weights.withPointer { weights in
            Dense.addNormal(
              square.numbers, rows: square.rowCount, columns: n, weights: weights, byEach: input,
              into: output, count: k, scaledBy: square.factor)
          }
        }
      }
    }
  }
}

extension [Double]? {
  fileprivate func withPointer(_ body: (UnsafePointer<Double>?) -> Void) {
    guard let self else { return body(nil) }
    self.withUnsafeBufferPointer { body($0.baseAddress) }
  }
}
