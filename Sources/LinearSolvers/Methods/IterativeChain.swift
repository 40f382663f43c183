/// Iterative methods tried one after the other, and elimination as the last resort.
struct IterativeChain: PreparedLinearSolver, TriesRegularity {
  let methods: [any PreparedLinearSolver]
  let fallback: LazyFactorization?
  /// What is known from a try beforehand, if that showed a regular operator.
  let evidence: RegularityEvidence?
  let methodDescription: String
  /// Each method, if it can be asked.
  private let trying: [(any TriesRegularity)?]
  /// For each method, itself after the singularity probe.
  private let probed: [LazyFactorization]

  /// From this condition number on, which leaves three digits, a solution is taken for one of many
  /// until a random right-hand side has been solved with as well.
  private static var suspectCondition: Double { 1e13 }

  init(
    base: any LinearOperator, methods: [any PreparedLinearSolver], fallback: LazyFactorization?,
    evidence: RegularityEvidence?, methodDescription: String
  ) {
    self.methods = methods
    trying = methods.map { $0 as? any TriesRegularity }
    self.evidence = evidence?.isRegular == true ? evidence : nil
    self.fallback = fallback
    self.methodDescription = methodDescription
    probed = methods.map {
      LazyFactorization(base: base, solver: ProbedForSingularity(method: $0))
    }
  }

  func solve(
    _ b: [Double], transposed: Bool, initialGuess: [Double]?
  ) throws(LinearSolveError) -> LinearSolution {
    let outcomes = attempt(columns: 1) { prepared, _ in
      [
        outcome { () throws(LinearSolveError) in
          try prepared.solve(b, transposed: transposed, initialGuess: initialGuess)
        }
      ]
    }
    return try outcomes[0].get()
  }

  func solveEach(
    _ columns: [[Double]], transposed: Bool
  ) -> [Result<LinearSolution, LinearSolveError>] {
    attempt(columns: columns.count) { prepared, places in
      prepared.solveEach(places.map { columns[$0] }, transposed: transposed)
    }
  }

  var operatorNormEstimate: Double? {
    for case let method? in trying {
      if let known = method.operatorNormEstimate { return known }
    }
    return nil
  }

  var triesBesideSolves: Bool { trying[0]?.triesBesideSolves ?? false }

  /// By the first method that finds one.
  func roughSolution(_ b: [Double]) -> LinearSolution? {
    for case let method? in trying {
      if let solution = method.roughSolution(b) { return solution }
    }
    return nil
  }

  /// By the first method that can tell, and else by the factors.
  func triedRegularity(
    transposed: Bool, fully: Bool
  ) throws(LinearSolveError) -> RegularityEvidence {
    if let evidence, !fully { return evidence }
    return try triedRegularity(by: trying[...], transposed: transposed, fully: fully)
  }

  private func triedRegularity(
    by methods: ArraySlice<(any TriesRegularity)?>, transposed: Bool, fully: Bool = false
  ) throws(LinearSolveError) -> RegularityEvidence {
    for case let method? in methods {
      let evidence = try method.triedRegularity(transposed: transposed, fully: fully)
      if evidence.isRegular { return evidence }
    }
    return evidenceOfFactors
  }

  /// What the factors know, where no method can solve with a random right-hand side: few derivatives will
  /// do without them then.
  private var evidenceOfFactors: RegularityEvidence {
    guard let condition = (try? fallback?.factorized())?.condition else { return .none }
    return RegularityEvidence(of: condition) ?? .none
  }

  /// Each method tries beside its solves, until one can tell.
  func solveEachTryingRegularity(
    _ columns: [[Double]], transposed: Bool
  ) -> (
    solutions: [Result<LinearSolution, LinearSolveError>],
    evidence: Result<RegularityEvidence, LinearSolveError>
  ) {
    if let evidence { return (solveEach(columns, transposed: transposed), .success(evidence)) }
    var found = Result<RegularityEvidence, LinearSolveError>.success(.none)
    /// The methods that were asked. (A try that has thrown has told.)
    var asked = 0
    func isOpen() -> Bool {
      if case .success(let evidence) = found { return !evidence.isRegular }
      return false
    }
    let solutions = attempt(columns: columns.count) { prepared, places in
      let columns = places.map { columns[$0] }
      guard isOpen(), let trying = prepared as? any TriesRegularity else {
        return prepared.solveEach(columns, transposed: transposed)
      }
      let both = trying.solveEachTryingRegularity(columns, transposed: transposed)
      found = both.evidence
      asked += 1
      return both.solutions
    }
    if isOpen() {
      found = outcome { () throws(LinearSolveError) in
        try triedRegularity(by: trying.dropFirst(asked), transposed: transposed)
      }
    }
    return (solutions, found)
  }

  /// The outcome, or the failure of the singularity probe where the outcome calls for it.
  private func regular(
    _ solved: Result<LinearSolution, LinearSolveError>, _ probed: LazyFactorization
  ) -> Result<LinearSolution, LinearSolveError> {
    guard case .success(let solution) = solved, let condition = solution.conditionEstimate,
      condition >= Self.suspectCondition
    else { return solved }
    return outcome { () throws(LinearSolveError) in
      _ = try probed.factorized()
      return solution
    }
  }

  /// Each method is tried on the columns that the ones before it did not solve.
  private func attempt(
    columns count: Int,
    _ solve: (any PreparedLinearSolver, _ places: [Int]) -> [Result<
      LinearSolution, LinearSolveError
    >]
  ) -> [Result<LinearSolution, LinearSolveError>] {
    let untried = LinearSolveError.exhausted(
      tried: [], reason: .breakdown(quantity: "the list of methods", iteration: 0))
    var outcomes = [Result<LinearSolution, LinearSolveError>](
      repeating: .failure(untried), count: count)
    var tried = [[String]](repeating: [], count: count)
    var telling = [LinearSolveError?](repeating: nil, count: count)
    var open = Array(0..<count)
    for (method, probed) in zip(methods, probed) where !open.isEmpty {
      var failed: [Int] = []
      for (place, solved) in zip(open, solve(method, open)) {
        let outcome = regular(solved, probed)
        outcomes[place] = outcome
        // Another method would fail on an input in the same way.
        guard case .failure(let error) = outcome, !error.isAboutInput else { continue }
        tried[place].append(method.methodDescription)
        telling[place] = error.moreTelling(than: telling[place])
        failed.append(place)
      }
      open = failed
    }
    if let fallback, !open.isEmpty {
      let solved: [Result<LinearSolution, LinearSolveError>]
      do {
        solved = solve(try fallback.factorized(), open)
      } catch {
        solved = open.map { _ in .failure(error) }
      }
      var failed: [Int] = []
      for (place, outcome) in zip(open, solved) {
        outcomes[place] = outcome
        guard case .failure(let error) = outcome else { continue }
        tried[place].append("dense LU")
        telling[place] = error.moreTelling(than: telling[place])
        failed.append(place)
      }
      open = failed
    }
    for place in open {
      guard let reason = telling[place] else { continue }
      outcomes[place] = .failure(.exhausted(tried: tried[place], reason: reason))
    }
    return outcomes
  }
}

extension LinearSolveError {
  /// Whether the error is about a vector, a size or a product, and not about the method.
  var isAboutInput: Bool {
    switch self {
    case .sizeMismatch, .notFinite, .underflow, .productFailed, .notSquare, .notBanded,
      .structureMismatch:
      true
    default: false
    }
  }

  /// How much the error says about the system rather than about the method that failed.
  private var rank: Int {
    switch self {
    case .singular: 5
    case .inconsistent, .singularityProbeFailed: 4
    case .illConditioned: 3
    case .inaccurate: 2
    case .stagnated, .notConverged: 1
    default: 0
    }
  }

  /// The error of the two that says more about the system; the later one if they say the same.
  fileprivate func moreTelling(than other: LinearSolveError?) -> LinearSolveError {
    guard let other else { return self }
    return rank >= other.rank ? self : other
  }
}
