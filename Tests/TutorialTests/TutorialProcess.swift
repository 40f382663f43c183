import Foundation
import Testing

@testable import LiteratePages

// Tutorials as processes.

/// The page that a successful run of a tutorial writes.
func tutorialPage(of name: String, _ arguments: [String]) throws -> String {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  defer { try? FileManager.default.removeItem(at: folder) }
  let result = try runTutorial(name, arguments + ["--output", folder.path])
  try #require(result.status == 0, "\(result.errors)")
  return try String(contentsOf: folder.appendingPathComponent(name + ".md"), encoding: .utf8)
}

/// Runs an executable of the package, which SwiftPM builds next to the tests.
func runTutorial(
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
