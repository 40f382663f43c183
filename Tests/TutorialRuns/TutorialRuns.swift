import Foundation
import LiteratePages

/// What tutorials write with reduced sizes. Each is run once, whichever tests ask for its page, and
/// however many.
package actor TutorialRuns {
  package static let shared = TutorialRuns()

  private var runs: [String: Task<[String: Data], any Error>] = [:]

  /// The files that a run with `--quick` writes, the page and its figures, by name.
  ///
  /// - Throws: `FailedRun` unless the run ends well.
  package func files(of name: String) async throws -> [String: Data] {
    let run = runs[name] ?? Task.detached { try TutorialRuns.run(name) }
    runs[name] = run
    return try await run.value
  }

  /// The page that a run with `--quick` writes.
  package func page(of name: String) async throws -> String {
    String(decoding: try await files(of: name)[name + ".md"] ?? Data(), as: UTF8.self)
  }

  private static func run(_ name: String) throws -> [String: Data] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let result = try runTutorial(name, ["--quick", "--quiet", "--output", folder.path])
    if result.status != 0 { throw FailedRun(name: name, errors: result.errors) }
    var files: [String: Data] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      files[file] = try Data(contentsOf: folder.appendingPathComponent(file))
    }
    return files
  }
}

/// A tutorial that ended with another status than 0.
package struct FailedRun: Error {
  package let name: String
  /// What it wrote to its error stream.
  package let errors: String
}

/// Runs an executable of the package.
package func runTutorial(
  _ name: String, _ arguments: [String]
) throws -> (status: Int32, errors: String) {
  // A file rather than a pipe: a pipe that nobody reads blocks whoever fills it.
  let errors = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  try Data().write(to: errors)
  defer { try? FileManager.default.removeItem(at: errors) }
  let end = runChild(
    productFolder + "/" + name, arguments, output: "/dev/null", errors: errors.path)
  return (end?.status ?? -1, try String(contentsOf: errors, encoding: .utf8))
}
