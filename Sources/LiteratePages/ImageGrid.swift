/// Small pictures in shades of grey, side by side with their titles: images, matrices, heat maps.
package struct ImageGrid: Sendable {
  /// One picture, row by row.
  package struct Image: Sendable {
    package var title: String
    package var columns: Int
    /// As many values as rows times `columns`.
    package var values: [Double]

    package init(_ title: String, columns: Int, values: [Double]) {
      self.title = title
      self.columns = columns
      self.values = values
    }
  }

  package var title: String
  package var images: [Image]
  /// The values that are drawn palest and darkest; outside, the shade does not change.
  package var range: ClosedRange<Double>
  package var perRow: Int
  package var caption: String

  package init(
    _ title: String, _ images: [Image], range: ClosedRange<Double>, perRow: Int = 5,
    caption: String
  ) {
    self.title = title
    self.images = images
    self.range = range
    self.perRow = max(perRow, 1)
    self.caption = caption
  }

  /// The drawing. Shades are steps of ink on paper, so that they turn round in the dark; values
  /// that are not finite are crossed out.
  ///
  /// - Throws: `PageError.nothingToPlot` when an image is empty or not a rectangle.
  package func figure() throws(PageError) -> Figure {
    guard !images.isEmpty, images.allSatisfy(Self.isRectangle) else {
      throw .nothingToPlot(title: title)
    }
    let width = 680.0
    let gap = 16.0
    let side = (width - 2 * gap - gap * Double(perRow - 1)) / Double(perRow)
    var drawing = SVGDrawing(width: width, height: height(side: side, gap: gap))
    drawing.text(gap, 26, title, class: "ink title")
    var top = 44.0
    for start in stride(from: 0, to: images.count, by: perRow) {
      let row = images[start..<min(start + perRow, images.count)]
      for (column, image) in row.enumerated() {
        let x = gap + Double(column) * (side + gap)
        drawing.text(x + side / 2, top + 12, image.title, class: "ink", anchor: .middle)
        draw(image, x: x, y: top + 20, side: side, in: &drawing)
      }
      top += rowHeight(row, side: side) + gap
    }
    return Figure(title: title, caption: caption, svg: drawing.document(title: title))
  }

  private static func isRectangle(_ image: Image) -> Bool {
    image.columns > 0 && !image.values.isEmpty && image.values.count % image.columns == 0
  }

  private func rowHeight(_ row: ArraySlice<Image>, side: Double) -> Double {
    let tallest = row.map { Double($0.values.count / $0.columns) / Double($0.columns) }.max() ?? 0
    return 20 + side * tallest
  }

  private func height(side: Double, gap: Double) -> Double {
    stride(from: 0, to: images.count, by: perRow).reduce(44) { total, start in
      let row = images[start..<min(start + perRow, images.count)]
      return total + rowHeight(row, side: side) + gap
    }
  }

  private func draw(
    _ image: Image, x: Double, y: Double, side: Double, in drawing: inout SVGDrawing
  ) {
    let cell = side / Double(image.columns)
    let span = range.upperBound - range.lowerBound
    for (index, value) in image.values.enumerated() {
      let left = x + cell * Double(index % image.columns)
      let top = y + cell * Double(index / image.columns)
      guard value.isFinite else {
        drawing.line(left, top, left + cell, top + cell, class: "mark")
        continue
      }
      let shade = span > 0 ? min(max((value - range.lowerBound) / span, 0), 1) : 0
      let level = (shade * 100).rounded()
      guard level > 0 else { continue }
      drawing.rectangle(
        left, top, cell, cell,
        attributes:
          "class=\"ink\" shape-rendering=\"crispEdges\" opacity=\"\(formatted(level / 100))\"")
    }
    let rows = Double(image.values.count / image.columns)
    drawing.rectangle(x, y, side, cell * rows, attributes: "class=\"frame\"")
  }
}
