import FaultOracle
import ImplicitDifferentiation
import Optimality

/// What came of one derivative asked of the library.
package enum Outcome: Sendable {
  /// A value, with its evidence.
  case returned(value: [Double], report: DerivativeReport)

  /// An error, by the names of its cases.
  case refused(String)
}

/// The derivatives of a problem in both directions, by the library.
package struct LibraryRun: Sendable {
  package let forward: Outcome
  package let reverse: Outcome

  /// Poses the problem to the library, as a user would.
  package init(_ problem: HuntProblem) {
    let poser = Poser(problem)
    switch problem.kind {
    case .constrained: self = poser.constrained()
    case .quadraticProgram: self = poser.quadraticProgram()
    default: self = poser.plain()
    }
  }

  fileprivate init<Input: TensorStructure, Output: TensorStructure>(
    tangent: Input, cotangent: Output,
    linearize: () throws -> ImplicitLinearization<Input, Output>
  ) {
    do {
      let linearization = try linearize()
      forward = LibraryRun.outcome { try linearization.pushforward(tangent) }
      reverse = LibraryRun.outcome { try linearization.pullback(cotangent) }
    } catch {
      forward = .refused(LibraryRun.name(of: error))
      reverse = forward
    }
  }

  private static func outcome<Value: TensorStructure>(
    _ derivative: () throws -> Derivative<Value>
  ) -> Outcome {
    do {
      let result = try derivative()
      return .returned(value: result.value.flattened(), report: result.report)
    } catch {
      return .refused(name(of: error))
    }
  }

  /// `linearSolve.exhausted.singular`: the cases of an error and of the errors in it.
  private static func name(of error: any Error) -> String {
    let own = Mirror(reflecting: error).children.first
    let caseName = own?.label ?? "\(error)"
    let inner = own.map { Mirror(reflecting: $0.value).children.map(\.value) } ?? []
    let all = inner + (own.map { [$0.value] } ?? [])
    for case let reason as LinearSolveError in all { return "\(caseName).\(name(of: reason))" }
    return caseName
  }
}

/// What the forward solver throws when the plant says so.
struct SolverGaveUp: Error {}

/// A problem in the library's words.
private struct Poser: Sendable {
  let problem: HuntProblem
  let poison: Poison?

  init(_ problem: HuntProblem) {
    self.problem = problem
    poison =
      if case .poison(let poison) = problem.plant { poison } else { nil }
  }

  // MARK: The vectors handed over

  /// `numbers`, spoilt by replacing the middle one, lengthening or shortening, if that is the plant.
  private func spoilt(
    _ numbers: [Double], _ value: (Poison, Double), long: Poison? = nil, short: Poison? = nil
  ) -> [Double] {
    var result = numbers
    if poison == value.0 { result[result.count / 2] = value.1 }
    if let long, poison == long { result.append(0.5) }
    if let short, poison == short { result.removeLast() }
    return result
  }

  var input: [Double] { spoilt(problem.input, (.inputNaN, .nan)) }

  var solution: [Double] {
    spoilt(problem.found, (.solutionInfinite, .infinity), long: .solutionTooLong)
  }

  var tangent: [Double] {
    let scale = HuntNumbers.powerOfTwo(problem.exponent)
    return spoilt(
      problem.tangent.map { $0 * scale }, (.tangentNaN, .nan), long: .tangentTooLong)
  }

  var cotangent: [Double] {
    let scale = HuntNumbers.powerOfTwo(problem.exponent)
    return spoilt(
      problem.cotangent.map { $0 * scale }, (.cotangentInfinite, -.infinity),
      short: .cotangentTooShort)
  }

  var polynomial: Polynomial { Polynomial(problem, isPoisoned: poison == .dataNaN) }

  func solve<Output>(_ make: ([Double]) -> Output) throws -> Output {
    if poison == .solverThrows { throw SolverGaveUp() }
    return make(solution)
  }

  // MARK: The kinds

  func plain() -> LibraryRun {
    LibraryRun(tangent: Tensor(tangent), cotangent: Tensor(cotangent)) {
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { _ in try solve { Tensor($0) } }, conditions: conditions,
        linearSolver: linearSolver(or: Automatic()))
      return try function.linearize(at: Tensor(input))
    }
  }

  func constrained() -> LibraryRun {
    guard let constraints = problem.constraints else {
      return LibraryRun(tangent: Tensor(tangent), cotangent: Tensor(cotangent)) {
        throw SolverGaveUp()
      }
    }
    let f = polynomial
    let (n, m) = (problem.smooth.unknownCount, problem.smooth.inputCount)
    func values(
      _ matrix: [Double], _ inputs: [Double], _ constants: [Double]
    ) -> ConstrainedProblem<Tensor, Tensor>.Function? {
      guard !constants.isEmpty else { return nil }
      let E = Tensor(shape: [constants.count, n], matrix)
      let Ex = Tensor(shape: [constants.count, m], inputs)
      let e = Tensor(constants)
      return { x, z in matmul(E, z) + matmul(Ex, x) + e }
    }
    let minimum = ConstrainedMinimum(
      ConstrainedProblem<Tensor, Tensor>(
        objective: { x, z in f.objective(x, z) },
        equalities: values(constraints.E, constraints.Ex, constraints.e),
        inequalities: values(constraints.G, constraints.Gx, constraints.h)),
      solver: { _ in try solve(point) },
      linearSolver: linearSolver(or: Automatic(denseThreshold: 500)))
    return LibraryRun(tangent: Tensor(tangent), cotangent: point(cotangent)) {
      try minimum.linearize(at: Tensor(input))
    }
  }

  func quadraticProgram() -> LibraryRun {
    var data = input
    if poison == .dataNaN { data[0] = .nan }
    let minimum = ConstrainedMinimum(
      QuadraticProgram.problem, solver: { _ in try solve(point) },
      linearSolver: linearSolver(or: Automatic(denseThreshold: 500)))
    let parameter = program(data)
    return LibraryRun(tangent: program(tangent), cotangent: point(cotangent)) {
      try minimum.linearize(at: parameter)
    }
  }

  /// (z, ν, λ) from a vector; numbers too many or too few are those of the last block that is there.
  private func point(_ numbers: [Double]) -> KKTPoint<Tensor> {
    let n = problem.smooth.unknownCount
    let p = problem.constraints?.equalityCount ?? 0
    let k = problem.constraints?.inequalityCount ?? 0
    let zEnd = p + k == 0 ? numbers.count : n
    let nuEnd = k == 0 ? numbers.count : n + p
    return KKTPoint(
      primal: Tensor(Array(numbers[..<zEnd])),
      equalityMultipliers: Tensor(Array(numbers[zEnd..<nuEnd])),
      inequalityMultipliers: Tensor(Array(numbers[nuEnd...])))
  }

  /// A program from a vector; a number too many belongs to the last block.
  private func program(_ numbers: [Double]) -> QuadraticProgram {
    let n = problem.smooth.unknownCount
    let p = problem.constraints?.equalityCount ?? 0
    let k = problem.constraints?.inequalityCount ?? 0
    var place = 0
    func next(_ count: Int, isLast: Bool = false) -> [Double] {
      defer { place += count }
      return Array(numbers[place..<(isLast ? numbers.count : place + count)])
    }
    let Q = Tensor(shape: [n, n], next(n * n))
    let c = Tensor(next(n, isLast: p + k == 0))
    let A = p == 0 ? nil : Tensor(shape: [p, n], next(p * n))
    let b = p == 0 ? nil : Tensor(next(p, isLast: k == 0))
    let G = k == 0 ? nil : Tensor(shape: [k, n], next(k * n))
    let h = k == 0 ? nil : Tensor(next(k, isLast: true))
    return QuadraticProgram(Q: Q, c: c, A: A, b: b, G: G, h: h)
  }

  private var conditions: Conditions<Tensor, Tensor> {
    let f = polynomial
    let m = problem.smooth.inputCount
    switch problem.kind {
    case .stationary: return .stationary { x, y in f.objective(x, y) }
    case .fixedPoint: return .fixedPoint { x, y in f.scaledRows(x, y) }
    case .leastSquares: return .nonlinearLeastSquares { x, y in f.rows(x, f.unscaled(y)) }
    case .linearSystem:
      return .linearSystem(
        matrix: { x in f.matrix(x) }, rightHandSide: { x in f.rightHandSide(x) })
    case .bandedSystem:
      return .linearSystem(
        product: { x, y in f.bandedProduct(x, y) }, rightHandSide: { x in f.rightHandSide(x) })
    case .products: return declared(f)
    case .lasso:
      return .proximalGradient(
        of: { x, y in f.objective(x.slice(0..<m), y) },
        proximal: { x, point in try Proximal.lasso(point, penalty: x.at(m)) })
    case .box:
      return .projectedGradient(
        of: { x, y in f.objective(x.slice(0..<m), y) },
        onto: { x, point in try Projection.box(point, lower: -x.at(m), upper: x.at(m)) })
    case .root, .constrained, .quadraticProgram: return .root { x, y in f.scaledRows(x, y) }
    }
  }

  /// Products by hand, which may be declared falsely.
  private func declared(_ f: Polynomial) -> Conditions<Tensor, Tensor> {
    let plant = problem.plant
    if plant == .wrongDeclaration(.falseBand) {
      return .bandedByDeclaration(f)
    }
    return .products(
      residual: { x, y in f.scaledRows(x, y) },
      solutionProduct: { x, y, v in f.product(x, y, v) },
      transposedSolutionProduct: { x, y, u in
        plant == .wrongDeclaration(.untransposedProduct)
          ? f.product(x, y, u) : f.transposedProduct(x, y, u)
      },
      inputProduct: { x, y, v in f.inputProduct(x, y, v) },
      transposedInputProduct: { x, y, u in
        guard plant == .wrongDeclaration(.wrongInputTranspose) else {
          return f.transposedInputProduct(x, y, u)
        }
        let kept = Tensor((0..<u.count).map { $0 == u.count / 2 ? 0 : 1 })
        return f.transposedInputProduct(x, y, u * kept)
      })
  }

  private func linearSolver(or usual: any LinearSolver) -> any LinearSolver {
    if case .wrongDeclaration(let declaration) = problem.plant {
      switch declaration {
      case .choleskyOfGeneral, .choleskyOfNearlySymmetric, .choleskyOfIndefinite:
        return CholeskySolver()
      case .conjugateGradientOfGeneral, .conjugateGradientOfNearlySymmetric,
        .conjugateGradientOfIndefinite:
        return ConjugateGradient()
      case .minresOfGeneral, .minresOfNearlySymmetric: return MINRES()
      case .falseBand, .untransposedProduct, .wrongInputTranspose: return usual
      }
    }
    switch problem.solver {
    case .automatic, .declared: return usual
    case .automaticIterative: return Automatic(denseThreshold: 0)
    case .eliminated: return LUSolver()
    case .gmres: return GMRES()
    case .lsmr: return LSMR()
    }
  }
}

extension Conditions where Input == Tensor, Output == Tensor {
  /// The operators of a polynomial, with `A` declared tridiagonal.
  fileprivate static func bandedByDeclaration(_ f: Polynomial) -> Conditions {
    Conditions(
      residual: { x, y in f.scaledRows(x, y) },
      products: TensorProducts(
        solution: { x, y, v in f.product(x, y, v) },
        transposedSolution: { x, y, u in f.transposedProduct(x, y, u) },
        input: { x, y, v in f.inputProduct(x, y, v) },
        transposedInput: { x, y, u in f.transposedInputProduct(x, y, u) }),
      operators: { x, y in
        ConditionsOperators(
          A: ClosureOperator(
            rowCount: y.count, columnCount: y.count, structure: .banded(lower: 1, upper: 1),
            matvec: { f.product(x, y, Tensor($0)).scalars },
            transposeMatvec: { f.transposedProduct(x, y, Tensor($0)).scalars }),
          B: ClosureOperator(
            rowCount: y.count, columnCount: x.count,
            matvec: { f.inputProduct(x, y, Tensor($0)).scalars },
            transposeMatvec: { f.transposedInputProduct(x, y, Tensor($0)).scalars }))
      })
  }
}
