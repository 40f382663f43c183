import Testing

@testable import LinearSolvers

/// Blocks as a program has them: the equation of node `k` has `−I` in its own column, and otherwise
/// blocks in columns before it.
struct TestProgram: BlockStructured {
  let layout: BlockLayout
  let matrix: BlockMatrix
  /// Those of `A`, with the nodes eliminated in their order, row-major.
  let entries: [Double]

  var rowCount: Int { layout.count }
  var columnCount: Int { layout.count }
  var blockLayout: BlockLayout? { layout }
  func blockMatrix(_ layout: BlockLayout) -> BlockMatrix { matrix }

  init(
    rowCounts: [Int], columnCounts: [Int], outputs: Int, inputs: Int,
    blocks: [(row: Int, column: Int, block: Block)]
  ) {
    layout = BlockLayout(
      rowCounts: rowCounts, columnCounts: columnCounts, outputs: outputs, inputs: inputs,
      pieces: blocks.map {
        let shape = $0.block.shape
        return .init(
          row: $0.row, column: $0.column,
          count: shape.isDense ? shape.rows * shape.columns : shape.entries,
          diagonal: shape.isDiagonal ? 0 : nil)
      })
    var matrix = BlockMatrix(layout)
    for (row, column, block) in blocks { matrix[row, column] = block }
    self.matrix = matrix
    entries = Self.entries(of: matrix)
  }

  /// Every equation of a node gives it by those before; columns of unit vectors run through.
  private static func entries(of matrix: BlockMatrix) -> [Double] {
    let layout = matrix.layout
    let n = layout.count
    let blocks = layout.rowCounts.indices.map { i in
      layout.columnCounts.indices.map { j in matrix[i, j]?.dense }
    }
    var result = [Double](repeating: 0, count: n * n)
    for k in 0..<n {
      var x = layout.columnCounts.map { [Double](repeating: 0, count: $0) }
      var place = k
      for j in 0..<layout.inputs {
        if place < x[j].count && place >= 0 { x[j][place] = 1 }
        place -= x[j].count
      }
      func row(_ i: Int, upTo end: Int) -> [Double] {
        var sum = [Double](repeating: 0, count: layout.rowCounts[i])
        for j in 0..<end {
          guard let block = blocks[i][j] else { continue }
          for (c, factor) in x[j].enumerated() where factor != 0 {
            for r in sum.indices {
              sum[r] += block.entries[r * block.columnCount + c] * factor
            }
          }
        }
        return sum
      }
      for node in layout.inputs..<max(layout.inputs, x.count) {
        x[node] = row(layout.outputs + node - layout.inputs, upTo: node)
      }
      let column = (0..<layout.outputs).flatMap { row($0, upTo: x.count) }
      for i in 0..<n { result[i * n + k] = column[i] }
    }
    return result
  }

  /// One to three unknowns, up to three nodes, and blocks of all kinds between them.
  init(seed: Int) {
    var numbers = SeededNumbers(seed: UInt64(1000 + seed))
    let sizes = [1, 3, 8, 20]
    let unknowns = (0..<(1 + numbers.below(3))).map { _ in sizes[numbers.below(4)] }
    let nodes = (0..<numbers.below(4)).map { _ in sizes[numbers.below(4)] }
    let counts = unknowns + nodes
    var blocks: [(row: Int, column: Int, block: Block)] = []
    for i in counts.indices {
      for j in counts.indices {
        let (m, n) = (counts[i], counts[j])
        if i >= unknowns.count && j >= i {
          if i == j {
            blocks.append((i, j, .sparse(SparseBlock(diagonal: .init(repeating: -1, count: m)))))
          }
          continue
        }
        let kind = numbers.below(i == j ? 4 : 7)
        switch kind {
        case 0 where m == n:
          // Some entries are too small for a pivot, or zero.
          let diagonal = (0..<n).map { k in
            i != j || numbers.below(8) > 0 ? 2 + numbers.next() : numbers.below(2) == 0 ? 0 : 1e-7
          }
          blocks.append((i, j, .sparse(SparseBlock(diagonal: diagonal))))
        case 1 where m == n:
          var (rows, columns): ([Int32], [Int32]) = ([], [])
          for k in 0..<n {
            for l in max(0, k - 1)...min(n - 1, k + 1) {
              rows.append(Int32(k))
              columns.append(Int32(l))
            }
          }
          let values = zip(rows, columns).map { $0 == $1 ? 3 + numbers.next() : numbers.next() }
          blocks.append(
            (
              i, j,
              .sparse(
                SparseBlock(
                  rowCount: n, columnCount: n, rows: rows, columns: columns, values: values))
            ))
        case 2, 3:
          var entries = numbers.vector(m * n)
          if i == j { for k in 0..<n { entries[k * n + k] += 5 } }
          blocks.append((i, j, .dense(DenseBlock(rowCount: m, columnCount: n, entries: entries))))
        case 4:
          let block = BlockEliminationTests.sparse(m, n, &numbers)
          blocks.append((i, j, .sparse(block)))
        default: break
        }
      }
    }
    self.init(
      rowCounts: counts, columnCounts: counts, outputs: unknowns.count, inputs: unknowns.count,
      blocks: blocks)
  }

  /// `R A C`, the nodes as they are.
  func scaled(rows: [Double], columns: [Double]) -> TestProgram {
    let total = layout.rowCounts.reduce(0, +)
    let ones = [Double](repeating: 1, count: total - rowCount)
    var scaled = matrix
    scaled.scale(rows: rows + ones, columns: columns + ones)
    var blocks: [(row: Int, column: Int, block: Block)] = []
    for i in layout.rowCounts.indices {
      for j in layout.columnCounts.indices {
        if let block = scaled[i, j] { blocks.append((i, j, block)) }
      }
    }
    return TestProgram(
      rowCounts: layout.rowCounts, columnCounts: layout.columnCounts, outputs: layout.outputs,
      inputs: layout.inputs, blocks: blocks)
  }

  func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError) {
    try DenseOperator(rowCount: rowCount, columnCount: rowCount, entries: entries)
      .matvec(x, into: &y)
  }

  func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try DenseOperator(rowCount: rowCount, columnCount: rowCount, entries: entries)
      .transposeMatvec(x, into: &y)
  }

  func denseMatrix() -> [Double] { entries }

  /// What elimination does, in words.
  var description: String {
    get throws {
      let whole = try BlockElimination(self, matrix).description
      return String(whole.drop { $0 != ":" }.dropFirst(2))
    }
  }

  /// Solves with the blocks and by LU.
  func expectAgreement(_ location: SourceLocation = #_sourceLocation) throws {
    let reference = try LUSolver().prepare(try denseOperator(entries))
    let prepared = try BlockEliminationSolver().prepare(self)
    #expect(prepared.methodDescription.hasPrefix("block elimination"), sourceLocation: location)
    let b = SeededNumbers.vector(rowCount, seed: 21)
    let condition = try #require(reference.condition?.conditionNumber)
    for transposed in [false, true] {
      let x = try prepared.solve(b, transposed: transposed).vector
      let exact = try reference.solve(b, transposed: transposed).vector
      #expect(
        relativeError(x, exact) <= 1e-15 * condition * Double(rowCount), sourceLocation: location)
    }
  }
}

extension SeededNumbers {
  mutating func below(_ limit: Int) -> Int {
    let part: Double = (next() + 1) / 2
    return min(Int(part * Double(limit)), limit - 1)
  }
}
