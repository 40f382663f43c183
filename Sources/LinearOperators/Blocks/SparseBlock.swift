import Kernels

/// A block of few entries, row by row: the diagonals and shifts of a program, gathered and scattered
/// pieces too, and whatever is left of them when a segment has been split.
package struct SparseBlock: Sendable {
  package let rowCount: Int
  package let columnCount: Int
  /// The entries of row `i` are those from `starts[i]` up to `starts[i + 1]`, columns ascending.
  package private(set) var starts: [Int32]
  package private(set) var columns: [Int32]
  package private(set) var values: [Double]

  /// How far the entries reach below and above the main diagonal; (0, 0) without entries.
  package private(set) var lower = 0
  package private(set) var upper = 0

  package var entryCount: Int { values.count }

  /// Whether row `i` has one entry, in column `i`, for each `i`.
  package var isDiagonal: Bool {
    lower == 0 && upper == 0 && rowCount == columnCount && entryCount == rowCount
  }

  /// The block with the given entries, in any order; those in the same place are added up in the
  /// order in which they are given. Linear in their number, but for rows with many.
  package init(
    rowCount: Int, columnCount: Int, rows: [Int32], columns: [Int32], values: [Double]
  ) {
    self.rowCount = rowCount
    self.columnCount = columnCount
    starts = [Int32](repeating: 0, count: rowCount + 1)
    for row in rows { starts[Int(row) + 1] += 1 }
    for i in 0..<rowCount { starts[i + 1] += starts[i] }
    var next = starts
    var order = [Int32](repeating: 0, count: rows.count)
    for (k, row) in rows.enumerated() {
      order[Int(next[Int(row)])] = Int32(k)
      next[Int(row)] += 1
    }
    self.columns = []
    self.values = []
    self.columns.reserveCapacity(rows.count)
    self.values.reserveCapacity(rows.count)
    var first = 0
    for i in 0..<rowCount {
      let end = Int(starts[i + 1])
      if end - first > 1 {
        // Equal columns keep their order, so that sums have one.
        order[first..<end].sort {
          (columns[Int($0)], $0) < (columns[Int($1)], $1)
        }
      }
      for k in first..<end { append(values[Int(order[k])], row: i, column: columns[Int(order[k])]) }
      first = end
      starts[i + 1] = Int32(self.values.count)
    }
  }

  /// The diagonal matrix.
  package init(diagonal: [Double]) {
    self.init(rowCount: diagonal.count, columnCount: diagonal.count)
    for (i, value) in diagonal.enumerated() {
      append(value, row: i, column: Int32(i))
      starts[i + 1] = Int32(i + 1)
    }
  }

  /// No entries.
  package static func zero(_ rowCount: Int, _ columnCount: Int) -> SparseBlock {
    SparseBlock(rowCount: rowCount, columnCount: columnCount)
  }

  /// Without entries; rows are to be appended.
  private init(rowCount: Int, columnCount: Int) {
    self.rowCount = rowCount
    self.columnCount = columnCount
    starts = [Int32](repeating: 0, count: rowCount + 1)
    columns = []
    values = []
  }

  /// Appends an entry to the last row so far, or adds to its last entry.
  private mutating func append(_ value: Double, row: Int, column: Int32) {
    if values.count > Int(starts[row]), columns[columns.count - 1] == column {
      values[values.count - 1] += value
      return
    }
    columns.append(column)
    values.append(value)
    lower = max(lower, row - Int(column))
    upper = max(upper, Int(column) - row)
  }

  // MARK: Made from others

  /// `A + B`.
  package func adding(_ other: SparseBlock) -> SparseBlock {
    merged(with: other) { i, add in
      for k in other.row(i) { add(other.columns[k], other.values[k]) }
    }
  }

  /// `A − L W`, for products that stay sparse.
  package func subtracting(_ l: SparseBlock, times w: SparseBlock) -> SparseBlock {
    if l.isDiagonal, w.isDiagonal, isDiagonal || entryCount == 0 {
      var result = l
      for i in 0..<rowCount {
        let product = -(l.values[i] * w.values[i])
        result.values[i] = entryCount == 0 ? product : values[i] + product
      }
      return result
    }
    return merged(with: nil) { i, add in
      for k in l.row(i) {
        for j in w.row(Int(l.columns[k])) { add(w.columns[j], -(l.values[k] * w.values[j])) }
      }
    }
  }

  /// This block with the entries added that `others` hands on for each row, in a row's order.
  private func merged(
    with other: SparseBlock?,
    _ others: (Int, (Int32, Double) -> Void) -> Void
  ) -> SparseBlock {
    var result = SparseBlock(rowCount: rowCount, columnCount: columnCount)
    let expected = entryCount + (other?.entryCount ?? 0)
    result.columns.reserveCapacity(expected)
    result.values.reserveCapacity(expected)
    // One row at a time, summed up in a row of the whole width.
    var sums = [Double](repeating: 0, count: columnCount)
    var isTouched = [Bool](repeating: false, count: columnCount)
    var touched: [Int32] = []
    for i in 0..<rowCount {
      touched.removeAll(keepingCapacity: true)
      func add(_ column: Int32, _ value: Double) {
        if !isTouched[Int(column)] {
          isTouched[Int(column)] = true
          touched.append(column)
          sums[Int(column)] = value
        } else {
          sums[Int(column)] += value
        }
      }
      for k in row(i) { add(columns[k], values[k]) }
      others(i, add)
      if touched.count > 1 { touched.sort() }
      for column in touched {
        result.append(sums[Int(column)], row: i, column: column)
        isTouched[Int(column)] = false
      }
      result.starts[i + 1] = Int32(result.values.count)
    }
    return result
  }

  /// The rows and columns with the given numbers, in that order (ascending); all where `nil`.
  package func restricted(rows: [Int32]?, columns: [Int32]?) -> SparseBlock {
    var places: [Int32]?
    if let columns {
      var new = [Int32](repeating: -1, count: columnCount)
      for (j, column) in columns.enumerated() { new[Int(column)] = Int32(j) }
      places = new
    }
    var result = SparseBlock(
      rowCount: rows?.count ?? rowCount, columnCount: columns?.count ?? columnCount)
    for i in 0..<result.rowCount {
      for k in row(rows.map { Int($0[i]) } ?? i) {
        let column = places?[Int(self.columns[k])] ?? self.columns[k]
        if column >= 0 { result.append(values[k], row: i, column: column) }
      }
      result.starts[i + 1] = Int32(result.values.count)
    }
    return result
  }

  /// Row `i` divided by entry `i` of `diagonal`.
  package func dividingRows(by diagonal: [Double]) -> SparseBlock {
    var result = self
    for i in 0..<rowCount {
      for k in row(i) { result.values[k] = values[k] / diagonal[i] }
    }
    return result
  }

  /// `Aᵀ`.
  package var transposed: SparseBlock {
    var rows: [Int32] = []
    rows.reserveCapacity(entryCount)
    for i in 0..<rowCount { for _ in row(i) { rows.append(Int32(i)) } }
    return SparseBlock(
      rowCount: columnCount, columnCount: rowCount, rows: columns, columns: rows, values: values)
  }

  // MARK: Entries

  /// The places of the entries of row `i`.
  package func row(_ i: Int) -> Range<Int> { Int(starts[i])..<Int(starts[i + 1]) }

  /// The entries of a diagonal block.
  package var diagonal: [Double] { values }

  /// Calls `body` with row, column and value of each entry.
  package func forEachEntry(_ body: (Int, Int, Double) -> Void) {
    for i in 0..<rowCount {
      for k in row(i) { body(i, Int(columns[k]), values[k]) }
    }
  }

  /// Multiplies entry (i, j) by `rowFactors[i] · columnFactors[j]`.
  package mutating func scale(_ rowFactors: ArraySlice<Double>, _ columnFactors: ArraySlice<Double>)
  {
    for i in 0..<rowCount {
      let r = rowFactors[rowFactors.startIndex + i]
      for k in row(i) {
        let c = columnFactors[columnFactors.startIndex + Int(columns[k])]
        values[k] = r < c ? (values[k] * r) * c : (values[k] * c) * r
      }
    }
  }

  /// The entries as a band.
  package var band: BandMatrix {
    var result = BandMatrix(count: rowCount, lower: lower, upper: upper)
    result.numbers.withMutablePointer { numbers in
      forEachEntry { i, j, value in numbers[(j - i + lower) * rowCount + i] = value }
    }
    return result
  }

  /// Hands the block to the kernels.
  package func withMatrix<Result>(_ body: (Sparse.Matrix) -> Result) -> Result {
    starts.withUnsafeBufferPointer { starts in
      columns.withUnsafeBufferPointer { columns in
        values.withUnsafeBufferPointer { values in
          guard let s = starts.baseAddress, let c = columns.baseAddress,
            let v = values.baseAddress
          else { stop("A block without entries was multiplied with.") }
          return body(Sparse.Matrix(rows: rowCount, starts: s, columns: c, values: v))
        }
      }
    }
  }
}
