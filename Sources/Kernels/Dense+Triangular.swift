// Solves with a triangle of a row-major matrix, in place, `n²` operations each. The other
// triangle (and the diagonal, where it is said to be of ones) is not read.
//
// Four unknowns are taken at a time: their 4 × 4 triangle by hand, and everything else as products
// of four rows, which read the right-hand side once for four. A zero on the diagonal gives
// infinities or NaN: whoever factorised has seen to that.
extension Dense {
  /// Solves `L x = b` with the lower triangle of `l`; `b` becomes `x`.
  package static func solveLower(
    _ l: UnsafePointer<Double>, count n: Int, rowStride: Int, unitDiagonal: Bool,
    _ b: UnsafeMutablePointer<Double>
  ) {
    var i = 0
    while i &+ 4 <= n {
      let row = l + i &* rowStride
      var r = b.four(at: i) - DenseLoops.fourRows(row, rowStride: rowStride, times: b, count: i)
      let corner = row + i
      if !unitDiagonal { r.x = r.x / corner[0] }
      r.y = r.y - corner[rowStride] * r.x
      if !unitDiagonal { r.y = r.y / corner[rowStride &+ 1] }
      let third = corner + 2 &* rowStride
      r.z = (r.z - third[0] * r.x) - third[1] * r.y
      if !unitDiagonal { r.z = r.z / third[2] }
      let fourth = third + rowStride
      r.w = ((r.w - fourth[0] * r.x) - fourth[1] * r.y) - fourth[2] * r.z
      if !unitDiagonal { r.w = r.w / fourth[3] }
      b.store(r, at: i)
      i &+= 4
    }
    while i < n {
      let row = l + i &* rowStride
      let r = b[i] - DenseLoops.oneRow(row, times: b, count: i)
      b[i] = unitDiagonal ? r : r / row[i]
      i &+= 1
    }
  }

  /// Solves `U x = b` with the upper triangle of `u`; `b` becomes `x`.
  package static func solveUpper(
    _ u: UnsafePointer<Double>, count n: Int, rowStride: Int, unitDiagonal: Bool,
    _ b: UnsafeMutablePointer<Double>
  ) {
    var i = n
    while i >= 4 {
      i &-= 4
      let corner = u + i &* rowStride + i
      let known = b + (i &+ 4)
      var r =
        b.four(at: i)
        - DenseLoops.fourRows(corner + 4, rowStride: rowStride, times: known, count: n &- i &- 4)
      let second = corner + rowStride
      let third = second + rowStride
      let fourth = third + rowStride
      if !unitDiagonal { r.w = r.w / fourth[3] }
      r.z = r.z - third[3] * r.w
      if !unitDiagonal { r.z = r.z / third[2] }
      r.y = (r.y - second[3] * r.w) - second[2] * r.z
      if !unitDiagonal { r.y = r.y / second[1] }
      r.x = ((r.x - corner[3] * r.w) - corner[2] * r.z) - corner[1] * r.y
      if !unitDiagonal { r.x = r.x / corner[0] }
      b.store(r, at: i)
    }
    while i > 0 {
      i &-= 1
      let row = u + i &* rowStride + i
      let r = b[i] - DenseLoops.oneRow(row + 1, times: b + (i &+ 1), count: n &- i &- 1)
      b[i] = unitDiagonal ? r : r / row[0]
    }
  }

  /// Solves `Lᵀ x = b` with the lower triangle of `l`; `b` becomes `x`.
  package static func solveLowerTransposed(
    _ l: UnsafePointer<Double>, count n: Int, rowStride: Int, unitDiagonal: Bool,
    _ b: UnsafeMutablePointer<Double>
  ) {
    var i = n
    while i >= 4 {
      i &-= 4
      let row = l + i &* rowStride
      let corner = row + i
      let second = corner + rowStride
      let third = second + rowStride
      let fourth = third + rowStride
      var r = b.four(at: i)
      if !unitDiagonal { r.w = r.w / fourth[3] }
      r.z = r.z - fourth[2] * r.w
      if !unitDiagonal { r.z = r.z / third[2] }
      r.y = (r.y - fourth[1] * r.w) - third[1] * r.z
      if !unitDiagonal { r.y = r.y / second[1] }
      r.x = ((r.x - fourth[0] * r.w) - third[0] * r.z) - second[0] * r.y
      if !unitDiagonal { r.x = r.x / corner[0] }
      b.store(r, at: i)
      DenseLoops.addFourRows(row, rowStride: rowStride, scaledBy: -r, to: b, count: i)
    }
    while i > 0 {
      i &-= 1
      let row = l + i &* rowStride
      if !unitDiagonal { b[i] = b[i] / row[i] }
      DenseLoops.addOneRow(row, scaledBy: -b[i], to: b, count: i)
    }
  }

  /// Solves `Uᵀ x = b` with the upper triangle of `u`; `b` becomes `x`.
  package static func solveUpperTransposed(
    _ u: UnsafePointer<Double>, count n: Int, rowStride: Int, unitDiagonal: Bool,
    _ b: UnsafeMutablePointer<Double>
  ) {
    var i = 0
    while i &+ 4 <= n {
      let corner = u + i &* rowStride + i
      let second = corner + rowStride
      let third = second + rowStride
      let fourth = third + rowStride
      var r = b.four(at: i)
      if !unitDiagonal { r.x = r.x / corner[0] }
      r.y = r.y - corner[1] * r.x
      if !unitDiagonal { r.y = r.y / second[1] }
      r.z = (r.z - corner[2] * r.x) - second[2] * r.y
      if !unitDiagonal { r.z = r.z / third[2] }
      r.w = ((r.w - corner[3] * r.x) - second[3] * r.y) - third[3] * r.z
      if !unitDiagonal { r.w = r.w / fourth[3] }
      b.store(r, at: i)
      DenseLoops.addFourRows(
        corner + 4, rowStride: rowStride, scaledBy: -r, to: b + (i &+ 4), count: n &- i &- 4)
      i &+= 4
    }
    while i < n {
      let row = u + i &* rowStride + i
      if !unitDiagonal { b[i] = b[i] / row[0] }
      DenseLoops.addOneRow(row + 1, scaledBy: -b[i], to: b + (i &+ 1), count: n &- i &- 1)
      i &+= 1
    }
  }
}
