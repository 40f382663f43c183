import Kernels

// What elimination does with blocks.

extension Block {
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

  /// Row `i` divided by entry `i` of `diagonal`.
  func dividingRows(by diagonal: [Double]) -> Block {
    switch self {
    case .sparse(let block): .sparse(block.dividingRows(by: diagonal))
    case .dense(let block): .dense(block.dividingRows(by: diagonal))
    }
  }
}

extension DenseBlock {
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

  func dividingRows(by diagonal: [Double]) -> DenseBlock {
    var result = entries
    for i in 0..<rowCount {
      for j in (i * columnCount)..<((i + 1) * columnCount) { result[j] /= diagonal[i] }
    }
    return DenseBlock(rowCount: rowCount, columnCount: columnCount, entries: result)
  }
}
