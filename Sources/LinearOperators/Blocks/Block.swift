import Kernels

/// A block of a `BlockMatrix`: sparse, or dense and row-major.
package enum Block: Sendable {
  case sparse(SparseBlock)
  case dense(DenseBlock)

  package var rowCount: Int {
    switch self {
    case .sparse(let block): block.rowCount
    case .dense(let block): block.rowCount
    }
  }

  package var columnCount: Int {
    switch self {
    case .sparse(let block): block.columnCount
    case .dense(let block): block.columnCount
    }
  }

  /// What elimination has to know to set a price.
  package var shape: BlockShape {
    switch self {
    case .sparse(let block):
      BlockShape(
        rows: block.rowCount, columns: block.columnCount, entries: block.entryCount,
        isDense: false, lower: block.lower, upper: block.upper, isDiagonal: block.isDiagonal)
    case .dense(let block):
      BlockShape(dense: block.rowCount, by: block.columnCount)
    }
  }

  package var dense: DenseBlock {
    switch self {
    case .sparse(let block): DenseBlock(block)
    case .dense(let block): block
    }
  }

  /// The block, or `nil` if it is sparse and all its entries are zero.
  package var unlessZero: Block? {
    switch self {
    case .sparse(let block): block.values.allSatisfy { $0 == 0 } ? nil : self
    case .dense(let block): block.entries.isEmpty ? nil : self
    }
  }

  /// The largest magnitude of an entry; NaN or infinity if there is one.
  package var largestMagnitude: Double {
    switch self {
    case .sparse(let block): Vector.maximumMagnitude(block.values, count: block.values.count)
    case .dense(let block): Vector.maximumMagnitude(block.entries, count: block.entries.count)
    }
  }

  /// The rows and columns with the given numbers; all where `nil`.
  package func restricted(rows: [Int32]?, columns: [Int32]?) -> Block {
    switch self {
    case .sparse(let block): .sparse(block.restricted(rows: rows, columns: columns))
    case .dense(let block): .dense(block.restricted(rows: rows, columns: columns))
    }
  }

  /// Multiplies entry (i, j) by `rowFactors[i] · columnFactors[j]`.
  package mutating func scale(_ rowFactors: ArraySlice<Double>, _ columnFactors: ArraySlice<Double>)
  {
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
  package var transposed: Block {
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

  package init(zero m: Int, _ n: Int) {
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

  package func restricted(rows: [Int32]?, columns: [Int32]?) -> DenseBlock {
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

  package mutating func scale(_ rowFactors: ArraySlice<Double>, _ columnFactors: ArraySlice<Double>)
  {
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

  package var transposed: DenseBlock {
    var result = entries
    if !entries.isEmpty {
      Dense.transpose(entries, rows: rowCount, columns: columnCount, into: &result)
    }
    return DenseBlock(rowCount: columnCount, columnCount: rowCount, entries: result)
  }
}
