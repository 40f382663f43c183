import Foundation

/// A data file that a tutorial needs is not there, or is not text. Exit status 2.
package struct MissingData: ExitStatusError, Equatable, CustomStringConvertible {
  package var path: String
  package var isThere: Bool
  package var exitStatus: Int32 { 2 }
  package var description: String {
    isThere
      ? "the data file \(path) is not UTF-8 text; restore it with `git checkout`"
      : "the data file \(path) is missing; restore it with `git checkout`"
  }
}

/// The text of a file in the folder `Data` beside the calling source.
///
/// - Throws: `MissingData`.
package func dataFile(_ name: String, file: String = #filePath) throws(MissingData) -> String {
  let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast()
  let path = (folder + ["Data", Substring(name)]).joined(separator: "/")
  guard let data = FileManager.default.contents(atPath: path) else {
    throw MissingData(path: path, isThere: false)
  }
  guard let text = String(data: data, encoding: .utf8) else {
    throw MissingData(path: path, isThere: true)
  }
  return text
}
