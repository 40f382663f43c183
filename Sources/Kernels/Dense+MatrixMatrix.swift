// The product of two matrices.
//
// Every entry of the product is summed in one and the same way, whatever the shapes and whichever of
// our paths computes it: `∑ₚ (α aᵢₚ) bₚⱼ` with `p` ascending, in chunks of 256 that are then added up.
// So the blocking below may be tuned without changing a bit of any result.
//
// Source of the blocking: K. Goto and R. van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication", ACM Trans. Math. Softw. 34 (2008), article 12.
extension Dense {
  /// How many rows of `B`, and columns of `A`, are packed at a time (the chunk of the sum).
  static var innerBlock: Int { 256 }
  /// How many rows of `A` are packed at a time: with `innerBlock`, half of a second-level cache.
  static var rowBlock: Int { 96 }
  /// How many columns of `B` are packed at a time.
  static var columnBlock: Int { 512 }

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
    let left = StridedMatrix(start: a, rowStride: aRowStride, columnStride: aColumnStride)
    let right = StridedMatrix(start: b, rowStride: bRowStride, columnStride: bColumnStride)
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
    let width = min(roundedUp(n, to: 16), columnBlock)
    let height = min(roundedUp(m, to: 8), rowBlock)
    return 7 + tileCount + depth * width + 2 * depth * height
  }

  /// A matrix to read from, by its strides.
  struct StridedMatrix {
    var start: UnsafePointer<Double>
    var rowStride: Int
    var columnStride: Int

    /// The part that begins at row `i`, column `j`.
    @inline(__always)
    func from(_ i: Int, _ j: Int) -> StridedMatrix {
      StridedMatrix(
        start: start + (i &* rowStride &+ j &* columnStride), rowStride: rowStride,
        columnStride: columnStride)
    }
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
      let chunk = ProductChunk(
        rows: m, inner: depth, columns: n, scale: alpha, weights: weights.map { $0 + p },
        adding: adding || p > 0, lowerTriangleOnly: lowerTriangleOnly)
      if small {
        multiplyUnpacked(a.from(0, p), b.from(p, 0), into: c, rowStride: rowStride, chunk)
      } else {
        multiplyPacked(
          a.from(0, p), b.from(p, 0), into: c, rowStride: rowStride, chunk, workspace,
          tile ?? .native)
      }
      p &+= depth
    }
  }

  /// Whether packing would cost more than it saves.
  static func isSmall(rows m: Int, inner k: Int, columns n: Int) -> Bool {
    m < 8 || n < 8 || k < 4 || (m <= 16 && n <= 16 && k <= 16)
  }

  /// Room for the largest tile.
  private static var tileCount: Int { 128 }

  private static func roundedUp(_ n: Int, to step: Int) -> Int { (n + step - 1) / step * step }

  /// One chunk of the sum: what is to be done with it.
  struct ProductChunk {
    var rows: Int
    var inner: Int
    var columns: Int
    var scale: Double
    /// `inner` of them, or none.
    var weights: UnsafePointer<Double>?
    var adding: Bool
    var lowerTriangleOnly: Bool

    /// The factor of entry `p` of each row of the left matrix.
    @inline(__always)
    func factor(_ p: Int) -> Double { weights.map { scale * $0[p] } ?? scale }
  }

  /// The product without packing, one chunk of the sum.
  private static func multiplyUnpacked(
    _ a: StridedMatrix, _ b: StridedMatrix, into c: UnsafeMutablePointer<Double>,
    rowStride: Int, _ chunk: ProductChunk
  ) {
    let (k, adding) = (chunk.inner, chunk.adding)
    for i in 0..<chunk.rows {
      let row = a.from(i, 0).start
      let out = c + i &* rowStride
      let width = chunk.lowerTriangleOnly ? min(i + 1, chunk.columns) : chunk.columns
      var j = 0
      while j &+ 4 <= width {
        var s = SIMD4<Double>.zero
        var column = b.from(0, j).start
        let step = b.columnStride
        for p in 0..<k {
          let v =
            step == 1
            ? column.four(at: 0)
            : SIMD4(column[0], column[step], column[2 &* step], column[3 &* step])
          s += (chunk.factor(p) * row[p &* a.columnStride]) * v
          column += b.rowStride
        }
        out.store(adding ? out.four(at: j) + s : s, at: j)
        j &+= 4
      }
      while j < width {
        var s = 0.0
        let column = b.from(0, j).start
        for p in 0..<k {
          s += (chunk.factor(p) * row[p &* a.columnStride]) * column[p &* b.rowStride]
        }
        out[j] = adding ? out[j] + s : s
        j &+= 1
      }
    }
  }

  /// The product by packed panels, one chunk of the sum.
  @inline(__always)
  private static func multiplyPacked(
    _ a: StridedMatrix, _ b: StridedMatrix, into c: UnsafeMutablePointer<Double>,
    rowStride: Int, _ chunk: ProductChunk, _ workspace: UnsafeMutablePointer<Double>, _ tile: Tile
  ) {
    switch tile {
    case .narrow: multiply(NarrowTile.self, a, b, into: c, rowStride: rowStride, chunk, workspace)
    case .medium: multiply(MediumTile.self, a, b, into: c, rowStride: rowStride, chunk, workspace)
    case .wide: multiply(WideTile.self, a, b, into: c, rowStride: rowStride, chunk, workspace)
    }
  }

  /// The product by packed panels in tiles of a given form, one chunk of the sum.
  private static func multiply<Form: ProductTile>(
    _: Form.Type, _ a: StridedMatrix, _ b: StridedMatrix, into c: UnsafeMutablePointer<Double>,
    rowStride: Int, _ chunk: ProductChunk, _ workspace: UnsafeMutablePointer<Double>
  ) {
    let (m, k, n) = (chunk.rows, chunk.inner, chunk.columns)
    let (adding, lowerTriangleOnly) = (chunk.adding, chunk.lowerTriangleOnly)
    // From a line of the cache on: a register of eight doubles is one of its lines.
    let misplaced = Int(bitPattern: workspace) >> 3 & 7
    let tile = workspace + (misplaced == 0 ? 0 : 8 &- misplaced)
    let packedB = tile + tileCount
    var j = 0
    while j < n {
      let width = min(columnBlock, n &- j)
      packColumns(Form.self, b.from(0, j), inner: k, columns: width, into: packedB)
      let packedA = packedB + k &* roundedUp(width, to: Form.columns)
      // Rows above the first column of the block have nothing in the lower triangle.
      var i = lowerTriangleOnly ? j : 0
      while i < m {
        let height = min(rowBlock, m &- i)
        packRows(Form.self, a.from(i, 0), rows: height, chunk, into: packedA)
        for jj in stride(from: 0, to: width, by: Form.columns) {
          for ii in stride(from: 0, to: height, by: Form.rows) {
            let (top, left) = (i &+ ii, j &+ jj)
            if lowerTriangleOnly && left > top &+ Form.rows &- 1 { continue }
            let isWhole =
              ii &+ Form.rows <= height && jj &+ Form.columns <= width
              && !(lowerTriangleOnly && left &+ Form.columns &- 1 > top)
            let panelA = UnsafePointer(packedA + ii &* (Form.copies &* k))
            let panelB = UnsafePointer(packedB + jj &* k)
            let out = c + top &* rowStride + left
            if isWhole {
              Form.multiply(
                panelA, panelB, inner: k, into: out, rowStride: rowStride, adding: adding)
              continue
            }
            Form.multiply(
              panelA, panelB, inner: k, into: tile, rowStride: Form.columns, adding: false)
            for r in 0..<min(Form.rows, height &- ii) {
              let end =
                lowerTriangleOnly
                ? min(width &- jj, Form.columns, top &+ r &- left &+ 1)
                : min(width &- jj, Form.columns)
              let new = tile + r &* Form.columns
              let old = out + r &* rowStride
              var s = 0
              while s < end {
                old[s] = adding ? old[s] + new[s] : new[s]
                s &+= 1
              }
            }
          }
        }
        i &+= height
      }
      j &+= width
    }
  }
}
