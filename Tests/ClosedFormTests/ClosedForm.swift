import Testing

@testable import ImplicitDifferentiation

/// An implicit function whose solution is a known formula, and a point to differentiate it at.
struct ClosedForm: Sendable, CustomTestStringConvertible {
  /// The constructor of the conditions, as it is called.
  let constructor: String

  let testDescription: String

  /// All numbers of the input.
  let point: [Double]

  /// `y(x)`, which is the forward solver as well.
  let formula: @Sendable ([Jet]) -> [Jet]

  /// The `u` of the loss `uᵀy`: without a pattern, or clear of a gauge.
  let cotangent: [Double]

  /// Whether there is a null space, so that no Jacobian can be had row by row.
  let hasGauge: Bool

  /// The solution at any level of tracing, from vector to vector.
  let solution: @Sendable (_ x: Tensor, _ solver: any LinearSolver) throws -> Tensor

  /// The first derivatives by `linearize(at:)`.
  let linearize: @Sendable (_ solver: any LinearSolver) throws -> Linearized

  struct Linearized {
    let newtonCorrection: Double?
    let jacobian: () throws -> [Double]
    let pushforward: ([Double]) throws -> [Double]
    let pullback: ([Double]) throws -> [Double]
  }

  /// - Parameters:
  ///   - constructor: as `Conditions` names it.
  ///   - what: which of several cases of this constructor.
  ///   - point: a point where the formula holds.
  ///   - unknown: anything of the layout of the solution.
  ///   - cotangent: for conditions with a gauge, a vector that is orthogonal to it.
  ///   - function: the implicit function for a forward solver, which evaluates the formula.
  ///   - formula: `y(x)`, in all numbers of the input.
  init<Input: TensorStructure, Output: TensorStructure>(
    _ constructor: String, _ what: String = "", at point: Input, unknown: Output,
    cotangent: [Double]? = nil,
    function:
      @escaping @Sendable (_ forward: @escaping @Sendable (Input) -> Output)
      -> ImplicitFunction<Input, Output>,
    formula: @escaping @Sendable ([Jet]) -> [Jet]
  ) {
    self.constructor = constructor
    testDescription = what.isEmpty ? constructor : "\(constructor): \(what)"
    self.point = point.flattened()
    self.formula = formula
    hasGauge = cotangent != nil
    self.cotangent = cotangent ?? direction(unknown.variableCount, seed: 1)
    let made = function { x in
      unknown.refilled(formula(x.flattened().map { Jet($0) }).map(\.value)) { $0 }
    }
    @Sendable func with(_ solver: any LinearSolver) -> ImplicitFunction<Input, Output> {
      var function = made
      function.linearSolver = solver
      return function
    }
    solution = { x, solver in try with(solver)(point.refilled(from: x)).flat }
    linearize = { solver in
      let linearization = try with(solver).linearize(at: point)
      return Linearized(
        newtonCorrection: linearization.report.newtonCorrection,
        jacobian: { try linearization.jacobian().value.scalars },
        pushforward: { tangent in
          try linearization.pushforward(try point.rebuilt(from: tangent)).value.flattened()
        },
        pullback: { cotangent in
          try linearization.pullback(try unknown.rebuilt(from: cotangent)).value.flattened()
        })
    }
  }

  /// A case that is its conditions.
  init<Input: TensorStructure, Output: TensorStructure>(
    _ constructor: String, _ what: String = "", at point: Input, unknown: Output,
    conditions: Conditions<Input, Output>, formula: @escaping @Sendable ([Jet]) -> [Jet]
  ) {
    self.init(
      constructor, what, at: point, unknown: unknown,
      function: { ImplicitFunction(forward: $0, conditions: conditions) }, formula: formula)
  }

  /// `y`, `dy/dx` and `d²y/dx²` by the formula.
  var reference: [Jet] {
    let indices = point.indices
    return formula(Jet.inputs(point)).map { y in
      // Constants too, with all their zeros.
      Jet(
        value: y.value, gradient: indices.map { y.slope($0) },
        hessian: indices.map { i in indices.map { y.curvature(i, $0) } })
    }
  }
}

/// Numbers of size one without a pattern that could hide an exchange.
func direction(_ count: Int, seed: Int) -> [Double] {
  (0..<count).map { k in
    let number = (Double(k + 1) * 0.618_033_988_7 + Double(seed) * 0.414_213_562_3)
    return 2 * (number - number.rounded(.down)) - 1
  }
}
