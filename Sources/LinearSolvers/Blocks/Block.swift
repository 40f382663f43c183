import Kernels

/// A block of a `BlockMatrix`: sparse, or dense and row-major.
package enum Block: Sendable {
  case sparse(SparseBlock)
  case dense(DenseBlock)

  var rowCount: Int {
    switch self {
    case .sparse(let block): block.rowCount
    case .dense(let block): block.rowCount
    }
  }

  var columnCount: Int {
    switch self {
    case .sparse(let block): block.columnCount
    case .dense(let block): block.columnCount
    }
  }

  /// What elimination has to know to set a price.
  var shape: BlockShape {
    switch self {
    case .sparse(let block):
      BlockShape(
        rows: block.rowCount, columns: block.columnCount, entries: block.entryCount,
        isDense: false, lower: block.lower, upper: block.upper, isDiagonal: block.isDiagonal)
    case .dense(let block):
      BlockShape(dense: block.rowCount, by: block.columnCount)
    }
  }

  var dense: DenseBlock {
    switch self {
    case .sparse(let block): DenseBlock(block)
    case .dense(let block): block
    }
  }

  /// The block, or `nil` if it is sparse and all its entries are zero.
  var unlessZero: Block? {
    switch self {
    case .sparse(let block): block.values.allSatisfy { $0 == 0 } ? nil : self
    case .dense(let block): block.entries.isEmpty ? nil : self
    }
  }

  /// The largest magnitude of an entry; NaN or infinity if there is one.
  var largestMagnitude: Double {
    switch self {
    case .sparse(let block): ProbeVector.maximumMagnitude(block.values)
    case .dense(let block): ProbeVector.maximumMagnitude(block.entries)
    }
  }

  // MARK: With vectors

  /// `y ← y − B x`, or `y − Bᵀ x`.
  func subtractProduct(
    _ x: UnsafePointer<Double>, from y: UnsafeMutablePointer<Double>, transposed: Bool
  ) {
    switch self {
    case .sparse(let block) where block.isDiagonal:
      Sparse.subtractProduct(diagonal: block.values, x, from: y, count: block.rowCount)
    case .sparse(let block):
      block.withMatrix { matrix in
        if transposed {
          Sparse.subtractTransposedProduct(matrix, x, from: y)
        } else {
          Sparse.subtractProduct(matrix, x, from: y)
        }
      }
    case .dense(let block):
      let (m, n) = (block.rowCount, block.columnCount)
      if transposed {
        Dense.multiplyTransposed(
          block.entries, rows: m, columns: n, rowStride: n, by: x, into: y, scaledBy: -1,
          adding: true)
      } else {
        Dense.multiply(
          block.entries, rows: m, columns: n, rowStride: n, by: x, into: y, scaledBy: -1,
          adding: true)
      }
    }
  }

  /// Raises the given maxima by the magnitudes in each row and each column.
  func raiseMaxima(
    rows: UnsafeMutablePointer<Double>, columns: UnsafeMutablePointer<Double>
  ) {
    switch self {
    case .sparse(let block):
      block.withMatrix { Sparse.raiseMaxima($0, rows: rows, columns: columns) }
    case .dense(let block):
      Dense.raiseMaxima(
        block.entries, rowCount: block.rowCount, columnCount: block.columnCount, rows: rows,
        columns: columns)
    }
  }

  /// Adds the magnitudes in each row and each column.
  func addSums(rows: UnsafeMutablePointer<Double>, columns: UnsafeMutablePointer<Double>) {
    switch self {
    case .sparse(let block):
      block.withMatrix { Sparse.addSums($0, rows: rows, columns: columns) }
    case .dense(let block):
      Dense.addSums(
        block.entries, rowCount: block.rowCount, columnCount: block.columnCount, rows: rows,
        columns: columns)
    }
  }

  // MARK: With blocks

  /// `A − L W`; `A` is zero where there is `nil`.
  static func subtracting(_ l: Block, times w: Block, from block: Block?) -> Block {
    let (m, n) = (l.rowCount, w.columnCount)
    let shape = BlockShape.fill(l.shape, w.shape, adding: block?.shape)
    if !shape.isDense, case .sparse(let l) = l, case .sparse(let w) = w {
      switch block {
      case .sparse(let block): return .sparse(block.subtracting(l, times: w))
      case nil: return .sparse(SparseBlock.zero(m, n).subtracting(l, times: w))
      case .dense: break
      }
    }
    var result = block?.dense ?? DenseBlock(zero: m, n)
    result.subtract(l, times: w)
    return .dense(result)
  }

  /// The rows and columns with the given numbers; all where `nil`.
  func restricted(rows: [Int32]?, columns: [Int32]?) -> Block {
    switch self {
    case .sparse(let block): .sparse(block.restricted(rows: rows, columns: columns))
    case .dense(let block): .dense(block.restricted(rows: rows, columns: columns))
    }
  }

  /// Row `i` divided by entry `i` of `diagonal`.
  func dividingRows(by diagonal: [Double]) -> Block {
    switch self {
    case .sparse(let block): .sparse(block.dividingRows(by: diagonal))
    case .dense(let block): .dense(block.dividingRows(by: diagonal))
    }
  }

  /// Multiplies entry (i, j) by `rowFactors[i] · columnFactors[j]`.
  mutating func scale(_ rowFactors: ArraySlice<Double>, _ columnFactors: ArraySlice<Double>) {
    switch self {
    case .sparse(var block):
      block.scale(rowFactors, columnFactors)
      self = .sparse(block)
    case .dense(var block):
      self = .sparse(SparseBlock.zero(0, 0))  // so that the entries have one owner
      block.scale(rowFactors, columnFactors)
      self = .dense(block)
    }
  }

  /// `Bᵀ`.
  var transposed: Block {
    switch self {
    case .sparse(let block): .sparse(block.transposed)
    case .dense(let block): .dense(block.transposed)
    }
  }
}

/// A row-major block.
package struct DenseBlock: Sendable {
  package let rowCount: Int
  package let columnCount: Int
  package var entries: [Double]

  package init(rowCount: Int, columnCount: Int, entries: [Double]) {
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.entries = entries
  }

  init(zero m: Int, _ n: Int) {
    self.init(rowCount: m, columnCount: n, entries: [Double](repeating: 0, count: m * n))
  }

  package init(_ block: SparseBlock) {
    self.init(zero: block.rowCount, block.columnCount)
    block.forEachEntry { i, j, value in entries[i * columnCount + j] = value }
  }

  /// `A + B`.
  package func adding(_ block: SparseBlock) -> DenseBlock {
    var result = self
    block.forEachEntry { i, j, value in result.entries[i * columnCount + j] += value }
    return result
  }

  /// `A ← A − L W`.
  mutating func subtract(_ l: Block, times w: Block) {
    let (m, n) = (rowCount, columnCount)
    entries.withUnsafeMutableBufferPointer { buffer in
      guard let c = buffer.baseAddress else { return }
      switch (l, w) {
      case (.dense(let l), .dense(let w)):
        let k = l.columnCount
        let workspace = VectorArena(
          vectors: 1, length: Dense.workspaceCount(rows: m, inner: k, columns: n))
        Dense.multiply(
          l.entries, rowStride: k, columnStride: 1, w.entries, rowStride: n, columnStride: 1,
          into: c, rowStride: n, rows: m, inner: k, columns: n, scaledBy: -1, adding: true,
          workspace: workspace[0])
      case (.sparse(let l), .dense(let w)):
        l.withMatrix { Sparse.subtractProduct($0, dense: w.entries, columns: n, from: c) }
      case (.dense(let l), .sparse(let w)):
        w.withMatrix {
          Sparse.subtractProduct(dense: l.entries, rows: m, $0, columns: n, from: c)
        }
      case (.sparse(let l), .sparse(let w)):
        l.forEachEntry { i, k, value in
          for j in w.row(k) { c[i * n + Int(w.columns[j])] -= value * w.values[j] }
        }
      }
    }
  }

  func restricted(rows: [Int32]?, columns: [Int32]?) -> DenseBlock {
    var result: [Double] = []
    result.reserveCapacity((rows?.count ?? rowCount) * (columns?.count ?? columnCount))
    for i in 0..<(rows?.count ?? rowCount) {
      let start = (rows.map { Int($0[i]) } ?? i) * columnCount
      if let columns {
        for j in columns { result.append(entries[start + Int(j)]) }
      } else {
        result += entries[start..<start + columnCount]
      }
    }
    return DenseBlock(
      rowCount: rows?.count ?? rowCount, columnCount: columns?.count ?? columnCount,
      entries: result)
  }

  func dividingRows(by diagonal: [Double]) -> DenseBlock {
    var result = entries
    for i in 0..<rowCount {
      for j in (i * columnCount)..<((i + 1) * columnCount) { result[j] /= diagonal[i] }
    }
    return DenseBlock(rowCount: rowCount, columnCount: columnCount, entries: result)
  }

  mutating func scale(_ rowFactors: ArraySlice<Double>, _ columnFactors: ArraySlice<Double>) {
    for i in 0..<rowCount {
      let r = rowFactors[rowFactors.startIndex + i]
      for j in 0..<columnCount {
        let c = columnFactors[columnFactors.startIndex + j]
        let a = entries[i * columnCount + j]
        // r · c may overflow where r · a · c does not; the factor that shrinks goes first.
        entries[i * columnCount + j] = r < c ? (a * r) * c : (a * c) * r
      }
    }
  }

  var transposed: DenseBlock {
    var result = entries
    if !entries.isEmpty {
      Dense.transpose(entries, rows: rowCount, columns: columnCount, into: &result)
    }
    return DenseBlock(rowCount: columnCount, columnCount: rowCount, entries: result)
  }
}
