import TensorChecks
import Testing
import TracedSolves

@testable import TracedTensors

@Suite struct TensorSolveTests {
  /// Matrices of condition below 10; tens of roundings.
  static let tolerance = 1e-13

  static let general = Tensor([[4, 1, -2], [0.5, 5, 1], [1, -1, 3]])
  static let definite = Tensor([[4, 1, -0.5], [1, 5, 1], [-0.5, 1, 3]])
  static let indefinite = Tensor([[1, 3, 0], [3, -2, 1], [0, 1, 4]])
  static let permuted = Tensor([[0, 2, 0], [0, 0, 3], [4, 0, 0]])

  @Test("A x = b", arguments: [general, definite, indefinite, permuted])
  func residuals(_ A: Tensor) throws {
    for b in [Tensor([1, -2, 3]), Tensor([[1, 0], [2, -1], [3, 5]])] {
      let x = try solve(A, b)
      #expect(x.shape == b.shape)
      #expect(largestDifference(matmul(A, x).scalars, b.scalars) <= Self.tolerance)
    }
    #expect(try solve(A, Tensor.zeros([3])) == Tensor.zeros([3]))
  }

  @Test("Numbers are neither matrices nor right-hand sides")
  func ranks() {
    #expect(throws: LinearSolveError.notSquare(rowCount: 1, columnCount: 1)) {
      try solve(Tensor(2), [1])
    }
    #expect(throws: LinearSolveError.notSquare(rowCount: 3, columnCount: 1)) {
      try solve([1, 2, 3], [1])
    }
    #expect(
      throws: LinearSolveError.sizeMismatch(
        what: "the right-hand side of `solve`", expected: 3, found: 1)
    ) { try solve(Self.general, Tensor(2)) }
  }

  /// `x = A⁻¹b`: `dx = A⁻¹(db − dA x)`, `d²x = −2 A⁻¹ dA dx` along fixed directions (db twice: 0).
  @Test(
    "First and second derivatives in both arguments", arguments: [general, definite, indefinite])
  func derivatives(_ A: Tensor) throws {
    let dA = Tensor([[0.3, -1, 0.2], [0.7, 0.1, -0.4], [-0.6, 0.5, 0.9]])
    for (b, db) in [
      (Tensor([1, -2, 3]), Tensor([0.5, 1, -1])),
      (Tensor([[1, 0], [2, -1], [3, 5]]), Tensor([[0.5, 1], [1, 2], [-1, 0.25]])),
    ] {
      let x = try solve(A, b)
      let dx = try solve(A, db - matmul(dA, x))
      let d2x = try solve(A, -2 * matmul(dA, dx))
      func curve(_ t: Tensor) throws -> Tensor { try solve(A + t * dA, b + t * db) }
      let first = try valueAndPushforward(at: 0, along: 1, of: curve)
      #expect(first.value == x)
      #expect(largestDifference(first.tangent.scalars, dx.scalars) <= Self.tolerance)
      let second = try valueAndPushforward(at: 0, along: 1) { t in
        try valueAndPushforward(at: t, along: 1, of: curve).tangent
      }
      #expect(largestDifference(second.tangent.scalars, d2x.scalars) <= Self.tolerance)
      // Backwards: with ⟨w, x⟩, b̄ = A⁻ᵀw and Ā = −b̄ xᵀ; once more, along (dA, db).
      let w = Tensor(shape: b.shape, (0..<b.count).map { Double($0) - 1.5 })
      func loss(_ z: [Tensor]) throws -> Tensor { (try solve(z[0], z[1]) * w).sum() }
      let slope = try gradient(at: [A, b], of: loss)
      let adjoint = try solve(A.transposed(), w)
      let columns = x.rank == 1 ? 1 : x.shape[1]
      let (u, v) = (adjoint.reshaped([3, columns]), x.reshaped([3, columns]))
      #expect(largestDifference(slope[1].scalars, adjoint.scalars) <= Self.tolerance)
      #expect(
        largestDifference(slope[0].scalars, (-matmul(u, v, transposingRight: true)).scalars)
          <= Self.tolerance)
      let product = try gradient(at: [A, b]) { inner(try gradient(at: $0, of: loss), [dA, db]) }
      // ⟨w, d²x⟩ along the direction is the quadratic form of the Hessian.
      let form = inner(product, [dA, db]).scalar
      #expect(abs(form - (w * d2x).sum().scalar) <= Self.tolerance * 10)
      let forward = try valueAndPushforward(at: [A, b], along: [dA, db]) {
        try gradient(at: $0, of: loss)
      }.tangent
      #expect(largestDifference(forward.flattened(), product.flattened()) <= Self.tolerance)
    }
  }

  @Test("Third derivative of 1/a through a 1 × 1 system")
  func thirdDerivative() throws {
    func f(_ a: Tensor) throws -> Tensor { try solve(a.reshaped([1, 1]), Tensor([1])).sum() }
    let third = try gradient(at: 2) { a in
      try gradient(at: a) { a in try gradient(at: a, of: f) }
    }
    #expect(abs(third.scalar - -6.0 / 16) <= Self.tolerance)
  }

  @Test("A symmetric matrix is differentiated in all its entries, not in half of them")
  func symmetricMatrix() throws {
    let slope = try gradient(at: Self.definite) { try solve($0, Tensor([1, 2, 3])).at(0) }
    let (u, x) = (
      try solve(Self.definite, Tensor([1, 0, 0])), try solve(Self.definite, Tensor([1, 2, 3]))
    )
    #expect(largestDifference(slope.scalars, (-outer(u, x)).scalars) <= Self.tolerance)
    #expect(slope[0, 1] != slope[1, 0])
  }

  @Test("Refusals")
  func refusals() {
    #expect(throws: LinearSolveError.notSquare(rowCount: 2, columnCount: 3)) {
      try solve(Tensor.zeros([2, 3]), Tensor.zeros([2]))
    }
    #expect(throws: LinearSolveError.notSquare(rowCount: 3, columnCount: 1)) {
      try solve(Tensor.zeros([3]), Tensor.zeros([3]))
    }
    #expect(
      throws: LinearSolveError.sizeMismatch(
        what: "the right-hand side of `solve`", expected: 3, found: 2)
    ) {
      try solve(Self.general, Tensor([1, 2]))
    }
    #expect {
      try solve(Tensor([[1, 2], [2, 4]]), Tensor([1, 2]))
    } throws: { error in
      if case LinearSolveError.singular = error { return true }
      return false
    }
    #expect {
      try solve(Tensor([[1, .nan], [2, 4]]), Tensor([1, 2]))
    } throws: { error in
      if case LinearSolveError.notFinite = error { return true }
      return false
    }
  }
}
