import Foundation
import Testing

@testable import LiteratePages

@Suite struct HeatMapTests {
  /// Two rows, three columns: a positive and a negative extreme, halves, zero, and a gap.
  private let map = HeatMap(
    "Slopes <b>", rows: ["r1", "r2"], columns: ["c1", "c2", "c3"],
    values: [2, -2, 1, 0, -0.5, .nan], rowLabel: "output",
    columnGroups: [("first", 2), ("second", 1)], caption: "C.")

  /// The cells drawn: class, opacity and place.
  private func cells(_ svg: String) throws -> [(
    style: String, opacity: Double, x: Double, y: Double
  )] {
    try svg.split(separator: "\n").filter { $0.contains("crispEdges") }.map { line in
      let match = try #require(
        line.firstMatch(
          of:
            /class="(f[01])" shape-rendering="crispEdges" opacity="([0-9.]+)" x="([0-9.]+)" y="([0-9.]+)"/
        ))
      return (
        String(match.1), try #require(Double(match.2)), try #require(Double(match.3)),
        try #require(Double(match.4))
      )
    }
  }

  @Test func shadesAndSidesFollowTheValues() throws {
    let figure = try map.figure()
    #expect(figure.caption == "C.")
    #expect(figure.svg.contains("Slopes &lt;b&gt;"))
    // Two rows of 36-pixel cells; what follows is the scale.
    let drawn = try cells(figure.svg).filter { $0.y < 78 + 72 }
    #expect(drawn.map(\.style) == ["f0", "f1", "f0", "f1"])
    #expect(drawn.map(\.opacity) == [1, 1, 0.5, 0.25])
    #expect(drawn.map(\.x) == [64, 100, 136, 100])
    #expect(drawn.map(\.y) == [78, 78, 78, 114])
  }

  @Test func zeroIsADotAndAGapACross() throws {
    let svg = try map.figure().svg
    #expect(svg.contains("<rect class=\"soft\" x=\"81\" y=\"131\" width=\"2\" height=\"2\"/>"))
    #expect(svg.contains("<line class=\"mark\" x1=\"136\" y1=\"114\" x2=\"172\" y2=\"150\"/>"))
  }

  @Test func namesAndGroupsAreWritten() throws {
    let svg = try map.figure().svg
    for name in ["r1", "r2", "c1", "c2", "c3", "output", "first", "second"] {
      #expect(svg.contains(">\(name)</text>"))
    }
    // One line between two groups, at the edge of the third column.
    #expect(svg.contains("<line class=\"frame\" x1=\"136\" y1=\"58\" x2=\"136\" y2=\"150\"/>"))
    #expect(svg.contains(">-2</text>") && svg.contains(">2</text>"))
  }

  @Test func theLimitSaturates() throws {
    var clipped = map
    clipped.limit = 1
    let drawn = try cells(clipped.figure().svg).filter { $0.y < 78 + 72 }
    #expect(drawn.map(\.opacity) == [1, 1, 1, 0.5])
  }

  @Test(arguments: [([], ["a"], [Double]()), (["a"], ["b"], [1, 2]), (["a"], [], [])])
  func whatIsNoMatrixIsRefused(rows: [String], columns: [String], values: [Double]) {
    let map = HeatMap("No", rows: rows, columns: columns, values: values, caption: "")
    #expect(throws: PageError.nothingToPlot(title: "No")) { try map.figure() }
  }

  @Test func manyColumnsFit() throws {
    let map = HeatMap(
      "Wide", rows: ["r"], columns: (0..<1_000).map { "\($0)" },
      values: [Double](repeating: 1, count: 1_000), caption: "")
    let right = try #require(cells(map.figure().svg).map(\.x).max())
    #expect(right <= 664)
  }
}
