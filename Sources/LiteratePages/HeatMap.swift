/// A matrix as coloured squares, a name beside each row and column: positive entries in one colour,
/// negative ones in another, paler where they are small.
///
/// ```swift
/// try figure("loads", HeatMap(
///   "Voltage per load", rows: buses, columns: loads, values: jacobian.scalars,
///   caption: "Five rows are zero: those voltages are held.").figure())
/// ```
/// An entry that is exactly zero is a dot, so that *nothing at all* differs from *very little*.
package struct HeatMap: Sendable {
  package var title: String
  package var rows: [String]
  package var columns: [String]
  /// Row by row, as many as `rows.count · columns.count`.
  package var values: [Double]
  /// The magnitude that is drawn darkest; beyond, the shade does not change. The largest entry, if
  /// it is not given.
  package var limit: Double
  package var rowLabel: String
  /// Columns that belong together, from left to right: what stands above them, and how many they
  /// are. A line parts one group from the next.
  package var columnGroups: [(label: String, count: Int)]
  package var caption: String

  package init(
    _ title: String, rows: [String], columns: [String], values: [Double], limit: Double? = nil,
    rowLabel: String = "", columnGroups: [(label: String, count: Int)] = [], caption: String
  ) {
    self.title = title
    self.rows = rows
    self.columns = columns
    self.values = values
    self.limit = limit ?? values.filter(\.isFinite).map(\.magnitude).max() ?? 0
    self.rowLabel = rowLabel
    self.columnGroups = columnGroups
    self.caption = caption
  }

  private static let width = 680.0
  private static let left = 64.0
  private static let right = 16.0
  private static let top = 78.0
  /// Cells are no larger, however few there are.
  private static let largestCell = 36.0

  /// The drawing. Shades are steps of the two colours on paper, so that they turn round in the
  /// dark; values that are not finite are crossed out.
  ///
  /// - Throws: `PageError.nothingToPlot` when there is no entry, or not one for each row and column.
  package func figure() throws(PageError) -> Figure {
    guard !values.isEmpty, values.count == rows.count * columns.count else {
      throw .nothingToPlot(title: title)
    }
    // Whole pixels, so that no gaps show between cells, unless there are more cells than pixels.
    let share = (Self.width - Self.left - Self.right) / Double(columns.count)
    let cell = min(share < 1 ? share : share.rounded(.down), Self.largestCell)
    let (gridWidth, gridHeight) = (cell * Double(columns.count), cell * Double(rows.count))
    var drawing = SVGDrawing(width: Self.width, height: Self.top + gridHeight + 58)
    drawing.text(16, 26, title, class: "ink title")
    drawing.text(
      18, Self.top + gridHeight / 2, rowLabel, class: "soft", anchor: .middle, turned: true)
    for (column, name) in columns.enumerated() {
      let x = Self.left + cell * (Double(column) + 0.5)
      drawing.text(x, Self.top - 7, name, class: "ink", anchor: .middle)
    }
    for (row, name) in rows.enumerated() {
      let y = Self.top + cell * Double(row)
      drawing.text(Self.left - 8, y + cell / 2 + 4, name, class: "ink", anchor: .end)
      for column in columns.indices {
        draw(
          values[row * columns.count + column], x: Self.left + cell * Double(column), y: y,
          cell: cell, in: &drawing)
      }
    }
    var edge = Self.left
    for (index, group) in columnGroups.enumerated() {
      if index > 0 {
        drawing.line(edge, Self.top - 20, edge, Self.top + gridHeight, class: "frame")
      }
      let groupWidth = cell * Double(group.count)
      drawing.text(edge + groupWidth / 2, 52, group.label, class: "soft", anchor: .middle)
      edge += groupWidth
    }
    drawing.rectangle(
      Self.left, Self.top, gridWidth, gridHeight, attributes: "class=\"frame\"")
    drawScale(y: Self.top + gridHeight + 22, in: &drawing)
    return Figure(title: title, caption: caption, svg: drawing.document(title: title))
  }

  private func draw(
    _ value: Double, x: Double, y: Double, cell: Double, in drawing: inout SVGDrawing
  ) {
    guard value.isFinite else {
      drawing.line(x, y, x + cell, y + cell, class: "mark")
      return
    }
    guard value != 0 else {
      drawing.rectangle(
        x + cell / 2 - 1, y + cell / 2 - 1, 2, 2, attributes: "class=\"soft\"")
      return
    }
    fill(limit > 0 ? value / limit : 0, x, y, cell, cell, in: &drawing)
  }

  /// A rectangle in the shade of a value between −1 and 1.
  private func fill(
    _ share: Double, _ x: Double, _ y: Double, _ width: Double, _ height: Double,
    in drawing: inout SVGDrawing
  ) {
    let level = (min(share.magnitude, 1) * 100).rounded()
    guard level > 0 else { return }
    drawing.rectangle(
      x, y, width, height,
      attributes: "class=\"\(share < 0 ? "f1" : "f0")\" shape-rendering=\"crispEdges\""
        + " opacity=\"\(formatted(level / 100))\"")
  }

  /// The shades in a row, from −limit to limit.
  private func drawScale(y: Double, in drawing: inout SVGDrawing) {
    let steps = 20
    let step = 9.0
    for index in 0...steps {
      let share = Double(index - steps / 2) / Double(steps / 2)
      fill(share, Self.left + step * Double(index), y, step, 10, in: &drawing)
    }
    let end = Self.left + step * Double(steps + 1)
    drawing.rectangle(Self.left, y, end - Self.left, 10, attributes: "class=\"frame\"")
    drawing.text(Self.left, y + 24, formatted(-limit, digits: 2), class: "soft", anchor: .middle)
    drawing.text((Self.left + end) / 2, y + 24, "0", class: "soft", anchor: .middle)
    drawing.text(end, y + 24, formatted(limit, digits: 2), class: "soft", anchor: .middle)
  }
}
