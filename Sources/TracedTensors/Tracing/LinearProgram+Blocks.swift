import Kernels
import LinearOperators

// A program read as a sparse block matrix: an unknown for each input and each node in between, an
// equation for each output and each such node, `Σ terms − node = 0`.

extension ProgramOperator: BlockStructured {
  package var blockLayout: BlockLayout? { program.blockLayout }

  package func blockMatrix(_ layout: BlockLayout) -> BlockMatrix { program.blockMatrix(layout) }
}

extension LinearProgram {
  /// The segments, and the terms as pieces of blocks; `nil` where a map hides what it does.
  var blockLayout: BlockLayout? {
    let (rows, columns) = segments
    guard maps.isEmpty, inputCount == outputCount, rows.count <= BlockLayout.maximumSegments else {
      return nil
    }
    let (row, column) = (places(rows), places(columns))
    var pieces = terms.map { term in
      BlockLayout.Piece(
        row: row[Int(term.destination)], column: column[Int(term.source)],
        count: term.geometry.volume, diagonal: diagonal(of: term))
    }
    for k in 0..<(rows.count - outputs.count) {
      let (i, j) = (outputs.count + k, inputs.count + k)
      pieces.append(.init(row: i, column: j, count: Int(counts[Int(rows[i])]), diagonal: 0))
    }
    return BlockLayout(
      rowCounts: rows.map { Int(counts[Int($0)]) },
      columnCounts: columns.map { Int(counts[Int($0)]) },
      outputs: outputs.count, inputs: inputs.count, pieces: pieces)
  }

  /// The nodes of the equations and of the unknowns.
  private var segments: (rows: [Int32], columns: [Int32]) {
    let isOutput = Set(outputs)
    let nodes = groups.map(\.destination).filter { !isOutput.contains($0) }
    return (outputs + nodes, inputs + nodes)
  }

  /// The place of each node in a list; −1 for other nodes.
  private func places(_ nodes: [Int32]) -> [Int] {
    var result = [Int](repeating: -1, count: counts.count)
    for (place, node) in nodes.enumerated() { result[Int(node)] = place }
    return result
  }

  /// The diagonal that all entries of a term are on; `nil` if they are not on one.
  func diagonal(of term: Term) -> Int? {
    let g = term.geometry
    guard term.isStrided else { return nil }
    for axis in 0..<4 where g.extents[axis] > 1 && g.output.strides[axis] != g.input.strides[axis] {
      return nil
    }
    return Int(g.input.base) - Int(g.output.base)
  }

  /// The blocks of that layout.
  func blockMatrix(_ layout: BlockLayout) -> BlockMatrix {
    let (rows, columns) = segments
    let (row, column) = (places(rows), places(columns))
    var matrix = BlockMatrix(layout)
    var sparse: [Int: Entries] = [:]
    for term in terms {
      let (i, j) = (row[Int(term.destination)], column[Int(term.source)])
      if layout.isDense(i, j), term.isStrided {
        let (m, n) = (layout.rowCounts[i], layout.columnCounts[j])
        var entries = [Double](repeating: 0, count: m * n)
        if case .dense(let block) = matrix[i, j] { entries = block.entries }
        matrix[i, j] = nil  // so that the entries have one owner
        entries.withUnsafeMutableBufferPointer { buffer in
          if let start = buffer.baseAddress {
            addEntries(of: term, term.geometry, to: start, rowStride: n)
          }
        }
        matrix[i, j] = .dense(DenseBlock(rowCount: m, columnCount: n, entries: entries))
      } else {
        append(term, to: &sparse[i * columns.count + j, default: Entries()])
      }
    }
    for k in 0..<(rows.count - outputs.count) {
      // −I, in the block of a node with itself, which no term leads to.
      let (i, j) = (outputs.count + k, inputs.count + k)
      let block = SparseBlock(diagonal: [Double](repeating: -1, count: layout.rowCounts[i]))
      matrix[i, j] = layout.isDense(i, j) ? .dense(DenseBlock(block)) : .sparse(block)
    }
    for (place, entries) in sparse {
      let (i, j) = (place / columns.count, place % columns.count)
      let block = SparseBlock(
        rowCount: layout.rowCounts[i], columnCount: layout.columnCounts[j], rows: entries.rows,
        columns: entries.columns, values: entries.values)
      switch matrix[i, j] {
      case .dense(let sum): matrix[i, j] = .dense(sum.adding(block))
      default: matrix[i, j] = layout.isDense(i, j) ? .dense(DenseBlock(block)) : .sparse(block)
      }
    }
    return matrix
  }

  /// Entries of a sparse block, by place.
  private struct Entries {
    var rows: [Int32] = []
    var columns: [Int32] = []
    var values: [Double] = []
  }

  private func append(_ term: Term, to entries: inout Entries) {
    let g = term.geometry
    let first = entries.values.count
    entries.values += [Double](repeating: 0, count: g.volume)
    // The factors, one after the other in the order of the box.
    var target = g
    target.output = StridedView(
      strides: [
        g.extents[1] &* g.extents[2] &* g.extents[3], g.extents[2] &* g.extents[3], g.extents[3], 1,
      ])
    entries.values.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      var term = term
      term.table = -1
      addEntries(of: term, target, to: start + first)
    }
    let table = term.table >= 0 ? tables[Int(term.table)].base : nil
    entries.rows.reserveCapacity(first + g.volume)
    entries.columns.reserveCapacity(first + g.volume)
    let (o, i) = (g.output, g.input)
    for k0 in 0..<g.extents[0] {
      let (o0, i0) = (
        term.tableSide == .output ? table?[Int(k0)] ?? k0 : k0,
        term.tableSide == .input ? table?[Int(k0)] ?? k0 : k0
      )
      for k1 in 0..<g.extents[1] {
        for k2 in 0..<g.extents[2] {
          let outer = o.base &+ o0 &* o.strides[0] &+ k1 &* o.strides[1] &+ k2 &* o.strides[2]
          let inner = i.base &+ i0 &* i.strides[0] &+ k1 &* i.strides[1] &+ k2 &* i.strides[2]
          for k3 in 0..<g.extents[3] {
            entries.rows.append(outer &+ k3 &* o.strides[3])
            entries.columns.append(inner &+ k3 &* i.strides[3])
          }
        }
      }
    }
  }
}
