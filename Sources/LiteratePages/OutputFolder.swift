import Foundation

/// A file could not be written. Exit status 2.
package struct OutputError: ExitStatusError, CustomStringConvertible {
  package var path: String
  package var reason: String
  package var exitStatus: Int32 { 2 }
  package var description: String { "\(path) could not be written: \(reason)" }
}

/// A folder of generated files. Each is written under another name and then renamed, so that none
/// is ever half-written, at whatever moment the process is ended; and one that would not change is
/// not touched. What a process that was ended left under such a name, the next one removes.
package struct OutputFolder {
  /// What writing a file amounted to.
  package enum Change: String, Sendable {
    case new
    case changed
    case unchanged
    case removed
  }

  /// The path of the folder, made when it does not exist.
  package let path: String

  package init(_ path: String) throws(OutputError) {
    self.path = path
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw OutputError(path: path, reason: "there is no such folder, and it cannot be made")
    }
    removeLeftovers()
  }

  /// The name under which this process writes a file before it is renamed.
  private static func temporaryName(for name: String, process: Int32) -> String {
    ".\(name).\(process).part"
  }

  /// Removes the unfinished files of processes that are no more.
  private func removeLeftovers() {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count >= 4, parts[0].isEmpty, parts[parts.count - 1] == "part",
        let process = Int32(parts[parts.count - 2]), process > 0
      else { continue }
      // Signal 0 is not sent; it only asks whether there is such a process.
      if kill(process, 0) == -1 && errno == ESRCH {
        try? FileManager.default.removeItem(atPath: path + "/" + name)
      }
    }
  }

  /// Writes a file of the folder.
  package func write(_ text: String, to name: String) throws(OutputError) -> Change {
    let target = path + "/" + name
    let bytes = Data(text.utf8)
    let old = FileManager.default.contents(atPath: target)
    if old == bytes { return .unchanged }

    let temporary =
      path + "/"
      + OutputFolder.temporaryName(
        for: name, process: ProcessInfo.processInfo.processIdentifier)
    do {
      try bytes.write(to: URL(fileURLWithPath: temporary))
    } catch {
      try? FileManager.default.removeItem(atPath: temporary)
      throw OutputError(path: target, reason: "the folder takes no new file")
    }
    guard rename(temporary, target) == 0 else {
      let reason = String(cString: strerror(errno))
      try? FileManager.default.removeItem(atPath: temporary)
      throw OutputError(path: target, reason: reason)
    }
    return old == nil ? .new : .changed
  }

  /// The names of the visible files in the folder, in order.
  package func names() -> [String] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return all.filter { !$0.hasPrefix(".") }.sorted()
  }

  /// Writes a page after its figures, then removes the figures that an earlier run left and this
  /// one did not make: those named `Page-….svg`.
  ///
  /// - Returns: what happened to which file, the page first.
  package func write(
    page: String, markdown: String, figures: [(name: String, svg: String)]
  ) throws(OutputError) -> [(name: String, change: Change)] {
    var changes: [(name: String, change: Change)] = []
    for figure in figures {
      let name = "\(page)-\(figure.name).svg"
      changes.append((name, try write(figure.svg, to: name)))
    }
    changes.insert(("\(page).md", try write(markdown, to: "\(page).md")), at: 0)
    let kept = Set(changes.map(\.name))
    for name in names()
    where name.hasPrefix("\(page)-") && name.hasSuffix(".svg") && !kept.contains(name) {
      changes.append((name, try remove(name)))
    }
    return changes
  }

  /// Removes a file.
  package func remove(_ name: String) throws(OutputError) -> Change {
    do {
      try FileManager.default.removeItem(atPath: path + "/" + name)
    } catch {
      throw OutputError(path: path + "/" + name, reason: "it cannot be removed")
    }
    return .removed
  }
}
