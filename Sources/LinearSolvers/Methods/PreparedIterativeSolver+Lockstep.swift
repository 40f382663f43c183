import Kernels

// Several right-hand sides iterated on together: each has its own system and its own scalars, and
// exactly the steps it has alone, but the products of all of them are one block product, which reads
// the operator once. A column that is done, or has failed, drops out.
//
// Columns are no generics of the method: the loop below runs at every step of every solve, and one that
// is not specialised spends more on looking up types than a small product costs.

extension PreparedIterativeSolver {
  /// More columns than this are solved in groups: by then every coefficient serves many of them, and
  /// the vectors of all columns should stay in a cache.
  private static var columnsAtOnce: Int { 16 }

  /// - Parameters:
  ///   - companion: a further system to run beside the first columns.
  ///   - companionEnded: called with the way it ended.
  func solveInLockstep(
    _ stepped: any SteppedMethod, _ columns: [[Double]], transposed: Bool,
    beside companion: IterativeSolve? = nil,
    companionEnded: (Result<IterativeProgress, LinearSolveError>) -> Void = { _ in }
  ) -> [Result<LinearSolution, LinearSolveError>] {
    stride(from: 0, to: columns.count, by: Self.columnsAtOnce).flatMap { first in
      solveGroup(
        stepped, columns[first..<min(first + Self.columnsAtOnce, columns.count)],
        transposed: transposed, beside: first == 0 ? companion : nil, companionEnded)
    }
  }

  private func solveGroup(
    _ stepped: any SteppedMethod, _ group: ArraySlice<[Double]>, transposed: Bool,
    beside companion: IterativeSolve?,
    _ companionEnded: (Result<IterativeProgress, LinearSolveError>) -> Void
  ) -> [Result<LinearSolution, LinearSolveError>] {
    var outcomes = [Result<LinearSolution, LinearSolveError>](
      repeating: .success(zero(transposed: transposed)), count: group.count)
    var columns: [LockstepColumn] = []
    for (place, b) in group.enumerated() {
      do {
        guard let solve = try start(b, transposed: transposed, initialGuess: nil) else { continue }
        columns.append(LockstepColumn(place: place, solve: solve))
      } catch {
        outcomes[place] = .failure(error)
      }
    }
    if let companion { columns.append(LockstepColumn(place: nil, solve: companion)) }
    /// Whether a column needs another product; where it does not, its outcome is known.
    func goesOn(_ column: LockstepColumn) -> Bool {
      let end: Result<IterativeProgress, LinearSolveError>
      do throws(LinearSolveError) {
        let progress = try proceed(column, stepped)
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
    columns.removeAll { !goesOn($0) }
    let block = LockstepProducts(base, transposed: transposed, columns: columns.count)
    while !columns.isEmpty {
      block.multiply(columns)
      columns.removeAll { !goesOn($0) }
    }
    return outcomes
  }

  /// Steps on, with the product in place, until the next one is needed (`unfinished`) or the solve
  /// has ended.
  private func proceed(
    _ column: LockstepColumn, _ stepped: any SteppedMethod
  ) throws(LinearSolveError) -> IterativeProgress {
    let system = column.solve.system
    var progress: IterativeProgress
    if column.recurrence == nil {
      progress = try opening(column.solve)
    } else {
      guard let outcome = try column.advance() else { return .unfinished }
      progress = try verdict(on: system, after: outcome, from: column.previous)
    }
    while case .unfinished = progress {
      column.previous = try residualToImprove(system)
      column.begin(try stepped.begin(system))
      if !system.isAtLimit { return .unfinished }
      progress = try verdict(on: system, after: .limit, from: column.previous)
    }
    return progress
  }
}

/// One right-hand side among others.
private final class LockstepColumn {
  /// Among the columns; `nil` for their companion.
  let place: Int?
  let solve: IterativeSolve

  /// The cycle under way, waiting for a product; `nil` before the first.
  private(set) var recurrence: (any CycleRecurrence)?

  /// What it waits for; of the recurrence, which is not to be copied at each step.
  private(set) var direction: UnsafePointer<Double>?
  private(set) var product: UnsafeMutablePointer<Double>?

  /// The residual norm that the cycle started from.
  var previous = 0.0

  /// What its product has thrown.
  var failure: LinearSolveError?

  init(place: Int?, solve: IterativeSolve) {
    self.place = place
    self.solve = solve
  }

  func begin(_ recurrence: any CycleRecurrence) {
    self.recurrence = recurrence
    direction = recurrence.direction
    product = recurrence.product
  }

  /// One step, with the product in place; how the cycle ended, if it did.
  func advance() throws(LinearSolveError) -> CycleOutcome? {
    if let failure { throw failure }
    let system = solve.system
    if let product { system.finishProduct(product) }
    system.iterations += 1
    if let outcome = try recurrence?.advance() { return outcome }
    return system.isAtLimit ? .limit : nil
  }
}

/// The products of all columns as one block.
private struct LockstepProducts: ~Copyable {
  private let base: any LinearOperator
  private let transposed: Bool
  private let inputCount: Int
  private let outputCount: Int
  private let directions: VectorArena
  private let products: VectorArena

  init(_ base: any LinearOperator, transposed: Bool, columns: Int) {
    self.base = base
    self.transposed = transposed
    (inputCount, outputCount) =
      transposed ? (base.rowCount, base.columnCount) : (base.columnCount, base.rowCount)
    directions = VectorArena(vectors: 1, length: inputCount * columns)
    products = VectorArena(vectors: 1, length: outputCount * columns)
  }

  /// Multiplies the direction of each column, or notes what its product throws.
  func multiply(_ columns: [LockstepColumn]) {
    if columns.count == 1, let direction = columns[0].direction, let product = columns[0].product {
      columns[0].failure = nil
      do {
        try base.multiply(direction, into: product, transposed: transposed)
      } catch {
        columns[0].failure = error
      }
      return
    }
    for (k, column) in columns.enumerated() {
      guard let direction = column.direction else { continue }
      (directions[0] + k * inputCount).update(from: direction, count: inputCount)
    }
    let failures = base.multiplyEach(
      directions[0], columns: columns.count, into: products[0], transposed: transposed)
    for (k, column) in columns.enumerated() {
      column.failure = failures[k]
      column.product?.update(from: products[0] + k * outputCount, count: outputCount)
    }
  }
}
