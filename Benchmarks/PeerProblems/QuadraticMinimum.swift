import FaultOracle
import ForwardSolvers
import ImplicitDifferentiation
import Measurement
import Optimality

/// A quadratic program with `p = max(1, n/5)` equalities and `m = max(1, n/2)` inequalities, all of its
/// vectors differentiated.
/// ```
/// min ½ yᵀQ y + cᵀy   subject to   A y = b,  G y ≤ h      L = vᵀy      dL/d(c, b, h)
/// ```
package struct QuadraticMinimum: PeerProblem {
  package static let name = "qp"
  package static let sizes = [10, 50, 100, 200]

  package let count: Int
  package let Q: [Double]
  package let c: [Double]
  package let A: [Double]
  package let G: [Double]
  package let h: [Double]
  package let direction: [Double]

  private var p: Int { max(1, count / 5) }
  private var m: Int { max(1, count / 2) }

  package init(count n: Int) {
    var generator = SplitMix64(seed: 103)
    count = n
    var Q = [Double](repeating: 0, count: n * n)
    for i in 0..<n {
      for j in (i + 1)..<max(n, i + 1) {
        let entry = generator.symmetric() / Double(n)
        Q[i * n + j] = entry
        Q[j * n + i] = entry
      }
    }
    for i in 0..<n { Q[i * n + i] = 1 + generator.unit() }
    self.Q = Q
    c = generator.symmetric(count: n)
    A = generator.symmetric(count: max(1, n / 5) * n)
    G = generator.symmetric(count: max(1, n / 2) * n)
    h = generator.unit(count: max(1, n / 2)).map { 0.1 + $0 }
    direction = generator.symmetric(count: n)
  }

  package var data: [(name: String, values: [Double])] {
    [("Q", Q), ("c", c), ("A", A), ("G", G), ("h", h), ("v", direction)]
  }

  private var program: QuadraticProgram {
    QuadraticProgram(
      Q: Tensor(shape: [count, count], Q), c: Tensor(c), A: Tensor(shape: [p, count], A),
      b: .zeros([p]), G: Tensor(shape: [m, count], G), h: Tensor(h),
      constants: [.quadratic, .equalityMatrix, .inequalityMatrix])
  }

  private static func solved(_ program: QuadraticProgram) throws -> KKTPoint<Tensor> {
    let found = try InteriorPoint().solve(
      Q: program.Q, c: program.c, A: program.A, b: program.b, G: program.G, h: program.h)
    return KKTPoint(
      primal: found.point, equalityMultipliers: found.equalityMultipliers,
      inequalityMultipliers: found.inequalityMultipliers)
  }

  package var tasks: [PeerTask] {
    let minimum = ConstrainedMinimum(QuadraticProgram.problem, solver: QuadraticMinimum.solved)
    let (program, v) = (program, Tensor(direction))
    return [
      PeerTask(
        .solveAndGradient,
        run: {
          let slope = try minimum.linearize(at: program).primalPullback(v).value
          return [slope.c, slope.b, slope.h].flatMap { $0?.scalars ?? [] }
        }, reference: reference)
    ]
  }

  /// By elimination on the KKT matrix of the active constraints. Which ones are active the library's
  /// solver says; that this is the solution is verified: the program is convex, so a point that is
  /// feasible with multipliers of the right sign is its minimum.
  private func reference() throws -> [Double] {
    let guess = try QuadraticMinimum.solved(program).inequalityMultipliers.scalars
    let active = (0..<m).filter { guess[$0] > 1e-8 }
    let (n, k) = (count, p + active.count)
    let rows = Array(A) + active.flatMap { G[($0 * n)..<(($0 + 1) * n)] }
    var matrix = [DoubleDouble](repeating: DoubleDouble(0), count: (n + k) * (n + k))
    for i in 0..<n {
      for j in 0..<n { matrix[i * (n + k) + j] = DoubleDouble(Q[i * n + j]) }
      for row in 0..<k {
        let entry = DoubleDouble(rows[row * n + i])
        matrix[i * (n + k) + n + row] = entry
        matrix[(n + row) * (n + k) + i] = entry
      }
    }
    let right = c.map { -$0 } + [Double](repeating: 0, count: p) + active.map { h[$0] }
    guard let elimination = DenseElimination(matrix, count: n + k),
      let point = elimination.solve(right.map { DoubleDouble($0) }, transposed: false)?.map(\.high),
      let adjoint = elimination.solve(
        (direction + [Double](repeating: 0, count: k)).map { DoubleDouble($0) }, transposed: false
      )?.map(\.high)
    else { throw ReferenceFailure(problem: QuadraticMinimum.name, count: n) }
    let isFeasible = (0..<m).allSatisfy { row in
      (0..<n).reduce(0) { $0 + G[row * n + $1] * point[$1] } <= h[row] + 1e-12
    }
    guard isFeasible, point[(n + p)...].allSatisfy({ $0 > 0 }) else {
      throw ReferenceFailure(problem: QuadraticMinimum.name, count: n)
    }
    var slopeOfLimits = [Double](repeating: 0, count: m)
    for (place, row) in active.enumerated() { slopeOfLimits[row] = adjoint[n + p + place] }
    return adjoint[..<n].map { -$0 } + adjoint[n..<(n + p)] + slopeOfLimits
  }
}

/// A reference that cannot be trusted.
package struct ReferenceFailure: Error, CustomStringConvertible {
  var problem: String
  var count: Int

  package var description: String { "The reference of \(problem)(\(count)) cannot be computed." }
}
