import Synchronization

@testable import LinearSolvers

/// Counts the products with an operator, and hides its entries.
final class ProductCounter: LinearOperator {
  private let base: any LinearOperator
  private let products = Atomic<Int>(0)

  init(_ base: any LinearOperator) { self.base = base }

  var count: Int { products.load(ordering: .relaxed) }
  var rowCount: Int { base.rowCount }
  var columnCount: Int { base.columnCount }
  var structure: OperatorStructure { base.structure }

  func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError) {
    products.add(1, ordering: .relaxed)
    try base.matvec(x, into: &y)
  }

  func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    products.add(1, ordering: .relaxed)
    try base.transposeMatvec(x, into: &y)
  }
}
