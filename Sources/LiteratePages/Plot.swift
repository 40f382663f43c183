/// Curves and points over two axes.
///
/// ```swift
/// try plot("cost", Plot(
///   "Bytes recorded", x: .logarithmic("iterations"), y: .logarithmic("bytes"),
///   [.line("unrolled", x: steps, y: bytes), .line("implicit", x: steps, y: few, dashed: true)],
///   marks: [.horizontal(1e9, "memory of this machine")],
///   caption: "Unrolling stores every iterate; the implicit derivative stores one."))
/// ```
/// A value that is not finite, or not positive on a logarithmic axis, interrupts its curve, and
/// the caption says how many there are.
package struct Plot: Sendable {
  /// What an axis measures, and how.
  package struct Axis: Sendable {
    package var label: String
    package var scale: AxisScale
    /// Values from zero to here are drawn here.
    package var floor = 0.0

    /// Equal distances for equal differences.
    package static func linear(_ label: String) -> Axis { Axis(label: label, scale: .linear) }

    /// Equal distances for equal ratios. For errors, a `floor` at the level of rounding (1e-13)
    /// keeps the plot the same on every machine, and gives an error of zero a place.
    package static func logarithmic(_ label: String, floor: Double = 0) -> Axis {
      Axis(label: label, scale: .logarithmic, floor: floor)
    }

    fileprivate func raised(_ value: Double) -> Double {
      value >= 0 && value < floor ? floor : value
    }
  }

  /// Values that belong together, one colour and one entry of the legend.
  package struct Series: Sendable {
    /// How the values are drawn.
    package enum Style: Sendable {
      case line
      case dashed
      case points
      case lineWithPoints
    }

    package var label: String
    package var points: [(x: Double, y: Double)]
    package var style: Style

    /// A curve through the points, in the given order.
    package static func line(
      _ label: String, x: [Double], y: [Double], dashed: Bool = false
    ) -> Series {
      Series(label: label, points: Array(zip(x, y)), style: dashed ? .dashed : .line)
    }

    /// Points alone.
    package static func points(_ label: String, x: [Double], y: [Double]) -> Series {
      Series(label: label, points: Array(zip(x, y)), style: .points)
    }

    /// Points, joined by a curve.
    package static func lineWithPoints(_ label: String, x: [Double], y: [Double]) -> Series {
      Series(label: label, points: Array(zip(x, y)), style: .lineWithPoints)
    }
  }

  /// Something that is pointed out.
  package enum Mark: Sendable {
    /// A dotted line at an abscissa.
    case vertical(Double, String)
    /// A dotted line at an ordinate.
    case horizontal(Double, String)
    /// Words at a point.
    case text(x: Double, y: Double, String)
  }

  package var title: String
  package var x: Axis
  package var y: Axis
  package var series: [Series]
  package var marks: [Mark]
  package var caption: String

  package init(
    _ title: String, x: Axis, y: Axis, _ series: [Series], marks: [Mark] = [], caption: String
  ) {
    self.title = title
    self.x = x
    self.y = y
    self.series = series
    self.marks = marks
    self.caption = caption
  }

  /// The drawing.
  ///
  /// - Throws: `PageError.nothingToPlot` when no point can be shown.
  package func figure() throws(PageError) -> Figure {
    var plot = self
    for index in plot.series.indices {
      plot.series[index].points = series[index].points.map { (x.raised($0.x), y.raised($0.y)) }
    }
    return try plot.figure(caption: caption + raisedNote + plot.omission)
  }

  /// The drawing, once every value has its place.
  private func figure(caption: String) throws(PageError) -> Figure {
    let shown = series.flatMap(\.points).filter(shows)
    // Lines that are pointed out are to be seen, so the axes reach them.
    let xs =
      shown.map(\.x) + marks.compactMap { if case .vertical(let x, _) = $0 { x } else { nil } }
    let ys =
      shown.map(\.y) + marks.compactMap { if case .horizontal(let y, _) = $0 { y } else { nil } }
    guard !shown.isEmpty, let xAxis = PlotAxis(values: xs, scale: x.scale, tickCount: 7),
      let yAxis = PlotAxis(values: ys, scale: y.scale, tickCount: 6)
    else { throw .nothingToPlot(title: title) }
    let drawing = PlotDrawing(plot: self, x: xAxis, y: yAxis)
    return Figure(title: title, caption: caption, svg: drawing.svg())
  }

  /// Whether both coordinates have a place on their axes.
  func shows(_ point: (x: Double, y: Double)) -> Bool {
    PlotAxis.shows(point.x, on: x.scale) && PlotAxis.shows(point.y, on: y.scale)
  }

  /// Says so, where values were raised to a floor.
  private var raisedNote: String {
    let points = series.flatMap(\.points)
    let floors = [
      (axis: x, raised: points.contains { x.raised($0.x) != $0.x && !$0.x.isNaN }),
      (axis: y, raised: points.contains { y.raised($0.y) != $0.y && !$0.y.isNaN }),
    ]
    return floors.filter(\.raised).map { floor in
      " (What is below \(formatted(floor.axis.floor)) is drawn there.)"
    }.joined()
  }

  private var omission: String {
    let count = series.flatMap(\.points).count { !shows($0) }
    guard count > 0 else { return "" }
    let reason =
      x.scale == .logarithmic || y.scale == .logarithmic
      ? "zero, negative or not finite" : "not finite"
    return count == 1
      ? " (One point is not drawn: it is \(reason).)"
      : " (\(count) points are not drawn: they are \(reason).)"
  }
}
