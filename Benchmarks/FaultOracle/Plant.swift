/// The kinds of conditions that take turns in the hunt.
package enum ConditionKind: String, CaseIterable, Sendable {
  case root, stationary, fixedPoint, leastSquares, linearSystem, bandedSystem, products
  case constrained, quadraticProgram, lasso, box

  /// Those with inequalities, hence with kinks.
  package static let kinked: [ConditionKind] = [.constrained, .quadraticProgram, .lasso, .box]

  /// Whether the unknowns are (z, ν, λ).
  package var isConstrained: Bool { self == .constrained || self == .quadraticProgram }

  /// Whether `A` is a Hessian, and so symmetric: the polynomial is an objective.
  package var hasObjective: Bool {
    switch self {
    case .stationary, .constrained, .quadraticProgram, .lasso, .box: true
    default: false
    }
  }

  /// Whether the conditions are linear in `y` by their nature.
  package var isLinear: Bool {
    self == .linearSystem || self == .bandedSystem || self == .quadraticProgram
  }
}

/// What is wrong with a problem, if anything.
package enum Plant: Sendable, Equatable, CustomStringConvertible {
  /// Nothing: a right answer is expected, or a refusal where it is ill-conditioned.
  case none

  /// An inequality has a slack or a multiplier between 2⁻⁴ and 2⁻⁴⁸. The solution is smooth there,
  /// but a solver may not be able to tell on which side of the kink it is.
  case nearKink

  /// The caller says of the operator what does not hold.
  case wrongDeclaration(Declaration)

  /// The point is off the solution by a relative 2⁻⁴⁰ to 1.
  case earlyStop

  /// Data that cannot have an answer.
  case poison(Poison)

  package var description: String {
    switch self {
    case .none: "none"
    case .nearKink: "near a kink"
    case .wrongDeclaration(let declaration): "declaration: \(declaration.rawValue)"
    case .earlyStop: "early stop"
    case .poison(let poison): "poison: \(poison.rawValue)"
    }
  }

  /// The row of the table that it is counted in.
  package var group: String {
    switch self {
    case .none: "no plant"
    case .nearKink: "near a kink"
    case .wrongDeclaration: "wrong declaration"
    case .earlyStop: "early stop"
    case .poison: "poisoned"
    }
  }
}

/// Something false that a caller may say of `A`, or of its products.
package enum Declaration: String, CaseIterable, Sendable {
  case choleskyOfGeneral = "Cholesky, A not symmetric"
  case conjugateGradientOfGeneral = "conjugate gradients, A not symmetric"
  case minresOfGeneral = "MINRES, A not symmetric"
  case choleskyOfNearlySymmetric = "Cholesky, A slightly unsymmetric"
  case conjugateGradientOfNearlySymmetric = "conjugate gradients, A slightly unsymmetric"
  case minresOfNearlySymmetric = "MINRES, A slightly unsymmetric"
  case choleskyOfIndefinite = "Cholesky, A indefinite"
  case conjugateGradientOfIndefinite = "conjugate gradients, A indefinite"
  case falseBand = "band, small entries outside"
  case untransposedProduct = "A in place of its transpose"
  case wrongInputTranspose = "transposed product with B misses a row"

  /// Whether products with the operators show it, unless it does no harm. (A slight asymmetry may do
  /// harm along directions that few products see.)
  package var isSeenByProducts: Bool {
    switch self {
    case .conjugateGradientOfNearlySymmetric, .minresOfNearlySymmetric: false
    default: true
    }
  }

  package var kind: ConditionKind {
    switch self {
    case .choleskyOfIndefinite, .conjugateGradientOfIndefinite: .stationary
    case .falseBand, .untransposedProduct, .wrongInputTranspose: .products
    default: .root
    }
  }
}

/// Data that cannot have an answer.
package enum Poison: String, CaseIterable, Sendable {
  case inputNaN = "NaN in the input"
  case solutionInfinite = "infinity in the solution"
  case dataNaN = "NaN in the data of the conditions"
  case tangentNaN = "NaN in the tangent"
  case cotangentInfinite = "infinity in the cotangent"
  case solverThrows = "the solver throws"
  case solutionTooLong = "one unknown too many"
  case tangentTooLong = "one entry too many in the tangent"
  case cotangentTooShort = "one entry too few in the cotangent"

  /// Whether it concerns pushforwards, and whether pullbacks.
  package var concerns: (forward: Bool, reverse: Bool) {
    switch self {
    case .tangentNaN, .tangentTooLong: (true, false)
    case .cotangentInfinite, .cotangentTooShort: (false, true)
    default: (true, true)
    }
  }
}
