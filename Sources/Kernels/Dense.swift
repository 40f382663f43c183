internal import VectorRegisters
internal import WideKernels

/// Products with a dense matrix, and its factorisations.
///
/// A matrix is row-major: entry `(i, j)` of an `m × n` matrix `A` stands at `a[i · rowStride + j]`
/// with `rowStride ≥ n`. Where a column stride is asked for as well, a transpose costs nothing.
/// Outputs may not overlap inputs, except where "in place" is said. Nothing is allocated: what a
/// kernel needs is handed to it as `workspace`. As everywhere in this module the order of every
/// sum is fixed and no product is fused into a sum.
///
/// Products with vectors, and the large ones of two matrices, run in `DenseLoops`: on an x86-64 processor
/// with registers of eight doubles in the loops that are compiled for such a one, whatever this build
/// is for. Each call asks anew, which is a load and a branch.
package enum Dense {
  /// `y ← α A x` or `y ← y + α A x`, with `A` of shape `m × n`, `x` of length `n`, `y` of
  /// length `m`. Costs `2 m n` operations and reads `A` once.
  ///
  /// Four rows run together, or eight, so that `x` is loaded once for them. Where a row stands among
  /// the others has no influence on the bits of its product.
  package static func multiply(
    _ a: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    by x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, scaledBy alpha: Double,
    adding: Bool
  ) {
    if callsWideKernels {
      WideKernels.DenseLoops.multiply(
        a, rows: m, columns: n, rowStride: rowStride, by: x, into: y, scaledBy: alpha,
        adding: adding)
    } else {
      DenseLoops.multiply(
        a, rows: m, columns: n, rowStride: rowStride, by: x, into: y, scaledBy: alpha,
        adding: adding)
    }
  }

  /// `y ← α Aᵀ x` or `y ← y + α Aᵀ x`, with `A` of shape `m × n`, `x` of length `m`, `y` of
  /// length `n`. Costs `2 m n` operations and reads `A` once, row by row as it lies in memory.
  package static func multiplyTransposed(
    _ a: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    by x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, scaledBy alpha: Double,
    adding: Bool
  ) {
    if callsWideKernels {
      WideKernels.DenseLoops.multiplyTransposed(
        a, rows: m, columns: n, rowStride: rowStride, by: x, into: y, scaledBy: alpha,
        adding: adding)
    } else {
      DenseLoops.multiplyTransposed(
        a, rows: m, columns: n, rowStride: rowStride, by: x, into: y, scaledBy: alpha,
        adding: adding)
    }
  }

  /// Whether products take eight rows at once, and matrices tiles for registers of eight doubles: where
  /// this module is compiled for such registers, and where the processor turns out to have them.
  @inline(__always)
  static var takesEightRows: Bool { DenseLoops.takesEightRows || callsWideKernels }

  /// Whether the loops of `WideKernels` are to be called.
  @inline(__always)
  static var callsWideKernels: Bool {
    !DenseLoops.takesEightRows && processor_has_registers_of_eight_doubles() != 0
  }

  /// How many neighbouring rows of a matrix with `n` columns, and then the same rows once more, a
  /// product of `k` vectors with `XᵀX` takes: eight or four. Four fit the first-level cache, with both
  /// vectors, up to about a thousand columns, eight up to six hundred; where eight do not fit and four
  /// do, four are faster, but for several vectors.
  package static func rowsTogether(columns n: Int, vectors k: Int = 1) -> Int {
    let fits = { (rows: Int) in (rows &+ 2) &* n <= firstLevelCount }
    return takesEightRows && (k > 1 || fits(8) || !fits(4)) ? 8 : 4
  }

  /// The numbers in a first-level cache of 48 kB.
  private static var firstLevelCount: Int { 6144 }
}
