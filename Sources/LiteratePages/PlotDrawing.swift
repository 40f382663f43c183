/// Lays a plot out and draws it.
struct PlotDrawing {
  let plot: Plot
  let x: PlotAxis
  let y: PlotAxis

  private let width = 680.0
  private let plotHeight = 330.0
  private let left: Double
  private let right = 655.0
  private let top: Double
  private let legend: [[Int]]

  private var bottom: Double { top + plotHeight }

  init(plot: Plot, x: PlotAxis, y: PlotAxis) {
    self.plot = plot
    self.x = x
    self.y = y
    let widest = y.ticks.map { textWidth($0.label) }.max() ?? 0
    left = 38 + widest
    legend = Self.legendRows(plot.series.map(\.label), width: right - left)
    top = 44 + 20 * Double(legend.count)
  }

  func svg() -> String {
    var drawing = SVGDrawing(width: width, height: bottom + 52)
    drawing.text(left, 26, plot.title, class: "ink title")
    drawLegend(in: &drawing)
    drawAxes(in: &drawing)
    for (index, series) in plot.series.enumerated() { draw(series, index, in: &drawing) }
    for mark in plot.marks { draw(mark, in: &drawing) }
    return drawing.document(title: plot.title)
  }

  private func place(_ point: (x: Double, y: Double)) -> (x: Double, y: Double) {
    (left + x.position(point.x) * (right - left), bottom - y.position(point.y) * plotHeight)
  }

  // MARK: Legend

  /// Room for a sample, a label and a space.
  private static func legendWidth(_ label: String) -> Double { 34 + textWidth(label) + 18 }

  /// Which series stand in which row. A single unnamed series needs no legend.
  private static func legendRows(_ labels: [String], width: Double) -> [[Int]] {
    var rows: [[Int]] = []
    var used = width + 1
    for (index, label) in labels.enumerated() where !label.isEmpty {
      let needed = legendWidth(label)
      if used + needed > width || rows.isEmpty {
        rows.append([])
        used = 0
      }
      rows[rows.count - 1].append(index)
      used += needed
    }
    return rows
  }

  private func drawLegend(in drawing: inout SVGDrawing) {
    for (row, indices) in legend.enumerated() {
      let middle = 46 + 20 * Double(row)
      var position = left
      for index in indices {
        let series = plot.series[index]
        if series.style != .points {
          drawing.line(position, middle, position + 26, middle, class: curveClass(series, index))
        }
        if series.style == .points || series.style == .lineWithPoints {
          drawing.add(symbol(index, at: (position + 13, middle)))
        }
        drawing.text(position + 33, middle + 4, series.label, class: "ink")
        position += Self.legendWidth(series.label)
      }
    }
  }

  // MARK: Axes

  private func drawAxes(in drawing: inout SVGDrawing) {
    for tick in x.ticks {
      let position = left + x.position(tick.value) * (right - left)
      drawing.line(position, top, position, bottom, class: "grid")
      drawing.text(position, bottom + 18, tick.label, class: "soft", anchor: .middle)
    }
    for tick in y.ticks {
      let position = bottom - y.position(tick.value) * plotHeight
      drawing.line(left, position, right, position, class: "grid")
      drawing.text(left - 8, position + 4, tick.label, class: "soft", anchor: .end)
    }
    drawing.path([(left, top), (left, bottom), (right, bottom)], class: "frame")
    drawing.text((left + right) / 2, bottom + 40, plot.x.label, class: "ink", anchor: .middle)
    drawing.text(
      18, (top + bottom) / 2, plot.y.label, class: "ink", anchor: .middle, turned: true)
  }

  // MARK: Series

  private func curveClass(_ series: Plot.Series, _ index: Int) -> String {
    "curve s\(index % SVGDrawing.colorCount)" + (series.style == .dashed ? " dashed" : "")
  }

  private func draw(_ series: Plot.Series, _ index: Int, in drawing: inout SVGDrawing) {
    let places = series.points.map { plot.shows($0) ? place($0) : nil }
    if series.style != .points {
      drawing.path(places, class: curveClass(series, index))
    }
    if series.style == .points || series.style == .lineWithPoints {
      var drawn: Set<String> = []
      for place in places.compactMap(\.self) {
        let element = symbol(index, at: place)
        if drawn.insert(element).inserted { drawing.add(element) }
      }
    }
  }

  /// Circle, square, triangle, diamond: series differ by more than their colour.
  private func symbol(_ index: Int, at place: (x: Double, y: Double)) -> String {
    let style = "f\(index % SVGDrawing.colorCount)"
    let (x, y) = place
    let corners: [(Double, Double)]
    switch index % 4 {
    case 0: return "<circle class=\"\(style)\" cx=\"\(px(x))\" cy=\"\(px(y))\" r=\"3.5\"/>"
    case 1: corners = [(-3.2, -3.2), (3.2, -3.2), (3.2, 3.2), (-3.2, 3.2)]
    case 2: corners = [(0, -4.4), (4, 3), (-4, 3)]
    default: corners = [(0, -4.6), (4.6, 0), (0, 4.6), (-4.6, 0)]
    }
    let points = corners.map { "\(px(x + $0.0)),\(px(y + $0.1))" }.joined(separator: " ")
    return "<polygon class=\"\(style)\" points=\"\(points)\"/>"
  }

  // MARK: Marks

  private func draw(_ mark: Plot.Mark, in drawing: inout SVGDrawing) {
    switch mark {
    case .vertical(let value, let words) where PlotAxis.shows(value, on: plot.x.scale):
      let position = left + x.position(value) * (right - left)
      drawing.line(position, top, position, bottom, class: "mark")
      label(words, at: (position, bottom - 8), in: &drawing)
    case .horizontal(let value, let words) where PlotAxis.shows(value, on: plot.y.scale):
      let position = bottom - y.position(value) * plotHeight
      drawing.line(left, position, right, position, class: "mark")
      let below = position - 6 < top + 8
      drawing.text(
        right - 4, below ? position + 15 : position - 6, words, class: "ink halo", anchor: .end)
    case .text(let x, let y, let words) where plot.shows((x, y)):
      let place = place((x, y))
      label(words, at: (place.x, place.y - 8), in: &drawing)
    default:
      break
    }
  }

  /// Words to the right of a place, or to its left where there is no room.
  private func label(
    _ words: String, at place: (x: Double, y: Double), in drawing: inout SVGDrawing
  ) {
    let fits = place.x + 6 + textWidth(words) <= right
    drawing.text(
      place.x + (fits ? 6 : -6), place.y, words, class: "ink halo", anchor: fits ? .start : .end)
  }
}

/// The width of a text in pixels, about: there are no font metrics here.
private func textWidth(_ text: String) -> Double {
  text.reduce(0) { width, character in
    width + ("ijlft.,:;'|()[]⁻¹ ".contains(character) ? 4.2 : "mwMW".contains(character) ? 10 : 7)
  }
}
