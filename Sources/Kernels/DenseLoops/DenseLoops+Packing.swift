// Panels for the tiles of a matrix product: what a tile reads lies in the order in which it is read.
extension DenseLoops {
  /// Copies columns of `B` as panels as wide as a tile: for each of its `k` rows, so many neighbours.
  static func packColumns<Form: ProductTile>(
    _: Form.Type, _ b: StridedMatrix, inner k: Int, columns n: Int,
    into packed: UnsafeMutablePointer<Double>
  ) {
    let step = b.columnStride
    for j in stride(from: 0, to: n, by: Form.columns) {
      var out = packed + j &* k
      var source = part(of: b, from: 0, j).start
      let present = min(Form.columns, n &- j)
      for _ in 0..<k {
        if step == 1 && present == Form.columns {
          for s in stride(from: 0, to: Form.columns, by: 4) { out.store(source.four(at: s), at: s) }
        } else {
          for s in 0..<present { out[s] = source[s &* step] }
          for s in present..<Form.columns { out[s] = 0 }
        }
        out += Form.columns
        source += b.rowStride
      }
    }
  }

  /// Copies rows of `α A` (or `α A D`) as panels as high as a tile: for each of its `k` columns, so
  /// many neighbours, each as many times as the tile wants it.
  static func packRows<Form: ProductTile>(
    _: Form.Type, _ a: StridedMatrix, rows m: Int, _ chunk: ProductChunk,
    into packed: UnsafeMutablePointer<Double>
  ) {
    let k = chunk.inner
    let width = Form.rows &* Form.copies
    for i in stride(from: 0, to: m, by: Form.rows) {
      let panel = packed + i &* (Form.copies &* k)
      if a.rowStride == 1 && Form.copies == 1 && i &+ Form.rows <= m {
        var source = part(of: a, from: i, 0).start
        var out = panel
        for p in 0..<k {
          let factor = factor(p, of: chunk)
          for r in stride(from: 0, to: Form.rows, by: 4) {
            out.store(factor * source.four(at: r), at: r)
          }
          out += Form.rows
          source += a.columnStride
        }
        continue
      }
      for r in 0..<Form.rows {
        var out = panel + Form.copies &* r
        if i &+ r < m {
          var source = part(of: a, from: i &+ r, 0).start
          for p in 0..<k {
            let v = factor(p, of: chunk) * source[0]
            for copy in 0..<Form.copies { out[copy] = v }
            out += width
            source += a.columnStride
          }
        } else {
          for _ in 0..<k {
            for copy in 0..<Form.copies { out[copy] = 0 }
            out += width
          }
        }
      }
    }
  }
}
