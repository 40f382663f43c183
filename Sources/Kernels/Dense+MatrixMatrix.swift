// The product of two matrices.
//
// Every entry of the product is summed in one and the same way, whatever the shapes and whichever
// path computes it: `∑ₚ (α aᵢₚ) bₚⱼ` with `p` ascending, in chunks of 256 that are then added up.
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
  package static func multiply(
    _ a: UnsafePointer<Double>, rowStride aRowStride: Int, columnStride aColumnStride: Int,
    _ b: UnsafePointer<Double>, rowStride bRowStride: Int, columnStride bColumnStride: Int,
    into c: UnsafeMutablePointer<Double>, rowStride cRowStride: Int,
    rows m: Int, inner k: Int, columns n: Int, scaledBy alpha: Double, adding: Bool,
    workspace: UnsafeMutablePointer<Double>
  ) {
    let left = StridedMatrix(start: a, rowStride: aRowStride, columnStride: aColumnStride)
    let right = StridedMatrix(start: b, rowStride: bRowStride, columnStride: bColumnStride)
    multiply(
      left, right, into: c, rowStride: cRowStride, rows: m, inner: k, columns: n,
      scaledBy: alpha, adding: adding, lowerTriangleOnly: false, workspace: workspace)
  }

  /// How many doubles of workspace the product of an `m × k` with a `k × n` matrix wants: at most
  /// about 180,000. It never decreases when a size grows, so that what is enough for
  /// `(n, n, n)` is enough for the factorisations of an `n × n` matrix too.
  package static func workspaceCount(rows m: Int, inner k: Int, columns n: Int) -> Int {
    if isSmall(rows: m, inner: k, columns: n) { return 0 }
    let depth = min(k, innerBlock)
    let width = min(roundedUpToFour(n), columnBlock)
    let height = min(roundedUpToFour(m), rowBlock)
    return tileCount + depth * width + 2 * depth * height
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

  /// The product, with `lowerTriangleOnly` leaving alone what is above the diagonal of `C`.
  static func multiply(
    _ a: StridedMatrix, _ b: StridedMatrix, into c: UnsafeMutablePointer<Double>,
    rowStride: Int, rows m: Int, inner k: Int, columns n: Int, scaledBy alpha: Double,
    adding: Bool, lowerTriangleOnly: Bool, workspace: UnsafeMutablePointer<Double>
  ) {
    if k == 0 && !adding {
      for i in 0..<m {
        (c + i &* rowStride).update(repeating: 0, count: lowerTriangleOnly ? min(i + 1, n) : n)
      }
    }
    let small = isSmall(rows: m, inner: k, columns: n)
    var p = 0
    while p < k {
      let depth = min(innerBlock, k &- p)
      if small {
        multiplyUnpacked(
          a.from(0, p), b.from(p, 0), into: c, rowStride: rowStride, rows: m, inner: depth,
          columns: n, scaledBy: alpha, adding: adding || p > 0,
          lowerTriangleOnly: lowerTriangleOnly)
      } else {
        multiplyPacked(
          a.from(0, p), b.from(p, 0), into: c, rowStride: rowStride, rows: m, inner: depth,
          columns: n, scaledBy: alpha, adding: adding || p > 0,
          lowerTriangleOnly: lowerTriangleOnly, workspace: workspace)
      }
      p &+= depth
    }
  }

  /// Whether packing would cost more than it saves.
  static func isSmall(rows m: Int, inner k: Int, columns n: Int) -> Bool {
    m < 8 || n < 8 || k < 4 || (m <= 16 && n <= 16 && k <= 16)
  }

  private static var tileCount: Int { 16 }

  private static func roundedUpToFour(_ n: Int) -> Int { (n + 3) / 4 * 4 }

  /// The product without packing, one chunk of the sum.
  private static func multiplyUnpacked(
    _ a: StridedMatrix, _ b: StridedMatrix, into c: UnsafeMutablePointer<Double>,
    rowStride: Int, rows m: Int, inner k: Int, columns n: Int, scaledBy alpha: Double,
    adding: Bool, lowerTriangleOnly: Bool
  ) {
    for i in 0..<m {
      let row = a.from(i, 0).start
      let out = c + i &* rowStride
      let width = lowerTriangleOnly ? min(i + 1, n) : n
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
          s += (alpha * row[p &* a.columnStride]) * v
          column += b.rowStride
        }
        out.store(adding ? out.four(at: j) + s : s, at: j)
        j &+= 4
      }
      while j < width {
        var s = 0.0
        let column = b.from(0, j).start
        for p in 0..<k {
          s += (alpha * row[p &* a.columnStride]) * column[p &* b.rowStride]
        }
        out[j] = adding ? out[j] + s : s
        j &+= 1
      }
    }
  }

  /// The product by packed panels, one chunk of the sum.
  private static func multiplyPacked(
    _ a: StridedMatrix, _ b: StridedMatrix, into c: UnsafeMutablePointer<Double>,
    rowStride: Int, rows m: Int, inner k: Int, columns n: Int, scaledBy alpha: Double,
    adding: Bool, lowerTriangleOnly: Bool, workspace: UnsafeMutablePointer<Double>
  ) {
    let tile = workspace
    let packedB = workspace + tileCount
    var j = 0
    while j < n {
      let width = min(columnBlock, n &- j)
      packColumns(b.from(0, j), inner: k, columns: width, into: packedB)
      let packedA = packedB + k &* roundedUpToFour(width)
      // Rows above the first column of the block have nothing in the lower triangle.
      var i = lowerTriangleOnly ? j / 4 * 4 : 0
      while i < m {
        let height = min(rowBlock, m &- i)
        packRows(a.from(i, 0), rows: height, inner: k, scaledBy: alpha, into: packedA)
        for jj in stride(from: 0, to: width, by: 4) {
          for ii in stride(from: 0, to: height, by: 4) {
            let (top, left) = (i &+ ii, j &+ jj)
            if lowerTriangleOnly && left > top &+ 3 { continue }
            let isWhole =
              ii &+ 4 <= height && jj &+ 4 <= width && !(lowerTriangleOnly && left &+ 3 > top)
            let panelA = UnsafePointer(packedA + ii &* (2 &* k))
            let panelB = UnsafePointer(packedB + jj &* k)
            let out = c + top &* rowStride + left
            if isWhole {
              multiplyTile(
                panelA, panelB, inner: k, into: out, rowStride: rowStride, adding: adding)
            } else {
              multiplyTile(panelA, panelB, inner: k, into: tile, rowStride: 4, adding: false)
              for r in 0..<min(4, height &- ii) {
                for s in 0..<min(4, width &- jj) where !(lowerTriangleOnly && left + s > top + r) {
                  let old = adding ? out[r &* rowStride &+ s] : 0
                  out[r &* rowStride &+ s] = adding ? old + tile[4 &* r &+ s] : tile[4 &* r &+ s]
                }
              }
            }
          }
        }
        i &+= height
      }
      j &+= width
    }
  }

  /// Copies columns of `B` as panels of four: for each of its `k` rows, four neighbours.
  private static func packColumns(
    _ b: StridedMatrix, inner k: Int, columns n: Int, into packed: UnsafeMutablePointer<Double>
  ) {
    var out = packed
    let step = b.columnStride
    for j in stride(from: 0, to: n, by: 4) {
      var source = b.from(0, j).start
      if j &+ 4 <= n {
        for _ in 0..<k {
          let v =
            step == 1
            ? source.four(at: 0)
            : SIMD4(source[0], source[step], source[2 &* step], source[3 &* step])
          out.store(v, at: 0)
          out += 4
          source += b.rowStride
        }
      } else {
        let rest = n &- j
        for _ in 0..<k {
          for s in 0..<4 { out[s] = s < rest ? source[s &* step] : 0 }
          out += 4
          source += b.rowStride
        }
      }
    }
  }

  /// Copies rows of `α A` as panels of four, each entry twice: then the product of one entry with
  /// two neighbours of `B` needs no shuffle, which is worth a fifth of the speed on plain x86-64.
  private static func packRows(
    _ a: StridedMatrix, rows m: Int, inner k: Int, scaledBy alpha: Double,
    into packed: UnsafeMutablePointer<Double>
  ) {
    for i in stride(from: 0, to: m, by: 4) {
      let panel = packed + i &* (2 &* k)
      for r in 0..<4 {
        var out = panel + 2 &* r
        if i &+ r < m {
          var source = a.from(i &+ r, 0).start
          for _ in 0..<k {
            let v = alpha * source[0]
            out[0] = v
            out[1] = v
            out += 8
            source += a.columnStride
          }
        } else {
          for _ in 0..<k {
            out[0] = 0
            out[1] = 0
            out += 8
          }
        }
      }
    }
  }

  /// A 4 × 4 tile of the product, from one panel of each factor. Its sixteen sums fill eight of
  /// the sixteen registers that every x86-64 has.
  @inline(__always)
  private static func multiplyTile(
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, inner k: Int,
    into c: UnsafeMutablePointer<Double>, rowStride: Int, adding: Bool
  ) {
    typealias Pair = SIMD2<Double>
    var (s0, t0, s1, t1) = (Pair.zero, Pair.zero, Pair.zero, Pair.zero)
    var (s2, t2, s3, t3) = (Pair.zero, Pair.zero, Pair.zero, Pair.zero)
    var pa = UnsafeRawPointer(a)
    var pb = UnsafeRawPointer(b)
    var p = 0
    while p < k {
      let b0 = pb.loadUnaligned(as: Pair.self)
      let b1 = pb.loadUnaligned(fromByteOffset: 16, as: Pair.self)
      let a0 = pa.loadUnaligned(as: Pair.self)
      s0 += a0 * b0
      t0 += a0 * b1
      let a1 = pa.loadUnaligned(fromByteOffset: 16, as: Pair.self)
      s1 += a1 * b0
      t1 += a1 * b1
      let a2 = pa.loadUnaligned(fromByteOffset: 32, as: Pair.self)
      s2 += a2 * b0
      t2 += a2 * b1
      let a3 = pa.loadUnaligned(fromByteOffset: 48, as: Pair.self)
      s3 += a3 * b0
      t3 += a3 * b1
      pa += 64
      pb += 32
      p &+= 1
    }
    let rows = (
      SIMD4(lowHalf: s0, highHalf: t0), SIMD4(lowHalf: s1, highHalf: t1),
      SIMD4(lowHalf: s2, highHalf: t2), SIMD4(lowHalf: s3, highHalf: t3)
    )
    let (c1, c2, c3) = (c + rowStride, c + 2 &* rowStride, c + 3 &* rowStride)
    c.store(adding ? c.four(at: 0) + rows.0 : rows.0, at: 0)
    c1.store(adding ? c1.four(at: 0) + rows.1 : rows.1, at: 0)
    c2.store(adding ? c2.four(at: 0) + rows.2 : rows.2, at: 0)
    c3.store(adding ? c3.four(at: 0) + rows.3 : rows.3, at: 0)
  }
}
