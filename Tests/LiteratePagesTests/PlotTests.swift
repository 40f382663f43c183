import Foundation
import Testing

@testable import LiteratePages

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct PlotTests {
  private func plot(x: [Double], y: [Double], title: String = "Cost") -> Plot {
    Plot(
      title, x: .linear("step"), y: .logarithmic("error"),
      [.line("a < b & \"c\"", x: x, y: y, dashed: true), .lineWithPoints("second", x: x, y: y)],
      marks: [.vertical(2, "here"), .horizontal(0.5, "there"), .text(x: 1, y: 1, "at one")],
      caption: "Caption.")
  }

  @Test func isWellFormed() throws {
    let svg = try plot(x: [0, 1, 2], y: [1, 0.1, 0.01], title: "<\u{1}&>").figure().svg
    let elements = try parsedElements(svg)
    #expect(elements.count { $0 == "path" } == 3)
    #expect(elements.count { $0 == "rect" } == 1)
    #expect(svg.contains("prefers-color-scheme:dark"))
    #expect(svg.contains("a &lt; b &amp; &quot;c&quot;"))
  }

  @Test func theCurveGoesThroughItsPoints() throws {
    let plot = Plot(
      "Line", x: .linear("x"), y: .linear("y"), [.line("", x: [0, 1, 2], y: [0, 1, 2])],
      caption: "")
    let svg = try plot.figure().svg
    // The frame is drawn from the left top by the origin to the right bottom.
    let frame = try pathPoints(svg, class: "frame")
    let curve = try pathPoints(svg, class: "curve s0")
    #expect(curve.first == frame[1])
    #expect(curve.last?.x == frame[2].x && curve.last?.y == frame[0].y)
    // Half a pixel of the last written decimal on either side.
    #expect((curve[1].x - (frame[0].x + frame[2].x) / 2).magnitude <= 0.1)
    #expect((curve[1].y - (frame[0].y + frame[1].y) / 2).magnitude <= 0.1)
  }

  @Test func whatHasNoPlaceInterruptsTheCurveAndIsCounted() throws {
    let figure = try Plot(
      "Gap", x: .linear("x"), y: .logarithmic("y"),
      [.line("", x: [0, 1, 2, 3, 4], y: [1, 2, 0, 3, .nan])], caption: "C."
    ).figure()
    #expect(figure.caption == "C. (2 points are not drawn: they are zero, negative or not finite.)")
    let data = try #require(figure.svg.firstMatch(of: /class="curve s0" d="([^"]*)"/)).1
    #expect(data.count { $0 == "M" } == 2)
    #expect(data.count { $0 == "L" } == 1)
  }

  @Test func aFloorGivesZeroAPlace() throws {
    let figure = try Plot(
      "Floor", x: .linear("x"), y: .logarithmic("y", floor: 1e-13),
      [.line("", x: [0, 1, 2], y: [1, 1e-16, 0])], caption: "C."
    ).figure()
    #expect(figure.caption == "C. (What is below 1e-13 is drawn there.)")
    let curve = try pathPoints(figure.svg, class: "curve s0")
    #expect(curve.count == 3)
    #expect(curve[1].y == curve[2].y)
  }

  @Test(arguments: [[Double](), [.nan, .infinity], [0, -1]])
  func nothingToPlot(values: [Double]) {
    #expect(throws: PageError.nothingToPlot(title: "Cost")) {
      try plot(x: values.indices.map(Double.init), y: values).figure()
    }
  }

  @Test func anyValues() throws {
    var generator = SplitMix(seed: 4)
    for _ in 0..<200 {
      let y = (0..<8).map { _ in Double(bitPattern: generator.next()) }
      let x = (0..<8).map { _ in Double(bitPattern: generator.next()) }
      guard let figure = try? plot(x: x, y: y).figure() else { continue }
      _ = try parsedElements(figure.svg)
      #expect(!figure.svg.contains("nan") && !figure.svg.contains("inf"))
    }
  }

  @Test func imageGrid() throws {
    let image = ImageGrid.Image("digit", columns: 2, values: [0, 1, 0.5, .nan])
    let grid = ImageGrid("Digits", [image, image], range: 0...1, caption: "C.")
    let elements = try parsedElements(try grid.figure().svg)
    // The paper; per image two dots and a frame, and a line for what is not finite.
    #expect(elements.count { $0 == "rect" } == 1 + 2 * 3)
    #expect(elements.count { $0 == "line" } == 2)
    let ragged = ImageGrid.Image("ragged", columns: 3, values: [0, 1])
    #expect(throws: PageError.nothingToPlot(title: "R")) {
      try ImageGrid("R", [ragged], range: 0...1, caption: "").figure()
    }
  }

  // MARK: Reading SVG

  /// The names of all elements, in order.
  private func parsedElements(_ svg: String) throws -> [String] {
    final class Reader: NSObject, XMLParserDelegate {
      var names: [String] = []
      func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String]
      ) {
        names.append(name)
      }
    }
    let reader = Reader()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = reader
    #expect(parser.parse(), "\(String(describing: parser.parserError))")
    try #require(reader.names.first == "svg")
    return reader.names
  }

  private struct Point: Equatable {
    var x: Double
    var y: Double
  }

  private func pathPoints(_ svg: String, class style: String) throws -> [Point] {
    let start = try #require(svg.firstRange(of: "<path class=\"\(style)\" d=\"")).upperBound
    return try svg[start...].prefix { $0 != "\"" }.split(whereSeparator: { "ML".contains($0) })
      .map { pair in
        let numbers = pair.split(separator: " ").compactMap { Double($0) }
        try #require(numbers.count == 2)
        return Point(x: numbers[0], y: numbers[1])
      }
  }
}
