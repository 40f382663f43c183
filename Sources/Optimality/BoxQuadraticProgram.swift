import ImplicitDifferentiation

/// `min ½ zᵀQz + cᵀz` subject to `lower ≤ K z ≤ upper`, with limits that may be infinite or equal.
///
/// Infinite limits have neither residual nor multiplier: only finite ones are kept, so that no
/// infinity meets a derivative. Rows whose limits are equal are equalities. `K` may be absent, for
/// limits on `z` itself.
///
/// In the solution, the multipliers of the equalities come first to last, those of the
/// inequalities are the upper limits' (`upperRows`) followed by the lower ones' (`lowerRows`).
public struct BoxQuadraticProgram: TensorStructure {
  /// `n × n`.
  public var Q: Tensor

  /// Length `n`.
  public var c: Tensor

  /// `m × n`; absent for the identity.
  public var K: Tensor?

  /// The finite lower limits, in the order of `lowerRows`.
  public var lower: Tensor

  /// The finite upper limits, in the order of `upperRows`.
  public var upper: Tensor

  /// The common limits of rows that have equal ones, in the order of `equalRows`.
  public var equal: Tensor

  /// Rows with a finite lower limit.
  public let lowerRows: [Int]

  /// Rows with a finite upper limit.
  public let upperRows: [Int]

  /// Rows whose limits are equal.
  public let equalRows: [Int]

  /// A program with the given limits, one for each row of `K z`; infinities mean none.
  ///
  /// - Throws: `DifferentiationError.sizeMismatch` when the limits differ in number, and
  ///   ``BoxLimitsError`` at the first row whose lower limit is above its upper one or NaN.
  public init(
    Q: Tensor, c: Tensor, K: Tensor? = nil, lower: [Double], upper: [Double]
  ) throws {
    let rows = K?.shape[0] ?? c.count
    for (what, limits) in [("the lower limits", lower), ("the upper limits", upper)]
    where limits.count != rows {
      throw DifferentiationError.sizeMismatch(what: what, expected: rows, found: limits.count)
    }
    for row in 0..<rows
    where !(lower[row] <= upper[row]) || lower[row] == .infinity
      || upper[row] == -.infinity
    {
      throw BoxLimitsError(row: row, lower: lower[row], upper: upper[row])
    }
    self.Q = Q
    self.c = c
    self.K = K
    equalRows = (0..<rows).filter { lower[$0] == upper[$0] }
    lowerRows = (0..<rows).filter { lower[$0] != upper[$0] && lower[$0].isFinite }
    upperRows = (0..<rows).filter { lower[$0] != upper[$0] && upper[$0].isFinite }
    self.lower = Tensor(lowerRows.map { lower[$0] })
    self.upper = Tensor(upperRows.map { upper[$0] })
    equal = Tensor(equalRows.map { lower[$0] })
  }

  /// The program as a problem, with its KKT conditions, active sets and one-sided derivatives.
  ///
  /// Source: B. Stellato et al., "OSQP", Math. Program. Comput. 12 (2020), 637–672, equation (1).
  public static var problem: ConstrainedProblem<BoxQuadraticProgram, Tensor> {
    ConstrainedProblem(
      objective: { program, z in 0.5 * z.dot(matmul(program.Q, z)) + program.c.dot(z) },
      equalities: { program, z in
        program.limited(z).gathered(program.equalRows) - program.equal
      },
      inequalities: { program, z in
        let values = program.limited(z)
        return Tensor.concatenate([
          values.gathered(program.upperRows) - program.upper,
          program.lower - values.gathered(program.lowerRows),
        ])
      })
  }

  /// `K z`.
  private func limited(_ z: Tensor) -> Tensor { K.map { matmul($0, z) } ?? z }

  /// `Q`, `c`, `K` and the limits.
  public static var fields: [TensorField<BoxQuadraticProgram>] {
    [
      .init("Q", \.Q), .init("c", \.c), .init("K", \.K), .init("lower", \.lower),
      .init("upper", \.upper), .init("equal", \.equal),
    ]
  }
}

/// A row whose limits leave no value.
public struct BoxLimitsError: Error, Equatable, CustomStringConvertible {
  /// The row, from 0.
  public let row: Int
  /// Its lower limit.
  public let lower: Double
  /// Its upper limit.
  public let upper: Double

  /// A sentence with the numbers.
  public var description: String {
    "Row \(row) has the lower limit \(lower) and the upper limit \(upper): no value lies between "
      + "them. Use -∞ and +∞ for limits that do not exist."
  }
}

extension Conditions where Input == BoxQuadraticProgram, Output == KKTPoint<Tensor> {
  /// The Karush–Kuhn–Tucker conditions of a quadratic program in box form; see
  /// ``BoxQuadraticProgram/problem``.
  public static func boxQuadraticProgram(form: ComplementarityForm = .activeSet) -> Conditions {
    BoxQuadraticProgram.problem.conditions(form: form)
  }
}
