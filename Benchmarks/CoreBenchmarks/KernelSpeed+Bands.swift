import HandWritten
import Measurement
import ImplicitDifferentiation
import Kernels

extension KernelBench {
  /// A tridiagonal system of order `n`, and one with five diagonals on either side of order `n / 10`.
  func banded(_ n: Int, into report: inout Report) throws {
    var generator = SplitMix64(seed: 305)
    let (lower, upper) = (
      KernelBuffer(generator.symmetric(count: n - 1)),
      KernelBuffer(generator.symmetric(count: n - 1))
    )
    let diagonal = KernelBuffer((0..<n).map { _ in 2.5 + generator.unit() })
    let exact = KernelBuffer(generator.symmetric(count: n))
    let b = KernelBuffer(zeros: n)
    for i in 0..<n {
      var sum = diagonal.start[i] * exact.start[i]
      if i > 0 { sum += lower.start[i - 1] * exact.start[i - 1] }
      if i + 1 < n { sum += upper.start[i] * exact.start[i + 1] }
      b.start[i] = sum
    }
    let (l, d, u) = (KernelBuffer(zeros: n - 1), KernelBuffer(zeros: n), KernelBuffer(zeros: n - 1))
    let (peersX, oursX, warmX) = (
      KernelBuffer(zeros: n), KernelBuffer(zeros: n), KernelBuffer(zeros: n)
    )
    let (fl, fd, fu) = (
      KernelBuffer(zeros: n - 1), KernelBuffer(zeros: n), KernelBuffer(zeros: n - 1)
    )
    let u2 = KernelBuffer(zeros: n)
    var exchanged = [Bool](repeating: false, count: n)
    var (size, one, info) = (Int32(n), Int32(1), Int32(0))
    func factor() {
      fl.copy(lower)
      fd.copy(diagonal)
      fu.copy(upper)
      _ = Banded.factorTridiagonal(
        lower: fl.start, diagonal: fd.start, upper: fu.start, upper2: u2.start,
        exchanged: &exchanged, count: n)
    }
    func solve(_ x: KernelBuffer) {
      x.copy(b)
      exchanged.withUnsafeBufferPointer { flags in
        guard let flags = flags.baseAddress else { return }
        Banded.solveTridiagonal(
          lower: fl.start, diagonal: fd.start, upper: fu.start, upper2: u2.start,
          exchanged: flags, count: n, x.start)
      }
    }
    factor()
    let prepared = try BandedLUSolver().prepare(
      BandedOperator(below: lower.array, diagonal: diagonal.array, above: upper.array))
    let rightHandSide = b.array
    var certified: [Double] = []
    try compare(
      "tridiagonal system, n = \(n)", elements: n,
      [
        peer.map { peer in
          Contestant("LAPACK gtsv (factors and solves)", peersX, exact) {
            l.copy(lower)
            d.copy(diagonal)
            u.copy(upper)
            peersX.copy(b)
            peer.gtsv(&size, &one, l.start, d.start, u.start, peersX.start, &size, &info)
          }
        },
        Contestant("Banded, factors and solves", oursX, exact) {
          factor()
          solve(oursX)
        },
        Contestant("Banded, with the factor at hand", warmX, exact) { solve(warmX) },
        Contestant(
          name: "a prepared BandedLUSolver, with its evidence",
          run: { certified = try prepared.solve(rightHandSide).vector },
          error: { relativeError(certified, exact.array) }),
      ], into: &report)
    try wideBand(n / 10, width: 5, into: &report)
  }

  private func wideBand(_ n: Int, width k: Int, into report: inout Report) throws {
    var generator = SplitMix64(seed: 306)
    let ours = KernelBuffer(zeros: Banded.storageCount(count: n, lower: k, upper: k))
    // LAPACK's columns: entry (i, j) at row 2k + i − j of column j, 3k + 1 rows.
    let height = 3 * k + 1
    let peers = KernelBuffer(zeros: height * n)
    let exact = KernelBuffer(generator.symmetric(count: n))
    let b = KernelBuffer(zeros: n)
    for i in 0..<n {
      var sum = CompensatedSum()
      for j in max(0, i - k)...min(n - 1, i + k) {
        let value = generator.symmetric() + (i == j ? 4 : 0)
        ours.start[Banded.index(row: i, column: j, lower: k, upper: k)] = value
        peers.start[j * height + 2 * k + i - j] = value
        sum.add(value * exact.start[j])
      }
      b.start[i] = sum.value
    }
    let (work, peersWork) = (KernelBuffer(zeros: ours.count), KernelBuffer(zeros: peers.count))
    let (x, peersX) = (KernelBuffer(zeros: n), KernelBuffer(zeros: n))
    var pivots = [Int](repeating: 0, count: n)
    var peersPivots = [Int32](repeating: 0, count: n)
    var (size, one, info) = (Int32(n), Int32(1), Int32(0))
    var (width, rows) = (Int32(k), Int32(height))
    try compare(
      "banded system, n = \(n), \(2 * k + 1) diagonals", elements: n, target: nil,
      [
        peer.map { peer in
          Contestant("LAPACK gbsv", peersX, exact) {
            peersWork.copy(peers)
            peersX.copy(b)
            peer.gbsv(
              &size, &width, &width, &one, peersWork.start, &rows, &peersPivots, peersX.start,
              &size, &info)
          }
        },
        Contestant("Banded.factorLU, solveLU", x, exact) {
          work.copy(ours)
          x.copy(b)
          _ = Banded.factorLU(work.start, count: n, lower: k, upper: k, pivots: &pivots)
          Banded.solveLU(work.start, count: n, lower: k, upper: k, pivots: pivots, x.start)
        },
      ], into: &report)
  }
}
