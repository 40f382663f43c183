import Kernels

// Several right-hand sides iterated on together: each has its own system and its own scalars, and
// exactly the steps it has alone, but the products of all of them are one block product, which reads
// the operator once. A column that is done, or has failed, drops out; the last one goes on by itself.

extension PreparedIterativeSolver {
  /// More columns than this are solved in groups: by then every coefficient serves many of them, and
  /// the vectors of all columns should stay in a cache. A method that keeps many vectors is to take no more
  /// memory than the others do, or 8 MB: where products are cheap, its bases fill the cache.
  private var columnsAtOnce: Int {
    let most = 16
    let length = max(base.rowCount, base.columnCount, 1)
    let vectorsAtOnce = max(most * Self.usualVectorCount, (1 << 20) / length)
    return min(max(vectorsAtOnce / method.vectorCount(count: length), 1), most)
  }

  /// That of conjugate gradients.
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
    var outcomes: [Result<LinearSolution, LinearSolveError>?] = []
    var columns: [LockstepColumn] = []
    columns.reserveCapacity(group.count + 1)
    for (place, b) in group.enumerated() {
      do {
        if let solve = try start(b, transposed: transposed, initialGuess: nil) {
          columns.append(LockstepColumn(place: place, solve: solve))
          outcomes.append(nil)
        } else {
          outcomes.append(.success(zero(transposed: transposed)))
        }
      } catch {
        outcomes.append(.failure(error))
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
    let block = LockstepProducts(
      base, rounded: roundedForm, transposed: transposed, columns: columns.count)
    while true {
      // Those that need another product move up to the front.
      var waiting = 0
      for k in columns.indices {
        if let end = ended(&columns[k]) {
          record(columns[k], end)
        } else {
          if waiting < k { columns.swapAt(waiting, k) }
          waiting += 1
        }
      }
      if waiting == 0 { return outcomes.compactMap(\.self) }
      if waiting < columns.count { columns.removeLast(columns.count - waiting) }
      if waiting == 1 {
        record(columns[0], outcome { () throws(LinearSolveError) in try finish(&columns[0]) })
        return outcomes.compactMap(\.self)
      }
      block.multiply(&columns)
    }
  }

  /// How a column has ended; `nil` if it needs another product.
  private func ended(
    _ column: inout LockstepColumn
  ) -> Result<IterativeProgress, LinearSolveError>? {
    var cycle: Result<CycleOutcome, LinearSolveError>?
    if column.next != nil {
      do throws(LinearSolveError) {
        guard let outcome = try column.advance() else { return nil }
        cycle = .success(outcome)
      } catch {
        cycle = .failure(error)
      }
    }
    let end = outcome { () throws(LinearSolveError) in try proceed(&column, after: cycle) }
    if case .success(.unfinished) = end { return nil }
    return end
  }

  /// How a column ends that needs a product, and gets all of them by itself.
  private func finish(
    _ column: inout LockstepColumn
  ) throws(LinearSolveError) -> IterativeProgress {
    let system = column.solve.system
    let cycle = outcome { () throws(LinearSolveError) in try column.finishCycle() }
    return try finish(system, from: try verdict(on: system, after: cycle, from: column.previous))
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

  /// Goes on, at the start of a solve or after a cycle, until a product is needed (`unfinished`) or the
  /// solve has ended.
  private func proceed(
    _ column: inout LockstepColumn, after cycle: Result<CycleOutcome, LinearSolveError>?
  ) throws(LinearSolveError) -> IterativeProgress {
    let system = column.solve.system
    var progress =
      if let cycle {
        try verdict(on: system, after: cycle, from: column.previous)
      } else {
        try opening(column.solve)
      }
    while case .unfinished = progress {
      column.previous = try residualToImprove(system)
      system.beginCycle()
      let cycle = outcome { () throws(LinearSolveError) in try method.steppedCycle(system) }
      if case .success(let cycle) = cycle {
        guard let cycle else { stop("\(method.name) cannot be halted before each product") }
        column.begin(cycle)
        if !system.isAtLimit { return .unfinished }
      }
      progress = try verdict(
        on: system, after: cycle.map { _ in .limit }, from: column.previous)
    }
    return progress
  }
}

/// One right-hand side among others.
private struct LockstepColumn {
  /// Among the columns; `nil` for their companion.
  let place: Int?
  let solve: IterativeSolve

  /// The cycle under way; `nil` before the first.
  private var recurrence: (any CycleRecurrence)?

  /// What the cycle waits for; `nil` before the first.
  private(set) var next: CycleProduct?

  /// The residual norm that the cycle started from.
  var previous = 0.0

  /// What its product has thrown.
  var failure: LinearSolveError?

  init(place: Int?, solve: IterativeSolve) {
    self.place = place
    self.solve = solve
  }

  mutating func begin(_ recurrence: any CycleRecurrence) {
    self.recurrence = recurrence
    next = self.recurrence?.nextProduct()
  }

  /// Steps to the end of the cycle, which waits for a product.
  mutating func finishCycle() throws(LinearSolveError) -> CycleOutcome {
    try recurrence?.finish() ?? .cycleEnd
  }

  /// One step, with the product in place; how the cycle ended, if it did.
  mutating func advance() throws(LinearSolveError) -> CycleOutcome? {
    if let failure { throw failure }
    let system = solve.system
    if let next { system.finishProduct(next.product) }
    system.iterations += 1
    if let outcome = try recurrence?.advance() { return outcome }
    next = recurrence?.nextProduct()
    return system.isAtLimit ? .limit : nil
  }
}

/// The products of all columns as one block; those of columns that iterate with a rounded operator are another.
private struct LockstepProducts: ~Copyable {
  private let base: any LinearOperator
  private let rounded: (any LinearOperator)?
  private let transposed: Bool
  private let inputCount: Int
  private let outputCount: Int
  /// Directions and products, side by side; not needed for a single column.
  private let vectors: VectorArena

  init(
    _ base: any LinearOperator, rounded: (any LinearOperator)?, transposed: Bool, columns: Int
  ) {
    self.base = base
    self.rounded = rounded
    self.transposed = transposed
    (inputCount, outputCount) =
      transposed ? (base.rowCount, base.columnCount) : (base.columnCount, base.rowCount)
    vectors = VectorArena(
      vectors: 2, length: columns > 1 ? max(inputCount, outputCount) * columns : 0)
  }

  /// Multiplies the direction of each of several columns, or notes what its product throws.
  func multiply(_ columns: inout [LockstepColumn]) {
    guard let rounded else { return multiply(&columns, places: columns.indices, with: base) }
    // First those with the one operator, then those with the other.
    let count = columns.partition { !$0.solve.system.isRounded }
    multiply(&columns, places: 0..<count, with: rounded)
    multiply(&columns, places: count..<columns.count, with: base)
  }

  private func multiply(
    _ columns: inout [LockstepColumn], places: Range<Int>, with A: any LinearOperator
  ) {
    if places.isEmpty { return }
    for (j, k) in places.enumerated() {
      guard let direction = columns[k].next?.direction else { continue }
      (vectors[0] + j * inputCount).update(from: direction, count: inputCount)
    }
    let failures = A.multiplyEach(
      vectors[0], columns: places.count, into: vectors[1], transposed: transposed)
    for (j, k) in places.enumerated() {
      columns[k].failure = failures[j]
      columns[k].next?.product.update(from: vectors[1] + j * outputCount, count: outputCount)
    }
  }
}
