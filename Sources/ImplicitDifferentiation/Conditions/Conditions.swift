/// The conditions `F(x, y) = 0` that a solution `y` satisfies for an input `x`, and what the
/// implicit function theorem needs of them: the residual, and products with
/// `A = ∂F/∂y`, `B = ∂F/∂x` and their transposes.
///
/// | constructor | conditions | `A` |
/// |---|---|---|
/// | `.root { x, y in F }` | `F(x, y) = 0` | `∂F/∂y` |
/// | `.fixedPoint { x, y in T }` | `T(x, y) − y = 0` | `∂T/∂y − I` |
/// | `.stationary { x, y in f }` | `∇ᵧ f(x, y) = 0` | the Hessian `∂²f/∂y²` |
/// | `.products(…)` | given by hand | given by hand |
///
/// The first three are ordinary functions of tensors, recorded once at the solution; nobody writes
/// a derivative. There must be one equation for each unknown, and `A` must be invertible at the
/// solution.
public struct Conditions<Input: TensorStructure, Output: TensorStructure>: Sendable {
  /// Records the conditions at a point.
  let linearize: @Sendable (Input, Output) throws -> LinearizedConditions

  /// Products with the Jacobians at a point of any level, for derivatives of derivatives.
  var products: TensorProducts<Input, Output>

  /// Sentences for the reports of all derivatives, of conditions that are knowingly approximate.
  var warnings: [String] = []

  /// The same conditions, whose reports carry a warning.
  package func warning(_ sentence: String) -> Conditions {
    var conditions = self
    conditions.warnings.append(sentence)
    return conditions
  }

  /// The same conditions, with other products for derivatives of derivatives.
  package func differentiatedAgain(by products: TensorProducts<Input, Output>) -> Conditions {
    var conditions = self
    conditions.products = products
    return conditions
  }

  /// Conditions `F(x, y) = 0`, by a function that gives the residual: a tensor, or any structure
  /// with as many numbers as there are unknowns.
  ///
  /// ```swift
  /// let conditions = Conditions<Tensor, Tensor>.root { x, y in y * y - x }
  /// ```
  public static func root<Residual: TensorStructure>(
    _ F: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Residual
  ) -> Conditions {
    Conditions(F)
  }

  init(
    linearize: @escaping @Sendable (Input, Output) throws -> LinearizedConditions,
    products: TensorProducts<Input, Output>
  ) {
    self.linearize = linearize
    self.products = products
  }

  private init<Residual: TensorStructure>(
    _ F: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Residual
  ) {
    linearize = { x, y in try LinearizedConditions(x, y, F) }
    products = .traced(F)
  }

  /// Conditions `F(x, y) = 0` whose equations and unknowns have units that the conditions know: their
  /// linear systems are solved in them (``SystemUnits``).
  package static func root<Residual: TensorStructure>(
    _ F: @escaping @Sendable (_ x: Input, _ y: Output) throws -> (Residual, SystemUnits)
  ) -> Conditions {
    Conditions(
      linearize: { x, y in
        var units: SystemUnits?
        var linearized = try LinearizedConditions(x, y) { x, y in
          let (residual, known) = try F(x, y)
          units = known
          return residual
        }
        linearized.units = units
        return linearized
      }, products: .traced { x, y in try F(x, y).0 })
  }

  /// Conditions `T(x, y) − y = 0`: the solution is a fixed point of `T(x, ·)`, of whatever speed
  /// of convergence; `T` need not be the map that the solver iterates.
  public static func fixedPoint(
    _ T: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Output
  ) -> Conditions {
    Conditions { x, y in
      let (images, unknowns) = (try T(x, y).variables, y.variables)
      try requireSize(images.count, unknowns.count, "the fixed-point map (tensors in its value)")
      return zip(images, unknowns).map { image, unknown in image - unknown }
    }
  }

  /// Conditions `∇ᵧ f(x, y) = 0`: the solution is a stationary point of the objective in `y`, such
  /// as an unconstrained minimiser. The gradient is derived; `A` is then the Hessian, which is
  /// symmetric.
  public static func stationary(
    of objective: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Tensor
  ) -> Conditions {
    Conditions { x, y in
      try gradient(at: y) { y in try oneNumber(try objective(x, y)) }.variables
    }
  }

  /// Conditions whose derivatives are written by hand, for speed or because nothing can trace them.
  ///
  /// All closures are functions of the point `(x, y)`; tangents and cotangents have the structure
  /// of what they belong to, the residual that of the solution. Each transposed product must be
  /// the transpose of its partner: `⟨u, A v⟩ = ⟨Aᵀ u, v⟩`. Write the products in tensor operations
  /// and they are differentiated again when second derivatives are asked for; products that leave
  /// tensors for plain numbers stop with a sentence there.
  ///
  /// - Parameters:
  ///   - residual: `F(x, y)`.
  ///   - solutionProduct: `A ẏ`, with `A = ∂F/∂y`.
  ///   - transposedSolutionProduct: `Aᵀ u`.
  ///   - inputProduct: `B ẋ`, with `B = ∂F/∂x`.
  ///   - transposedInputProduct: `Bᵀ u`.
  public static func products(
    residual: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Output,
    solutionProduct: @escaping @Sendable (_ x: Input, _ y: Output, _ dy: Output) throws -> Output,
    transposedSolutionProduct:
      @escaping @Sendable (_ x: Input, _ y: Output, _ u: Output) throws
      -> Output,
    inputProduct: @escaping @Sendable (_ x: Input, _ y: Output, _ dx: Input) throws -> Output,
    transposedInputProduct:
      @escaping @Sendable (_ x: Input, _ y: Output, _ u: Output) throws
      -> Input
  ) -> Conditions {
    Conditions(
      residual: residual,
      products: TensorProducts(
        solution: { x, y, v in try solutionProduct(x, y, y.refilled(from: v)).flat },
        transposedSolution: { x, y, u in
          try transposedSolutionProduct(x, y, y.refilled(from: u)).flat
        },
        input: { x, y, v in try inputProduct(x, y, x.refilled(from: v)).flat },
        transposedInput: { x, y, u in try transposedInputProduct(x, y, y.refilled(from: u)).flat }))
  }

  /// Conditions with products of their own.
  package init(
    residual: @escaping @Sendable (Input, Output) throws -> Output,
    products: TensorProducts<Input, Output>
  ) {
    self.init(residual: residual, products: products) { x, y in
      let (n, m) = (y.variableCount, x.variableCount)
      func numbers(
        _ product: @escaping TensorProducts<Input, Output>.Product
      ) -> @Sendable ([Double]) throws -> [Double] {
        { v in try RecordingFailure.throwing { try product(x, y, Tensor(v)).scalars } }
      }
      return ConditionsOperators(
        A: ClosureOperator(
          rowCount: n, columnCount: n, matvec: numbers(products.solution),
          transposeMatvec: numbers(products.transposedSolution)),
        B: ClosureOperator(
          rowCount: n, columnCount: m, matvec: numbers(products.input),
          transposeMatvec: numbers(products.transposedInput)))
    }
  }

  /// Conditions with operators of their own at a point of plain numbers; `products` are for
  /// derivatives of derivatives alone.
  package init<Residual: TensorStructure>(
    residual: @escaping @Sendable (Input, Output) throws -> Residual,
    products: TensorProducts<Input, Output>,
    operators: @escaping @Sendable (Input, Output) throws -> ConditionsOperators
  ) {
    self.products = products
    linearize = { x, y in
      try RecordingFailure.throwing {
        LinearizedConditions(
          residual: try residual(x, y).flattened(), operators: try operators(x, y))
      }
    }
  }
}

/// An objective is one number; anything else is an error of the recording under way.
func oneNumber(_ value: Tensor) throws -> Tensor {
  if value.count != 1 { throw DifferentiationError.notScalar(shape: value.shape) }
  return value
}

/// The Jacobians of conditions at a point as operators, for conditions that nothing records.
package struct ConditionsOperators: Sendable {
  /// `b ↦ A⁻¹ b`, by the linear solver of the derivative.
  package typealias Solve = ([Double]) throws -> [Double]

  /// `∂F/∂y`, `n × n`.
  let A: any LinearOperator
  /// `∂F/∂x`, `n × m`.
  let B: any LinearOperator
  /// Asked once the linear solver is prepared: warnings for the reports, or an error. Operators that
  /// approximate the Jacobians say here what that does to derivatives.
  let review: (@Sendable (Solve) throws -> [String])?

  package init(
    A: any LinearOperator, B: any LinearOperator,
    review: (@Sendable (Solve) throws -> [String])? = nil
  ) {
    self.A = A
    self.B = B
    self.review = review
  }
}

/// Conditions recorded at a point: their residual there, and the two Jacobians as operators.
struct LinearizedConditions: Sendable {
  let residual: [Double]
  /// `∂F/∂y`, `n × n`.
  let A: any LinearOperator
  /// `∂F/∂x`, `n × m`.
  let B: any LinearOperator
  /// What the products are compiled from; `nil` for conditions with products of their own.
  let recording: Trace?

  /// See `ConditionsOperators`.
  let review: (@Sendable (ConditionsOperators.Solve) throws -> [String])?

  /// Those of `A`, where they are known.
  var units: SystemUnits?

  init(residual: [Double], operators: ConditionsOperators, recording: Trace? = nil) {
    self.residual = residual
    A = operators.A
    B = operators.B
    review = operators.review
    self.recording = recording
  }

  /// Runs `F` once on traced tensors.
  init<Input: TensorStructure, Output: TensorStructure, Residual: TensorStructure>(
    _ x: Input, _ y: Output, _ F: (Input, Output) throws -> Residual
  ) throws {
    let (_, equations, trace, inputs, outputs) = try recordTraced(at: Pair(x: x, y: y)) {
      try F($0.x, $0.y)
    }
    let split = x.variables.count
    var residual: [Double] = []
    for equation in equations { equation.withoutDerivative.appendScalars(to: &residual) }
    self.residual = residual
    recording = trace
    review = nil
    A = ProgramOperator(trace, inputs: Array(inputs[split...]), outputs: outputs)
    B = ProgramOperator(trace, inputs: Array(inputs[..<split]), outputs: outputs)
  }
}

/// Input and unknown together, so that both are traced by one recording.
private struct Pair<First: TensorStructure, Second: TensorStructure>: TensorStructure {
  var x: First
  var y: Second

  /// Not used: recording maps, and the mapping below is written out, since key paths of generic structs
  /// are made anew at each use, which takes longer than recording a small problem.
  static var fields: [TensorField<Pair>] { [.init("x", \.x), .init("y", \.y)] }

  func mapTensors(isConstant: Bool, _ body: (Tensor, Bool) -> Tensor) -> Pair {
    Pair(
      x: x.mapTensors(isConstant: isConstant, body), y: y.mapTensors(isConstant: isConstant, body))
  }
}
