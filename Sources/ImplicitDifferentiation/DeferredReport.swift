import Synchronization

/// The evidence of a derivative, of which some is computed when it is read.
///
/// Whatever refuses a derivative, as a rule, is computed with it (``Certifier/mayWait(_:transposed:)``).
/// What only informs costs as much as the derivative itself where it has to be measured, and most
/// derivatives are used without their report. Until it is read, the report keeps alive what it is
/// computed from: the recording of the conditions and the linear solver.
final class DeferredReport: Sendable {
  /// Adds something to a report, the same whenever it is called.
  typealias Completion = @Sendable (inout DerivativeReport) throws -> Void

  private struct State {
    var report: DerivativeReport
    var completions: [Completion]
  }

  private let state: Mutex<State>

  /// - Parameter completions: what is left to be added to `report`.
  init(_ report: DerivativeReport, completingBy completions: [Completion] = []) {
    state = Mutex(State(report: report, completions: completions))
  }

  /// What is known so far.
  var known: DerivativeReport { state.withLock { $0.report } }

  /// Whether something is left to be computed.
  var isPending: Bool { state.withLock { !$0.completions.isEmpty } }

  /// All of it; errors are warnings, for the derivative has been returned already.
  var complete: DerivativeReport {
    completed { error, report in report.warnings.append("\(error)") }
  }

  /// All of it, where errors can still be thrown.
  func completed() throws -> DerivativeReport {
    try completed { error, _ in throw error }
  }

  /// Readers on several threads may compute it twice, and get the same.
  private func completed(
    _ failed: (any Error, inout DerivativeReport) throws -> Void
  ) rethrows -> DerivativeReport {
    var state = self.state.withLock { $0 }
    if state.completions.isEmpty { return state.report }
    for completion in state.completions {
      do {
        try completion(&state.report)
      } catch {
        try failed(error, &state.report)
      }
    }
    state.completions = []
    let completed = state
    self.state.withLock { $0 = completed }
    return completed.report
  }
}
