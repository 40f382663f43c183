import Synchronization

/// The evidence of a derivative, of which some is computed when it is read.
///
/// Whatever might refuse a derivative is computed with it. What only informs costs as much as the
/// derivative itself where it has to be measured, and most derivatives are used without their report.
/// Until it is read, the report keeps alive what it is computed from: the recording of the conditions
/// and the linear solver.
final class DeferredReport: Sendable {
  private struct State {
    var report: DerivativeReport
    var completion: (@Sendable (inout DerivativeReport) -> Void)?
  }

  private let state: Mutex<State>

  /// All that there is to know.
  init(_ report: DerivativeReport) {
    state = Mutex(State(report: report))
  }

  /// - Parameter completion: adds what is left out of `report`, the same whenever it is called. What it
  ///   throws becomes a warning.
  init(
    _ report: DerivativeReport,
    completingBy completion: @escaping @Sendable (inout DerivativeReport) throws -> Void
  ) {
    state = Mutex(
      State(
        report: report,
        completion: { report in
          do {
            try completion(&report)
          } catch {
            report.warnings.append("\(error)")
          }
        }))
  }

  /// What is known so far.
  var known: DerivativeReport { state.withLock { $0.report } }

  /// Whether something is left to be computed.
  var isPending: Bool { state.withLock { $0.completion != nil } }

  /// All of it. Readers on several threads may compute it twice, and get the same.
  var complete: DerivativeReport {
    var (report, completion) = state.withLock { ($0.report, $0.completion) }
    guard let completion else { return report }
    completion(&report)
    let completed = report
    state.withLock { $0 = State(report: completed, completion: nil) }
    return completed
  }
}
