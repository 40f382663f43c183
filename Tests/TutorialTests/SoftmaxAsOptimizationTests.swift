import Foundation
import Testing

@testable import LiteratePages

/// The tutorial as a process: it runs with reduced sizes, and its page says what it should.
@Suite struct SoftmaxAsOptimizationTests {
  @Test(arguments: ["SoftmaxAsOptimization", "SoftmaxAsOptimizationSolutions"])
  func runs(name: String) throws {
    let page = try page(of: name, ["--quick", "--quiet"])
    // A claim that does not hold ends the program; these are the ones that must be there.
    for claim in claims[name] ?? [] {
      #expect(page.contains("✓ " + claim), "missing on the page: \(claim)")
    }
    #expect(!page.contains("NaN"))
  }

  private let claims = [
    "SoftmaxAsOptimization": [
      "error of dx/dθ", "error of du/dθ", "largest entry of dv/dθ",
      "largest | det + 1 | of the corrected matrix", "largest | det + u | of the note's",
      "largest difference from the formula", "all second derivatives against the formula",
      "relative error of 1/(4τ) at the tie", "unrolling the bisection is wrong",
      "largest difference of the two curves", "error of the Jacobian",
    ],
    "SoftmaxAsOptimizationSolutions": [
      "error of the Jacobian", "squared distance after", "error of dx/dτ", "error of dx/dq",
      "distance from the formula, all steps",
    ],
  ]

  @Test func theKinkIsCalledByItsName() throws {
    let page = try page(of: "SoftmaxAsOptimization", ["--quick", "--quiet"])
    #expect(page.contains("There is a kink at this point"))
    #expect(page.contains("0.5 from the left and 0 from the right"))
  }

  @Test(arguments: [
    (["--images", "7"], "--images"), (["--steps", "x"], "--steps"), (["--tau=1"], "--tau"),
  ])
  func refusesBadOptions(arguments: [String], option: String) throws {
    let result = try run("SoftmaxAsOptimization", arguments)
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
