import HandWritten
import Measurement
import Kernels

extension KernelBench {
  /// `A x` and `Aᵀ x` with an `n × n` matrix; reference: sums of four interleaved parts.
  func matrixVector(_ n: Int, into report: inout Report) throws {
    var generator = SplitMix64(seed: 301)
    let a = KernelBuffer(generator.symmetric(count: n * n))
    let x = KernelBuffer(generator.symmetric(count: n))
    let (peers, ours, expected) = (
      KernelBuffer(zeros: n), KernelBuffer(zeros: n), KernelBuffer(zeros: n)
    )
    let size = Int32(n)
    for transposed in [false, true] {
      for i in 0..<n {
        var sum = CompensatedSum()
        for j in 0..<n { sum.add(a.start[transposed ? j * n + i : i * n + j] * x.start[j]) }
        expected.start[i] = sum.value
      }
      try compare(
        "\(transposed ? "Aᵀx" : "Ax"), n = \(n)", operations: 2 * Double(n * n),
        [
          peer.map { peer in
            Contestant("OpenBLAS gemv", peers, expected) {
              peer.gemv(
                OpenBLAS.rowMajor, transposed ? OpenBLAS.transposed : OpenBLAS.plain, size, size,
                1, a.start, size, x.start, 1, 0, peers.start, 1)
            }
          },
          Contestant("Dense.multiply\(transposed ? "Transposed" : "")", ours, expected) {
            if transposed {
              Dense.multiplyTransposed(
                a.start, rows: n, columns: n, rowStride: n, by: x.start, into: ours.start,
                scaledBy: 1, adding: false)
            } else {
              Dense.multiply(
                a.start, rows: n, columns: n, rowStride: n, by: x.start, into: ours.start,
                scaledBy: 1, adding: false)
            }
          },
        ], into: &report)
    }
  }

  /// `A B` of two `n × n` matrices; the reference is the naive product.
  func matrixMatrix(_ n: Int, into report: inout Report) throws {
    var generator = SplitMix64(seed: 302)
    let (a, b) = (
      KernelBuffer(generator.symmetric(count: n * n)),
      KernelBuffer(generator.symmetric(count: n * n))
    )
    let (peers, ours, expected) = (
      KernelBuffer(zeros: n * n), KernelBuffer(zeros: n * n), KernelBuffer(zeros: n * n)
    )
    for i in 0..<n {
      for p in 0..<n {
        Vector.addScaled(
          a.start[i * n + p], b.start + p * n, to: expected.start + i * n, count: n)
      }
    }
    let workspace = KernelBuffer(
      zeros: Dense.workspaceCount(rows: n, inner: n, columns: n))
    let size = Int32(n)
    try compare(
      "AB, n = \(n)", operations: 2 * Double(n * n) * Double(n),
      [
        peer.map { peer in
          Contestant("OpenBLAS gemm", peers, expected) {
            peer.gemm(
              OpenBLAS.rowMajor, OpenBLAS.plain, OpenBLAS.plain, size, size, size, 1, a.start, size,
              b.start, size, 0, peers.start, size)
          }
        },
        Contestant("Dense.multiply", ours, expected) {
          Dense.multiply(
            a.start, rowStride: n, columnStride: 1, b.start, rowStride: n, columnStride: 1,
            into: ours.start, rowStride: n, rows: n, inner: n, columns: n, scaledBy: 1,
            adding: false, workspace: workspace.start)
        },
      ], into: &report)
  }

  /// LU and Cholesky of an `n × n` matrix, and one solve with the former; the error is that of a
  /// solution made beforehand.
  func factorizations(_ n: Int, into report: inout Report) throws {
    var generator = SplitMix64(seed: 303)
    let a = KernelBuffer(generator.symmetric(count: n * n))
    let definite = KernelBuffer(zeros: n * n)
    let exact = KernelBuffer(generator.symmetric(count: n))
    for i in 0..<n {
      for j in 0...i {
        let value = Vector.dot(a.start + i * n, a.start + j * n, count: n) / Double(n)
        definite.start[i * n + j] = value
        definite.start[j * n + i] = value
      }
      definite.start[i * n + i] += 1
    }
    let b = KernelBuffer(zeros: n)
    let (peers, ours) = (KernelBuffer(zeros: n * n), KernelBuffer(zeros: n * n))
    let (peersX, oursX) = (KernelBuffer(zeros: n), KernelBuffer(zeros: n))
    let workspace = KernelBuffer(zeros: Dense.workspaceCount(rows: n, inner: n, columns: n))
    var pivots = [Int](repeating: 0, count: n)
    var peersPivots = [Int32](repeating: 0, count: n)
    var (size, one, info) = (Int32(n), Int32(1), Int32(0))
    func multiply(_ matrix: KernelBuffer) {
      Dense.multiply(
        matrix.start, rows: n, columns: n, rowStride: n, by: exact.start, into: b.start,
        scaledBy: 1, adding: false)
    }
    func solvePeer(_ peer: OpenBLAS) {
      peersX.copy(b)
      // Row-major: what LAPACK factorised is Aᵀ.
      peer.getrs("T", &size, &one, peers.start, &size, peersPivots, peersX.start, &size, &info)
    }
    func solveOurs() {
      oursX.copy(b)
      Dense.solveLU(ours.start, count: n, pivots: pivots, oursX.start)
    }
    multiply(a)
    try compare(
      "LU, n = \(n)", operations: 2.0 / 3 * Double(n * n) * Double(n),
      [
        peer.map { peer in
          Contestant(
            name: "OpenBLAS getrf",
            run: {
              peers.copy(a)
              peer.getrf(&size, &size, peers.start, &size, &peersPivots, &info)
            },
            error: {
              solvePeer(peer)
              return relativeError(peersX.array, exact.array)
            })
        },
        Contestant(
          name: "Dense.factorLU",
          run: {
            ours.copy(a)
            _ = Dense.factorLU(ours.start, count: n, pivots: &pivots, workspace: workspace.start)
          },
          error: {
            solveOurs()
            return relativeError(oursX.array, exact.array)
          }),
      ], into: &report)
    try compare(
      "LU solve, n = \(n)", operations: 2 * Double(n * n),
      [
        peer.map { peer in
          Contestant("OpenBLAS getrs", peersX, exact) { solvePeer(peer) }
        },
        Contestant("Dense.solveLU", oursX, exact) { solveOurs() },
      ], into: &report)
    multiply(definite)
    try compare(
      "Cholesky, n = \(n)", operations: 1.0 / 3 * Double(n * n) * Double(n),
      [
        peer.map { peer in
          // Row-major: LAPACK's upper triangle is our lower one.
          Contestant(
            name: "OpenBLAS potrf",
            run: {
              peers.copy(definite)
              peer.potrf("U", &size, peers.start, &size, &info)
            },
            error: {
              peersX.copy(b)
              Dense.solveCholesky(peers.start, count: n, peersX.start)
              return relativeError(peersX.array, exact.array)
            })
        },
        Contestant(
          name: "Dense.factorCholesky",
          run: {
            ours.copy(definite)
            _ = Dense.factorCholesky(ours.start, count: n, workspace: workspace.start)
          },
          error: {
            oursX.copy(b)
            Dense.solveCholesky(ours.start, count: n, oursX.start)
            return relativeError(oursX.array, exact.array)
          }),
      ], into: &report)
  }
}
