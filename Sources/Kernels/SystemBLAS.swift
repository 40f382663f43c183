#if LAPACK
  #if canImport(Accelerate)
    internal import Accelerate
  #else
    internal import COpenBLAS
  #endif
#endif

/// The product of two matrices as the system's library has it, with the trait `LAPACK`: OpenBLAS on
/// Linux, Accelerate on Apple systems. Without the trait nothing here does anything.
///
/// This one function is taken from there, and through it LU and Cholesky have nearly all of their
/// operations done. Their panels, their pivots and what they report of a singular matrix stay ours: on
/// one core OpenBLAS's own factorisations are no faster. Products with a vector stay ours too, since
/// they wait for memory.
///
/// The order of the sums is the library's. It may depend on its version, on the sizes and on the
/// number of its threads: with the trait, the same input need not give the same bits elsewhere.
enum SystemBLAS {
  /// Whether there is a library to ask.
  @inline(__always)
  static var isUsed: Bool {
    #if LAPACK
      true
    #else
      false
    #endif
  }

  /// Whether the library takes a matrix as it lies in memory: neighbours in its rows or in its columns
  /// next to each other.
  @inline(__always)
  static func takes(_ matrix: Dense.StridedMatrix, rows: Int, columns: Int) -> Bool {
    (matrix.columnStride == 1 && matrix.rowStride >= max(1, columns))
      || (matrix.rowStride == 1 && matrix.columnStride >= max(1, rows))
  }

  /// `C ← α A B` or `C ← C + α A B`, for matrices that the library takes.
  @inline(__always)
  static func multiply(
    _ a: Dense.StridedMatrix, _ b: Dense.StridedMatrix, into c: UnsafeMutablePointer<Double>,
    rowStride: Int, rows m: Int, inner k: Int, columns n: Int, scaledBy alpha: Double, adding: Bool
  ) {
    #if LAPACK
      let aIsPlain = a.columnStride == 1 && a.rowStride >= max(1, k)
      let bIsPlain = b.columnStride == 1 && b.rowStride >= max(1, n)
      cblas_dgemm(
        CblasRowMajor, aIsPlain ? CblasNoTrans : CblasTrans, bIsPlain ? CblasNoTrans : CblasTrans,
        Int32(m), Int32(n), Int32(k), alpha, a.start,
        Int32(aIsPlain ? a.rowStride : a.columnStride),
        b.start, Int32(bIsPlain ? b.rowStride : b.columnStride), adding ? 1 : 0, c,
        Int32(rowStride))
    #endif
  }
}

extension Dense {
  /// Whether matrix products come from the system's library (the trait `LAPACK`): then no bits are
  /// promised.
  package static var usesSystemLibrary: Bool { SystemBLAS.isUsed }

  /// A lower triangle with at most so many columns is made by our own kernel.
  private static var ownTriangle: Int { 64 }

  /// The product by the system's library. A lower triangle is made of the triangles of its upper and
  /// its lower half, and of the square between them.
  static func multiplyBySystem(
    _ a: StridedMatrix, weights: UnsafePointer<Double>?, _ b: StridedMatrix,
    into c: UnsafeMutablePointer<Double>, rowStride: Int, rows m: Int, inner k: Int,
    columns n: Int, scaledBy alpha: Double, adding: Bool, lowerTriangleOnly: Bool,
    workspace: UnsafeMutablePointer<Double>
  ) {
    if !lowerTriangleOnly {
      multiplyRectangle(
        a, weights: weights, b, into: c, rowStride: rowStride, rows: m, inner: k, columns: n,
        scaledBy: alpha, adding: adding, workspace: workspace)
      return
    }
    if n <= ownTriangle {
      multiply(
        a, weights: weights, b, into: c, rowStride: rowStride, rows: m, inner: k, columns: n,
        scaledBy: alpha, adding: adding, lowerTriangleOnly: true, workspace: workspace,
        tile: .native)
      return
    }
    let half = n / 2
    multiplyBySystem(
      a, weights: weights, b, into: c, rowStride: rowStride, rows: half, inner: k, columns: half,
      scaledBy: alpha, adding: adding, lowerTriangleOnly: true, workspace: workspace)
    let below = c + half &* rowStride
    multiplyRectangle(
      DenseLoops.part(of: a, from: half, 0), weights: weights, b, into: below, rowStride: rowStride,
      rows: m &- half,
      inner: k, columns: half, scaledBy: alpha, adding: adding, workspace: workspace)
    multiplyBySystem(
      DenseLoops.part(of: a, from: half, 0), weights: weights,
      DenseLoops.part(of: b, from: 0, half), into: below + half, rowStride: rowStride,
      rows: m &- half, inner: k, columns: n &- half, scaledBy: alpha, adding: adding,
      lowerTriangleOnly: true, workspace: workspace)
  }

  /// With weights, `D B` is made in the workspace, in blocks as they are packed otherwise.
  private static func multiplyRectangle(
    _ a: StridedMatrix, weights: UnsafePointer<Double>?, _ b: StridedMatrix,
    into c: UnsafeMutablePointer<Double>, rowStride: Int, rows m: Int, inner k: Int,
    columns n: Int, scaledBy alpha: Double, adding: Bool,
    workspace: UnsafeMutablePointer<Double>
  ) {
    guard let weights else {
      SystemBLAS.multiply(
        a, b, into: c, rowStride: rowStride, rows: m, inner: k, columns: n, scaledBy: alpha,
        adding: adding)
      return
    }
    for j in stride(from: 0, to: n, by: DenseLoops.columnBlock) {
      let width = min(DenseLoops.columnBlock, n &- j)
      for p in stride(from: 0, to: k, by: innerBlock) {
        let depth = min(innerBlock, k &- p)
        for q in 0..<depth {
          let row = DenseLoops.part(of: b, from: p &+ q, j).start
          for s in 0..<width {
            workspace[q &* width &+ s] = weights[p &+ q] * row[s &* b.columnStride]
          }
        }
        SystemBLAS.multiply(
          DenseLoops.part(of: a, from: 0, p),
          (start: UnsafePointer(workspace), rowStride: width, columnStride: 1),
          into: c + j, rowStride: rowStride, rows: m, inner: depth, columns: width,
          scaledBy: alpha, adding: adding || p > 0)
      }
    }
  }
}
