import Comparison
import ImplicitDifferentiation
import LiteratePages

// There is a derivative, and the method that was asked for cannot find it.

/// The solution of `M y = x` at x = 0: all that matters is the system of the derivative.
private func system(_ M: Tensor, _ solver: any LinearSolver) -> ImplicitFunction<Tensor, Tensor> {
  ImplicitFunction(
    forward: { x in 0 * x }, conditions: .root { x, y in matmul(M, y) - x }, linearSolver: solver)
}

/// The derivative of `M y = x` along `tangent`, by a method.
private func derivative(
  of M: Tensor, _ solver: any LinearSolver, along tangent: Tensor = [1, 0],
  errorLimit: Double? = Certification().errorLimit
) throws -> Derivative<Tensor> {
  var function = system(M, solver)
  function.certification.errorLimit = errorLimit
  return try function.pushforward(at: 0 * tangent, tangent)
}

/// A quarter turn: no direction is stretched, ⟨p, A p⟩ = 0 for all of them.
private let skew: Tensor = [[0, -1], [1, 0]]

/// `v ↦ −v″` between fixed ends, with 50 unknowns.
private let laplacian: Tensor = {
  let n = 50
  let one = Tensor.identity(n)
  let shift =
    one.gathered(Array(1..<n) + [0])
    * Tensor((0..<n).map { $0 == n - 1 ? 0 : 1 })
    .expanded(atAxis: 1)
  return 2 * one - shift - shift.transposed()
}()

/// Each number to the place of the one before it, once around; its order is `n`.
private func rotation(_ n: Int) -> Tensor {
  Tensor.identity(n).gathered(Array(1..<n) + [0])
}

/// e₀.
private func unit(_ n: Int) -> Tensor { Tensor((0..<n).map { $0 == 0 ? 1 : 0 }) }

/// A y = x with A = (2, 1; 0, 3), its products written by hand.
private func byHand(
  transposed: @escaping @Sendable (Tensor) -> Tensor, input: Double = -1
) -> ImplicitFunction<Tensor, Tensor> {
  let M: Tensor = [[2, 1], [0, 3]]
  return ImplicitFunction(
    forward: { x in 0 * x },
    conditions: .products(
      residual: { x, y in matmul(M, y) - x },
      solutionProduct: { _, _, v in matmul(M, v) },
      transposedSolutionProduct: { _, _, u in transposed(u) },
      inputProduct: { _, _, v in -v },
      transposedInputProduct: { _, _, u in Tensor(input) * u }))
}

extension HostileInput {
  static let linearSystems: [HostileInput] = [
    .refused(
      .linearSystem,
      "conjugate gradients on `[[2, 1], [0, 2]]`, which is not symmetric",
      { _ = try derivative(of: [[2, 1], [0, 2]], ConjugateGradient()) },
      by: { error in
        guard case .notSymmetric(let d)? = linearSolveError(in: error) else { return false }
        return d > 0.01
      }),
    .refused(
      .linearSystem,
      "conjugate gradients on `[[1, 2], [2, 1]]`, which is indefinite",
      { _ = try derivative(of: [[1, 2], [2, 1]], ConjugateGradient(), along: [1, -1]) },
      by: { error in
        guard case .notPositiveDefinite(_, let c)? = linearSolveError(in: error) else {
          return false
        }
        return c < 0 && c >= -1 - 1e-12
      }),
    .refused(
      .linearSystem, "Cholesky's method on the same", isShown: false,
      { _ = try derivative(of: [[1, 2], [2, 1]], CholeskySolver()) },
      by: { error in
        guard case .notPositiveDefinite(1, let c)? = linearSolveError(in: error) else {
          return false
        }
        return c < 0
      }),
    .refused(
      .linearSystem, "conjugate gradients on a quarter turn", isShown: false,
      { _ = try derivative(of: skew, ConjugateGradient()) },
      by: { error in
        guard case .notSymmetric(let d)? = linearSolveError(in: error) else { return false }
        return d > 0.1
      }),
    .refused(
      .linearSystem, "a quarter turn, `[[0, -1], [1, 0]]`, by BiCGStab",
      { _ = try derivative(of: skew, BiCGStab()) },
      by: { error in
        guard case .breakdown? = linearSolveError(in: error) else { return false }
        return true
      }),
    .refused(
      .linearSystem, "the quarter turn by Neumann's series", isShown: false,
      { _ = try derivative(of: skew, NeumannSeries()) },
      by: { error in
        guard case .diverged(_, let r, _)? = linearSolveError(in: error) else { return false }
        return r > 1e8
      }),
    .answered(
      .linearSystem, "the quarter turn by GMRES, by LU, by whatever `Automatic` chooses",
      {
        let solvers: [any LinearSolver] = [GMRES(), LUSolver(), Automatic()]
        let answers = try solvers.map { try derivative(of: skew, $0).value.scalars }
        return (
          "\(answers.map { PageCell($0).text }.joined(separator: ", ")).",
          answers.allSatisfy { $0[0].magnitude < 1e-14 && near($0[1], -1, within: 1e-14) }
        )
      }),
    .refused(
      .linearSystem, "Neumann's series on 3: the factor from term to term is $1 - 3 = -2$",
      { _ = try derivative(of: [[3]], NeumannSeries(), along: [1]) },
      by: { error in
        // The residual is 2ᵏ, and divergence is stated above 1e8.
        linearSolveError(in: error)
          == .diverged(iterations: 27, residualNorm: 0x1p27, tolerance: 1e-12)
      }),
    .refused(
      .linearSystem, "conjugate gradients on $-v''$ with 50 unknowns, and an iteration limit of 20",
      {
        _ = try derivative(of: laplacian, ConjugateGradient(maximumIterations: 20), along: unit(50))
      },
      by: { error in
        guard case .notConverged(20, let r, 1e-12)? = linearSolveError(in: error) else {
          return false
        }
        return r > 1e-3
      }),
    .refused(
      .linearSystem,
      "GMRES, begun anew every 5 steps, on a rotation of 50 places: it must go once around",
      { _ = try derivative(of: rotation(50), GMRES(restart: 5), along: unit(50)) },
      by: { error in
        guard case .stagnated(_, 1, _)? = linearSolveError(in: error) else { return false }
        return true
      }),
    .refused(
      .linearSystem, "GMRES on $\\operatorname{diag}(1, 10^{-14})$",
      { _ = try derivative(of: [[1, 0], [0, 1e-14]], GMRES(), along: [1, 1]) },
      by: { error in
        guard case .illConditioned(let growth, _)? = linearSolveError(in: error) else {
          return false
        }
        return growth > 1e13
      }),
    .answered(
      .linearSystem, "the same by LU, which scales rows and columns first",
      {
        let answer = try derivative(of: [[1, 0], [0, 1e-14]], LUSolver(), along: [1, 1])
        return (
          "\(PageCell(answer.value.scalars).text), condition number "
            + "\(formatted(answer.report.conditionNumber ?? .nan, digits: 3)).",
          near(answer.value[0], 1, within: 1e-14) && near(answer.value[1], 1e14, within: 1e-14)
        )
      }),
    .refused(
      .linearSystem,
      "1 minus a rotation of 200 places, along $(1, 0, \\dots)$: singular and inconsistent, and too "
        + "large to be factorised at once",
      {
        _ = try derivative(of: Tensor.identity(200) - rotation(200), Automatic(), along: unit(200))
      },
      by: { error in
        guard case .exhausted(let tried, reason: .singular)? = linearSolveError(in: error) else {
          return false
        }
        return tried.count == 3
      }),
    .answered(
      .linearSystem,
      "$\\operatorname{diag}(1, 10^{-14})$ regularised by $\\mu = 10^{-15}$ (`Ridge`)",
      {
        let answer = try derivative(
          of: [[1, 0], [0, 1e-14]], Ridge(1e-15, using: LUSolver()), along: [1, 1])
        let warning = answer.report.warnings.first ?? "no warning"
        return (
          "\(formatted(answer.value[1], digits: 3)) for the second number instead of 1e14, with a "
            + "warning: “\(warning)”",
          near(answer.value[1], 1 / 1.1e-14)
            && near(answer.report.relativeBias ?? 0, 0.1, within: 0.1)
        )
      }),
    .refused(
      .linearSystem,
      "the same with $\\mu = 10^{-12}$, which regularises the answer away, and an error of its own size as "
        + "the limit (`Certification(errorLimit: 1)`)",
      {
        _ = try derivative(
          of: [[1, 0], [0, 1e-14]], Ridge(1e-12, using: LUSolver()), along: [1, 1], errorLimit: 1)
      },
      by: { error in
        // The second number is 101 times too small. A factorisation of the true matrix tells what is
        // missing, and six times that is stated, for safety.
        guard
          case DifferentiationError.inaccurate(let truncation, let rounding, 1, let bias?) = error
        else { return false }
        return near(truncation, 600, within: 1) && rounding < 1e-12 && near(bias, 100, within: 0.1)
      }),
    .refused(
      .linearSystem, "a full matrix whose `structure` states a band of three diagonals",
      {
        let full = ClosureOperator(
          rowCount: 20, columnCount: 20, structure: .banded(lower: 1, upper: 1),
          matvec: { v in v.map { 20 * $0 + v.reduce(0, +) } },
          transposeMatvec: { v in v.map { 20 * $0 + v.reduce(0, +) } })
        _ = try Automatic().solve(full, [Double](repeating: 1, count: 20))
      },
      by: { error in
        guard
          case LinearSolveError.structureMismatch(
            .banded(lower: 1, upper: 1), let defect) = error
        else { return false }
        return defect > 1e-3
      }),
    .refused(
      .linearSystem, "`[[2, 1], [0, 2]]` as `ClosureOperator(symmetric:)`",
      {
        let leaning = ClosureOperator(symmetric: 2, matvec: { v in [2 * v[0] + v[1], 2 * v[1]] })
        _ = try GMRES().solve(leaning, [1, 0])
      },
      by: { error in
        guard case LinearSolveError.structureMismatch(.symmetric, let defect) = error else {
          return false
        }
        return defect > 1e-3
      }),
    .refused(
      .linearSystem, "products by hand, with $A v$ where $A^{\\mathsf T}u$ was asked for",
      {
        let wrong = byHand(transposed: { u in matmul([[2, 1], [0, 3]], u) })
        _ = try wrong.pullback(at: [0, 0], [1, 0])
      },
      by: { error in
        guard
          case DifferentiationError.linearSolve(
            .structureMismatch(.transposedProduct, let defect), let during) = error
        else { return false }
        return defect > 1e-3 && during.contains("A = ∂F/∂y")
      }),
    .refused(
      .linearSystem, "products by hand, with a wrong sign in $B^{\\mathsf T}u$",
      {
        let wrong = byHand(transposed: { u in matmul([[2, 0], [1, 3]], u) }, input: 1)
        _ = try wrong.pullback(at: [0, 0], [1, 0])
      },
      by: { error in
        guard
          case DifferentiationError.linearSolve(
            .structureMismatch(.transposedProduct, let defect), let during) = error
        else { return false }
        return defect > 1e-3 && during.contains("B = ∂F/∂x")
      }),
    .refused(
      .linearSystem, "`BandedLUSolver` on a matrix that states no band", isShown: false,
      { _ = try BandedLUSolver().solve(try DenseOperator(rows: [[2, 1], [1, 2]]), [1, 0]) },
      by: exactly(LinearSolveError.notBanded)),
    .refused(
      .linearSystem, "LU on three equations for two unknowns", isShown: false,
      {
        _ = try LUSolver().solve(try DenseOperator(rows: [[1, 0], [0, 1], [1, 1]]), [1, 1, 2])
      },
      by: exactly(LinearSolveError.notSquare(rowCount: 3, columnCount: 2))),
    .refused(
      .linearSystem,
      "the derivative of $y \\leftarrow \\tfrac32 y + x$, unrolled backwards from where it started: the "
        + "series of its terms grows",
      {
        let step = UnrolledSolver<Tensor, Tensor>(
          start: { x in -2 * x }, step: { x, y in 1.5 * y + x }, iterations: 3)
        _ = try step.pullback(
          at: 1, cotangent: { _ in Tensor(1) },
          method: .twoPhase(maximumTerms: 40))
      },
      by: { error in
        guard case UnrollingError.adjointNotConverged(40, let last, 1e-10) = error else {
          return false
        }
        return near(last, 1.0 / 3, within: 1e-6)
      }),
  ]
}

/// The failure of a linear solve that an error carries.
private func linearSolveError(in error: any Error) -> LinearSolveError? {
  guard case DifferentiationError.linearSolve(let failure, _) = error else { return nil }
  return failure
}
