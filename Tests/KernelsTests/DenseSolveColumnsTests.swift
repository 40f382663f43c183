import Kernels
import Testing

@Suite("Dense: several right-hand sides")
struct DenseSolveColumnsTests {
  @Test("columns are the solutions one by one", arguments: [0, 1, 2, 5, 17, 70], [0, 1, 3, 8, 13])
  func columns(n: Int, k: Int) {
    let stride = k + 2
    // Diagonally dominant and symmetric in size, so that LU and Cholesky both apply to it.
    var a = TestMatrix(n, n, seed: 19 * n)
    for i in 0..<n {
      for j in 0..<n { a[i, j] = j < i ? a[j, i] : (i == j ? Double(n + 1) : a[i, j]) }
    }
    var unsymmetric = TestMatrix(n, n, seed: 23 * n)
    // A cycle of large entries: its row exchanges do not commute.
    for i in 0..<n { unsymmetric[i, (i + 1) % n] += Double(n) }
    let b = TestMatrix(n, k, rowStride: stride, seed: k)
    var workspace = Array(
      repeating: 0.0, count: Dense.workspaceCount(rows: n, inner: n, columns: n))
    var pivots = Array(repeating: 0, count: n)
    var lu = unsymmetric.entries
    var l = a.entries
    #expect(Dense.factorLU(&lu, count: n, pivots: &pivots, workspace: &workspace) == nil)
    #expect(Dense.factorCholesky(&l, count: n, workspace: &workspace) == nil)

    var (x, z, y) = (b, b, b)
    Dense.solveLU(lu, count: n, pivots: pivots, &x.entries, columns: k, rowStride: stride)
    Dense.solveLUTransposed(lu, count: n, pivots: pivots, &z.entries, columns: k, rowStride: stride)
    Dense.solveCholesky(l, count: n, &y.entries, columns: k, rowStride: stride)
    for j in 0..<k {
      let column = (0..<n).map { b[$0, j] }
      var (one, two, three) = (column, column, column)
      Dense.solveLU(lu, count: n, pivots: pivots, &one)
      Dense.solveLUTransposed(lu, count: n, pivots: pivots, &two)
      Dense.solveCholesky(l, count: n, &three)
      // Two orders of the same sums with a matrix of condition below 10: no more than a few n u.
      for i in 0..<n {
        #expect(abs(x[i, j] - one[i]) <= tolerance(count: 10 * n, magnitude: maximum(one)))
        #expect(abs(z[i, j] - two[i]) <= tolerance(count: 10 * n, magnitude: maximum(two)))
        #expect(abs(y[i, j] - three[i]) <= tolerance(count: 10 * n, magnitude: maximum(three)))
      }
    }
    for i in 0..<n {
      for j in k..<stride {
        #expect([x, z, y].allSatisfy { $0.entries[i * stride + j] == TestMatrix.padding })
      }
    }
  }
}
