import TensorChecks
import Testing

@testable import ImplicitDifferentiation
@testable import LinearSolvers
@testable import TracedTensors

/// Structure that is found in recorded conditions, and answers by it against dense LU.
@Suite struct LinearProgramBlocksTests {
  /// What elimination does with the Jacobian in `y`, and how far its answers are from those of LU, in
  /// units of `κ`.
  private func elimination<Output: TensorStructure>(
    _ conditions: Conditions<Tensor, Output>, _ x: Tensor, _ y: Output,
    solver: any LinearSolver = BlockEliminationSolver(),
    _ location: SourceLocation = #_sourceLocation
  ) throws -> String {
    let A = try conditions.linearize(x, y).A
    let prepared = try solver.prepare(A)
    let reference = try LUSolver().prepare(A)
    let condition = try #require(reference.condition?.conditionNumber, sourceLocation: location)
    var numbers = Choices(seed: 17)
    let b = numbers.tensor([A.rowCount]).scalars
    for transposed in [false, true] {
      let solution = try prepared.solve(b, transposed: transposed).vector
      let exact = try reference.solve(b, transposed: transposed).vector
      let error = norm(zip(solution, exact).map { $0 - $1 }) / norm(exact)
      #expect(error <= 1e-12 * max(condition, 1), sourceLocation: location)
      #expect(error <= 1e-6, sourceLocation: location)
    }
    let description = prepared.methodDescription
    return String(description.drop { $0 != ":" }.dropFirst(2))
  }

  private func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  private func numbers(_ shape: [Int], seed: Int) -> Tensor {
    var numbers = Choices(seed: seed)
    return numbers.tensor(shape)
  }

  // MARK: The table

  @Test("A tridiagonal system, Bratu's problem in one dimension and in two: bands")
  func bands() throws {
    let bratu = Conditions<Tensor, Tensor>.root { x, y in
      y.shifted(by: 1) - 2 * y + y.shifted(by: -1) + x * exp(y)
    }
    let y = numbers([60], seed: 1)
    let A = try bratu.linearize(Tensor(0.01), y).A
    #expect(try Automatic().prepare(A).methodDescription.hasPrefix("tridiagonal LU 60×60"))
    #expect(
      try elimination(bratu, Tensor(0.01), y) == "tridiagonal LU 60×60")
    let plane = Conditions<Tensor, Tensor>.root { x, y in
      let sides = y.shifted(by: 1, alongAxis: 0) + y.shifted(by: -1, alongAxis: 0)
      return sides + y.shifted(by: 1, alongAxis: 1) + y.shifted(by: -1, alongAxis: 1) - 4 * y
        + x * exp(y)
    }
    #expect(
      try elimination(plane, Tensor(0.01), numbers([9, 11], seed: 2))
        == "banded LU 99×99, 11 diagonals below and 11 above")
    // With the parameter as one more unknown, and an equation for a length.
    let arc = Conditions<Tensor, [Tensor]>.root { x, unknowns in
      let (y, parameter) = (unknowns[0], unknowns[1])
      let equations = y.shifted(by: 1) - 2 * y + y.shifted(by: -1) + parameter * exp(y)
      return [equations, y.sum() + parameter - x]
    }
    #expect(
      try elimination(arc, Tensor(1), [y, Tensor(0.01)])
        == "tridiagonal LU 60×60, then dense LU 1×1")
  }

  private func ridge(_ X: Tensor) -> Conditions<Tensor, Tensor> {
    .root { x, w in matmul(matmul(X, w) - 1, X).scaled(by: 1 / Double(X.shape[0])) + x * w }
  }

  @Test("Ridge regression: the normal matrix, or a matrix with a row for each sample")
  func ridge() throws {
    let penalties = exp(numbers([40], seed: 3))
    #expect(
      try elimination(ridge(numbers([80, 40], seed: 4)), penalties, numbers([40], seed: 5))
        == "diagonal 80, then dense Cholesky 40×40")
    let wide = try elimination(
      ridge(numbers([5, 40], seed: 6)), penalties, numbers([40], seed: 7))
    #expect(wide == "diagonal 40, then dense LU 5×5")
  }

  @Test("Logistic regression: a weighted normal matrix")
  func logisticRegression() throws {
    let X = numbers([90, 30], seed: 8)
    let conditions = Conditions<Tensor, Tensor>.root { x, w in
      matmul(logistic(matmul(X, w)) - 0.5, X) + x * w
    }
    let found = try elimination(conditions, Tensor(0.1), numbers([30], seed: 9))
    #expect(found.hasSuffix("then dense Cholesky 30×30"))
    #expect(found.hasPrefix("diagonal 90"))
  }

  private func softmax(_ x: Tensor) -> (Conditions<Tensor, [Tensor]>, [Tensor]) {
    let conditions = Conditions<Tensor, [Tensor]>.root { x, unknowns in
      [log(unknowns[0]) + x + unknowns[1], unknowns[0].sum() - 1]
    }
    let weights = exp(-x)
    let total = weights.sum()
    return (conditions, [weights / total, log(total)])
  }

  @Test("Softmax as an optimum: one number is left")
  func softmaxConditions() throws {
    let x = numbers([50], seed: 10).scaled(by: 5)
    let (conditions, y) = softmax(x)
    #expect(try elimination(conditions, x, y) == "diagonal 50, then dense LU 1×1")
  }

  @Test("One try tells whether to iterate where elimination takes a few operations per unknown")
  func iterationIsTriedOnce() throws {
    let n = 1000
    let x = numbers([n], seed: 21).scaled(by: 3)
    // With multipliers for the signs too, Krylov methods stall.
    let optimum = Conditions<Tensor, [Tensor]>.root { x, z in
      [x - log(z[0]) - 1 + z[1] + z[2], z[0].sum() - 1, z[2] * z[0]]
    }
    let multiplier = 1 - x.logSumExp()
    let y = exp(x - 1 + multiplier)
    let stalling = try optimum.linearize(x, [y, multiplier, Tensor.zeros([n])]).A
    let chosen = try Automatic().prepare(stalling).methodDescription
    #expect(chosen.hasPrefix("block elimination 2001×2001"))
    #expect(chosen.hasSuffix("(as found in the program, where GMRES(50) 2001×2001 fails)"))
    // Half the identity and a matrix of rank one: two products are enough.
    let mirror = Conditions<Tensor, Tensor>.fixedPoint { x, y in
      (0.5 * log(y) + 0.5 * (x - 1)).softmax()
    }
    let easy = try mirror.linearize(x, y).A
    #expect(try Automatic().prepare(easy).methodDescription.hasPrefix("GMRES, then BiCGStab"))
  }

  @Test("A hundred thousand shares: time and memory grow with their number")
  func manyShares() throws {
    let n = 100_000
    let x = numbers([n], seed: 11).scaled(by: 3)
    let (conditions, y) = softmax(x)
    let function = ImplicitFunction(forward: { _ in y }, conditions: conditions)
    let cotangent = numbers([n], seed: 12)
    let derivative = try function.linearize(at: x, solution: y)
      .pullback([cotangent, Tensor.zeros([])])
    #expect(
      derivative.report.linearSolver.hasPrefix(
        "block elimination 100001×100001: diagonal 100000, then dense LU 1×1 "
          + "(as found in the program, where CG 100001×100001, symmetric as probed fails)"))
    let mean = (y[0] * cotangent).sum()
    let exact = (y[0] * (mean - cotangent)).scalars
    let error = norm(zip(derivative.value.scalars, exact).map { $0 - $1 }) / norm(exact)
    #expect(error <= 1e-12)
  }

  /// `n` unknowns, `p` equations, `m` inequalities, with the slack `s` and the multipliers given.
  private func quadraticProgram(
    _ n: Int, _ p: Int, slack: Tensor, multipliers: Tensor
  ) -> (Conditions<Tensor, [Tensor]>, [Tensor]) {
    let N = numbers([n, n], seed: 13)
    let Q = matmul(N, N, transposingRight: true) + Tensor.identity(n)
    let (A, G) = (numbers([p, n], seed: 14), numbers([slack.count, n], seed: 15))
    let z = numbers([n], seed: 16)
    let (b, h) = (matmul(A, z), matmul(G, z) + slack)
    let conditions = Conditions<Tensor, [Tensor]>.root { q, unknowns in
      let (z, nu, lambda) = (unknowns[0], unknowns[1], unknowns[2])
      let stationarity = matmul(Q, z) + q + matmul(nu, A) + matmul(lambda, G)
      return [stationarity, matmul(A, z) - b, lambda * (matmul(G, z) - h)]
    }
    return (conditions, [z, Tensor.ones([p]), multipliers])
  }

  @Test("A quadratic program: active and inactive constraints take different pivots")
  func quadraticProgram() throws {
    let m = 24
    func part(_ body: (Int) -> Double) -> Tensor { Tensor((0..<m).map(body)) }
    let (mixed, y) = quadraticProgram(
      12, 2, slack: part { $0 % 4 == 0 ? 0 : 1 + Double($0 % 3) },
      multipliers: part { $0 % 4 == 0 ? 1 + Double($0 % 5) : 0 })
    #expect(
      try elimination(mixed, Tensor.zeros([12]), y)
        == "diagonal 18, diagonal 18, diagonal 6, then dense LU 20×20")
    let (inactive, w) = quadraticProgram(
      12, 2, slack: part { 1 + Double($0 % 3) }, multipliers: part { _ in 0 })
    #expect(
      try elimination(inactive, Tensor.zeros([12]), w)
        == "diagonal 24, diagonal 24, then dense LU 14×14")
  }

  private func sinkhorn(
    _ n: Int
  ) -> (conditions: Conditions<Tensor, [Tensor]>, cost: Tensor, potentials: [Tensor]) {
    let cost = numbers([n, n], seed: 18)
    let conditions = Conditions<Tensor, [Tensor]>.root { cost, potentials in
      let (f, g) = (potentials[0], potentials[1])
      let (rows, columns) = (g - cost, f.expanded(atAxis: 1) - cost)
      let weight = Double(n)
      return [
        f + rows.logSumExp(alongAxis: 1) + log(Tensor(weight)),
        g + columns.logSumExp(alongAxis: 0) + log(Tensor(weight)),
      ]
    }
    var (f, g) = (Tensor.zeros([n]), Tensor.zeros([n]))
    for _ in 0..<200 {
      f = -(g - cost).logSumExp(alongAxis: 1) - log(Tensor(Double(n)))
      g = -(f.expanded(atAxis: 1) - cost).logSumExp(alongAxis: 0) - log(Tensor(Double(n)))
    }
    return (conditions, cost, [f, g])
  }

  @Test("Transport: one of the two potentials is eliminated; without a gauge nothing is returned")
  func transport() throws {
    let n = 60
    let (conditions, cost, y) = sinkhorn(n)
    let A = try conditions.linearize(cost, y).A
    #expect(throws: LinearSolveError.self) { try BlockEliminationSolver().prepare(A) }
    let free = [Double](repeating: 1, count: n) + [Double](repeating: -1, count: n)
    let prepared = try GaugedSolver(base: BlockEliminationSolver(), right: [free]).prepare(A)
    #expect(
      prepared.methodDescription.hasPrefix(
        "block elimination 120×120: diagonal 60, then dense LU 61×61"))
    let reference = try GaugedSolver(base: LUSolver(), right: [free]).prepare(A)
    let image = try A.applied(to: numbers([2 * n], seed: 19).scalars)
    let coimage = try A.transposeApplied(to: numbers([2 * n], seed: 20).scalars)
    for (b, transposed) in [(image, false), (coimage, true)] {
      let solution = try prepared.solve(b, transposed: transposed).vector
      let exact = try reference.solve(b, transposed: transposed).vector
      #expect(norm(zip(solution, exact).map { $0 - $1 }) <= 1e-12 * norm(exact))
    }
  }

  // MARK: The reader

  /// Unknowns of five shapes, and equations that depend on them through a random program.
  private struct Coupled {
    let program: RandomProgram

    func residual(_ y: [Tensor]) -> [Tensor] {
      let parts = program.run(y)
      return y.map { unknown in
        parts.reduce(2 * unknown) { sum, part in
          part.shape == unknown.shape ? sum + 0.2 * part : sum + 0.1 * part.mean()
        }
      }
    }
  }

  @Test("Two hundred random programs are read and eliminated as dense LU solves them")
  func randomPrograms() throws {
    var (read, eliminated) = (0, 0)
    for program in RandomProgram.all {
      let recorded = try record(at: program.inputs) { Coupled(program: program).residual($0) }
      let A = ProgramOperator(recorded.trace, inputs: recorded.inputs, outputs: recorded.outputs)
      guard let layout = A.blockLayout, let reference = try? LUSolver().prepare(A),
        let condition = reference.condition?.conditionNumber, condition <= 1e8
      else { continue }
      read += 1
      let prepared = try BlockEliminationSolver().prepared(A, layout, reason: nil)
      let b = numbers([A.rowCount], seed: program.seed).scalars
      for transposed in [false, true] {
        let solution = try prepared.solve(b, transposed: transposed).vector
        let exact = try reference.solve(b, transposed: transposed).vector
        #expect(
          norm(zip(solution, exact).map { $0 - $1 }) <= 1e-12 * condition * norm(exact),
          "\(program)")
      }
      if prepared.methodDescription.contains("then") { eliminated += 1 }
    }
    #expect(read >= 120 && eliminated >= 60, "\(read), \(eliminated)")
  }

  @Test("A solve or a gather in the inputs does not hide the structure in the unknowns")
  func mapsElsewhere() throws {
    let M = Tensor([[2, 1], [0, 3]])
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in (try solve(M, x.slice(0..<2))).sum() * Tensor.ones([12]) },
      conditions: .root { x, y in
        y - (try solve(M, x.gathered([0, 1]))).sum() + 0 * y.shifted(by: 1)
      })
    let linear = try function.linearize(at: [1, 2, 3])
    #expect(linear.A.structure == .diagonal)
    let program = try #require(linear.A as? ProgramOperator).program
    #expect(program.maps.isEmpty && program.tables.isEmpty)
    #expect(try linear.jacobian().value.at(0) == linear.jacobian().value.at(11))
    let exact = try solve(M.transposed(), [1, 1])
    #expect(
      largestDifference(try linear.jacobian().value.at(0).scalars, exact.scalars + [0]) <= 1e-15)
  }

  @Test("Conditions with an operation of the caller's own are not read")
  func unreadable() throws {
    let nested = Conditions<Tensor, Tensor>.root { x, y in
      let square = Tensor.custom(
        y, value: { $0 * $0 }, pushforward: { 2 * $0 * $1 }, pullback: { 2 * $0 * $1 })
      return square - x
    }
    let A = try nested.linearize(Tensor.ones([3]), Tensor.ones([3])).A
    #expect((A as? any BlockStructured)?.blockLayout == nil)
  }
}
