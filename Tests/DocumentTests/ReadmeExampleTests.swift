import Foundation
import ImplicitDifferentiation
import LiteratePages
import Testing

@Suite struct ReadmeExampleTests {
  /// The example of the README, compiled and run.
  @Test func theExampleIsRight() throws {
    // README begin
    let squareRoot = ImplicitFunction<Tensor, Tensor>(
      forward: { x in  // any code: it may loop, call C, throw, and is not differentiated
        var y = x
        for _ in 0..<60 { y = (y + x / y) / 2 }
        return y
      },
      conditions: .root { x, y in y * y - x })  // F(x, y) = 0

    let y = try squareRoot([4, 9])  // [2, 3]
    let (value, pullback) = try squareRoot.valueWithPullback(at: [4, 9])
    let gradient = try pullback([1, 1]).value  // [1/4, 1/6]
    // README end

    // Newton's method ends within one unit in the last place of the root.
    let tolerance = 4e-16
    for (index, x) in [4.0, 9].enumerated() {
      #expect((y.scalars[index] - x.squareRoot()).magnitude <= tolerance * x.squareRoot())
      #expect(value.scalars[index] == y.scalars[index])
      #expect((gradient.scalars[index] - 0.5 / x.squareRoot()).magnitude <= tolerance)
    }
  }

  /// The README shows the lines above, letter by letter.
  @Test func theReadmeShowsTheExample() throws {
    let root = try PageSource.packageRoot(above: #filePath)
    let readme = try text(root + "/README.md")
    let source = try text(#filePath).split(separator: "\n", omittingEmptySubsequences: false)
    let begin = try #require(source.firstIndex { $0.hasSuffix("// README begin") })
    let end = try #require(source.firstIndex { $0.hasSuffix("// README end") })
    let example = source[(begin + 1)..<end].map { line in
      String(line.dropFirst(min(4, line.count)))
    }
    let block = (["```swift", "import ImplicitDifferentiation", ""] + example + ["```"])
      .joined(separator: "\n")
    #expect(readme.contains(block))
  }

  /// Every tutorial stands in the README's table, page and source.
  @Test func theReadmeNamesEveryPage() throws {
    let root = try PageSource.packageRoot(above: #filePath)
    let readme = try text(root + "/README.md")
    for name in try FileManager.default.contentsOfDirectory(atPath: root + "/Tutorials") {
      let main = root + "/Tutorials/\(name)/main.swift"
      guard name != "workbook", FileManager.default.fileExists(atPath: main) else { continue }
      let source = try PageSource(file: main)
      let row =
        "| [\(source.title)](\(source.pagePath)) | [\(source.sourcePath)](\(source.sourcePath)) |"
      #expect(readme.contains(row), "\(row)")
    }
  }

  private func text(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
  }
}
