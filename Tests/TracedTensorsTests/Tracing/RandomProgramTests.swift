import TensorChecks
import Testing

@testable import TracedTensors

/// Random programs, compiled in every way there is, against the eager walk over the recording.
@Suite struct RandomProgramTests {
  /// Two orders of the same sums, chained some tens of times, of numbers of size one.
  static let tolerance = 1e-14

  @Test("A block of inputs gives the bits of each by itself, forwards and backwards")
  func blocks() throws {
    var numbers = Choices(seed: 3)
    for program in RandomProgram.all {
      let recorded = try record(at: program.inputs) { program.run($0) }
      let J = ProgramOperator(
        recorded.trace, inputs: recorded.inputs, outputs: recorded.outputs)
      // The second is more than are run at a time.
      for count in [3, 19] {
        let (V, U) = (
          (0..<count).map { _ in numbers.tensor([J.columnCount]).scalars },
          (0..<count).map { _ in numbers.tensor([J.rowCount]).scalars }
        )
        #expect(try J.applied(toEach: V, transposed: false) == V.map { try J.applied(to: $0) })
        #expect(
          try J.applied(toEach: U, transposed: true) == U.map { try J.transposeApplied(to: $0) })
      }
    }
  }

  @Test("Fused, unfused, transposed and twice transposed programs do what the walk does")
  func allFormsAgree() throws {
    var (recordedTerms, fusedTerms) = (0, 0)
    for program in RandomProgram.all {
      let (x, v, u) = (program.inputs, program.tangent, program.cotangent)
      let pushed = valueAndPushforward(at: x, along: v) { program.run($0) }.tangent.flattened()
      let pulled = valueAndPullback(at: x, cotangent: { _ in u }) { program.run($0) }
        .cotangent.flattened()
      let recorded = try record(at: x) { program.run($0) }
      for fuse in [true, false] {
        let J = ProgramOperator(
          recorded.trace, inputs: recorded.inputs, outputs: recorded.outputs, fuse: fuse)
        let (V, U) = (v.flattened(), u.flattened())
        let twice = ExecutableProgram(J.program.transposed().transposed())
        let thrice = ExecutableProgram(J.program.transposed().transposed().transposed())
        let entries = try J.denseMatrix()
        let (m, n) = (J.rowCount, J.columnCount)
        let forward = [
          "program": try J.applied(to: V), "twice transposed": try twice.applied(to: V),
          "entries": (0..<m).map { i in (0..<n).reduce(0) { $0 + entries[i * n + $1] * V[$1] } },
        ]
        let backward = [
          "transposed": try J.transposeApplied(to: U),
          "transposed thrice": try thrice.applied(to: U),
          "transposed entries": (0..<n).map { j in
            (0..<m).reduce(0) { $0 + entries[$1 * n + j] * U[$1] }
          },
        ]
        let size = max(1, largestMagnitude(pushed), largestMagnitude(pulled))
        for (form, result) in forward {
          #expect(
            largestDifference(result, pushed) <= Self.tolerance * size,
            "\(program), fused \(fuse), \(form)")
        }
        for (form, result) in backward {
          #expect(
            largestDifference(result, pulled) <= Self.tolerance * size,
            "\(program), fused \(fuse), \(form)")
        }
        if fuse {
          fusedTerms += J.program.terms.count
        } else {
          recordedTerms += J.program.terms.count
        }
      }
    }
    // Fusion is there to shrink programs: these shrink by a third at least.
    #expect(3 * fusedTerms < 2 * recordedTerms, "\(recordedTerms) terms became \(fusedTerms)")
  }

  @Test("⟨u, Jv⟩ = ⟨Jᵀu, v⟩, and differences", arguments: RandomProgram.all)
  func lawsOfDerivatives(_ program: RandomProgram) throws {
    let (x, v, u) = (program.inputs, program.tangent, program.cotangent)
    let linear = try linearization(at: x) { program.run($0) }
    let (Jv, JTu) = (try linear.pushforward(v), try linear.pullback(u))
    let size =
      euclideanNorm(u.flattened()) * euclideanNorm(Jv.flattened())
      + euclideanNorm(JTu.flattened()) * euclideanNorm(v.flattened())
    #expect(abs(inner(u, Jv).scalar - inner(JTu, v).scalar) <= 1e-13 * size)
    let error = differenceError(
      derivative: Jv.flattened(), size: largestMagnitude(linear.value.flattened())
    ) { program.run(moved(x, by: $0, along: v)).flattened() }
    #expect(error <= differenceTolerance)
  }

  @Test(
    "Second derivatives: forward over reverse is reverse over reverse", arguments: RandomProgram.all
  )
  func nestings(_ program: RandomProgram) throws {
    let (x, t, u) = (program.inputs, program.tangent, program.cotangent)
    func slope(_ x: [Tensor]) -> [Tensor] { gradient(at: x) { inner(program.run($0), u) } }
    let reverse = gradient(at: x) { inner(slope($0), t) }.flattened()
    let forward = valueAndPushforward(at: x, along: t) { slope($0) }.tangent.flattened()
    // The recorded gradient, compiled: what stationarity conditions are made of.
    let replayed = try linearization(at: x) { slope($0) }
    let size = max(1, largestMagnitude(reverse))
    #expect(largestDifference(reverse, forward) <= 1e-13 * size)
    #expect(largestDifference(reverse, try replayed.pushforward(t).flattened()) <= 1e-13 * size)
    #expect(largestDifference(reverse, try replayed.pullback(t).flattened()) <= 1e-13 * size)
  }
}
