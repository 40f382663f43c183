import Kernels

// Several right-hand sides iterated on together: each has its own system and its own scalars, and
// exactly the steps it has alone, but the products of all of them are one block product, which reads
// the operator once. A column that is done, or has failed, drops out.

extension PreparedIterativeSolver {
  /// More columns than this are solved in groups: by then every coefficient serves many of them, and
  /// the vectors of all columns should stay in a cache.
  private static var columnsAtOnce: Int { 16 }

  /// - Parameters:
  ///   - companion: a further system to run beside the first columns.
  ///   - companionEnded: called with the way it ended.
  func solveInLockstep<Stepped: SteppedMethod>(
    _ stepped: Stepped, _ columns: [[Double]], transposed: Bool, beside companion: Solve? = nil,
    companionEnded: (Result<Progress, LinearSolveError>) -> Void = { _ in }
  ) -> [Result<LinearSolution, LinearSolveError>] {
    stride(from: 0, to: columns.count, by: Self.columnsAtOnce).flatMap { first in
      solveGroup(
        stepped, columns[first..<min(first + Self.columnsAtOnce, columns.count)],
        transposed: transposed, beside: first == 0 ? companion : nil, companionEnded)
    }
  }

  private func solveGroup<Stepped: SteppedMethod>(
    _ stepped: Stepped, _ group: ArraySlice<[Double]>, transposed: Bool,
    beside companion: Solve?, _ companionEnded: (Result<Progress, LinearSolveError>) -> Void
  ) -> [Result<LinearSolution, LinearSolveError>] {
    var outcomes = [Result<LinearSolution, LinearSolveError>](
      repeating: .success(zero(transposed: transposed)), count: group.count)
    var running: [LockstepColumn<Stepped, Method>] = []
    for (place, b) in group.enumerated() {
      do {
        guard let solve = try start(b, transposed: transposed, initialGuess: nil) else { continue }
        running.append(LockstepColumn(place: place, solve: solve))
      } catch {
        outcomes[place] = .failure(error)
      }
    }
    if let companion { running.append(LockstepColumn(place: nil, solve: companion)) }
    /// Takes a column to its next product with `A`, or to its end: then `false`.
    func proceed(
      _ column: inout LockstepColumn<Stepped, Method>, _ failure: LinearSolveError?
    ) -> Bool {
      let end: Result<Progress, LinearSolveError>
      do throws(LinearSolveError) {
        if let failure { throw failure }
        let progress = try column.proceed(self, stepped)
        if case .unfinished = progress { return true }
        end = .success(progress)
      } catch {
        end = .failure(error)
      }
      guard let place = column.place else {
        companionEnded(end)
        return false
      }
      do throws(LinearSolveError) {
        outcomes[place] = .success(try solution(of: column.solve, try end.get()))
      } catch {
        outcomes[place] = .failure(error.scaled(by: column.solve.exponent))
      }
      return false
    }

    running = running.compactMap { column in
      var column = column
      return proceed(&column, nil) ? column : nil
    }
    let (m, n) = transposed ? (base.columnCount, base.rowCount) : (base.rowCount, base.columnCount)
    let directions = VectorArena(vectors: 1, length: n * running.count)
    let products = VectorArena(vectors: 1, length: m * running.count)
    while !running.isEmpty {
      for (k, column) in running.enumerated() {
        guard let direction = column.recurrence?.direction else { continue }
        (directions[0] + k * n).update(from: direction, count: n)
      }
      let failures = base.multiplyEach(
        directions[0], columns: running.count, into: products[0], transposed: transposed)
      running = running.enumerated().compactMap { k, column in
        var column = column
        column.recurrence?.product.update(from: products[0] + k * m, count: m)
        return proceed(&column, failures[k]) ? column : nil
      }
    }
    return outcomes
  }
}

/// One right-hand side among others.
private struct LockstepColumn<Stepped: SteppedMethod, Method: IterativeMethod> {
  /// Among the columns; `nil` for their companion.
  let place: Int?
  let solve: PreparedIterativeSolver<Method>.Solve

  /// The cycle under way, waiting for a product; `nil` before the first.
  private(set) var recurrence: Stepped.Recurrence?

  /// The residual norm that the cycle started from.
  private var previous = 0.0

  init(place: Int?, solve: PreparedIterativeSolver<Method>.Solve) {
    self.place = place
    self.solve = solve
  }

  /// Steps on, with the product in place, until the next one is needed (`unfinished`) or the solve
  /// has ended.
  mutating func proceed(
    _ solver: PreparedIterativeSolver<Method>, _ stepped: Stepped
  ) throws(LinearSolveError) -> PreparedIterativeSolver<Method>.Progress {
    let system = solve.system
    var progress = PreparedIterativeSolver<Method>.Progress.unfinished
    if let recurrence {
      system.finishProduct(recurrence.product)
      system.iterations += 1
      guard let outcome = try nextOutcome() else { return .unfinished }
      progress = try solver.verdict(on: system, after: outcome, from: previous)
    } else {
      progress = try solver.opening(solve)
    }
    while case .unfinished = progress {
      previous = try solver.residualToImprove(system)
      recurrence = try stepped.begin(system)
      if !system.isAtLimit { return .unfinished }
      progress = try solver.verdict(on: system, after: .limit, from: previous)
    }
    return progress
  }

  /// How the cycle ends at this step; `nil` if it goes on.
  private mutating func nextOutcome() throws(LinearSolveError) -> CycleOutcome? {
    if let outcome = try recurrence?.advance() { return outcome }
    return solve.system.isAtLimit ? .limit : nil
  }
}
