import ImplicitDifferentiation

/// `min ½ zᵀQz + cᵀz` subject to `A z = b` and `G z ≤ h`, as the parameter of its solution.
///
/// ```swift
/// let program = QuadraticProgram(Q: .identity(2), c: [0, 0], A: [[1, 1]], b: [1])
/// let minimum = ConstrainedMinimum(QuadraticProgram.problem, primalSolver: solve)
/// let gradient = try minimum.linearize(at: program).pullback(cotangent).value   // of Q, c, A, b
/// ```
///
/// Either block of constraints may be absent. Whatever is listed in `constants` is not
/// differentiated. Only the symmetric part of `Q` matters: `½(Q + Qᵀ)` is what the gradient of the
/// objective holds, and derivatives with respect to `Q` come out symmetric.
public struct QuadraticProgram: TensorStructure {
  /// The parts of a program, by the letters of the formula.
  public enum Part: String, Sendable, CaseIterable {
    /// `Q`.
    case quadratic = "Q"
    /// `c`.
    case linear = "c"
    /// `A`.
    case equalityMatrix = "A"
    /// `b`.
    case equalityValues = "b"
    /// `G`.
    case inequalityMatrix = "G"
    /// `h`.
    case inequalityLimits = "h"
  }

  /// `n × n`.
  public var Q: Tensor

  /// Length `n`.
  public var c: Tensor

  /// `p × n`.
  public var A: Tensor?

  /// Length `p`.
  public var b: Tensor?

  /// `m × n`.
  public var G: Tensor?

  /// Length `m`.
  public var h: Tensor?

  /// What derivatives are not taken of.
  public var constants: Set<Part>

  /// A program with the given parts. `A` and `b`, and `G` and `h`, come together.
  public init(
    Q: Tensor, c: Tensor, A: Tensor? = nil, b: Tensor? = nil, G: Tensor? = nil, h: Tensor? = nil,
    constants: Set<Part> = []
  ) {
    self.Q = Q
    self.c = c
    self.A = A
    self.b = b
    self.G = G
    self.h = h
    self.constants = constants
  }

  /// The program as a problem, with its KKT conditions, active sets and one-sided derivatives.
  ///
  /// `Q` may be singular if it is positive definite along the active constraints; with equalities
  /// alone the conditions are the linear system `[Q Aᵀ; A 0]`.
  ///
  /// Source: B. Amos and J. Z. Kolter, "OptNet", ICML (2017), section 3.1; S. Boyd and L.
  /// Vandenberghe, *Convex Optimization* (2004), section 5.5.3.
  public static var problem: ConstrainedProblem<QuadraticProgram, Tensor> {
    ConstrainedProblem(
      objective: { program, z in 0.5 * z.dot(matmul(program.Q, z)) + program.c.dot(z) },
      equalities: { program, z in try residual(program.A, program.b, z, "A", "b") },
      inequalities: { program, z in try residual(program.G, program.h, z, "G", "h") })
  }

  private static func residual(
    _ matrix: Tensor?, _ vector: Tensor?, _ z: Tensor, _ matrixName: String, _ vectorName: String
  ) throws(DifferentiationError) -> Tensor {
    switch (matrix, vector) {
    case (nil, nil): return Tensor([Double]())
    case (let matrix?, let vector?): return matmul(matrix, z) - vector
    case (let matrix?, nil):
      throw .sizeMismatch(
        what: "`\(vectorName)`, which `\(matrixName)` needs", expected: matrix.shape[0], found: 0)
    case (nil, let vector?):
      throw .sizeMismatch(
        what: "the rows of `\(matrixName)`, which `\(vectorName)` needs", expected: vector.count,
        found: 0)
    }
  }

  /// Not used: which parts are constant is up to each program.
  public static var fields: [TensorField<QuadraticProgram>] { [] }

  /// The tensors of `Q`, `c`, `A`, `b`, `G`, `h`, as far as present.
  public func forEachTensor(
    named prefix: String, isConstant: Bool, _ body: (String, Tensor, Bool) -> Void
  ) {
    let start = prefix.isEmpty ? "" : prefix + "."
    let all: [(Part, Tensor?)] = [
      (.quadratic, Q), (.linear, c), (.equalityMatrix, A), (.equalityValues, b),
      (.inequalityMatrix, G), (.inequalityLimits, h),
    ]
    for (part, tensor) in all {
      guard let tensor else { continue }
      body(start + part.rawValue, tensor, isConstant || constants.contains(part))
    }
  }

  /// The program with its tensors mapped one after the other.
  public func mapTensors(
    isConstant: Bool, _ body: (_ tensor: Tensor, _ isConstant: Bool) -> Tensor
  ) -> QuadraticProgram {
    func mapped(_ part: Part, _ tensor: Tensor) -> Tensor {
      body(tensor, isConstant || constants.contains(part))
    }
    return QuadraticProgram(
      Q: mapped(.quadratic, Q), c: mapped(.linear, c),
      A: A.map { mapped(.equalityMatrix, $0) }, b: b.map { mapped(.equalityValues, $0) },
      G: G.map { mapped(.inequalityMatrix, $0) }, h: h.map { mapped(.inequalityLimits, $0) },
      constants: constants)
  }
}

extension Conditions where Input == QuadraticProgram, Output == KKTPoint<Tensor> {
  /// The Karush–Kuhn–Tucker conditions of a quadratic program, in (z, ν, λ); see
  /// ``QuadraticProgram/problem``.
  public static func quadraticProgram(form: ComplementarityForm = .activeSet) -> Conditions {
    QuadraticProgram.problem.conditions(form: form)
  }
}
