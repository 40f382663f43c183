import Kernels

/// A square matrix `A` read off a program, before anything in between is eliminated.
///
/// A program computes `A x` through intermediate nodes: `z = N x`, `A x = A₀ x + A₁ z`. With the nodes
/// as unknowns of their own, each with the equation that defines it, that is one larger system,
/// ```
/// | A₀  A₁ | | x |   | b |
/// | N   −I | | z | = | 0 |
/// ```
/// whose blocks are what the program holds: dense where a matrix was recorded, sparse where it is a
/// diagonal or a shift. Eliminating `z` gives `A = A₀ + A₁ N`, eliminating something else may give less
/// work; see ``BlockElimination``.
package struct BlockMatrix: Sendable {
  /// What it looks like, with the numbers left out.
  package let layout: BlockLayout

  /// By row and column; `nil` where the block is zero.
  package private(set) var blocks: [[Block?]]

  /// The zero matrix.
  package init(_ layout: BlockLayout) {
    self.layout = layout
    blocks = layout.rowCounts.map { _ in
      [Block?](repeating: nil, count: layout.columnCounts.count)
    }
  }

  /// The block in the given row and column of blocks.
  package subscript(row: Int, column: Int) -> Block? {
    get { blocks[row][column] }
    set { blocks[row][column] = newValue?.unlessZero }
  }

  /// `M ← R M C`.
  package mutating func scale(rows: [Double], columns: [Double]) {
    for (i, r) in layout.rowCounts.ranges.enumerated() {
      for (j, c) in layout.columnCounts.ranges.enumerated() {
        guard var block = blocks[i][j] else { continue }
        blocks[i][j] = nil  // so that the entries have one owner
        block.scale(rows[r], columns[c])
        blocks[i][j] = block
      }
    }
  }

  /// Calls `body` with each block, and where in the matrix it begins.
  package func forEachBlock(_ body: (Block, _ row: Int, _ column: Int) -> Void) {
    for (i, r) in layout.rowCounts.ranges.enumerated() {
      for (j, c) in layout.columnCounts.ranges.enumerated() {
        if let block = blocks[i][j] { body(block, r.lowerBound, c.lowerBound) }
      }
    }
  }

  /// The matrix with one more node, `z = N x`, of which `D z` is added to `A x`; both dense, with the
  /// segments of `A`.
  package func appendingNode(_ N: DenseBlock, _ D: DenseBlock) -> BlockMatrix {
    let k = N.rowCount
    var result = BlockMatrix(layout.appendingNode(k))
    for (i, row) in blocks.enumerated() {
      for (j, block) in row.enumerated() { result.blocks[i][j] = block }
    }
    let (row, column) = (layout.rowCounts.count, layout.columnCounts.count)
    for (i, rows) in layout.rowCounts[..<layout.outputs].map({ $0 }).ranges.enumerated() {
      result.blocks[i][column] = .dense(D.restricted(rows: rows.map { Int32($0) }, columns: nil))
    }
    for (j, columns) in layout.columnCounts[..<layout.inputs].map({ $0 }).ranges.enumerated() {
      result.blocks[row][j] = .dense(N.restricted(rows: nil, columns: columns.map { Int32($0) }))
    }
    let minusOne = SparseBlock(diagonal: [Double](repeating: -1, count: k))
    result.blocks[row][column] = .dense(DenseBlock(minusOne))
    return result
  }

  /// `Mᵀ`.
  package var transposed: BlockMatrix {
    var result = BlockMatrix(layout.transposed)
    for (i, row) in blocks.enumerated() {
      for (j, block) in row.enumerated() { result.blocks[j][i] = block?.transposed }
    }
    return result
  }
}

/// The segments of a `BlockMatrix`, and the shapes of its blocks as far as they can be told without
/// reading a number.
package struct BlockLayout: Sendable {
  /// How many equations each row of blocks has: first those of `A`, in order, then those of nodes.
  package let rowCounts: [Int]

  /// How many unknowns each column of blocks has: first those of `A`, in order, then the nodes.
  package let columnCounts: [Int]

  /// How many rows of blocks make up the rows of `A`, and how many columns its columns.
  package let outputs: Int
  package let inputs: Int

  /// By row and column; `nil` where the block is zero.
  package private(set) var shapes: [[BlockShape?]]

  /// Entries of a block that are known to be there.
  package struct Piece {
    package var row: Int
    package var column: Int
    package var count: Int
    /// The diagonal that they are on (`column − row` in entries), if they are on one.
    package var diagonal: Int?

    package init(row: Int, column: Int, count: Int, diagonal: Int?) {
      self.row = row
      self.column = column
      self.count = count
      self.diagonal = diagonal
    }
  }

  /// More rows of blocks than this are no structure, but a long recording.
  package static let maximumSegments = 48

  /// The layout of blocks that consist of the given pieces.
  package init(
    rowCounts: [Int], columnCounts: [Int], outputs: Int, inputs: Int, pieces: [Piece]
  ) {
    self.rowCounts = rowCounts
    self.columnCounts = columnCounts
    self.outputs = outputs
    self.inputs = inputs
    shapes = rowCounts.map { _ in [BlockShape?](repeating: nil, count: columnCounts.count) }
    for piece in pieces where piece.count > 0 {
      let (m, n) = (rowCounts[piece.row], columnCounts[piece.column])
      let (lower, upper) = piece.diagonal.map { (max(0, -$0), max(0, $0)) } ?? (m, n)
      var shape =
        shapes[piece.row][piece.column]
        ?? BlockShape(
          rows: m, columns: n, entries: 0, isDense: false, lower: 0, upper: 0, isDiagonal: false)
      shape.entries += piece.count
      shape.lower = max(shape.lower, lower)
      shape.upper = max(shape.upper, upper)
      shapes[piece.row][piece.column] = shape
    }
    for i in shapes.indices {
      for j in shapes[i].indices {
        guard var shape = shapes[i][j] else { continue }
        if !BlockShape.isWorthSparsity(
          entries: shape.entries, rows: shape.rows, columns: shape.columns)
        {
          shape = BlockShape(dense: shape.rows, by: shape.columns)
        }
        shape.isDiagonal =
          !shape.isDense && shape.lower == 0 && shape.upper == 0 && shape.rows == shape.columns
          && shape.entries >= shape.rows
        shapes[i][j] = shape
      }
    }
  }

  private init(transposing other: BlockLayout) {
    rowCounts = other.columnCounts
    columnCounts = other.rowCounts
    outputs = other.inputs
    inputs = other.outputs
    shapes = rowCounts.indices.map { j in
      other.shapes.map { row in
        row[j].map {
          BlockShape(
            rows: $0.columns, columns: $0.rows, entries: $0.entries, isDense: $0.isDense,
            lower: $0.upper, upper: $0.lower, isDiagonal: $0.isDiagonal)
        }
      }
    }
  }

  private init(_ other: BlockLayout, appendingNode k: Int) {
    rowCounts = other.rowCounts + [k]
    columnCounts = other.columnCounts + [k]
    (outputs, inputs) = (other.outputs, other.inputs)
    shapes = other.shapes.enumerated().map { i, row in
      row + [i < other.outputs ? BlockShape(dense: other.rowCounts[i], by: k) : nil]
    }
    shapes.append(
      other.columnCounts.enumerated().map { j, n in
        j < other.inputs ? BlockShape(dense: k, by: n) : nil
      } + [BlockShape(dense: k, by: k)])
  }

  /// The layout with one more node of `k` numbers that everything in `A` may depend on.
  package func appendingNode(_ k: Int) -> BlockLayout { BlockLayout(self, appendingNode: k) }

  /// The layout of `Mᵀ`.
  package var transposed: BlockLayout { BlockLayout(transposing: self) }

  /// Whether a block should be kept dense.
  package func isDense(_ row: Int, _ column: Int) -> Bool { shapes[row][column]?.isDense ?? false }

  /// How many rows and columns `A` has.
  package var count: Int { rowCounts[..<outputs].reduce(0, +) }

  /// How many entries one product with `A` reads.
  package var entryCount: Int {
    shapes.reduce(0) { $0 + $1.reduce(0) { $0 + ($1?.entries ?? 0) } }
  }
}

extension Array where Element == Int {
  /// Stretches of these lengths, one after the other.
  package var ranges: [Range<Int>] {
    var start = 0
    return map { count in
      defer { start += count }
      return start..<start + count
    }
  }
}
