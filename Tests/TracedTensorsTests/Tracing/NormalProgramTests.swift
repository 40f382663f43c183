import LinearSolvers
import Testing

@testable import TracedTensors

/// `Xᵀ D X + diag(θ)` is found in a recording: with its entries, and with a bound of its eigenvalues.
@Suite("Recorded normal matrices")
struct NormalProgramTests {
  static let shapes = [(2, 2), (3, 2), (2, 3), (37, 11), (40, 65)]

  private func matrix(_ m: Int, _ n: Int, seed: UInt64 = 3) -> Tensor {
    Tensor(shape: [m, n], ProbeVector.make(count: m * n, seed: seed))
  }

  private func numbers(_ n: Int, seed: UInt64 = 9) -> Tensor {
    Tensor(ProbeVector.make(count: n, seed: seed))
  }

  private func recorded(
    _ n: Int, _ f: (Tensor) throws -> Tensor
  ) throws -> ProgramOperator {
    try linearization(at: numbers(n, seed: 11), of: f).operation
  }

  private func columns(_ A: ProgramOperator) throws -> [Double] {
    let n = A.columnCount
    var result = [Double](repeating: 0, count: n * n)
    for j in 0..<n {
      var unit = [Double](repeating: 0, count: n)
      unit[j] = 1
      for (i, entry) in try A.applied(to: unit).enumerated() { result[i * n + j] = entry }
    }
    return result
  }

  private func expectEntriesOfProducts(_ A: ProgramOperator, m: Int) throws {
    let (n, entries, expected) = (A.columnCount, try A.denseMatrix(), try columns(A))
    let size = expected.reduce(1) { max($0, abs($1)) }
    let isEqual = zip(entries, expected).allSatisfy {
      abs($0 - $1) <= 4 * Double(m + 2) * .ulpOfOne * size
    }
    #expect(isEqual)
    let isSymmetric = (0..<n).allSatisfy { i in
      (0..<i).allSatisfy { entries[i * n + $0] == entries[$0 * n + i] }
    }
    #expect(isSymmetric)
  }

  @Test("with penalties", arguments: shapes)
  func ridge(m: Int, n: Int) throws {
    let X = matrix(m, n)
    let theta = Tensor((0..<n).map { (k: Int) -> Double in 0.5 + Double((k * 7 + 3) % 5) })
    let A = try recorded(n) { w in
      matmul(X, matmul(X, w) - Tensor(1), transposingLeft: true).scaled(by: 1 / Double(m))
        + theta * w
    }
    #expect(A.program.normalEntries != nil)
    try expectEntriesOfProducts(A, m: m)
    #expect(A.leastEigenvalueBound == theta.scalars.min())
    #expect(AdjointOperator(A).leastEigenvalueBound == theta.scalars.min())
  }

  @Test("as the Hessian of an objective", arguments: shapes)
  func hessian(m: Int, n: Int) throws {
    let X = matrix(m, n)
    let theta = Tensor((0..<n).map { (k: Int) -> Double in 0.5 + Double((k * 7 + 3) % 5) })
    let A = try recorded(n) { w in
      gradient(at: w) { w in
        let r = matmul(X, w) - Tensor(1)
        return (r * r).sum().scaled(by: 0.5) + (theta * w * w).sum().scaled(by: 0.5)
      }
    }
    try expectEntriesOfProducts(A, m: m)
    #expect(A.leastEigenvalueBound == theta.scalars.min())
  }

  @Test("with weights", arguments: shapes)
  func weighted(m: Int, n: Int) throws {
    let X = matrix(m, n)
    let d = Tensor((0..<m).map { Double($0 % 3) })
    for sign in [1.0, -1] {
      let A = try recorded(n) { w in
        matmul(X, d * matmul(X, w), transposingLeft: true).scaled(by: sign) + 2 * w
      }
      try expectEntriesOfProducts(A, m: m)
      #expect(A.leastEigenvalueBound == (sign > 0 ? 2 : nil))
    }
    let negative = Tensor((0..<m).map { Double($0 % 3) - 1 })
    let A = try recorded(n) { w in
      matmul(X, negative * matmul(X, w), transposingLeft: true) + 2 * w
    }
    try expectEntriesOfProducts(A, m: m)
    #expect(A.leastEigenvalueBound == nil)
  }

  @Test("twice, and with a diagonal in parts")
  func sums() throws {
    let (X, Y, n) = (matrix(9, 6), matrix(4, 6, seed: 5), 6)
    let A = try recorded(n) { w in
      let first = matmul(X, matmul(X, w), transposingLeft: true)
      let second = matmul(Y, matmul(Y, w), transposingLeft: true)
      return first + second.scaled(by: 3) + w.scaled(by: 0.25) + Tensor((1...n).map(Double.init))
        * w
    }
    try expectEntriesOfProducts(A, m: 9)
    #expect(A.leastEigenvalueBound == 1.25)
  }

  @Test("in single precision it is the operator of rounded matrices", arguments: shapes)
  func rounded(m: Int, n: Int) throws {
    let (X, Y) = (matrix(m, n), matrix(4, n, seed: 5))
    let (d, theta) = (numbers(m, seed: 21), numbers(n, seed: 22))
    func hessian(_ X: Tensor, _ Y: Tensor) throws -> ProgramOperator {
      try recorded(n) { w in
        matmul(X, d * matmul(X, w), transposingLeft: true).scaled(by: 1.0 / 3)
          + matmul(Y, matmul(Y, w), transposingLeft: true) + theta * w
      }
    }
    func inSinglePrecision(_ X: Tensor) -> Tensor {
      Tensor(shape: X.shape, X.scalars.map { Double(Float($0)) })
    }
    let A = try hessian(X, Y)
    let form = try #require(A.program.roundedForm(from: (m + 4) * n))
    let expected = try hessian(inSinglePrecision(X), inSinglePrecision(Y))
    let vectors = (0..<3).map { ProbeVector.make(count: n, seed: 30 + $0) }
    for transposed in [false, true] {
      let found = try form.applied(toEach: vectors, transposed: transposed)
      let wanted = try expected.applied(toEach: vectors, transposed: transposed)
      let size = wanted.joined().reduce(1) { max($0, abs($1)) }
      let isEqual = zip(found.joined(), wanted.joined()).allSatisfy {
        abs($0 - $1) <= 4 * Double(m + n) * .ulpOfOne * size
      }
      #expect(isEqual)
      // It is not A: single precision shows.
      let isOther = zip(found[0], try A.applied(to: vectors[0])).contains { abs($0 - $1) > 1e-10 }
      #expect(isOther)
      // Each column has the bits that it has alone.
      for (vector, product) in zip(vectors, found) {
        let alone = try form.applied(toEach: [vector], transposed: transposed)
        #expect(alone == [product])
      }
    }
    #expect(A.program.roundedForm(from: (m + 4) * n + 1) == nil)
    #expect(A.roundedForm() == nil)
  }

  @Test("there is no form in single precision of what it cannot hold, or of other programs")
  func notRounded() throws {
    let n = 6
    func form(_ f: (Tensor) throws -> Tensor) throws -> RoundedNormalOperator? {
      try recorded(n, f).program.roundedForm(from: 1)
    }
    let X = matrix(9, n)
    func square(_ X: Tensor, _ w: Tensor) -> Tensor {
      matmul(X, matmul(X, w), transposingLeft: true) + w
    }
    #expect(try form { square(X, $0) } != nil)
    for scale in [0x1p70, 0x1p-70, 0] {
      #expect(try form { square(X.scaled(by: scale), $0) } == nil)
    }
    for value in [Double.nan, .infinity] {
      var entries = X.scalars
      entries[20] = value
      #expect(try form { square(Tensor(shape: X.shape, entries), $0) } == nil)
    }
    #expect(try form { matmul(self.matrix(n, n), $0) } == nil)
    #expect(try form { tanh($0) * $0 } == nil)
    // Columns that lie side by side would be read by leaps.
    let turned = matrix(n, 9)
    #expect(try form { matmul(turned, matmul(turned, $0, transposingLeft: true)) + $0 } == nil)
  }

  @Test("nothing is said where it would not be true")
  func others() throws {
    let (X, Y, n) = (matrix(9, 6), matrix(9, 6, seed: 5), 6)
    let product = { (w: Tensor) in matmul(X, matmul(X, w), transposingLeft: true) }
    let operators = [
      // Another matrix on the left.
      try recorded(n) { w in matmul(Y, matmul(X, w), transposingLeft: true) + 2 * w },
      // A diagonal with a zero, a negative entry, or none.
      try recorded(n) { w in product(w) + Tensor([1, 1, 0, 1, 1, 1]) * w },
      try recorded(n) { w in product(w) + Tensor([1, 1, 1, 1, 1, -1]) * w },
      try recorded(n) { w in product(w) },
      // Less than a square.
      try recorded(n) { w in 2 * w - product(w) },
      // Neighbours beside the diagonal.
      try recorded(n) { w in product(w) + 2 * w - w.shifted(by: 1).scaled(by: 3) },
      // The product is read twice.
      try recorded(n) { w in
        let r = matmul(X, w)
        return matmul(X, r, transposingLeft: true) + matmul(Y, r, transposingLeft: true) + 2 * w
      },
      // A part of the rows on the left.
      try recorded(n) { w in
        matmul(X, Tensor((0..<9).map { $0 < 4 ? 1 : -1 }) * matmul(X, w), transposingLeft: true)
          + 2 * w
      },
    ]
    for A in operators {
      #expect(A.leastEigenvalueBound == nil)
      let (entries, expected) = (try A.denseMatrix(), try columns(A))
      #expect(zip(entries, expected).allSatisfy { abs($0 - $1) <= 1e-13 })
    }
  }

  /// Multiplied with one another the scales would vanish, and a sign with them; in the program each meets
  /// numbers that fit it.
  @Test("factors that leave the range are left to the products")
  func extremeUnits() throws {
    let n = 6
    let X = matrix(9, n).scaled(by: 0x1p600)
    let theta = Tensor([Double](repeating: 0.5, count: n))
    for (inner, outer) in [(-0x1p-600, 0x1p-600), (0x1p-600, -0x1p-600), (0x1p-600, 0x1p-600)] {
      let A = try recorded(n) { w in
        matmul(X, matmul(X, w).scaled(by: inner), transposingLeft: true).scaled(by: outer)
          + theta * w
      }
      #expect(A.leastEigenvalueBound == nil)
      let (entries, expected) = (try A.denseMatrix(), try columns(A))
      #expect(expected.contains { abs($0) > 1 })
      #expect(zip(entries, expected).allSatisfy { abs($0 - $1) <= 1e-13 })
    }
    let weights = Tensor([Double](repeating: 0x1p-1000, count: 9))
    let A = try recorded(n) { w in
      matmul(X, weights * matmul(X, w), transposingLeft: true).scaled(by: 0x1p-200) + theta * w
    }
    let (entries, expected) = (try A.denseMatrix(), try columns(A))
    #expect(expected.contains { abs($0) > 1 })
    #expect(zip(entries, expected).allSatisfy { abs($0 - $1) <= 1e-13 })
  }

  @Test("no bound of what is not finite", arguments: [Double.nan, .infinity])
  func notFinite(value: Double) throws {
    let X = matrix(9, 3)
    let broken = Tensor([1, 2, value])
    #expect(
      try recorded(3) { w in matmul(X, matmul(X, w), transposingLeft: true) + broken * w }
        .leastEigenvalueBound == nil)
    let weights = Tensor((0..<9).map { $0 == 4 ? value : 1 })
    #expect(
      try recorded(3) { w in matmul(X, weights * matmul(X, w), transposingLeft: true) + 2 * w }
        .leastEigenvalueBound == nil)
  }
}
