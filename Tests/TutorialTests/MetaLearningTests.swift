import Foundation
import Testing

@testable import LiteratePages

/// The tutorial as a process: it runs with reduced sizes, and its page says what it should.
@Suite struct MetaLearningTests {
  @Test(arguments: ["MetaLearning", "MetaLearningSolutions"])
  func runs(name: String) throws {
    let page = try page(of: name, ["--quick", "--quiet"])
    // A claim that does not hold ends the program; these are the ones that must be there.
    for claim in claims[name] ?? [] {
      #expect(page.contains("✓ " + claim), "missing on the page: \(claim)")
    }
    #expect(!page.contains("NaN"))
  }

  private let claims = [
    "MetaLearning": [
      "relative difference of the second and the third column",
      "the implicit derivative is exactly zero along both directions",
      "largest distance of the second column from 1", "largest distance of the last column from 1",
      "relative error of the implicit meta-gradient, all 1057 entries",
      "unseen tasks are learned better from the learned start",
      "over the pooled model, adapted, the learned start gains less than one standard error",
    ],
    "MetaLearningSolutions": [
      "no row of the table has a larger difference", "relative error of Reptile's direction as ∇M",
      "relative error of the Hessian of M", "its relative distance from the value at t = 0.375",
      "largest difference from −mᵢ (yᵢ − xᵢ)",
    ],
  ]

  @Test func theRefusalsAreTheOnesMeant() throws {
    let page = try page(of: "MetaLearning", ["--quick", "--quiet"])
    #expect(page.contains("The matrix is singular to working precision"))
    #expect(page.contains("The matrix is not positive definite"))
    #expect(page.contains("The point does not solve the conditions"))
    #expect(page.contains("The objective falls without end"))
    #expect(page.contains("routes agree, to within"))
  }

  @Test(arguments: [
    (["--tasks", "6"], "--tasks"), (["--steps", "x"], "--steps"),
    (["--iterations=1"], "--iterations"),
  ])
  func refusesBadOptions(arguments: [String], option: String) throws {
    let result = try run("MetaLearning", arguments)
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
