import Foundation
import Testing

/// That no kind of conditions is without a closed form.
@Suite struct CompletenessTests {
  /// Those of `FirstOrderTests`.
  static let firstOrderAlone: Set = ["differences"]

  @Test("Every public function that makes conditions has a case")
  func constructors() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
    let sources = try #require(
      FileManager.default.enumerator(
        at: root.appending(path: "Sources").standardizedFileURL, includingPropertiesForKeys: nil))
    let declaration = #/public static func (\w+)[^{]*?\)[^{]*?-> Conditions\b/#
    var declared: Set<String> = []
    for case let file as URL in sources where file.pathExtension == "swift" {
      let text = try String(contentsOf: file, encoding: .utf8)
      for match in text.matches(of: declaration) { declared.insert(String(match.1)) }
    }
    #expect(declared.isSuperset(of: ["root", "kkt", "mirrorDescent", "compiler"]))
    #if !canImport(_Differentiation)
      declared.subtract(["compiler", "compilerStationary"])
    #endif
    let covered = Set(try ClosedFormTests.cases().map(\.constructor)).union(Self.firstOrderAlone)
    #expect(covered == declared)
  }
}
