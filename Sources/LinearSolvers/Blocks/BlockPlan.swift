/// Which block to eliminate next, and what it costs.
///
/// Greedily: of all squares of diagonals, the one after which the rest is expected to cost least, with
/// a dense factorisation of all that is left as the measure. Where that is cheaper than any pivot,
/// elimination ends.
struct BlockPlan: Sendable {
  /// The shapes of the blocks, by row and column; `nil` where the block is zero.
  var shapes: [[BlockShape?]]
  var rowCounts: [Int]
  /// The rows and columns of blocks that have not been eliminated.
  private(set) var rows: [Int]
  private(set) var columns: [Int]

  /// How a pivot block is solved with.
  enum Method: Sendable {
    /// A diagonal: division.
    case division
    /// Few diagonals: elimination within the band.
    case band
    /// Anything, where it stands alone in its row or in its column.
    case dense
  }

  struct Pivot: Sendable {
    var row: Int
    var column: Int
    var method: Method
    var price: Double
  }

  struct Place: Hashable, Sendable {
    var row: Int
    var column: Int
  }

  init(_ layout: BlockLayout) {
    shapes = layout.shapes
    rowCounts = layout.rowCounts
    rows = Array(layout.rowCounts.indices)
    columns = Array(layout.columnCounts.indices)
  }

  /// How many equations are left.
  var count: Int { rows.reduce(0) { $0 + rowCounts[$1] } }

  /// The pivot to take next, apart from some that are refused; `nil` if a dense factorisation of the
  /// rest is cheaper.
  func pivot(refused: Set<Place> = []) -> Pivot? {
    let count = count
    var best: Pivot?
    var least = Price.dense(count)
    for row in rows {
      for column in columns where !refused.contains(Place(row: row, column: column)) {
        guard let pivot = pivot(row, column) else { continue }
        let price = pivot.price + Price.dense(count - rowCounts[row])
        if price < least {
          least = price
          best = pivot
        }
      }
    }
    return best
  }

  private func pivot(_ row: Int, _ column: Int) -> Pivot? {
    guard let shape = shapes[row][column], shape.rows == shape.columns else { return nil }
    let right = columns.filter { $0 != column && shapes[row][$0] != nil }
    let below = rows.filter { $0 != row && shapes[$0][column] != nil }
    var price = Price.step
    for j in right { price += shapes[row][j].map(Price.use) ?? 0 }
    for i in below { price += shapes[i][column].map(Price.use) ?? 0 }
    let method: Method
    if shape.isDiagonal {
      method = .division
    } else if !shape.isDense, shape.isNarrow, shape.lower < shape.rows {
      method = .band
      let solved = below.isEmpty ? 0 : right.reduce(0) { $0 + (shapes[row][$1]?.columns ?? 0) }
      price += Price.band(shape, columns: solved)
    } else if right.isEmpty || below.isEmpty {
      method = .dense
      price += Price.dense(shape.rows)
    } else {
      return nil
    }
    for i in below {
      for j in right {
        guard let l = shapes[i][column], let w = solved(row, j, method) else { continue }
        price += Price.fill(l, w, adding: shapes[i][j])
      }
    }
    return Pivot(row: row, column: column, method: method, price: price)
  }

  /// The shape of `P⁻¹U`.
  private func solved(_ row: Int, _ column: Int, _ method: Method) -> BlockShape? {
    shapes[row][column].map {
      method == .division ? $0 : BlockShape(dense: $0.rows, by: $0.columns)
    }
  }

  /// Takes the pivot, as far as shapes go.
  mutating func eliminate(_ pivot: Pivot) {
    remove(pivot)
    for i in rows {
      guard let l = shapes[i][pivot.column] else { continue }
      for j in columns {
        guard let w = solved(pivot.row, j, pivot.method) else { continue }
        shapes[i][j] = .fill(l, w, adding: shapes[i][j])
      }
    }
  }

  /// Crosses out row and column of a pivot.
  mutating func remove(_ pivot: Pivot) {
    rows.removeAll { $0 == pivot.row }
    columns.removeAll { $0 == pivot.column }
  }

  /// The rows and columns that diagonals connect with a pivot, directly or through others.
  func connected(to pivot: Pivot) -> (rows: [Int], columns: [Int]) {
    var (foundRows, foundColumns): (Set<Int>, Set<Int>) = ([pivot.row], [pivot.column])
    var count = 0
    while foundRows.count + foundColumns.count > count {
      count = foundRows.count + foundColumns.count
      for i in rows {
        for j in columns where shapes[i][j]?.isDiagonal == true {
          if foundRows.contains(i) { foundColumns.insert(j) }
          if foundColumns.contains(j) { foundRows.insert(i) }
        }
      }
    }
    return (foundRows.sorted(), foundColumns.sorted())
  }

  /// Segments have been split: their second parts come last.
  mutating func split(rows: [Int], columns: [Int], kept: Int, rest: Int) {
    for row in rows {
      rowCounts[row] = kept
      self.rows.append(rowCounts.count)
      rowCounts.append(rest)
    }
    let columnCount = shapes[0].count
    for k in columns.indices { self.columns.append(columnCount + k) }
  }

  /// What elimination costs if every pivot is as good as its shape; `nil` if it is more than `limit`.
  static func price(_ layout: BlockLayout, limit: Double) -> Double? {
    var plan = BlockPlan(layout)
    var price = layout.shapes.reduce(0) {
      $0 + $1.reduce(0) { $0 + ($1.map(Price.preparing) ?? 0) }
    }
    while let pivot = plan.pivot() {
      price += pivot.price
      plan.eliminate(pivot)
      if price > limit { return nil }
    }
    price += Price.dense(plan.count)
    return price <= limit ? price : nil
  }
}
