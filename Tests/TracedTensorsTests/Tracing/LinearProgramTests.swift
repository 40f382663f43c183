import TensorChecks
import Testing

@testable import TracedTensors

/// What compilation makes of known recordings: how many terms, which structure.
@Suite struct LinearProgramTests {
  /// `J`, column by column.
  private func columns(_ J: any LinearOperator) throws -> [Double] {
    let (m, n) = (J.rowCount, J.columnCount)
    var result = [Double](repeating: 0, count: m * n)
    for j in 0..<n {
      let column = try J.applied(to: (0..<n).map { $0 == j ? 1 : 0 })
      for i in 0..<m { result[i * n + j] = column[i] }
    }
    return result
  }

  @Test("The entries of gathers and scatters, which lead straight from input to output")
  func entriesOfIndexedTerms() throws {
    let x = Tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    let functions: [(Tensor) -> Tensor] = [
      { $0.gathered([2, 0]) }, { $0.gathered([2, 2, 1], alongAxis: 1) },
      { $0.scattered([1, 3, 1], count: 4) }, { $0.scattered([1, 0, 1], count: 2, alongAxis: 1) },
      { $0.at(0).gathered([1, 2, 0]) }, { $0.max(alongAxis: 1) },
    ]
    for f in functions {
      let J = try linearization(at: x) { f($0) }.jacobian
      #expect(try J.denseMatrix() == columns(J))
      #expect(try J.adjoint.denseMatrix() == columns(J.adjoint))
    }
    // A permutation of a vector is square, and no band.
    let permutation = try linearization(at: Tensor([1, 2, 3])) { $0.gathered([1, 2, 0]) }.jacobian
    #expect(permutation.structure == .unknown)
    #expect(try permutation.denseMatrix() == [0, 1, 0, 0, 0, 1, 1, 0, 0])
  }

  private func compiled(
    _ x: [Tensor], fuse: Bool = true, _ f: ([Tensor]) -> Tensor
  ) throws -> ProgramOperator {
    let recorded = try record(at: x, of: f)
    return ProgramOperator(
      recorded.trace, inputs: recorded.inputs, outputs: recorded.outputs, fuse: fuse)
  }

  static func vector(_ n: Int, seed: Int = 1) -> Tensor {
    var choices = Choices(seed: seed)
    return choices.tensor([n])
  }

  @Test(
    "A tridiagonal residual becomes three terms, read as a band", arguments: [4, 5, 12, 13, 1500])
  func tridiagonal(_ n: Int) throws {
    let y = Self.vector(n)
    let J = try compiled([y]) { z in
      let y = z[0]
      return 2 * y - y.shifted(by: 1) - 0.5 * y.shifted(by: -1) + 0.1 * exp(y) - 1
    }
    #expect(J.program.terms.count == 3 && J.program.groups.count == 1)
    #expect(J.structure == (n >= 4 ? .banded(lower: 1, upper: 1) : .unknown))
    let bands = try #require(try J.bandMatrix())
    let slopes = exp(y).scalars
    for i in 0..<n {
      #expect(abs(bands[i, i] - (2 + 0.1 * slopes[i])) <= 1e-15 * 4)
      if i > 0 { #expect(bands[i, i - 1] == -1 && bands[i - 1, i] == -0.5) }
    }
    // The products are those of the bands, in both directions.
    let v = Self.vector(n, seed: 2).scalars
    let backwards = try J.transposeApplied(to: v)
    for j in 0..<n {
      let sum = (max(0, j - 1)..<min(n, j + 2)).reduce(0) { $0 + bands[$1, j] * v[$1] }
      #expect(abs(sum - backwards[j]) <= 1e-14)
    }
  }

  @Test("The five-point stencil on a grid is a band as wide as a row")
  func stencil() throws {
    let grid = Tensor(shape: [9, 11], Self.vector(99).scalars)
    let J = try compiled([grid]) { z in
      let u = z[0]
      return 4 * u - u.shifted(by: 1) - u.shifted(by: -1) - u.shifted(by: 1, alongAxis: 1)
        - u.shifted(by: -1, alongAxis: 1) - 0.3 * exp(u)
    }
    #expect(J.structure == .banded(lower: 11, upper: 11))
    #expect(J.program.terms.count == 5)
    let bands = try #require(try J.bandMatrix())
    #expect(bands.denseMatrix == (try J.denseMatrix()))
    // No neighbours across the ends of the rows.
    #expect(bands[11, 10] == 0 && bands[10, 11] == 0 && bands[11, 12] == -1 && bands[12, 1] == -1)
  }

  @Test("Diagonal, permuted and dense conditions")
  func structures() throws {
    let x = Self.vector(40)
    #expect(try compiled([x]) { tanh(3 * $0[0]) * $0[0] }.structure == .diagonal)
    #expect(try compiled([x]) { $0[0].shifted(by: 3) }.structure == .banded(lower: 3, upper: 0))
    #expect(try compiled([x]) { $0[0] * $0[0].sum() }.structure == .unknown)
    #expect(try compiled([x]) { $0[0].gathered(Array((0..<40).reversed())) }.structure == .unknown)
    // Two blocks of unknowns and equations side by side are one diagonal.
    #expect(
      try compiled([x, x]) { Tensor.concatenate([sin($0[0]), 2 * $0[1]]) }.structure == .diagonal)
    // A quarter of the matrix is no band any more.
    #expect(try compiled([x]) { $0[0] + $0[0].shifted(by: 12) }.structure == .unknown)
  }

  @Test("Terms that cancel leave nothing behind")
  func cancellation() throws {
    let x = Self.vector(20)
    let J = try compiled([x]) { z in
      let y = z[0]
      return 3 * y + y.shifted(by: 2) - y - y.shifted(by: 2) - 2 * y
    }
    #expect(J.program.terms.isEmpty && J.structure == .diagonal)
    #expect(try J.applied(to: x.scalars) == [Double](repeating: 0, count: 20))
    let half = try compiled([x]) { z in
      let y = z[0]
      return y * z[0] - z[0] * y + y
    }
    #expect(half.structure == .diagonal && half.program.terms.count == 1)
  }

  @Test("Low rank stays low rank, and D · X does not copy the matrix")
  func costs() throws {
    let (m, n) = (30, 20)
    let X = Tensor(shape: [m, n], Self.vector(m * n, seed: 3).scalars)
    let d = Self.vector(m, seed: 4)
    // u (vᵀ y): two products with vectors, not one with a matrix.
    let outerProduct = try compiled([Self.vector(n)]) { d * $0[0].dot(Self.vector(n, seed: 5)) }
    #expect(outerProduct.program.terms.allSatisfy { $0.geometry.volume <= m })
    let repeated = try compiled([Self.vector(n)]) { Tensor.zeros([m]) + $0[0].sum() }
    #expect(repeated.program.terms.allSatisfy { $0.geometry.volume <= m })
    // Xᵀ D X y: three groups; nothing of m n numbers but X itself.
    let normal = try compiled([Self.vector(n)]) {
      matmul(X, d * matmul(X, $0[0]), transposingLeft: true)
    }
    #expect(normal.program.coefficients.allSatisfy { $0.count <= m || $0.storage === X.storage })
    #expect(normal.program.groups.count <= 3)
  }

  @Test("Only what leads from the inputs to the outputs is compiled")
  func deadTerms() throws {
    let x = Self.vector(6)
    let recorded = try record(at: [x, x]) { z -> [Tensor] in
      let unused = exp(z[0]).sum()
      _ = unused * z[1]
      return [sin(z[0]), cos(z[1])]
    }
    let block = ProgramOperator(
      recorded.trace, inputs: [recorded.inputs[0]], outputs: [recorded.outputs[0]])
    #expect(block.program.terms.count == 1 && block.rowCount == 6 && block.columnCount == 6)
    let zero = ProgramOperator(
      recorded.trace, inputs: [recorded.inputs[0]], outputs: [recorded.outputs[1]])
    #expect(zero.program.terms.isEmpty)
    #expect(try zero.applied(to: x.scalars) == [0, 0, 0, 0, 0, 0])
    #expect(try zero.transposeApplied(to: x.scalars) == [0, 0, 0, 0, 0, 0])
  }

  @Test("Rows longer than the executor's chunks", arguments: [1023, 1024, 1025, 5000])
  func longRows(_ n: Int) throws {
    let x = Self.vector(n)
    func f(_ x: Tensor) -> Tensor {
      let y = tanh(x.shifted(by: 1) * x) + x.shifted(by: -700) * 0.5
      return y * y.sum() / Tensor(Double(n)) + x.padded(before: 3, after: 0).slice(0..<n)
    }
    let linear = try linearization(at: x, of: f)
    let v = Self.vector(n, seed: 9)
    let pushed = valueAndPushforward(at: x, along: v, of: f).tangent
    let pulled = valueAndPullback(at: x, cotangent: { _ in v }, of: f).cotangent
    #expect(largestDifference(try linear.pushforward(v).scalars, pushed.scalars) <= 1e-14)
    #expect(largestDifference(try linear.pullback(v).scalars, pulled.scalars) <= 1e-14)
  }

  @Test("Running a program writes all of its output and nothing else")
  func outputsAreOverwritten() throws {
    for seed in 1...40 {
      let program = RandomProgram(seed: seed)
      let linear = try linearization(at: program.inputs) { program.run($0) }
      for transposed in [false, true] {
        let executable = linear.operation.executable(transposed: transposed)
        let x = (0..<executable.inputCount).map { Double($0 % 5) - 2 }
        let clean = try executable.applied(to: x)
        // Dirty memory all around.
        var output = [Double](repeating: .nan, count: executable.outputCount + 2)
        var workspace = [Double](repeating: .nan, count: executable.workspaceCount + 2)
        try output.withUnsafeMutableBufferPointer { output in
          try workspace.withUnsafeMutableBufferPointer { workspace in
            try x.withUnsafeBufferPointer { x in
              guard let out = output.baseAddress, let work = workspace.baseAddress,
                let input = x.baseAddress
              else { return }
              try executable.run(input, into: out + 1, workspace: work + 1)
            }
          }
        }
        #expect(Array(output.dropFirst().dropLast()) == clean, "\(program)")
        #expect(output[0].isNaN && output[output.count - 1].isNaN)
        #expect(workspace[0].isNaN && workspace[workspace.count - 1].isNaN)
      }
    }
  }
}
