// The product of two matrices by packed panels; see `Dense`, where the order of its sums is told.
extension DenseLoops {
  /// A matrix to read from, by its strides.
  package typealias StridedMatrix = (
    start: UnsafePointer<Double>, rowStride: Int, columnStride: Int
  )

  /// One chunk of the sum: what is to be done with it. Of weights there are as many as `inner`, or none.
  package typealias ProductChunk = (
    rows: Int, inner: Int, columns: Int, scale: Double, weights: UnsafePointer<Double>?,
    adding: Bool, lowerTriangleOnly: Bool
  )

  /// The part of a matrix that begins at row `i`, column `j`.
  @inline(__always)
  static func part(of a: StridedMatrix, from i: Int, _ j: Int) -> StridedMatrix {
    (a.start + (i &* a.rowStride &+ j &* a.columnStride), a.rowStride, a.columnStride)
  }

  /// The factor of entry `p` of each row of the left matrix.
  @inline(__always)
  static func factor(_ p: Int, of chunk: ProductChunk) -> Double {
    if let weights = chunk.weights { return chunk.scale * weights[p] }
    return chunk.scale
  }

  /// The product by packed panels in tiles for registers of eight doubles, one chunk of the sum.
  package static func multiplyInWideTiles(
    _ a: StridedMatrix, _ b: StridedMatrix, into c: UnsafeMutablePointer<Double>,
    rowStride: Int, _ chunk: ProductChunk, _ workspace: UnsafeMutablePointer<Double>
  ) {
    multiplyPacked(WideTile.self, a, b, into: c, rowStride: rowStride, chunk, workspace)
  }

  /// How many rows of `A` are packed at a time: with `innerBlock`, half of a second-level cache.
  static var rowBlock: Int { 96 }
  /// How many columns of `B` are packed at a time.
  static var columnBlock: Int { 512 }
  /// Room for the largest tile.
  static var tileCount: Int { 128 }

  static func roundedUp(_ n: Int, to step: Int) -> Int { (n + step - 1) / step * step }

  /// The product by packed panels in tiles of a given form, one chunk of the sum.
  static func multiplyPacked<Form: ProductTile>(
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
      packColumns(Form.self, part(of: b, from: 0, j), inner: k, columns: width, into: packedB)
      let packedA = packedB + k &* roundedUp(width, to: Form.columns)
      // Rows above the first column of the block have nothing in the lower triangle.
      var i = lowerTriangleOnly ? j : 0
      while i < m {
        let height = min(rowBlock, m &- i)
        packRows(Form.self, part(of: a, from: i, 0), rows: height, chunk, into: packedA)
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
