import Foundation
import Measurement

/// What `PeerBenchmarks --growth` has written.
struct GrowthResults: Codable {
  /// One problem of one size.
  struct Row: Codable {
    var problem: String
    var n: Int
    var clock: String
    /// Seconds of processor time, which a tenth of the calls stay below.
    var low: Double?
    var median: Double?
    var calls: Int
    /// The relative error of the gradient, where it was compared.
    var error: Double?
    /// What a process occupied at most while it computed one gradient, beyond one with ten unknowns.
    var bytes: Int?
    /// The part of the time that the operating system used, for fresh memory mostly.
    var systemShare: Double?
    var failure: String?
  }

  var nativeCPU: Bool
  /// Bytes of the second- and the third-level cache, as far as the system tells.
  var caches: [Int]
  var rows: [Row]

  init(nativeCPU: Bool, caches: [Int], rows: [Row]) {
    self.nativeCPU = nativeCPU
    self.caches = caches
    self.rows = rows
  }

  init(file: String) throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: file))
    self = try JSONDecoder().decode(GrowthResults.self, from: data)
  }

  /// Writes what `init(file:)` reads, a line for each row.
  func write(to file: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    func line(_ value: some Encodable) throws -> String {
      String(decoding: try encoder.encode(value), as: UTF8.self)
    }
    let text = """
      {"nativeCPU": \(nativeCPU), "caches": \(caches), "rows": [
      \(try rows.map(line).joined(separator: ",\n"))
      ]}

      """
    try text.write(toFile: file, atomically: true, encoding: .utf8)
  }

  /// The sizes of a problem that were answered, ascending.
  func answered(_ problem: String) -> [Row] {
    rows.filter { $0.problem == problem && $0.low != nil }.sorted { $0.n < $1.n }
  }

  /// How many of the largest sizes an exponent is fitted to.
  static let fittedSizes = 4

  /// The exponent of time at the largest sizes.
  func timeExponent(_ problem: String) -> Double {
    fittedExponent(
      answered(problem).suffix(Self.fittedSizes).map { (Double($0.n), $0.low ?? .nan) })
  }

  /// The exponent of memory; `nil` where it was not measured.
  func memoryExponent(_ problem: String) -> Double? {
    let points = answered(problem).suffix(Self.fittedSizes).compactMap { row in
      row.bytes.map { (n: Double(row.n), value: Double($0)) }
    }
    return points.count < 2 || points.contains { $0.value <= 0 } ? nil : fittedExponent(points)
  }
}
