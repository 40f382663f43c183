import Testing

@testable import LinearSolvers

/// An operator with the matrix it should be.
struct OperatorScenario: CustomTestStringConvertible, Sendable {
  let name: String
  let make: @Sendable () throws -> any LinearOperator
  let entries: [Double]
  let rowCount: Int
  let columnCount: Int
  var structure = OperatorStructure.unknown

  var testDescription: String { name }

  static let n = 7

  /// Deliberately unsymmetric, 7×7.
  static let square = SeededNumbers.vector(n * n, seed: 1)
  static let other = SeededNumbers.vector(n * n, seed: 2)
  static let diagonal = SeededNumbers.vector(n, seed: 3)
  /// 5×7.
  static let wide = SeededNumbers.vector(5 * n, seed: 4)

  static func band(lower: Int, upper: Int, seed: UInt64) -> BandMatrix {
    var numbers = SeededNumbers(seed: seed)
    var band = BandMatrix(count: n, lower: lower, upper: upper)
    for i in 0..<n {
      for j in max(0, i - lower)..<min(n, i + upper + 1) { band[i, j] = numbers.next() }
    }
    return band
  }

  static let narrow = band(lower: 2, upper: 1, seed: 5)
  static let tridiagonal = band(lower: 1, upper: 1, seed: 6)

  static func squareOperator() throws -> DenseOperator {
    try DenseOperator(rowCount: n, columnCount: n, entries: square)
  }
  static func wideOperator() throws -> DenseOperator {
    try DenseOperator(rowCount: 5, columnCount: n, entries: wide)
  }

  static let identity = (0..<n * n).map { $0 % (n + 1) == 0 ? 1.0 : 0.0 }
  static let diagonalMatrix = (0..<n * n).map { $0 % (n + 1) == 0 ? diagonal[$0 / n] : 0.0 }

  static func sum(_ a: [Double], _ b: [Double], times c: Double = 1) -> [Double] {
    zip(a, b).map { $0 + c * $1 }
  }

  /// `A B` with `A` of `m × n`, `B` of `n × n`.
  static func product(_ a: [Double], _ b: [Double]) -> [Double] {
    let m = a.count / n
    return (0..<m * n).map { k in
      (0..<n).reduce(0) { $0 + a[(k / n) * n + $1] * b[$1 * n + k % n] }
    }
  }

  static let all: [OperatorScenario] = [
    .init(
      name: "dense", make: { try squareOperator() }, entries: square, rowCount: n, columnCount: n),
    .init(name: "wide", make: { try wideOperator() }, entries: wide, rowCount: 5, columnCount: n),
    .init(
      name: "adjoint of wide", make: { try wideOperator().adjoint },
      entries: (0..<5 * n).map { wide[($0 % 5) * n + $0 / 5] }, rowCount: n, columnCount: 5),
    .init(
      name: "diagonal", make: { DiagonalOperator(diagonal) }, entries: diagonalMatrix, rowCount: n,
      columnCount: n, structure: .diagonal),
    .init(
      name: "identity", make: { IdentityOperator(count: n) }, entries: identity, rowCount: n,
      columnCount: n, structure: .diagonal),
    .init(
      name: "banded", make: { BandedOperator(narrow) }, entries: narrow.denseMatrix, rowCount: n,
      columnCount: n, structure: .banded(lower: 2, upper: 1)),
    .init(
      name: "adjoint of banded", make: { BandedOperator(narrow).adjoint },
      entries: narrow.transposed.denseMatrix, rowCount: n, columnCount: n,
      structure: .banded(lower: 1, upper: 2)),
    .init(
      name: "sum", make: { try squareOperator().plus(BandedOperator(narrow)) },
      entries: sum(square, narrow.denseMatrix), rowCount: n, columnCount: n),
    .init(
      name: "banded sum",
      make: { try BandedOperator(narrow).plus(BandedOperator(narrow).adjoint) },
      entries: sum(narrow.denseMatrix, narrow.transposed.denseMatrix), rowCount: n, columnCount: n,
      structure: .banded(lower: 2, upper: 2)),
    .init(
      name: "composed", make: { try wideOperator().composed(with: squareOperator()) },
      entries: product(wide, square), rowCount: 5, columnCount: n),
    .init(
      name: "banded composition",
      make: { try BandedOperator(narrow).composed(with: BandedOperator(tridiagonal)) },
      entries: product(narrow.denseMatrix, tridiagonal.denseMatrix), rowCount: n, columnCount: n,
      structure: .banded(lower: 3, upper: 2)),
    .init(
      name: "scaled", make: { try wideOperator().scaled(by: -1.5) },
      entries: wide.map { -1.5 * $0 }, rowCount: 5, columnCount: n),
    .init(
      name: "scaled banded", make: { BandedOperator(narrow).scaled(by: -1.5) },
      entries: narrow.denseMatrix.map { -1.5 * $0 }, rowCount: n, columnCount: n,
      structure: .banded(lower: 2, upper: 1)),
    .init(
      name: "shifted", make: { try squareOperator().shifted(by: 0.75) },
      entries: sum(square, identity, times: 0.75), rowCount: n, columnCount: n),
    .init(
      name: "shifted diagonal", make: { try DiagonalOperator(diagonal).shifted(by: 0.75) },
      entries: sum(diagonalMatrix, identity, times: 0.75), rowCount: n, columnCount: n,
      structure: .diagonal),
    .init(
      name: "closure",
      make: {
        ClosureOperator(
          rowCount: 5, columnCount: n, matvec: { x in TestMatrix.multiply(wide, x) },
          transposeMatvec: { y in
            (0..<n).map { j in (0..<5).reduce(0) { $0 + wide[$1 * n + j] * y[$1] } }
          })
      }, entries: wide, rowCount: 5, columnCount: n),
    .init(
      name: "closure that states a band",
      make: {
        ClosureOperator(
          rowCount: n, columnCount: n, structure: .banded(lower: 2, upper: 1),
          matvec: { x in TestMatrix.multiply(narrow.denseMatrix, x) },
          transposeMatvec: { x in TestMatrix.multiply(narrow.transposed.denseMatrix, x) })
      }, entries: narrow.denseMatrix, rowCount: n, columnCount: n,
      structure: .banded(lower: 2, upper: 1)),
  ]
}

extension SeededNumbers {
  static func vector(_ n: Int, seed: UInt64) -> [Double] {
    var numbers = SeededNumbers(seed: seed)
    return numbers.vector(n)
  }
}

@Suite struct LinearOperatorTests {
  /// Sums of at most seven products of numbers below 2, in any order, differ by a few ε.
  static let rounding = 1e-14

  @Test(arguments: OperatorScenario.all)
  func agreesWithItsMatrix(_ scenario: OperatorScenario) throws {
    let A = try scenario.make()
    let (m, n) = (scenario.rowCount, scenario.columnCount)
    #expect(A.rowCount == m && A.columnCount == n)
    let x = SeededNumbers.vector(n, seed: 11)
    let y = SeededNumbers.vector(m, seed: 12)
    let expected = (0..<m).map { i in
      (0..<n).reduce(0) { $0 + scenario.entries[i * n + $1] * x[$1] }
    }
    let expectedTransposed = (0..<n).map { j in
      (0..<m).reduce(0) { $0 + scenario.entries[$1 * n + j] * y[$1] }
    }
    #expect(maximumDifference(try A(x), expected) <= Self.rounding)
    #expect(maximumDifference(try A.transposeApplied(to: y), expectedTransposed) <= Self.rounding)
    #expect(maximumDifference(try A.adjoint.applied(to: y), expectedTransposed) <= Self.rounding)
    #expect(maximumDifference(try A.denseMatrix(), scenario.entries) <= Self.rounding)
  }

  @Test(arguments: OperatorScenario.all)
  func productsBelongToOneMatrix(_ scenario: OperatorScenario) throws {
    // ⟨A u, v⟩ = ⟨u, Aᵀ v⟩
    for seed in 1...5 as ClosedRange<UInt64> {
      #expect(try scenario.make().adjointDefect(seed: seed) <= Self.rounding)
    }
  }

  @Test("A block product is the products one by one, bit for bit", arguments: OperatorScenario.all)
  func blocksAreProducts(_ scenario: OperatorScenario) throws {
    let A = try scenario.make()
    for count in [0, 1, 2, 5] {
      let x = (0..<count).map { SeededNumbers.vector(scenario.columnCount, seed: UInt64($0) + 40) }
      let y = (0..<count).map { SeededNumbers.vector(scenario.rowCount, seed: UInt64($0) + 50) }
      #expect(try A.applied(toEach: x, transposed: false) == x.map { try A.applied(to: $0) })
      #expect(
        try A.applied(toEach: y, transposed: true) == y.map { try A.transposeApplied(to: $0) })
    }
  }

  @Test(arguments: OperatorScenario.all)
  func structureIsExactAndGivesTheBand(_ scenario: OperatorScenario) throws {
    let A = try scenario.make()
    #expect(A.structure == scenario.structure)
    guard let band = try A.bandMatrix() else {
      #expect(scenario.structure == .unknown)
      return
    }
    #expect(maximumDifference(band.denseMatrix, scenario.entries) <= Self.rounding)
  }

  @Test func bandIsReadByFewProducts() throws {
    let counter = ProductCounter(BandedOperator(OperatorScenario.narrow))
    let band = try counter.bandMatrix()
    #expect(band?.denseMatrix == OperatorScenario.narrow.denseMatrix)
    #expect(counter.count == 4)  // 2 below + 1 above + 1
  }

  @Test func probesTellSymmetricFromNot() throws {
    let square = try OperatorScenario.squareOperator()
    let symmetric = try square.plus(square.adjoint)
    #expect(try symmetric.symmetryDefect() <= 1e-15)
    // One wrong entry of 49.
    var entries = try symmetric.denseMatrix()
    entries[5] += 0.01
    let perturbed = try denseOperator(entries)
    let defect = try perturbed.symmetryDefect()
    #expect(defect > 1e-5)
    // The same for 2⁹⁰⁰ A and 2⁻⁹⁰⁰ A.
    for scale in [0x1p900, 0x1p-900] {
      #expect(try perturbed.scaled(by: scale).symmetryDefect() == defect)
    }
    #expect(try OperatorScenario.wideOperator().symmetryDefect() == .infinity)
    let liar = ClosureOperator(rowCount: 2, columnCount: 2, matvec: { [$0[1], 0] }) { $0 }
    #expect(try liar.adjointDefect() > 0.1)
  }

  @Test func sizesAreChecked() throws {
    let A = try OperatorScenario.wideOperator()
    let mismatch = LinearSolveError.sizeMismatch(
      what: "the vector multiplied by A", expected: 7, found: 5)
    #expect(throws: mismatch) { try A.applied(to: [1, 2, 3, 4, 5]) }
    #expect(throws: LinearSolveError.self) { try A.transposeApplied(to: [1, 2]) }
    let columns = [Double](repeating: 1, count: 15)
    #expect(
      throws: LinearSolveError.sizeMismatch(
        what: "the 2 columns multiplied by the operator", expected: 14, found: 15)
    ) {
      var product = [Double](repeating: 0, count: 10)
      var out = product.mutableSpan
      try A.matmat(columns.span, columns: 2, into: &out)
    }
    #expect(throws: LinearSolveError.self) {
      try DenseOperator(rowCount: 2, columnCount: 2, entries: [1, 2, 3])
    }
    #expect(throws: LinearSolveError.self) { try DenseOperator(rows: [[1, 2], [3]]) }
    #expect(throws: LinearSolveError.self) { try A.plus(A.adjoint) }
    #expect(throws: LinearSolveError.self) { try A.composed(with: A) }
    #expect(throws: LinearSolveError.notSquare(rowCount: 5, columnCount: 7)) {
      try A.shifted(by: 1)
    }
    #expect(throws: LinearSolveError.self) {
      try BandedOperator(below: [1], diagonal: [1, 2, 3], above: [1, 2])
    }
    let short = ClosureOperator(symmetric: 3) { _ in [1, 2] }
    #expect(
      throws: LinearSolveError.sizeMismatch(
        what: "the array returned by the product", expected: 3, found: 2)
    ) { try short.applied(to: [1, 2, 3]) }
  }

  @Test func failuresOfAClosureArriveAsProductFailed() throws {
    struct Trouble: Error, CustomStringConvertible { let description = "no licence" }
    let A = ClosureOperator(rowCount: 1, columnCount: 1, matvec: { _ in throw Trouble() })
    #expect(throws: LinearSolveError.productFailed("no licence")) { try A.applied(to: [1]) }
    #expect(throws: LinearSolveError.self) { try A.transposeApplied(to: [1]) }
    #expect(throws: LinearSolveError.productFailed("no licence")) {
      try ConjugateGradient().solve(A, [1])
    }
  }

  @Test func emptyOperatorsMultiply() throws {
    #expect(
      try DenseOperator(rowCount: 3, columnCount: 0, entries: []).applied(to: []) == [0, 0, 0])
    #expect(try DiagonalOperator([]).applied(to: []).isEmpty)
    #expect(try BandedOperator(BandMatrix(count: 0, lower: 1, upper: 1)).denseMatrix().isEmpty)
  }
}

func maximumDifference(_ x: [Double], _ y: [Double]) -> Double {
  guard x.count == y.count else { return .infinity }
  return zip(x, y).reduce(0) { max($0, abs($1.0 - $1.1)) }
}
