import Foundation

/// What a build without `NativeCPU` has measured of ours alone, with `--json`.
struct PlainBuild {
  private struct Row: Decodable {
    var problem: String
    var n: Int
    var clock: String
    var low: Double?
  }

  private let rows: [Row]

  init(file: String) throws {
    rows = try JSONDecoder().decode(
      [Row].self, from: try Data(contentsOf: URL(fileURLWithPath: file)))
  }

  /// Seconds, which a tenth of the calls stay below.
  func low(_ problem: String, _ n: Int, _ clock: String) -> Double? {
    rows.first { $0.problem == problem && $0.n == n && $0.clock == clock }?.low
  }
}
