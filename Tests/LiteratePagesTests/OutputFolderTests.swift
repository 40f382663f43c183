import Foundation
import Testing

@testable import LiteratePages

@Suite struct OutputFolderTests {
  @Test func writesOnlyWhatChanges() throws {
    try withTemporaryFolder { path in
      let folder = try OutputFolder(path + "/a/b")
      #expect(try folder.write("1", to: "x.md") == .new)
      #expect(try folder.write("1", to: "x.md") == .unchanged)
      #expect(try folder.write("2", to: "x.md") == .changed)
      #expect(try contents(path + "/a/b/x.md") == "2")
      #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/a/b") == ["x.md"])
    }
  }

  @Test func figuresOfFormerRunsGo() throws {
    try withTemporaryFolder { path in
      let folder = try OutputFolder(path)
      for name in ["Page-old.svg", "Page-kept.svg", "PageTwo-old.svg", "Page.svg", "Page-x.txt"] {
        _ = try folder.write("0", to: name)
      }
      let changes = try folder.write(
        page: "Page", markdown: "m", figures: [("kept", "0"), ("new", "1")])
      #expect(
        changes.map { "\($0.name) \($0.change)" } == [
          "Page.md new", "Page-kept.svg unchanged", "Page-new.svg new", "Page-old.svg removed",
        ])
      #expect(
        folder.names() == [
          "Page-kept.svg", "Page-new.svg", "Page-x.txt", "Page.md", "Page.svg", "PageTwo-old.svg",
        ])
    }
  }

  /// A target that cannot be replaced keeps its content, and no temporary file is left.
  @Test func failureLeavesNothingBehind() throws {
    try withTemporaryFolder { path in
      _ = try OutputFolder(path + "/x.md/inside")
      let folder = try OutputFolder(path)
      #expect(throws: OutputError.self) { try folder.write("1", to: "x.md") }
      #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["x.md"])
    }
  }

  @Test func aFileIsNoFolder() throws {
    try withTemporaryFolder { path in
      _ = try OutputFolder(path).write("1", to: "file")
      #expect(throws: OutputError.self) { try OutputFolder(path + "/file/below") }
    }
  }
}

/// A folder of its own for the body, removed afterwards.
func withTemporaryFolder(_ body: (String) throws -> Void) throws {
  let path = NSTemporaryDirectory() + "/LiteratePagesTests-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try body(path)
}

func withTemporaryFolder(_ body: (String) async throws -> Void) async throws {
  let path = NSTemporaryDirectory() + "/LiteratePagesTests-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try await body(path)
}

func contents(_ path: String) throws -> String {
  String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
}
