internal import WideKernels

// The product of two matrices.
//
// Every entry of the product is summed in one and the same way, whatever the shapes and whichever of
// our paths computes it: `∑ₚ (α aᵢₚ) bₚⱼ` with `p` ascending, in chunks of 256 that are then added up.
// So the blocking below may be tuned without changing a bit of any result.
//
// Source of the blocking: K. Goto and R. van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication", ACM Trans. Math. Softw. 34 (2008), article 12.
extension Dense {
  typealias StridedMatrix = DenseLoops.StridedMatrix
  private typealias ProductChunk = DenseLoops.ProductChunk

  /// How many rows of `B`, and columns of `A`, are packed at a time (the chunk of the sum).
  static var innerBlock: Int { 256 }

  /// `C ← α A B` or `C ← C + α A B`, with `A` of shape `m × k`, `B` of shape `k × n`, `C` of
  /// shape `m × n` and neighbouring entries of a row of `C` next to each other.
  /// Costs `2 m k n` operations. `workspace` has room for `workspaceCount(rows:inner:columns:)`.
  /// Whichever tile is named, the bits are the same; if none is, and the trait `LAPACK` is on, the
  /// system's library does the work.
  package static func multiply(
    _ a: UnsafePointer<Double>, rowStride aRowStride: Int, columnStride aColumnStride: Int,
    _ b: UnsafePointer<Double>, rowStride bRowStride: Int, columnStride bColumnStride: Int,
    into c: UnsafeMutablePointer<Double>, rowStride cRowStride: Int,
    rows m: Int, inner k: Int, columns n: Int, scaledBy alpha: Double, adding: Bool,
    workspace: UnsafeMutablePointer<Double>, tile: Tile? = nil
  ) {
    let left: StridedMatrix = (start: a, rowStride: aRowStride, columnStride: aColumnStride)
    let right: StridedMatrix = (start: b, rowStride: bRowStride, columnStride: bColumnStride)
    multiply(
      left, right, into: c, rowStride: cRowStride, rows: m, inner: k, columns: n,
      scaledBy: alpha, adding: adding, lowerTriangleOnly: false, workspace: workspace, tile: tile)
  }

  /// How many doubles of workspace the product of an `m × k` with a `k × n` matrix wants: at most
  /// about 180,000. It never decreases when a size grows, so that what is enough for
  /// `(n, n, n)` is enough for the factorisations of an `n × n` matrix too.
  package static func workspaceCount(rows m: Int, inner k: Int, columns n: Int) -> Int {
    if isSmall(rows: m, inner: k, columns: n) { return 0 }
    let depth = min(k, innerBlock)
    let width = min(DenseLoops.roundedUp(n, to: 16), DenseLoops.columnBlock)
    let height = min(DenseLoops.roundedUp(m, to: 8), DenseLoops.rowBlock)
    return 7 + DenseLoops.tileCount + depth * width + 2 * depth * height
  }

  /// The product, with `lowerTriangleOnly` leaving alone what is above the diagonal of `C`. With
  /// weights it is `A D B`, `D` diagonal: its entries join the scale, `(α dₚ) aᵢₚ`.
  static func multiply(
    _ a: StridedMatrix, weights: UnsafePointer<Double>? = nil, _ b: StridedMatrix,
    into c: UnsafeMutablePointer<Double>, rowStride: Int, rows m: Int, inner k: Int,
    columns n: Int, scaledBy alpha: Double, adding: Bool, lowerTriangleOnly: Bool,
    workspace: UnsafeMutablePointer<Double>, tile: Tile? = nil
  ) {
    if k == 0 && !adding {
      for i in 0..<m {
        (c + i &* rowStride).update(repeating: 0, count: lowerTriangleOnly ? min(i + 1, n) : n)
      }
    }
    let small = isSmall(rows: m, inner: k, columns: n)
    if SystemBLAS.isUsed, !small, tile == nil, rowStride >= n, m >= n || !lowerTriangleOnly,
      SystemBLAS.takes(a, rows: m, columns: k), SystemBLAS.takes(b, rows: k, columns: n)
    {
      multiplyBySystem(
        a, weights: weights, b, into: c, rowStride: rowStride, rows: m, inner: k, columns: n,
        scaledBy: alpha, adding: adding, lowerTriangleOnly: lowerTriangleOnly,
        workspace: workspace)
      return
    }
    var p = 0
    while p < k {
      let depth = min(innerBlock, k &- p)
      let chunk: ProductChunk = (
        rows: m, inner: depth, columns: n, scale: alpha, weights: weights.map { $0 + p },
        adding: adding || p > 0, lowerTriangleOnly: lowerTriangleOnly
      )
      if small {
        multiplyUnpacked(
          DenseLoops.part(of: a, from: 0, p), DenseLoops.part(of: b, from: p, 0), into: c,
          rowStride: rowStride, chunk)
      } else {
        multiplyPacked(
          DenseLoops.part(of: a, from: 0, p), DenseLoops.part(of: b, from: p, 0), into: c,
          rowStride: rowStride, chunk, workspace,
          tile ?? .native)
      }
      p &+= depth
    }
  }

  /// Whether packing would cost more than it saves.
  static func isSmall(rows m: Int, inner k: Int, columns n: Int) -> Bool {
    m < 8 || n < 8 || k < 4 || (m <= 16 && n <= 16 && k <= 16)
  }

  /// The product without packing, one chunk of the sum.
  private static func multiplyUnpacked(
    _ a: StridedMatrix, _ b: StridedMatrix, into c: UnsafeMutablePointer<Double>,
    rowStride: Int, _ chunk: ProductChunk
  ) {
    let (k, adding, scale, weights) = (chunk.inner, chunk.adding, chunk.scale, chunk.weights)
    for i in 0..<chunk.rows {
      let row = DenseLoops.part(of: a, from: i, 0).start
      let out = c + i &* rowStride
      let width = chunk.lowerTriangleOnly ? min(i + 1, chunk.columns) : chunk.columns
      var j = 0
      while j &+ 4 <= width {
        var s = SIMD4<Double>.zero
        var column = DenseLoops.part(of: b, from: 0, j).start
        let step = b.columnStride
        // The plainest case by itself: else the compiler asks for each entry which one it is.
        if step == 1 && weights == nil {
          for p in 0..<k {
            s += (scale * row[p &* a.columnStride]) * column.four(at: 0)
            column += b.rowStride
          }
        } else {
          for p in 0..<k {
            let v = SIMD4(column[0], column[step], column[2 &* step], column[3 &* step])
            s += (DenseLoops.factor(p, of: chunk) * row[p &* a.columnStride]) * v
            column += b.rowStride
          }
        }
        out.store(adding ? out.four(at: j) + s : s, at: j)
        j &+= 4
      }
      while j < width {
        var s = 0.0
        let column = DenseLoops.part(of: b, from: 0, j).start
        if let weights {
          for p in 0..<k {
            s += ((scale * weights[p]) * row[p &* a.columnStride]) * column[p &* b.rowStride]
          }
        } else {
          for p in 0..<k { s += (scale * row[p &* a.columnStride]) * column[p &* b.rowStride] }
        }
        out[j] = adding ? out[j] + s : s
        j &+= 1
      }
    }
  }

  /// The product by packed panels, one chunk of the sum.
  private static func multiplyPacked(
    _ a: StridedMatrix, _ b: StridedMatrix, into c: UnsafeMutablePointer<Double>,
    rowStride: Int, _ chunk: ProductChunk, _ workspace: UnsafeMutablePointer<Double>, _ tile: Tile
  ) {
    switch tile {
    case .narrow:
      DenseLoops.multiplyPacked(
        NarrowTile.self, a, b, into: c, rowStride: rowStride, chunk, workspace)
    case .medium:
      DenseLoops.multiplyPacked(
        MediumTile.self, a, b, into: c, rowStride: rowStride, chunk, workspace)
    case .wide where callsWideKernels:
      WideKernels.DenseLoops.multiplyInWideTiles(
        a, b, into: c, rowStride: rowStride, chunk, workspace)
    case .wide:
      DenseLoops.multiplyInWideTiles(
        a, b, into: c, rowStride: rowStride, chunk, workspace)
    }
  }
}
