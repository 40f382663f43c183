import ImplicitDifferentiation

extension Conditions where Output == Tensor {
  /// Conditions `K y − b = 0`: `y` solves a linear system whose matrix and right-hand side depend on
  /// `x`.
  ///
  /// `A = K` and `B ẋ = K̇ y − ḃ`. Whatever solved the system (iterative refinement, a sparse
  /// factorisation, a library in another language) is the black box.
  ///
  /// Unknowns: `y`, a vector of length `n`, or `n × k` for several right-hand sides. Assumption: `K`
  /// is invertible.
  ///
  /// - Parameters:
  ///   - matrix: `K(x)`, `n × n`.
  ///   - rightHandSide: `b(x)`, of the shape of `y`.
  public static func linearSystem(
    matrix: @escaping @Sendable (_ x: Input) throws -> Tensor,
    rightHandSide: @escaping @Sendable (_ x: Input) throws -> Tensor
  ) -> Conditions {
    .root { x, y in matmul(try matrix(x), y) - (try rightHandSide(x)) }
  }
}

extension Conditions {
  /// Conditions `K y − b = 0` with a matrix given by its product with the unknown: a stencil, a
  /// convolution, a band. Its structure is found from the operations, so that a tridiagonal matrix
  /// is solved as one.
  ///
  /// - Parameters:
  ///   - product: `K(x) y`, linear in `y`.
  ///   - rightHandSide: `b(x)`, of the same layout.
  public static func linearSystem(
    product: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Output,
    rightHandSide: @escaping @Sendable (_ x: Input) throws -> Output
  ) -> Conditions {
    .root { x, y in try product(x, y).combined(with: rightHandSide(x)) { $0 - $1 } }
  }
}
