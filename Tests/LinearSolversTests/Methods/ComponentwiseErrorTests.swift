import Kernels
import Testing

@testable import LinearSolvers

/// The componentwise backward error of direct methods against its definition.
@Suite struct ComponentwiseErrorTests {
  /// `max |b − A x|ᵢ / (|A||x| + |b|)ᵢ` by loops.
  private func definition(_ A: [[Double]], _ x: [Double], _ b: [Double]) -> Double {
    zip(A, b).reduce(0) { largest, row in
      let residual = row.1 - zip(row.0, x).reduce(0) { $0 + $1.0 * $1.1 }
      let terms = row.1.magnitude + zip(row.0, x).reduce(0) { $0 + ($1.0 * $1.1).magnitude }
      return residual == 0 ? largest : max(largest, residual.magnitude / terms)
    }
  }

  private func transposed(_ A: [[Double]]) -> [[Double]] {
    A.indices.map { j in A.map { $0[j] } }
  }

  static let general: [[Double]] = [[4, -1, 0, 2], [1, 0, 3, 0], [0, 5, 1, -1], [2, 0, 0, 7]]
  static let symmetric: [[Double]] = [
    [4, -1, 0, 1], [-1, 5, 2, 0], [0, 2, 6, -1], [1, 0, -1, 7],
  ]
  static let tridiagonal: [[Double]] = [
    [4, -1, 0, 0], [1, 3, 2, 0], [0, 5, 6, -1], [0, 0, 2, 7],
  ]
  static let diagonal: [[Double]] = [[4, 0, 0, 0], [0, -3, 0, 0], [0, 0, 6, 0], [0, 0, 0, 7]]

  private func band(_ A: [[Double]], lower: Int, upper: Int) throws -> BandedOperator {
    var matrix = BandMatrix(count: A.count, lower: lower, upper: upper)
    for i in A.indices {
      for j in max(0, i - lower)...min(A.count - 1, i + upper) { matrix[i, j] = A[i][j] }
    }
    return BandedOperator(matrix)
  }

  @Test("By the definition, in any units of rows and columns", arguments: [0, 3, -7])
  func definition(_ power: Int) throws {
    let (x, b) = ([1.0, -2, 0.5, 3], [0.25, 4, -1, 2])
    let n = x.count
    let rows = (0..<n).map { Double(sign: .plus, exponent: power * ($0 % 3 - 1), significand: 1) }
    for (A, solver, structure) in [
      (Self.general, LUSolver(), nil), (Self.symmetric, CholeskySolver(), nil),
      (Self.tridiagonal, BandedLUSolver(), (1, 1)), (Self.general, BandedLUSolver(), (3, 3)),
      (Self.diagonal, Automatic(), (0, 0)),
    ] as [([[Double]], any LinearSolver, (Int, Int)?)] {
      // Rows and columns in other units; a symmetric matrix stays symmetric.
      let scaled = A.indices.map { i in A[i].indices.map { j in rows[i] * A[i][j] * rows[j] } }
      let unknown = zip(x, rows).map { $0 / $1 }
      let right = zip(b, rows).map { $0 * $1 }
      let matrix: any LinearOperator =
        if let structure {
          try band(scaled, lower: structure.0, upper: structure.1)
        } else {
          try DenseOperator(rows: scaled)
        }
      let prepared = try #require(try solver.prepare(matrix) as? any KnowsEntries)
      for isTransposed in [false, true] {
        let expected = definition(isTransposed ? transposed(A) : A, x, b)
        let found = try prepared.componentwiseBackwardError(
          of: unknown, right, transposed: isTransposed)
        // Sums in another order.
        #expect(try (#require(found) / expected - 1).magnitude < 1e-14, "\(solver)")
        #expect(expected > 0.1)
      }
    }
  }

  /// An equation in units of 1e-30 beside others: norms do not see that it is off by a tenth.
  @Test func anEquationInSmallUnitsCounts() throws {
    let A = try DenseOperator(rows: [[1, 0], [0, 1e-30]])
    let prepared = try #require(try LUSolver().prepare(A) as? any KnowsEntries)
    let found = try prepared.componentwiseBackwardError(
      of: [1, 1.1], [1, 1e-30], transposed: false)
    #expect(try (#require(found) - 0.1 / 2.1).magnitude < 1e-15)
    #expect(
      try prepared.componentwiseBackwardError(of: [1, 1], [1, 1e-30], transposed: false) == 0)
  }

  /// Entries of a large dense matrix are not kept beside its factors.
  @Test func largeMatricesAreNotKept() throws {
    #expect(KeptEntries.denseLimit == 1024 * 1024)
    let factors = try DenseLU([2, 1, 1, 3], count: 2)
    #expect(factors.entries?.values == [2, 1, 1, 3])
  }
}
