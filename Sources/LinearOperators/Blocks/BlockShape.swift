/// What a block looks like from afar, and what it costs to work with it: enough to plan with.
package struct BlockShape: Sendable, Equatable {
  package var rows: Int
  package var columns: Int
  /// How many entries it has, about.
  package var entries: Int
  package var isDense: Bool
  /// How far the entries reach from the main diagonal.
  package var lower: Int
  package var upper: Int
  /// Whether the entries are those of the main diagonal of a square, all of them.
  package var isDiagonal: Bool

  package init(
    rows: Int, columns: Int, entries: Int, isDense: Bool, lower: Int, upper: Int, isDiagonal: Bool
  ) {
    self.rows = rows
    self.columns = columns
    self.entries = entries
    self.isDense = isDense
    self.lower = lower
    self.upper = upper
    self.isDiagonal = isDiagonal
  }

  package init(dense rows: Int, by columns: Int) {
    self.init(
      rows: rows, columns: columns, entries: rows * columns, isDense: true, lower: rows - 1,
      upper: columns - 1, isDiagonal: false)
  }

  /// A block with more entries than every fourth is kept dense: rows of kernels are that much faster
  /// than single entries.
  package static func isWorthSparsity(entries: Int, rows: Int, columns: Int) -> Bool {
    4 * entries <= rows * columns
  }
}
