import Foundation
import Testing

@testable import LiteratePages

@Suite struct DataFileTests {
  @Test func isFoundBesideTheSource() throws {
    try withTemporaryFolder { path in
      _ = try OutputFolder(path + "/Data").write("a,b\n", to: "x.csv")
      #expect(try dataFile("x.csv", file: path + "/main.swift") == "a,b\n")
      let missing = MissingData(path: path + "/Data/y.csv", isThere: false)
      #expect(throws: missing) { try dataFile("y.csv", file: path + "/main.swift") }
      #expect(missing.exitStatus == 2)
      #expect(missing.description.contains("y.csv is missing"))

      try Data([0xff, 0xfe, 0x00]).write(to: URL(fileURLWithPath: path + "/Data/z.csv"))
      #expect(throws: MissingData(path: path + "/Data/z.csv", isThere: true)) {
        try dataFile("z.csv", file: path + "/main.swift")
      }
    }
  }
}
