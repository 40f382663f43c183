import HandWritten
import Measurement
import Kernels

extension KernelBench {
  /// `Xᵀ D X` with an `m × n` matrix, and its product with a vector.
  func normalMatrix(rows m: Int, columns n: Int, into report: inout Report) throws {
    var generator = SplitMix64(seed: 307)
    let x = KernelBuffer(generator.symmetric(count: m * n))
    let weights = KernelBuffer((0..<m).map { _ in 0.5 + generator.unit() })
    let v = KernelBuffer(generator.symmetric(count: n))
    try product(x, weights, v, rows: m, columns: n, into: &report)

    let (peers, ours, expected) = (
      KernelBuffer(zeros: n * n), KernelBuffer(zeros: n * n), KernelBuffer(zeros: n * n)
    )
    let scaled = KernelBuffer(zeros: m * n)
    for p in 0..<m {
      for i in 0..<n {
        Vector.addScaled(
          weights.start[p] * x.start[p * n + i], x.start + p * n, to: expected.start + i * n,
          count: i + 1)
      }
    }
    let workspace = KernelBuffer(zeros: Dense.workspaceCount(rows: n, inner: m, columns: n))
    let (height, width) = (Int32(m), Int32(n))
    try compare(
      "XᵀDX, lower triangle, \(m)×\(n)", operations: Double(m) * Double(n * n),
      [
        peer.map { peer in
          Contestant("rows scaled by √D, OpenBLAS syrk", peers, expected) {
            RowLoops.scale(
              x.start, byRootsOf: weights.start, rows: m, columns: n, into: scaled.start)
            peer.syrk(
              OpenBLAS.rowMajor, OpenBLAS.lower, OpenBLAS.transposed, width, height, 1,
              scaled.start, width, 0, peers.start, width)
          }
        },
        Contestant("Dense.multiplyNormal", ours, expected) {
          Dense.multiplyNormal(
            x.start, rows: m, columns: n, rowStride: n, columnStride: 1, weights: weights.start,
            intoLower: ours.start, rowStride: n, scaledBy: 1, adding: false,
            workspace: workspace.start)
        },
      ], into: &report)
  }

  private func product(
    _ x: KernelBuffer, _ weights: KernelBuffer, _ v: KernelBuffer, rows m: Int, columns n: Int,
    into report: inout Report
  ) throws {
    let (peers, ours, expected) = (
      KernelBuffer(zeros: n), KernelBuffer(zeros: n), KernelBuffer(zeros: n)
    )
    var sums = [CompensatedSum](repeating: CompensatedSum(), count: n)
    for p in 0..<m {
      var row = CompensatedSum()
      for j in 0..<n { row.add(x.start[p * n + j] * v.start[j]) }
      for j in 0..<n { sums[j].add(weights.start[p] * row.value * x.start[p * n + j]) }
    }
    for j in 0..<n { expected.start[j] = sums[j].value }
    let residual = KernelBuffer(zeros: m)
    let (height, width) = (Int32(m), Int32(n))
    try compare(
      "XᵀDXv, \(m)×\(n)", operations: 4 * Double(m * n),
      [
        peer.map { peer in
          Contestant("OpenBLAS gemv twice", peers, expected) {
            peer.gemv(
              OpenBLAS.rowMajor, OpenBLAS.plain, height, width, 1, x.start, width, v.start, 1, 0,
              residual.start, 1)
            RowLoops.scale(residual.start, by: weights.start, count: m)
            peer.gemv(
              OpenBLAS.rowMajor, OpenBLAS.transposed, height, width, 1, x.start, width,
              residual.start, 1, 0, peers.start, 1)
          }
        },
        Contestant("Dense.multiplyNormal", ours, expected) {
          Dense.multiplyNormal(
            x.start, rows: m, columns: n, rowStride: n, weights: weights.start, by: v.start,
            into: ours.start, scaledBy: 1, adding: false)
        },
      ], into: &report)
  }
}
