import Kernels

/// The matrix product of `a` and `b`, either of which may be used transposed and either of which
/// may be a vector.
///
/// | a | b | result |
/// |---|---|---|
/// | `m × k` | `k × n` | `m × n` |
/// | `m × k` | length `k` | length `m` |
/// | length `k` | `k × n` | length `n` |
///
/// Transposing copies nothing. Cost: `2 m k n` operations, in blocks.
public func matmul(
  _ a: Tensor, _ b: Tensor, transposingLeft: Bool = false, transposingRight: Bool = false
) -> Tensor {
  switch (a.rank, b.rank) {
  case (2, 1): return matrixVector(a, b, transposed: transposingLeft)
  case (1, 2): return matrixVector(b, a, transposed: !transposingRight)
  case (2, 2): break
  default: return shapeMismatch("matmul", a.dimensions, b.dimensions)
  }
  let (m, k) =
    transposingLeft
    ? (a.dimensions[1], a.dimensions[0]) : (a.dimensions[0], a.dimensions[1])
  let (kb, n) =
    transposingRight
    ? (b.dimensions[1], b.dimensions[0]) : (b.dimensions[0], b.dimensions[1])
  let shape = Shape([m, n])
  guard k == kb else {
    return shapeMismatch("matmul", a.dimensions, b.dimensions, resultShape: shape)
  }
  let (rowA, innerA) = transposingLeft ? (1, m) : (k, 1)
  let (innerB, columnB) = transposingRight ? (1, k) : (n, 1)
  let term = StridedTerm(
    (m, k, n), output: (n, 0, 1), coefficient: (rowA, innerA, 0), input: (0, innerB, columnB))
  return evaluate(shape, Piece(b, times: a, term))
}

private func matrixVector(_ matrix: Tensor, _ x: Tensor, transposed: Bool) -> Tensor {
  let (rows, columns) = (matrix.dimensions[0], matrix.dimensions[1])
  let (m, k) = transposed ? (columns, rows) : (rows, columns)
  guard x.count == k else {
    return shapeMismatch(
      transposed ? "matmul (transposed)" : "matmul", matrix.dimensions, x.dimensions,
      resultShape: Shape(vector: m))
  }
  let (row, inner) = transposed ? (1, columns) : (columns, 1)
  let term = StridedTerm(
    (m, k, 1), output: (1, 0, 0), coefficient: (row, inner, 0), input: (0, 1, 0))
  return evaluate(Shape(vector: m), Piece(x, times: matrix, term))
}

/// The outer product `aᵢ bⱼ` of two vectors: a matrix.
public func outer(_ a: Tensor, _ b: Tensor) -> Tensor {
  guard a.rank == 1, b.rank == 1 else {
    return shapeMismatch("outer", a.dimensions, b.dimensions)
  }
  let (m, n) = (a.count, b.count)
  let term = StridedTerm(
    (m, n, 1), output: (n, 1, 0), coefficient: (1, 0, 0), input: (0, 1, 0))
  return evaluate(Shape([m, n]), Piece(b, times: a, term))
}

extension StridedTerm {
  /// The term that steps through a box of three axes with the given strides.
  fileprivate init(
    _ extents: (Int, Int, Int), output: (Int, Int, Int), coefficient: (Int, Int, Int),
    input: (Int, Int, Int)
  ) {
    func axes(_ steps: (Int, Int, Int), last: Int32) -> SIMD4<Int32> {
      SIMD4(Int32(steps.0), Int32(steps.1), Int32(steps.2), last)
    }
    self.init(
      extents: axes(extents, last: 1), output: StridedView(strides: axes(output, last: 0)),
      coefficient: StridedView(strides: axes(coefficient, last: 0)),
      input: StridedView(strides: axes(input, last: 0)))
  }
}
