import Foundation
import Testing
import TutorialRuns

@testable import LiteratePages

/// The executables as processes: what they print, write and return.
@Suite struct WorkbookTests {
  /// Once in one go, and each by itself: the same files, byte for byte.
  @Test func runsEveryTutorialAndIsStable() async throws {
    let names = try lines(run("workbook", ["--list"]).output)
    try await withTemporaryFolder { path in
      async let workbook = run(
        "workbook", ["--quick", "--output", path + "/docs", "--timings", path + "/t.csv"])
      // Each of these would wait for its turn again, and be the last to run.
      let runs = Task(priority: .high) {
        var runs: [(name: String, files: [String: Data])] = []
        for name in names { runs.append((name, try await TutorialRuns.shared.files(of: name))) }
        return runs
      }
      var expected: [String: Data] = [:]
      for (name, files) in try await runs.value {
        #expect(files[name + ".md"] != nil)
        expected.merge(files) { first, _ in
          Issue.record("two tutorials write the same file")
          return first
        }
      }
      let result = try await workbook
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.contains("new        \(path)/docs/\(names[0]).md"))
      #expect(try contents(path + "/t.csv").hasPrefix("page,label,seconds\n"))
      let written = Set(try OutputFolder(path + "/docs").names())
      #expect(written == Set(expected.keys).union(["README.md", "API.md"]))
      for (name, data) in expected {
        let again = try Data(contentsOf: URL(fileURLWithPath: path + "/docs/" + name))
        #expect(again == data, "\(name) differs from run to run")
      }
    }
  }

  @Test func saysWhatHasNotChanged() throws {
    try withTemporaryFolder { path in
      let name = try lines(run("workbook", ["--list"]).output)[0]
      for word in ["new", "unchanged"] {
        let result = try run("workbook", ["--quick", "--only", name, "--output", path + "/docs"])
        #expect(result.status == 0, "\(result.errors)")
        let changes = lines(result.output).filter { $0.contains(path) }.map {
          $0.prefix { $0 != " " }
        }
        #expect(changes.count > 3 && Set(changes) == [word[...]])
      }
    }
  }

  /// Every folder with a main.swift is in the workbook's list.
  @Test func listsEveryTutorial() throws {
    let root = try PageSource.packageRoot(above: #filePath)
    let folders = try FileManager.default.contentsOfDirectory(atPath: root + "/Tutorials")
    let tutorials = folders.filter { name in
      name != "workbook"
        && FileManager.default.fileExists(atPath: root + "/Tutorials/\(name)/main.swift")
    }
    #expect(try Set(lines(run("workbook", ["--list"]).output)) == Set(tutorials))
  }

  @Test(arguments: [
    (["--onyl", "x"], "did you mean --only?"),
    (["--only", "UnconstrainedOptimisation"], "did you mean UnconstrainedOptimization?"),
    (["docs"], "the argument \"docs\" belongs to no option"),
    (["--quick=1"], "--quick takes no value"),
  ])
  func badUsage(arguments: [String], words: String) throws {
    let result = try run("workbook", arguments)
    #expect(result.status == 2)
    #expect(result.errors.hasPrefix("workbook: "))
    #expect(result.errors.contains(words))
    #expect(lines(result.errors).count == 1)
    #expect(result.output.isEmpty)
  }

  @Test func help() throws {
    for name in try lines(run("workbook", ["--list"]).output) + ["workbook"] {
      let result = try run(name, ["--help"])
      #expect(result.status == 0)
      #expect(result.output.contains("Usage: swift run \(name) [options]"))
      for option in ["help", "quick", "quiet", "output", "timings", "seed", "tolerance"] {
        #expect(result.output.contains("  --\(option)"))
      }
    }
  }

  @Test func tutorialsRefuseBadUsage() throws {
    for name in try lines(run("workbook", ["--list"]).output) {
      let result = try run(name, ["--quikc"])
      #expect(result.status == 2)
      #expect(
        result.errors
          == "\(name): there is no option \"--quikc\"; did you mean --quick? "
          + "(--help lists the options)\n")
    }
  }

  @Test func aFailingTutorialLeavesItsPageAndTheOthersAlone() throws {
    try withTemporaryFolder { path in
      let folder = try OutputFolder(path)
      _ = try folder.write("", to: "Package.swift")
      for (name, script) in [
        ("First", "echo 'First: it does not hold' >&2; exit 1"),
        ("Second", "printf new > \"$2/Second.md\""), ("Third", "kill -9 $$"),
      ] {
        _ = try folder.write("#!/bin/sh\n\(script)\n", to: name)
        try FileManager.default.setAttributes(
          [.posixPermissions: 0o755], ofItemAtPath: path + "/" + name)
        let main = "// # \(name)\n//\n// Page: docs/\(name).md\n"
        _ = try OutputFolder(path + "/Tutorials/" + name).write(main, to: "main.swift")
      }
      let docs = try OutputFolder(path + "/docs")
      _ = try docs.write("old", to: "First.md")
      let gone = MarkdownPage.generatedMark(source: "Tutorials/Gone/main.swift")
      _ = try docs.write(gone + "\n", to: "Gone.md")

      var workbook = try Workbook(tutorials: ["First", "Second", "Third"])
      workbook.root = path
      workbook.executables = path
      #expect(try workbook.run(["--quiet"]) == 1)
      #expect(try contents(path + "/docs/First.md") == "old")
      #expect(try contents(path + "/docs/Second.md") == "new")
      #expect(docs.names() == ["First.md", "Gone.md", "README.md", "Second.md"])

      workbook.tutorials = ["Second"]
      #expect(try workbook.run(["--quiet"]) == 0)
      // First.md was written by hand, as far as anyone can see; Gone.md was generated.
      #expect(docs.names() == ["First.md", "README.md", "Second.md"])

      workbook.tutorials = ["Absent"]
      #expect(throws: WorkbookError.notBuilt("Absent", folder: path)) {
        try workbook.run(["--quiet"])
      }
    }
  }

  // MARK: Processes

  private struct Result {
    var status: Int32
    var output: String
    var errors: String
  }

  /// Runs an executable of the package, which SwiftPM builds next to the tests.
  private func run(_ name: String, _ arguments: [String]) throws -> Result {
    try runExecutable(productFolder + "/" + name, arguments)
  }

  private func runExecutable(_ path: String, _ arguments: [String]) throws -> Result {
    var result = Result(status: -1, output: "", errors: "")
    try withTemporaryFolder { folder in
      // Files rather than pipes: a pipe that nobody reads blocks whoever fills it.
      let names = ["output", "errors"].map { folder + "/" + $0 }
      for name in names { try Data().write(to: URL(fileURLWithPath: name)) }
      let end = runChild(path, arguments, output: names[0], errors: names[1])
      result = Result(
        status: end?.status ?? -1, output: try contents(names[0]),
        errors: try contents(names[1]))
    }
    return result
  }

  private func lines(_ text: String) -> [String] {
    text.split(separator: "\n").map(String.init)
  }
}
