import Kernels

// Several right-hand sides iterated on together: each has its own system and its own scalars, and
// exactly the steps it has alone, but the products of all of them are one block product, which reads
// the operator once. A column that is done, or has failed, drops out.

extension PreparedIterativeSolver {
  /// More columns than this are solved in groups: by then every coefficient serves many of them, and
  /// the vectors of all columns should stay in a cache. A method that keeps many vectors is to take no more
  /// memory than the others do, or 32 MB.
  private var columnsAtOnce: Int {
    let (most, vectors) = (16, method.vectorCount(count: base.columnCount))
    let length = max(base.rowCount, base.columnCount, 1)
    let vectorsAtOnce = max(most * Self.usualVectorCount, (1 << 22) / length)
    return min(max(vectorsAtOnce / vectors, 1), most)
  }

  /// Those of conjugate gradients, and two for directions and products side by side.
  private static var usualVectorCount: Int { 8 }

  /// - Parameters:
  ///   - companion: a further system to run beside the first columns.
  ///   - companionEnded: called with the way it ended.
  func solveInLockstep(
    _ columns: [[Double]], transposed: Bool,
    beside companion: IterativeSolve? = nil,
    companionEnded: (Result<IterativeProgress, LinearSolveError>) -> Void = { _ in }
  ) -> [Result<LinearSolution, LinearSolveError>] {
    let columnsAtOnce = columnsAtOnce
    return stride(from: 0, to: columns.count, by: columnsAtOnce).flatMap { first in
      solveGroup(
        columns[first..<min(first + columnsAtOnce, columns.count)],
        transposed: transposed, beside: first == 0 ? companion : nil, companionEnded)
    }
  }

  private func solveGroup(
    _ group: ArraySlice<[Double]>, transposed: Bool, beside companion: IterativeSolve?,
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
    func record(_ column: LockstepColumn, _ end: Result<IterativeProgress, LinearSolveError>) {
      if let place = column.place {
        outcomes[place] = answer(to: column.solve, end)
      } else {
        companionEnded(end)
      }
    }
    let block = LockstepProducts(base, transposed: transposed, columns: columns.count)
    while true {
      // Those that need another product move up to the front.
      var waiting = 0
      for k in columns.indices {
        let column = columns[k]
        if let end = ended(column) {
          record(column, end)
        } else {
          columns[waiting] = column
          waiting += 1
        }
      }
      if waiting == 0 { return outcomes }
      columns.removeLast(columns.count - waiting)
      if waiting == 1 {
        let last = columns[0]
        record(last, outcome { () throws(LinearSolveError) in try finish(last) })
        return outcomes
      }
      block.multiply(columns)
    }
  }

  /// How a column has ended; `nil` if it needs another product.
  private func ended(
    _ column: LockstepColumn
  ) -> Result<IterativeProgress, LinearSolveError>? {
    do throws(LinearSolveError) {
      let progress = try proceed(column)
      if case .unfinished = progress { return nil }
      return .success(progress)
    } catch {
      return .failure(error)
    }
  }

  /// How a column ends that needs a product, and gets all of them by itself.
  private func finish(_ column: LockstepColumn) throws(LinearSolveError) -> IterativeProgress {
    let system = column.solve.system
    let outcome = try column.finishCycle()
    return try finish(system, from: try verdict(on: system, after: outcome, from: column.previous))
  }

  private func answer(
    to solve: IterativeSolve, _ end: Result<IterativeProgress, LinearSolveError>
  ) -> Result<LinearSolution, LinearSolveError> {
    do throws(LinearSolveError) {
      return .success(try solution(of: solve, try end.get()))
    } catch {
      return .failure(error.scaled(by: solve.exponent))
    }
  }

  /// Steps on, with the product in place, until the next one is needed (`unfinished`) or the solve
  /// has ended.
  private func proceed(
    _ column: LockstepColumn
  ) throws(LinearSolveError) -> IterativeProgress {
    let system = column.solve.system
    var progress: IterativeProgress
    if column.hasBegun {
      guard let outcome = try column.advance() else { return .unfinished }
      progress = try verdict(on: system, after: outcome, from: column.previous)
    } else {
      progress = try opening(column.solve)
    }
    while case .unfinished = progress {
      column.previous = try residualToImprove(system)
      guard let cycle = try method.steppedCycle(system) else {
        stop("\(method.name) cannot be halted before each product")
      }
      column.begin(cycle)
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
  private var recurrence: (any CycleRecurrence)?

  // Of the recurrence, which is not to be copied at each step.

  private(set) var hasBegun = false

  /// What it waits for.
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
    hasBegun = true
    direction = recurrence.direction
    product = recurrence.product
  }

  /// Steps to the end of the cycle, which waits for a product.
  func finishCycle() throws(LinearSolveError) -> CycleOutcome {
    try recurrence?.finish() ?? .cycleEnd
  }

  /// One step, with the product in place; how the cycle ended, if it did.
  func advance() throws(LinearSolveError) -> CycleOutcome? {
    if let failure { throw failure }
    let system = solve.system
    if let product { system.finishProduct(product) }
    system.iterations += 1
    if let outcome = try recurrence?.advance() { return outcome }
    direction = recurrence?.direction
    product = recurrence?.product
    return system.isAtLimit ? .limit : nil
  }
}

/// The products of all columns as one block.
private struct LockstepProducts: ~Copyable {
  private let base: any LinearOperator
  private let transposed: Bool
  private let inputCount: Int
  private let outputCount: Int
  /// Directions and products, side by side; not needed for a single column.
  private let vectors: VectorArena

  init(_ base: any LinearOperator, transposed: Bool, columns: Int) {
    self.base = base
    self.transposed = transposed
    (inputCount, outputCount) =
      transposed ? (base.rowCount, base.columnCount) : (base.columnCount, base.rowCount)
    vectors = VectorArena(
      vectors: 2, length: columns > 1 ? max(inputCount, outputCount) * columns : 0)
  }

  /// Multiplies the direction of each of several columns, or notes what its product throws.
  func multiply(_ columns: [LockstepColumn]) {
    for (k, column) in columns.enumerated() {
      guard let direction = column.direction else { continue }
      (vectors[0] + k * inputCount).update(from: direction, count: inputCount)
    }
    let failures = base.multiplyEach(
      vectors[0], columns: columns.count, into: vectors[1], transposed: transposed)
    for (k, column) in columns.enumerated() {
      column.failure = failures[k]
      column.product?.update(from: vectors[1] + k * outputCount, count: outputCount)
    }
  }
}
