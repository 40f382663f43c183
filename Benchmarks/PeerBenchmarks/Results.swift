import Foundation

/// What `Benchmarks/peers/compare.py` has written.
struct Results: Decodable {
  struct Machine: Decodable {
    var processor: String
    var cores: Int
    var system: String
  }

  struct Build: Decodable {
    var nativeCPU: Bool
  }

  /// A contestant on one problem, size and clock.
  struct Row: Decodable {
    var problem: String
    var n: Int
    var clock: String
    var contestant: String
    /// Seconds, which half of the calls stay below; absent where nothing was timed.
    var median: Double?
    /// Seconds, which a tenth of the calls stay below.
    var low: Double?
    var error: Double?
    var failure: String?
    /// Seconds before the first call: compilation, mostly.
    var preparation: Double?
    var peakBytes: Int?

    var isOurs: Bool { contestant == "ImplicitDifferentiation" }
  }

  /// The contestants on one problem, size and clock.
  struct Group {
    var n: Int
    var clock: String
    var ours: Row
    var peers: [Row]

    /// The fastest peer whose gradient is right to five digits.
    var best: Row? {
      peers.filter { $0.low != nil && ($0.error ?? 1) <= Results.largestError }
        .min { ($0.low ?? 0) < ($1.low ?? 0) }
    }

    /// Our low time divided by theirs.
    var ratio: Double? {
      guard let ours = ours.low, let theirs = best?.low else { return nil }
      return ours / theirs
    }
  }

  /// Gradients with more error than this do not compete.
  static let largestError = 1e-5

  var machine: Machine
  var build: Build
  var python: String
  var versions: [String: String?]
  var rounds: Int
  var seconds: Double
  var rows: [Row]

  init(file: String) throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: file))
    self = try JSONDecoder().decode(Results.self, from: data)
  }

  /// The groups of a problem for one of these clocks, by size.
  func groups(_ problem: String, clock: String) -> [Group] {
    let selected = rows.filter { $0.problem == problem && $0.clock == clock }
    return Set(selected.map(\.n)).sorted().compactMap { n in
      let group = selected.filter { $0.n == n }
      guard let ours = group.first(where: \.isOurs) else { return nil }
      return Group(n: n, clock: clock, ours: ours, peers: group.filter { !$0.isOurs })
    }
  }

  /// All groups of a problem, clock by clock.
  func groups(_ problem: String) -> [Group] {
    let clocks = rows.filter { $0.problem == problem }.map(\.clock)
    let inOrder = clocks.enumerated().filter { clocks.firstIndex(of: $1) == $0 }.map(\.element)
    return inOrder.flatMap { groups(problem, clock: $0) }
  }
}
