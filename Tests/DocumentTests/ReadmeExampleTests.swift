import Foundation
import ImplicitDifferentiation
import LiteratePages
import Testing

@Suite struct ReadmeExampleTests {
  /// The first example of the README, compiled and run.
  @Test func theFunctionIsRight() throws {
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

  /// The second example.
  @Test func theProblemIsRight() throws {
    // README begin
    struct Ridge: MinimizationProblem {
      let features: Tensor
      let target: Tensor

      func objective(_ penalty: Tensor, _ w: Tensor) -> Tensor {
        (matmul(features, w) - target).squaredNorm() + penalty * w.squaredNorm()
      }

      func solve(_ penalty: Tensor) -> Tensor {  // any code, as above
        var w: Tensor = [0, 0]
        for _ in 0..<200 { w -= 0.1 * gradient(at: w) { w in objective(penalty, w) } }
        return w
      }
    }

    let ridge = Ridge(features: [[1, 0], [0, 2]], target: [2, 4])
    let weights = try ridge(1)  // [1, 1.6]
    let slope = try gradient(at: 1) { penalty in try ridge(penalty).sum() }  // −0.82
    // README end

    // w = t x / (x² + λ) and w′ = −w / (x² + λ), entry by entry.
    let tolerance = 1e-14
    #expect((weights - Tensor([1, 1.6])).norm().scalar <= tolerance)
    #expect((slope.scalar + 0.82).magnitude <= tolerance)
  }

  /// The README shows the lines above, and those of a test of the compiler's differentiation, letter
  /// by letter, each under its import.
  @Test(arguments: [
    ("ImplicitDifferentiation", "Tests/DocumentTests/ReadmeExampleTests.swift", 2),
    (
      "CompilerDifferentiation", "Tests/CompilerDifferentiationTests/ReadmeExampleTests.swift", 1
    ),
  ])
  func theReadmeShowsTheExamples(_ module: String, _ path: String, _ count: Int) throws {
    let root = try PageSource.packageRoot(above: #filePath)
    let readme = try text(root + "/README.md")
    let source = try text(root + "/" + path).split(
      separator: "\n", omittingEmptySubsequences: false)
    let begins = source.indices.filter { source[$0].hasSuffix("// README begin") }
    let ends = source.indices.filter { source[$0].hasSuffix("// README end") }
    #expect(begins.count == count && ends.count == count)
    for (begin, end) in zip(begins, ends) {
      let margin = source[begin].prefix { $0 == " " }.count
      let example = source[(begin + 1)..<end].map { line in
        String(line.dropFirst(min(margin, line.count)))
      }
      let block = (["```swift", "import \(module)", ""] + example + ["```"])
        .joined(separator: "\n")
      #expect(readme.contains(block), "\(block)")
    }
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
