import TracedTensors

/// The iteration of the interior-point method, on scaled data.
///
/// The direction solves
/// ```
/// Q Δy + AᵀΔν + GᵀΔλ = −(Q y + c + Aᵀν + Gᵀλ)
/// A Δy               = −(A y − b)
/// G Δy + Δs          = −(G y + s − h)
/// λ ∘ Δs + s ∘ Δλ    = r
/// ```
/// first with `r = −λ ∘ s` (predictor: straight to the solution), then with
/// `r = σ μ − λ ∘ s − Δλ ∘ Δs` (corrector), `σ` chosen by how far the predictor got.
///
/// Slacks are always eliminated. A multiplier is eliminated too where its constraint looks inactive,
/// `λᵢ ≤ sᵢ`; its quotient `λᵢ/sᵢ` is at most 1. The others stay, with `sᵢ/λᵢ` on the diagonal. So
/// the matrix is small, and no entry grows without limit as the path ends.
struct CentralPath {
  let program: QuadraticProgramData
  private let plain: QuadraticProgramData
  private(set) var point: PrimalDualPoint
  private(set) var iteration = 0
  private(set) var error: Double
  private(set) var failure: ForwardSolverError?
  private var stepLength = 0.0
  private var bestError = Double.infinity
  private var iterationsSinceBest = 0

  init(_ program: QuadraticProgramData) throws(ForwardSolverError) {
    self.program = program
    plain = program.plain
    do {
      point = try CentralPath.start(plain)
    } catch {
      throw .newtonStep(iteration: 0, error)
    }
    error = plain.error(at: point)
  }

  /// No better point for long, or a system that could not be solved.
  var isStuck: Bool { failure != nil || iterationsSinceBest >= 20 }

  /// `λᵀs / m`.
  private var complementarity: Double {
    let m = program.inequalityCount
    return m == 0 ? 0 : plainDot(point.lambda, point.s) / Double(m)
  }

  func iterate(_ scaling: QuadraticProgramScaling) -> InteriorPointIterate {
    InteriorPointIterate(
      iteration: iteration, point: scaling.point(point.y.withoutDerivative),
      complementarity: complementarity, residual: plain.residuals(at: point.plain).largest,
      stepLength: stepLength)
  }

  /// The least-squares start: inequalities as equations with an identity for `W`, then slacks and
  /// multipliers shifted to be positive. On plain numbers: the solution does not depend on it.
  private static func start(
    _ program: QuadraticProgramData
  ) throws(LinearSolveError) -> PrimalDualPoint {
    let (p, m) = (program.equalityCount, program.inequalityCount)
    let (C, r) = stacked(program)
    let W = Tensor([Double](repeating: 0, count: p) + [Double](repeating: 1, count: m))
    let (y, multipliers) = try KKTFactors(program.Q, C, W).solve(-program.c, r)
    let lambda = multipliers.slice(p..<p + m)
    return PrimalDualPoint(
      y: y, nu: multipliers.slice(0..<p), lambda: shiftedPositive(lambda),
      s: shiftedPositive(-lambda))
  }

  private static func stacked(_ program: QuadraticProgramData) -> (Tensor, Tensor) {
    (.concatenate([program.A, program.G]), .concatenate([program.b, program.h]))
  }

  private static func shiftedPositive(_ v: Tensor) -> Tensor {
    guard v.count > 0 else { return v }
    let lowest = v.min().scalar
    return lowest > 1e-3 ? v : v + Tensor(1 - lowest)
  }

  /// One predictor and corrector. A system that cannot be solved leaves the point and is kept as
  /// `failure`.
  mutating func advance() throws {
    iteration += 1
    // Nothing to gain: only an iteration of a fixed number comes here again.
    if error <= 1e-15 { return }
    do {
      try step()
    } catch let error as LinearSolveError {
      failure = .newtonStep(iteration: iteration, error)
      return
    }
    error = plain.error(at: point)
    if error < 0.9 * bestError {
      (bestError, iterationsSinceBest) = (error, 0)
    } else {
      iterationsSinceBest += 1
    }
  }

  private mutating func step() throws {
    let (lambda, s) = (point.lambda, point.s)
    let m = program.inequalityCount
    let residuals = program.residuals(at: point)
    if m == 0 {
      let factors = try KKTFactors(
        program.Q, program.A, .zeros([program.equalityCount]))
      let (dy, dnu) = try factors.solve(-residuals.stationarity, -residuals.equality)
      point = point.moved(
        along: PrimalDualPoint(y: dy, nu: dnu, lambda: lambda, s: s), by: 1)
      stepLength = 1
      return
    }
    let system = try NewtonSystem(program, point, residuals)
    let product = lambda * s
    let mu = complementarity
    let predictor = try system.direction(-product)
    let reach = CentralPath.longestStep(point, predictor)
    let reached = point.plain.moved(along: predictor.plain, by: reach)
    let ratio = plainDot(reached.lambda, reached.s) / (Double(m) * mu)
    let target = ratio * ratio * ratio * mu
    let corrector = try system.direction(
      Tensor(target) - product - predictor.lambda * predictor.s)
    // Closer and closer to the boundary as the path ends, for quadratic convergence.
    let fraction = 1 - Swift.min(0.01, mu)
    let longest = fraction * CentralPath.longestStep(point, corrector, limit: 1 / fraction)
    stepLength = Swift.min(1, longest)
    point = point.moved(along: corrector, by: stepLength)
  }

  /// The longest step up to `limit` along which slacks and multipliers do not become negative.
  private static func longestStep(
    _ point: PrimalDualPoint, _ direction: PrimalDualPoint, limit: Double = 1
  ) -> Double {
    let (point, direction) = (point.plain, direction.plain)
    var longest = limit
    for (values, changes) in [(point.s, direction.s), (point.lambda, direction.lambda)] {
      for (value, change) in zip(values.scalars, changes.scalars) where change < 0 {
        longest = Swift.min(longest, -value / change)
      }
    }
    return longest
  }
}

/// The linear system of a predictor and its corrector, factorised once.
private struct NewtonSystem {
  private let residuals: QuadraticProgramResiduals
  private let factors: KKTFactors
  private let G: Tensor
  private let lambda: Tensor
  private let s: Tensor
  /// Constraints whose multipliers stay in the system, and the others.
  private let kept: [Int]
  private let eliminated: [Int]
  private let keptRows: Tensor
  private let eliminatedRows: Tensor
  private let equalityCount: Int

  init(
    _ program: QuadraticProgramData, _ point: PrimalDualPoint,
    _ residuals: QuadraticProgramResiduals
  ) throws(LinearSolveError) {
    self.residuals = residuals
    G = program.G
    (lambda, s) = (point.lambda, point.s)
    equalityCount = program.equalityCount
    let pairs = zip(lambda.withoutDerivative.scalars, s.withoutDerivative.scalars)
    let looksActive = pairs.map { $0 > $1 }
    kept = looksActive.indices.filter { looksActive[$0] }
    eliminated = looksActive.indices.filter { !looksActive[$0] }
    keptRows = G.gathered(kept)
    eliminatedRows = G.gathered(eliminated)
    var H = program.Q
    if !eliminated.isEmpty {
      let weights = (lambda / s).gathered(eliminated).reshaped([eliminated.count, 1])
      H += matmul(eliminatedRows, weights * eliminatedRows, transposingLeft: true)
    }
    factors = try KKTFactors(
      H, .concatenate([program.A, keptRows]),
      .concatenate([.zeros([equalityCount]), (s / lambda).gathered(kept)]))
  }

  /// The direction for `λ ∘ Δs + s ∘ Δλ = r`.
  func direction(_ r: Tensor) throws(LinearSolveError) -> PrimalDualPoint {
    let m = lambda.count
    var upper = -residuals.stationarity
    let pull = (lambda * residuals.inequality + r) / s
    if !eliminated.isEmpty {
      upper -= matmul(eliminatedRows, pull.gathered(eliminated), transposingLeft: true)
    }
    let lower = (-residuals.inequality - r / lambda).gathered(kept)
    let solved = try factors.solve(upper, .concatenate([-residuals.equality, lower]))
    let dy = solved.upper
    let moved = matmul(G, dy)
    var dlambda = solved.lower.slice(equalityCount..<equalityCount + kept.count)
      .scattered(kept, count: m)
    if !eliminated.isEmpty {
      dlambda += (lambda / s * moved + pull).gathered(eliminated)
        .scattered(eliminated, count: m)
    }
    return PrimalDualPoint(
      y: dy, nu: solved.lower.slice(0..<equalityCount), lambda: dlambda,
      s: -residuals.inequality - moved)
  }
}
