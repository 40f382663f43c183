import Foundation

/// Runs tutorials, each in a process of its own, and regenerates the folder of their pages.
///
/// SwiftPM builds what an executable target depends on, executables included, and puts them side
/// by side. So `workbook` depends on the tutorials, `swift run workbook` builds them all, and each
/// keeps its plain top-level code; one that stops leaves the others alone.
package struct Workbook {
  /// The tutorials' names, which are those of their executables and folders, in reading order.
  package var tutorials: [String]
  /// The folder of Package.swift.
  package var root: String
  /// The folder of the executables.
  package var executables: String

  /// The modules whose public declarations are listed, with what each is for.
  package var modules: [(name: String, purpose: String)]

  /// - Parameter file: the source of the workbook, from which the package is found.
  package init(
    tutorials: [String], modules: [(name: String, purpose: String)] = [],
    file: String = #filePath
  ) throws {
    self.tutorials = tutorials
    self.modules = modules
    root = try PageSource.packageRoot(above: file)
    let path = Bundle.main.executablePath ?? CommandLine.arguments.first ?? ""
    executables = URL(fileURLWithPath: path).deletingLastPathComponent().path
  }

  /// Runs what the arguments ask for.
  ///
  /// - Returns: the exit status: 0, or 1 when a tutorial failed.
  /// - Throws: `UsageError`, `OutputError`, `WorkbookError`.
  package func run(_ arguments: [String] = Array(CommandLine.arguments.dropFirst())) throws -> Int32
  {
    let options = try Options(arguments: arguments)
    let only = try options.string("only", placeholder: "NAME", help: "run this tutorial alone")
    let list = try options.flag("list", help: "list the tutorials")
    let passed = try ["seed", "tolerance"].flatMap { name in
      let value = try options.string(name, placeholder: "X", help: "passed on to the tutorials")
      return value.map { ["--\(name)", $0] } ?? []
    }
    if options.help {
      let title = "Runs every tutorial and regenerates docs/, whose pages are their output."
      print(options.helpText(name: "workbook", title: title), terminator: "")
      return 0
    }
    try options.finish()
    // Refused here, once, rather than by every tutorial.
    _ = try Options(seed: 1, tolerance: 1e-10, arguments: passed)
    if list {
      print(tutorials.joined(separator: "\n"))
      return 0
    }
    if let only, !tutorials.contains(only) {
      throw WorkbookError.noSuchTutorial(only, nearest: nearestName(to: only, among: tutorials))
    }
    // Pages of reduced or other runs do not belong in docs/.
    let isUsual = !options.quick && passed.isEmpty
    let scratch = try Scratch()
    defer { scratch.remove() }
    let output = options.output ?? (isUsual ? root + "/docs" : scratch.path + "/docs")
    let report = Report(isQuiet: options.quiet)
    var failed: [String] = []
    for name in only.map({ [$0] }) ?? tutorials {
      report.print("\(name) …")
      let status = try runTutorial(
        name, output: output, timings: "\(scratch.path)/\(name).csv",
        flags: passed + (options.quick ? ["--quick"] : []) + (options.quiet ? ["--quiet"] : []))
      if status != 0 { failed.append(name) }
    }
    if isUsual || options.output != nil {
      let changes = try WorkbookIndex(workbook: self).update(
        output, prune: only == nil && failed.isEmpty && options.output == nil)
      for (name, change) in changes { report.print(reportLine(change, "\(output)/\(name)")) }
    } else {
      report.print("Pages of a run with --quick, --seed or --tolerance are not kept: --output DIR")
    }
    if let path = options.timings { try gatherTimings(from: scratch, into: path) }
    guard failed.isEmpty else {
      let names = failed.joined(separator: ", ")
      writeToStandardError("workbook: failed: \(names); what was there before is untouched\n")
      return 1
    }
    return 0
  }

  private func runTutorial(
    _ name: String, output: String, timings: String, flags: [String]
  ) throws(WorkbookError) -> Int32 {
    let path = executables + "/" + name
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw .notBuilt(name, folder: executables)
    }
    let start = ContinuousClock().now
    guard
      let end = runChild(path, ["--output", output, "--timings", timings] + flags)
    else { throw .notBuilt(name, folder: executables) }
    guard let status = end.status else {
      writeToStandardError("workbook: \(name) was ended by signal \(end.signal)\n")
      return 128 + end.signal
    }
    if !flags.contains("--quiet") {
      let time = Timings.readable(ContinuousClock().now - start)
      writeToStandardError("  time: \(name) in all, \(time)\n")
    }
    return status
  }

  /// Joins the tutorials' files under one head.
  private func gatherTimings(from scratch: Scratch, into path: String) throws(OutputError) {
    let rows = tutorials.compactMap { name in
      FileManager.default.contents(atPath: "\(scratch.path)/\(name).csv").map {
        String(decoding: $0, as: UTF8.self).dropFirst(Timings.head.count)
      }
    }
    let url = URL(fileURLWithPath: path)
    let folder = try OutputFolder(url.deletingLastPathComponent().path)
    _ = try folder.write(Timings.head + rows.joined(), to: url.lastPathComponent)
  }

  /// Prints at once, so that the order with what the tutorials print is kept.
  private struct Report {
    let isQuiet: Bool
    func print(_ line: String) {
      guard !isQuiet else { return }
      Swift.print(line)
      fflush(nil)
    }
  }

  /// A folder for files that do not outlive the run.
  private struct Scratch {
    let path: String
    init() throws(OutputError) {
      let id = ProcessInfo.processInfo.processIdentifier
      path = NSTemporaryDirectory() + "/workbook-\(id)"
      _ = try OutputFolder(path)
    }
    func remove() { try? FileManager.default.removeItem(atPath: path) }
  }
}

/// What can keep the workbook from starting a tutorial. Exit status 2.
package enum WorkbookError: ExitStatusError, Equatable, CustomStringConvertible {
  case noSuchTutorial(String, nearest: String?)
  case notBuilt(String, folder: String)

  package var exitStatus: Int32 { 2 }

  package var description: String {
    switch self {
    case .noSuchTutorial(let name, let nearest):
      "there is no tutorial \(name.debugDescription)"
        + (nearest.map { "; did you mean \($0)?" } ?? "") + " (--list lists them)"
    case .notBuilt(let name, let folder):
      "\(folder) holds no executable \(name); the target `workbook` in Package.swift depends on "
        + "every tutorial, so that `swift run workbook` builds them"
    }
  }
}
