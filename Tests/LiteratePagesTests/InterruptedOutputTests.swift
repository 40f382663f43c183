import Foundation
import Testing
import TutorialRuns

@testable import LiteratePages

/// Files on disk when the process that writes them is ended.
@Suite(.serialized) struct InterruptedOutputTests {
  /// Names of the hidden files, which are unfinished ones.
  private func hidden(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasPrefix(".") }
  }

  /// Whether a file is a complete version: one digit, a million times.
  private func isComplete(_ path: String) throws -> Bool {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    return bytes.first.map { bytes == Data(repeating: $0, count: 1_000_000) } ?? false
  }

  @Test("A process killed at any moment leaves each file as it was or as it will be")
  func killed() throws {
    try withTemporaryFolder { path in
      let script = #""$1" "$2" & child=$!; sleep "$3"; kill -9 "$child"; wait "$child"; exit 0"#
      var interrupted = 0
      var written = 0
      // Forty moments up to 0.2 s, in an order without pattern. Starting takes a part of the time, on a
      // busy machine all of it: then forty up to 0.4 s, and so on, until enough were in a write.
      var round = 0
      while round < 40 || (interrupted <= 5 && round < 400) {
        defer { round += 1 }
        let delay = Double((round * 37) % 40) / 200 * Double(1 + round / 40)
        let end = runChild(
          "/bin/sh", ["-c", script, "sh", productFolder + "/PageWriter", path, "\(delay)"],
          output: path + "/output.txt", errors: path + "/errors.txt")
        #expect(end?.status == 0)
        for name in ["Page.md", "Page-figure.svg"] {
          let file = path + "/" + name
          guard FileManager.default.fileExists(atPath: file) else { continue }
          written += 1
          #expect(try isComplete(file), "\(name) after \(delay) s")
        }
        let leftovers = try hidden(path)
        // Each process removes what the one before left, so there is one file at most.
        #expect(leftovers.count <= 1)
        if !leftovers.isEmpty { interrupted += 1 }
      }
      // Otherwise nothing was tested.
      #expect(written > 20 && interrupted > 5, "\(interrupted) writes were interrupted")
      _ = try OutputFolder(path)
      #expect(try hidden(path).isEmpty)
    }
  }

  @Test("Unfinished files are removed when their process is gone, and no others")
  func leftovers() throws {
    try withTemporaryFolder { path in
      let running = ProcessInfo.processInfo.processIdentifier
      // No process has the largest number.
      let gone = Int32.max
      let kept = [
        ".Page.md.\(running).part", ".Page.md.part", ".Page.md.0.part", ".Page.md.-1.part",
        ".Page.md.x.part", ".\(gone).part", "Page.md.\(gone).part", ".Page.md.\(gone)",
      ]
      for name in kept + [".Page.md.\(gone).part", ".a.b.c.\(gone).part"] {
        try Data().write(to: URL(fileURLWithPath: path + "/" + name))
      }
      _ = try OutputFolder(path)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: path).sorted() == kept.sorted())
    }
  }

  @Test("A full disk is an error that leaves the old file and no other")
  func fullDisk() throws {
    try withTemporaryFolder { path in
      // The shell ignores the signal, and what it becomes does: writing fails beyond 100 blocks.
      // A profile of the process's own coverage would be cut off too, and nothing could read it.
      let script =
        #"trap '' XFSZ; ulimit -f 100; export LLVM_PROFILE_FILE=/dev/null; exec "$1" "$2""#
      let pages = path + "/pages"
      _ = try OutputFolder(pages).write("old", to: "Page-figure.svg")
      let end = runChild(
        "/bin/sh", ["-c", script, "sh", productFolder + "/PageWriter", pages],
        output: path + "/output.txt", errors: path + "/errors.txt")
      #expect(end?.status == 0)
      #expect(try contents(path + "/output.txt").contains("could not be written"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: pages) == ["Page-figure.svg"])
      #expect(try contents(pages + "/Page-figure.svg") == "old")
    }
  }
}
