import Kernels

/// An operator that can be read as a ``BlockMatrix``: a recorded program, and what is made of one.
package protocol BlockStructured: LinearOperator {
  /// The blocks without their numbers; `nil` where they cannot be told. Square in all.
  var blockLayout: BlockLayout? { get }

  /// The blocks of that layout.
  func blockMatrix(_ layout: BlockLayout) throws(LinearSolveError) -> BlockMatrix
}

extension AdjointOperator: BlockStructured {
  package var blockLayout: BlockLayout? {
    (base as? any BlockStructured)?.blockLayout.map(\.transposed)
  }

  package func blockMatrix(_ layout: BlockLayout) throws(LinearSolveError) -> BlockMatrix {
    guard let base = base as? any BlockStructured else {
      stop("The blocks of an operator without blocks were asked for.")
    }
    return try base.blockMatrix(layout.transposed).transposed
  }
}

extension RankShiftedOperator: BlockStructured {
  package var blockLayout: BlockLayout? {
    (base as? any BlockStructured)?.blockLayout.map { $0.appendingNode(left.count) }
  }

  /// `A + α L Rᵀ` has a node more, `z = Rᵀx`.
  package func blockMatrix(_ layout: BlockLayout) throws(LinearSolveError) -> BlockMatrix {
    guard let base = base as? any BlockStructured, let inner = base.blockLayout else {
      stop("The blocks of an operator without blocks were asked for.")
    }
    let (k, n) = (left.count, rowCount)
    let L = DenseBlock(
      rowCount: k, columnCount: n, entries: left.flatMap { $0.map { factor * $0 } })
    return try base.blockMatrix(inner).appendingNode(
      DenseBlock(rowCount: k, columnCount: n, entries: right.flatMap { $0 }), L.transposed)
  }
}
