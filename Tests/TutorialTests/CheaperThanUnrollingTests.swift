import Foundation
import Testing

@testable import LiteratePages

/// The tutorial as a process: it runs with reduced sizes, and its page says what it should.
@Suite struct CheaperThanUnrollingTests {
  @Test(arguments: ["CheaperThanUnrolling", "CheaperThanUnrollingSolutions"])
  func runs(name: String) throws {
    let page = try page(of: name, ["--quick", "--quiet"])
    // A claim that does not hold ends the program; these are the ones that must be there.
    for claim in claims[name] ?? [] {
      #expect(page.contains("✓ " + claim), "missing on the page: \(claim)")
    }
    #expect(!page.contains("NaN"))
  }

  private let claims = [
    "CheaperThanUnrolling": [
      "difference between single steps and one recording of the loop",
      "all these derivatives are the same as with every step recorded, bit by bit",
      "the steps run again are as many as the binomial formula says",
      "with three states r is the cube root of 6 N",
      "steps to a drift of a millionth, found against expected", "momentum 0.95, 400 steps",
      "error ≤ estimate ≤ ‖B‖ϱᵏ‖w̄‖/(1 − ϱ) in every row",
      "the estimate is within a factor of ten of the error",
      "the first term and the rule are zero, the estimate is 8",
      "the estimate covers the error in every row of both tables",
      "one step, error of the first derivative", "and its second derivative is zero",
      "second derivative by all steps, by the last 40, and implicit",
      "their second derivative: how far it is from 0, and from twice the truth",
      "last term over sum", "conjugate gradients against LU",
      "two-phase: the error is the tolerance times 1/(1 − ϱ)",
    ],
    "CheaperThanUnrollingSolutions": [
      "38 states are enough, 37 are not", "the best of these k", "estimate over error against 19",
      "momentum 0.9 creeps, 0.95 does not", "momentum 0.01 above it",
      "one is below a millionth, the other above it",
    ],
  ]

  /// What goes wrong is said in the library's words.
  @Test func quotesTheErrors() throws {
    let page = try page(of: "CheaperThanUnrolling", ["--quick", "--quiet"])
    #expect(page.contains("Running 200 steps backwards did not lead to their start"))
    #expect(page.contains("The input is being differentiated by an enclosing function"))
    #expect(page.contains("The solver has not converged"))
    #expect(page.contains("after 100 terms the last one is 1.67 of their sum"))
  }

  @Test(arguments: [
    (["--iterations", "7"], "--iterations"), (["--iterations=x"], "--iterations"),
  ])
  func refusesBadOptions(arguments: [String], option: String) throws {
    let result = try run("CheaperThanUnrolling", arguments)
    #expect(result.status == 2)
    #expect(result.errors.contains(option))
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  // MARK: Processes

  /// The page that a successful run writes.
  private func page(of name: String, _ arguments: [String]) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let result = try run(name, arguments + ["--output", folder.path])
    try #require(result.status == 0, "\(result.errors)")
    return try String(
      contentsOf: folder.appendingPathComponent(name + ".md"), encoding: .utf8)
  }

  /// Runs an executable of the package, which SwiftPM builds next to the tests.
  private func run(
    _ name: String, _ arguments: [String]
  ) throws -> (status: Int32, errors: String) {
    // On macOS the tests are a bundle, loaded by a program from elsewhere.
    let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }
    let products = URL(fileURLWithPath: bundle?.bundlePath ?? CommandLine.arguments[0])
      .resolvingSymlinksInPath().deletingLastPathComponent()
    // A file rather than a pipe: a pipe that nobody reads blocks whoever fills it.
    let errors = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try Data().write(to: errors)
    defer { try? FileManager.default.removeItem(at: errors) }
    let end = runChild(
      products.appendingPathComponent(name).path, arguments, output: "/dev/null",
      errors: errors.path)
    return (end?.status ?? -1, try String(contentsOf: errors, encoding: .utf8))
  }
}
