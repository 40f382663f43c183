import PromptTasks
import Testing

@testable import LinearSolvers

/// Operators of the user's that contradict themselves, or whose numbers leave the range: each is
/// refused with a sentence about what it did.
@Suite struct MisbehavingOperatorTests {
  /// Products of one diagonal matrix, and other answers to other questions.
  private struct Contradicting: LinearOperator {
    var rowCount: Int { 3 }
    var columnCount: Int { 3 }
    var structure = OperatorStructure.unknown
    var factor = 1.0
    var transposedFactor = 1.0
    var entries: [Double] = [1, 0, 0, 0, 2, 0, 0, 0, 3]
    var band: BandMatrix?

    func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) {
      for i in x.indices { y[i] = factor * Double(i + 1) * x[i] }
    }

    func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) {
      for i in x.indices { y[i] = transposedFactor * Double(i + 1) * x[i] }
    }

    func denseMatrix() -> [Double] { entries }
    func bandMatrix() -> BandMatrix? { band }
  }

  @Test func itsOwnProductsAreFine() throws {
    #expect(try LUSolver().solve(Contradicting(), [1, 2, 3]).vector == [1, 1, 1])
  }

  @Test func matricesOfAnotherSize() {
    #expect(
      linearSolveError { try LUSolver().prepare(Contradicting(entries: [1, 2])) }
        == .sizeMismatch(what: "the dense matrix of the operator", expected: 9, found: 2))
    let narrow = Contradicting(
      structure: .banded(lower: 1, upper: 1), band: BandMatrix(count: 2, lower: 1, upper: 1))
    #expect(
      linearSolveError { try BandedLUSolver().prepare(narrow) }
        == .sizeMismatch(
          what: "the rows of the operator's band matrix", expected: 3, found: 2))
  }

  @Test func productsThatAreNotNumbersWhereTheEntriesAre() {
    func place(_ A: Contradicting) -> String? {
      guard case .notFinite(let what, 0, _) = linearSolveError({ try LUSolver().prepare(A) })
      else { return nil }
      return what
    }
    #expect(place(Contradicting(factor: .nan)) == "a product with the operator")
    #expect(
      place(Contradicting(transposedFactor: .infinity))
        == "a product with the transpose of the operator")
  }

  /// Entries whose products overflow where those that are stated do not.
  @Test func entriesOfAnotherMatrixThatOverflow() {
    let huge = Contradicting(entries: [Double](repeating: 1e308, count: 9))
    #expect(linearSolveError { try LUSolver().prepare(huge) }?.name == .structureMismatch)
  }

  /// Of operators that are multiplied with and not solved with, as `B` of the implicit function theorem.
  @Test func transposedProductsByThemselves() throws {
    func tried(_ product: @escaping @Sendable ([Double]) throws -> [Double]) -> LinearSolveError? {
      let B = ClosureOperator(
        rowCount: 2, columnCount: 2, matvec: product, transposeMatvec: { $0 })
      return linearSolveError { try B.requireTransposedProduct(tolerance: 1e-8) }
    }
    struct NoLicence: Error {}
    #expect(tried { $0 } == nil)
    // Whoever needs the product will be told.
    #expect(tried { _ in throw NoLicence() } == nil)
    #expect(tried { _ in [.nan, 1] }?.name == .notFinite)
    #expect(tried { [$0[1], $0[0]] }?.name == .structureMismatch)
  }

  @Test func theAdjointDefectOfProductsThatOverflow() throws {
    let A = ClosureOperator(symmetric: 2) { $0.map { 1e308 * 1e308 * $0 } }
    #expect(try A.adjointDefect().isNaN)
  }

  @Test func theZeroOperatorByProducts() {
    let zero = ClosureOperator(symmetric: 2) { $0.map { 0 * $0 } }
    #expect(linearSolveError { try LUSolver().prepare(zero) }?.name == .singular)
  }

  @Test func sizesOfVectorsAndOfParts() throws {
    let A = try DenseOperator(rows: [[1, 2, 3], [4, 5, 6]])
    func multiplied(_ x: [Double], into count: Int) -> LinearSolveError? {
      linearSolveError {
        var y = [Double](repeating: 0, count: count)
        var span = y.mutableSpan
        try A.matvec(x.span, into: &span)
      }
    }
    #expect(
      multiplied([1, 2], into: 2)
        == .sizeMismatch(what: "the vector multiplied by the operator", expected: 3, found: 2))
    #expect(
      multiplied([1, 2, 3], into: 3)
        == .sizeMismatch(what: "the product of the operator", expected: 2, found: 3))
    #expect(
      linearSolveError {
        var y = [Double](repeating: 0, count: 5)
        var span = y.mutableSpan
        try A.matmat([1, 2, 3, 4, 5, 6].span, columns: 2, into: &span)
      } == .sizeMismatch(what: "the 2 columns of the operator's product", expected: 4, found: 5))
    #expect(
      linearSolveError { try A.applied(toEach: [[1, 2, 3], [1, 2]], transposed: false) }
        == .sizeMismatch(what: "a vector multiplied by the operator", expected: 3, found: 2))
    let wide = try DenseOperator(rows: [[1, 2, 3, 4], [5, 6, 7, 8]])
    #expect(linearSolveError { try SumOperator(A, wide) }?.name == .sizeMismatch)
    #expect(
      linearSolveError { try BandMatrix(below: [1], diagonal: [1, 2], above: [1, 2]) }
        == .sizeMismatch(what: "the diagonal above the main one", expected: 1, found: 2))
    #expect(
      linearSolveError {
        try LinearSolution(
          checking: [1, 2, 3], of: A, [1], transposed: false, iterations: 0, operatorProducts: 0,
          method: "by hand")
      } == .sizeMismatch(what: "the right-hand side", expected: 2, found: 1))
    let tall = try DenseOperator(rows: [[1, 0], [0, 1], [1, 1]])
    #expect(
      linearSolveError {
        try GMRES(preconditioner: tall).prepare(IdentityOperator(count: 3))
      } == .sizeMismatch(what: "the columns of the preconditioner", expected: 3, found: 2))
    #expect(
      linearSolveError { try GaugedSolver(base: LUSolver(), right: [[1, 1, 1]]).prepare(A) }
        == .notSquare(rowCount: 2, columnCount: 3))
  }

  @Test func entriesOutsideABandStopTheProgram() async {
    let result = await promptly {
      await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) {
        var band = BandMatrix(count: 3, lower: 1, upper: 0)
        band[0, 1] = 2
      }
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(message.contains("entry (0, 1) is outside the band -1…0"))
  }
}
