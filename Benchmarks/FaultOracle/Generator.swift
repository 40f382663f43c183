// How a problem is drawn. The order of the draws is part of the definition: the script beside the
// stored references repeats it.

extension HuntProblem {
  /// Problem `index` of the series `seed`.
  package init(seed: UInt64, index: Int) {
    let (plant, kind) = HuntProblem.turn(index)
    var numbers = HuntNumbers(seed: seed, index: index)
    var N = 61
    while N > 60 { N = Int(numbers.logUniform(octaves: 6)) }
    let octaves = 40 * numbers.unit()
    let inputs = 1 + numbers.index(below: 5)
    let drawnStrength = 1 / numbers.logUniform(octaves: 30)
    let strength = kind.isLinear ? 0 : drawnStrength
    let isGentle = numbers.index(below: 2) == 1
    let isScaled = numbers.index(below: 2) == 1
    let stopsSoftly = numbers.index(below: 2) == 1
    let solver = HuntProblem.solver(numbers.index(below: 8), plant)
    let drawnExponent = [-500, 500][numbers.index(below: 2)]
    let exponent = numbers.index(below: 16) == 0 && plant == .none ? drawnExponent : 0

    var sizes = Sizes(unknowns: N, inputs: inputs)
    if kind.isConstrained {
      if plant == .nearKink { N = max(N, 3) }
      sizes = Sizes(
        unknowns: N, equalities: numbers.index(below: 1 + N / 4),
        inequalities: max(numbers.index(below: 1 + N / 3), plant == .nearKink ? 1 : 0),
        inputs: kind == .quadraticProgram ? 0 : inputs)
    }
    let n = sizes.variables
    let rows = kind == .leastSquares ? n + 1 + numbers.index(below: n + 1) : n

    let q = numbers.symmetric(count: rows).map { strength * $0 }
    let c = numbers.symmetric(count: rows).map { strength * $0 }
    var g = numbers.symmetric(count: rows).map { drawnStrength * $0 }
    if sizes.inputs == 0 { g = g.map { 0 * $0 } }
    var smooth = Smooth(
      rowCount: rows, unknownCount: n, inputCount: sizes.inputs, q: q, c: c, g: g)

    let parameters = numbers.symmetric(count: sizes.inputs)
    let target = TargetMatrix(
      HuntProblem.form(kind, plant, &numbers), rowCount: rows, columnCount: n, octaves: octaves,
      &numbers)
    smooth.C =
      isGentle
      ? target.multiplied(
        by: numbers.symmetric(count: n * sizes.inputs), columns: sizes.inputs)
      : numbers.symmetric(count: rows * sizes.inputs)

    var draft = Draft(sizes: sizes, parameters: parameters)
    let margin = 1 / (16 * numbers.logUniform(octaves: 44))
    let kink = plant == .nearKink ? margin : nil
    switch kind {
    case .lasso: draft.drawLasso(kink, &numbers)
    case .box: draft.drawBox(kink, &numbers)
    case .constrained, .quadraticProgram: draft.drawConstrained(kink, &numbers)
    default:
      draft.y = (0..<n).map { _ in numbers.awayFromZero() }
      draft.wanted = [Double](repeating: 0, count: rows)
      if kind == .fixedPoint { draft.wanted = draft.y }
      if kind == .leastSquares {
        let size = 1 / numbers.logUniform(octaves: 20)
        draft.wanted = target.outside.map { size * $0 }
      }
    }
    smooth.setLinearPart(kind, target, draft)

    var (unknownScale, rowScale) = (
      [Double](repeating: 1, count: N), [Double](repeating: 1, count: max(rows, N))
    )
    if isScaled, !ConditionKind.kinked.contains(kind) {
      func powers(_ count: Int) -> [Double] {
        (0..<count).map { _ in HuntNumbers.powerOfTwo(numbers.index(below: 25) - 12) }
      }
      unknownScale = powers(N)
      switch kind {
      case .stationary: rowScale = unknownScale
      case .fixedPoint: rowScale = unknownScale.map { 1 / $0 }
      case .leastSquares: break
      default: rowScale = powers(N)
      }
    }

    let y = draft.y + draft.multipliers
    var found = y
    let stop = 1 / numbers.logUniform(octaves: 40)
    if plant == .earlyStop {
      let direction =
        stopsSoftly && !kind.isConstrained ? target.soft : numbers.symmetric(count: n)
      let size = direction.reduce(0) { max($0, $1.magnitude) }
      for i in 0..<n where draft.isFree(i, kind) { found[i] += stop * direction[i] / size }
    }
    let input =
      kind == .quadraticProgram ? draft.program(smooth) : parameters + draft.extraInputs
    self.init(
      seed: seed, index: index, kind: kind, plant: plant, octaves: octaves, smooth: smooth,
      constraints: draft.constraints, unknownScale: unknownScale, rowScale: rowScale,
      input: input, planned: zip(y, unknownScale).map { $0 / $1 },
      found: zip(found, unknownScale).map { $0 / $1 }, piece: draft.piece,
      tangent: numbers.symmetric(count: input.count), cotangent: numbers.symmetric(count: N),
      exponent: exponent, solver: solver)
  }

  /// Plants and kinds take turns: of ten problems one is near a kink, one is falsely declared, one
  /// stopped early and one poisoned; kinds have equal shares where they can have the plant.
  private static func turn(_ index: Int) -> (Plant, ConditionKind) {
    let kinds = ConditionKind.allCases
    let (slot, turn) = (index % 10, index / 10)
    switch slot {
    case 0: return (.nearKink, ConditionKind.kinked[turn % ConditionKind.kinked.count])
    case 1:
      let declaration = Declaration.allCases[turn % Declaration.allCases.count]
      return (.wrongDeclaration(declaration), declaration.kind)
    case 2: return (.earlyStop, kinds[index % kinds.count])
    case 3:
      let kind = kinds[index % kinds.count]
      let poison = Poison.allCases[turn % Poison.allCases.count]
      // A shape that does not fit stops the program where nothing is recorded, by design.
      let isStopped = poison == .solutionTooLong && kind == .products
      return (.poison(isStopped ? .solutionInfinite : poison), kind)
    default: return (.none, kinds[index % kinds.count])
    }
  }

  private static func solver(_ draw: Int, _ plant: Plant) -> SolverChoice {
    if case .wrongDeclaration = plant { return .declared }
    switch draw {
    case 0: return .eliminated
    case 1: return .automaticIterative
    case 2: return .gmres
    case 3: return .lsmr
    default: return .automatic
    }
  }

  private static func form(
    _ kind: ConditionKind, _ plant: Plant, _ numbers: inout HuntNumbers
  ) -> TargetMatrix.Form {
    let size = 1 / numbers.logUniform(octaves: 40)
    if case .wrongDeclaration(let declaration) = plant {
      switch declaration {
      case .choleskyOfNearlySymmetric, .conjugateGradientOfNearlySymmetric,
        .minresOfNearlySymmetric:
        return .nearlyDefinite(size)
      case .choleskyOfIndefinite, .conjugateGradientOfIndefinite: return .indefinite
      case .falseBand: return .nearlyTridiagonal(size)
      default: return .general
      }
    }
    if kind == .bandedSystem { return .tridiagonal }
    return kind.hasObjective ? .definite : .general
  }
}

/// Variables, constraints and inputs of a problem.
struct Sizes: Sendable {
  var variables: Int
  var equalities = 0
  var inequalities = 0
  var inputs: Int

  init(unknowns: Int, equalities: Int = 0, inequalities: Int = 0, inputs: Int) {
    variables = unknowns - equalities - inequalities
    self.equalities = equalities
    self.inequalities = inequalities
    self.inputs = inputs
  }
}

extension Smooth {
  /// Chooses `K` so that the Jacobian at the solution is `target`, and `r` so that the value there
  /// is the one wanted; both up to rounding, which the oracle takes into account.
  mutating func setLinearPart(_ kind: ConditionKind, _ target: TargetMatrix, _ draft: Draft) {
    let n = unknownCount
    let point = draft.y + draft.parameters
    let curvature = system(kind).rowsJacobian(at: point)
    for i in 0..<rowCount {
      for j in 0..<n {
        K[i * n + j] =
          target.entries[i * n + j] - curvature[i * n + j]
          + (kind == .fixedPoint && i == j ? 1 : 0)
      }
    }
    if kind.hasObjective {
      for i in 0..<n { for j in 0..<i { K[i * n + j] = K[j * n + i] } }
    }
    let value = system(kind).rows(at: point)
    r = (0..<rowCount).map { draft.wanted[$0] - value[$0] }
  }

  /// The polynomial alone as equations, without a linear part when that is not set yet.
  private func system(_ kind: ConditionKind) -> Equations {
    var system = Equations(
      rowCount: rowCount, unknownCount: unknownCount, inputCount: inputCount)
    if kind.hasObjective {
      for i in 0..<rowCount { addGradient(row: i, to: &system, firstInput: unknownCount) }
    } else {
      addRows(to: &system, firstInput: unknownCount)
    }
    return system
  }
}
