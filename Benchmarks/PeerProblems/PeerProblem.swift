/// A problem that other libraries solve too, from the same bits.
///
/// Its arrays are drawn by `SplitMix64` in a fixed order with additions, subtractions,
/// multiplications and divisions alone, so that any language can repeat them.
package protocol PeerProblem: Sendable {
  /// How it is called in tables and on command lines.
  static var name: String { get }

  /// The sizes that are compared.
  static var sizes: [Int] { get }

  init(count n: Int)

  /// The arrays drawn, by name, row-major.
  var data: [(name: String, values: [Double])] { get }

  /// What is timed.
  var tasks: [PeerTask] { get throws }
}

/// One thing that is timed, with the right answer.
package struct PeerTask {
  /// What is inside the clock.
  package enum Clock: String, CaseIterable, Sendable {
    /// From the data to the gradient: the forward solve, and everything that a derivative needs.
    case solveAndGradient = "solve+gradient"
    /// One pullback at a given solution, from recording the conditions to the answer.
    case cold
    /// One more pullback where another one was taken before.
    case warm
    /// One pushforward at a given solution, from recording the conditions to the answer.
    case coldPushforward = "cold pushforward"
    /// One more pushforward where another one was taken before.
    case warmPushforward = "warm pushforward"
  }

  package let clock: Clock

  /// The derivative wanted, by the library.
  package let run: () throws -> [Double]

  /// The same without the library: by another method, in loops, slowly.
  package let reference: () throws -> [Double]

  package init(
    _ clock: Clock, run: @escaping () throws -> [Double],
    reference: @escaping () throws -> [Double]
  ) {
    self.clock = clock
    self.run = run
    self.reference = reference
  }
}

/// The problems, in the order of the tables.
package let peerProblems: [any PeerProblem.Type] = [
  Ridge.self, QuadraticMinimum.self, EntropicPlan.self, Bratu.self, SoftmaxByKKT.self,
  SoftmaxByMirrorDescent.self,
  NonsymmetricTridiagonal.self, SymmetricTridiagonal.self, RidgeMechanism.self,
]
