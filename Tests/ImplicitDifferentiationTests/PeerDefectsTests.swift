import TensorChecks
import Testing

@testable import ImplicitDifferentiation

/// Inputs of which any may be declared constant.
private struct Masked: TensorStructure {
  var tensors: [Tensor]
  var constants: [Bool]

  static var fields: [TensorField<Masked>] { [] }

  func forEachTensor(
    named prefix: String, isConstant: Bool, _ body: (String, Tensor, Bool) -> Void
  ) {
    for (i, tensor) in tensors.enumerated() {
      body("\(prefix)[\(i)]", tensor, isConstant || constants[i])
    }
  }

  func mapTensors(isConstant: Bool, _ body: (Tensor, Bool) -> Tensor) -> Masked {
    Masked(
      tensors: zip(tensors, constants).map { body($0, isConstant || $1) }, constants: constants)
  }
}

/// Faults that other libraries for implicit differentiation have had, each a test here. (Where one
/// was found and how is in the notes of the people who met it; each is planted by a patch under
/// Tests/Faults as well, to see that its test fails.)
@Suite struct PeerDefectsTests {
  @Test("Any subset of the inputs may be constant: gradients stay in their places")
  func positionsOfVariables() throws {
    // y = a + 2b + 3c + 4d with lengths that differ once summed: a mix-up changes shape or value.
    let inputs = [Tensor([1]), Tensor([2, 3]), Tensor([4, 5, 6]), Tensor([7, 8, 9, 10])]
    @Sendable func weighted(_ x: Masked) -> Tensor {
      var sum = Tensor(0)
      for (i, tensor) in x.tensors.enumerated() { sum = sum + Tensor(Double(i + 1)) * tensor.sum() }
      return sum
    }
    let function = ImplicitFunction<Masked, Tensor>(
      forward: { weighted($0) }, conditions: .root { x, y in y - weighted(x) })
    for mask in 0..<16 {
      let constants = (0..<4).map { mask >> $0 & 1 == 1 }
      let point = Masked(tensors: inputs, constants: constants)
      let pulled = try function.linearize(at: point).pullback(Tensor(1)).value
      let traced = try gradient(at: point) { try function($0) }
      for gradient in [pulled, traced] {
        for (i, tensor) in gradient.tensors.enumerated() {
          let expected =
            constants[i] ? [] : [Double](repeating: Double(i + 1), count: inputs[i].count)
          #expect(tensor.scalars == expected, "input \(i) with the constants \(constants)")
        }
      }
    }
  }

  @Test("The limit for iterations counts unknowns, not extents of axes; a scalar has one too")
  func iterationLimit() throws {
    let conditions = Conditions<Tensor, Tensor>.root { x, y in
      let v = y.flattened()
      return 2 * v - v.shifted(by: 1) - v.shifted(by: -1) - x.flattened()
    }
    var choices = Choices(seed: 31)
    let shape = [28, 28]
    let n = 28 * 28
    let beside = [Double](repeating: -1, count: n - 1)
    let x = choices.tensor(shape)
    let laplacian = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        let operation = try BandedOperator(
          below: beside, diagonal: [Double](repeating: 2, count: n), above: beside)
        return Tensor(shape: shape, try BandedLUSolver().solve(operation, x.scalars).vector)
      }, conditions: conditions, linearSolver: ConjugateGradient())
    let cotangent = choices.tensor(shape)
    let pulled = try laplacian.linearize(at: x).pullback(cotangent)
    // A limit of ten times 28 + 28 would have stopped it.
    #expect(pulled.report.linearIterations > 560)
    // The Laplacian is symmetric: its solution for the cotangent is the pullback.
    let exact = try laplacian(cotangent).scalars
    #expect(
      largestDifference(pulled.value.scalars, exact) <= 1e-8 * largestMagnitude(exact))

    let scalar = ImplicitFunction<Tensor, Tensor>(
      forward: { sqrt($0) }, conditions: .root { x, y in y * y - x },
      linearSolver: ConjugateGradient())
    #expect(try abs(scalar.pullback(at: Tensor(4), Tensor(1)).value.scalar - 0.25) <= 1e-15)
  }

  @Test("Several unknowns are coupled: the blocks beside the diagonal count")
  func crossBlocks() throws {
    var choices = Choices(seed: 32)
    let M = choices.tensor([7, 7]) + 4 * Tensor.identity(7)
    let x = choices.tensor([7])
    @Sendable func split(_ v: Tensor) -> [Tensor] {
      [v.slice(0..<3), v.slice(3..<7).reshaped([2, 2])]
    }
    for solver in [LUSolver(), GMRES(), NormalEquationsConjugateGradient()] as [any LinearSolver] {
      let pair = ImplicitFunction<Tensor, [Tensor]>(
        forward: { x in split(try solve(M, x)) },
        conditions: .root { x, y in matmul(M, y.flat) - x }, linearSolver: solver)
      let J = try pair.jacobian(at: x).value
      let inverse = try solve(M, Tensor.identity(7))
      #expect(largestDifference(J.scalars, inverse.scalars) <= 1e-10)
    }
  }

  @Test("A Neumann series of k terms has k terms both ways")
  func neumannTerms() throws {
    // (I − T)⁻¹ b with a nilpotent T: exact after three terms, and never after two.
    let A = try DenseOperator(
      rowCount: 3, columnCount: 3, entries: [1, -1, 0, 0, 1, -1, 0, 0, 1])
    for transposed in [false, true] {
      let b: [Double] = transposed ? [1, 0, 0] : [0, 0, 1]
      let enough = try NeumannSeries(maximumIterations: 3).prepare(A)
      #expect(try enough.solve(b, transposed: transposed).vector == [1, 1, 1])
      let tooFew = try NeumannSeries(maximumIterations: 2).prepare(A)
      #expect(throws: LinearSolveError.self) { try tooFew.solve(b, transposed: transposed) }
    }
  }

  @Test("A parameter that a batch shares gets the sum of the batch's gradients, not the mean")
  func sharedParameter() throws {
    let targets = Tensor([1, -2, 3, 0.5, 4])
    // yᵢ = argmin ½(y − tᵢ)² + ½ p y² = tᵢ / (1 + p), all in one function.
    let batch = ImplicitFunction<Tensor, Tensor>(
      forward: { p in targets / (1 + p) },
      conditions: .stationary { p, y in
        0.5 * (y - targets).squaredNorm() + 0.5 * p * y.squaredNorm()
      })
    let p = Tensor(0.7)
    let exact = targets.scalars.reduce(0) { $0 - $1 / (1.7 * 1.7) }
    let pulled = try batch.pullback(at: p, Tensor.ones([5])).value.scalar
    #expect(abs(pulled - exact) <= 1e-14)
    let traced = try gradient(at: p) { try batch($0).sum() }.scalar
    #expect(abs(traced - exact) <= 1e-14)
    // One by one, and added.
    var sum = 0.0
    for target in targets.scalars {
      let one = ImplicitFunction<Tensor, Tensor>(
        forward: { p in Tensor(target) / (1 + p) },
        conditions: .stationary { p, y in
          0.5 * (y - Tensor(target)).squaredNorm() + 0.5 * p * y.squaredNorm()
        })
      sum += try one.pullback(at: p, Tensor(1)).value.scalar
    }
    #expect(abs(pulled - sum) <= 1e-14)
  }

  @Test("A small cotangent has a small gradient, not none", arguments: [-4, -30, -300, -900])
  func smallCotangents(_ exponent: Int) throws {
    let scale = Double(sign: .plus, exponent: exponent, significand: 1)
    let root = ImplicitFunction<Tensor, Tensor>(
      forward: { sqrt($0) }, conditions: .root { x, y in y * y - x })
    let x = Tensor([4, 9, 2])
    let linear = try root.linearize(at: x)
    let (ordinary, small) = (Tensor([1, -3, 2]), Tensor([scale, -3 * scale, 2 * scale]))
    // Powers of two scale without rounding.
    #expect(
      try linear.pullback(small).value.scalars
        == linear.pullback(ordinary).value.scalars.map { scale * $0 })
    #expect(
      try linear.pushforward(small).value.scalars
        == linear.pushforward(ordinary).value.scalars.map { scale * $0 })
  }

  @Test("A factorisation that fails is an error, not a gradient of zero")
  func failedFactorization() throws {
    let flat = ImplicitFunction<Tensor, Tensor>(
      forward: { x in x }, conditions: .root { x, y in (y - x) * Tensor([1, 0]) })
    #expect(throws: DifferentiationError.self) {
      try flat.pullback(at: Tensor([1, 2]), Tensor([1, 1]))
    }
  }

  /// The example of `LinearSolver`'s documentation.
  struct Richardson: LinearSolver {
    var step: Double

    func prepare(_ A: any LinearOperator) -> any PreparedLinearSolver {
      Prepared(A: A, step: step)
    }

    struct Prepared: PreparedLinearSolver {
      let A: any LinearOperator
      let step: Double
      var methodDescription: String { "Richardson iteration" }

      func solve(
        _ b: [Double], transposed: Bool, initialGuess: [Double]?
      ) throws(LinearSolveError) -> LinearSolution {
        var x = initialGuess ?? [Double](repeating: 0, count: b.count)
        var residualNorm = Double.infinity
        for k in 0..<10_000 {
          let solution = try LinearSolution(
            checking: x, of: A, b, transposed: transposed, iterations: k, operatorProducts: 2 * k,
            method: methodDescription)
          if solution.relativeResidual <= 1e-13 { return solution }
          residualNorm = solution.residualNorm
          let product = try transposed ? A.transposeApplied(to: x) : A.applied(to: x)
          for i in x.indices { x[i] += step * (b[i] - product[i]) }
        }
        throw .notConverged(iterations: 10_000, residualNorm: residualNorm, tolerance: 1e-13)
      }
    }
  }

  @Test("A solver of one's own gets what the documentation says, in that order")
  func customSolver() throws {
    let A = try DenseOperator(rowCount: 2, columnCount: 2, entries: [2, 1, 0, 3])
    let solver = Richardson(step: 0.4)
    // Started at the solution it has nothing to do; started at the right-hand side it would have.
    let atSolution = try solver.solve(A, [4, 6], initialGuess: [1, 2])
    #expect(atSolution.vector == [1, 2] && atSolution.iterations == 0)
    let root = ImplicitFunction<Tensor, Tensor>(
      forward: { sqrt($0) }, conditions: .root { x, y in y * y - x },
      linearSolver: Richardson(step: 0.2))
    let pulled = try root.pullback(at: Tensor([4, 9]), Tensor([1, 1]))
    #expect(largestDifference(pulled.value.scalars, [0.25, 1 / 6]) <= 1e-12)
    #expect(pulled.report.linearSolver == "Richardson iteration")
    #expect(pulled.report.linearIterations > 0)
  }
}
