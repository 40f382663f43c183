import Foundation
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages
import Testing

/// What the page on Sinkhorn says of the iteration between two digits: reference iterations, the
/// envelope theorem, the debiased divergence, and the words of its errors.
@Suite struct SinkhornFixedPointTests {
  private let cost: Tensor
  private let a: Tensor
  private let b: Tensor

  init() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Tutorials/SinkhornFixedPoint/Data/digits.csv")
      .standardizedFileURL
    let table = try Table(csv: try String(contentsOf: file, encoding: .utf8))
    let ink = try table.columns((0..<64).map { "p\($0)" }) + 1
    let across = Tensor((0..<64).map { Double($0 % 8) / 7 })
    let down = Tensor((0..<64).map { Double($0 / 8) / 7 })
    cost = pow(across.expanded(atAxis: 1) - across, 2) + pow(down.expanded(atAxis: 1) - down, 2)
    a = ink.at(3) / ink.at(3).sum()
    b = ink.at(8) / ink.at(8).sum()
  }

  /// Iterations to 1e-10, counted independently in another language; rounding may shift one.
  @Test(arguments: zip([0.1, 0.03, 0.01, 0.003, 0.001], [59, 197, 544, 1_305, 2_269]))
  func reachesItsMarginals(epsilon: Double, iterations: Int) throws {
    let found = try Sinkhorn(epsilon: epsilon).transport(cost: cost, from: a, to: b)
    #expect((found.iterations - iterations).magnitude <= 1)
    let P = found.plan
    let error =
      (abs(P.sum(alongAxis: 1) - a).sum() + abs(P.sum(alongAxis: 0) - b).sum()).scalar
    #expect(error <= 2e-10)
  }

  /// The gradient of the value by central differences, along moved mass and a longer way.
  @Test func envelope() throws {
    let found = try Sinkhorn(epsilon: 0.01).transport(cost: cost, from: a, to: b)
    func value(_ cost: Tensor, _ a: Tensor) throws -> Double {
      try Sinkhorn(epsilon: 0.01).transport(cost: cost, from: a, to: b).value.scalar
    }
    let h = 1e-5
    let move = Tensor([h, -h]).scattered([53, 10], count: 64)
    let byMass = (try value(cost, a + move) - value(cost, a - move)) / (2 * h)
    let f = found.rowPotentials
    // Truncation (h/a)² and rounding ε/h.
    #expect((byMass - (f[53] - f[10])).magnitude < 1e-6)
    let way = Tensor([h]).scattered([27 * 64 + 35], count: 4096).reshaped([64, 64])
    let byCost = (try value(cost + way, a) - value(cost - way, a)) / (2 * h)
    #expect((byCost - found.plan[27, 35]).magnitude < 1e-7)
  }

  /// The minimum of `OT(·, b)` is `b` blurred by the kernel: there `f` is constant. That of the
  /// debiased divergence is `b`.
  @Test func biasIsABlur() throws {
    let sinkhorn = Sinkhorn(epsilon: 0.03)
    let kernel = exp(cost.scaled(by: -1 / 0.03))
    let blurred = matmul(kernel, b / kernel.sum(alongAxis: 0))
    let normalised = blurred / blurred.sum()
    let atBlurred = try sinkhorn.transport(cost: cost, from: normalised, to: b)
    #expect((atBlurred.rowPotentials.max() - atBlurred.rowPotentials.min()).scalar < 1e-9)
    let atTarget = try sinkhorn.divergence(cost: cost, from: b, to: b)
    #expect(atTarget.gradient.norm(.infinity).scalar < 1e-8)
    #expect(try sinkhorn.divergence(cost: cost, from: normalised, to: b).value.scalar > 1e-4)
  }

  @Test func bytesPerUnrolledIteration() throws {
    func bytes(_ iterations: Int) throws -> Int {
      try linearization(at: [a, b]) { marginals in
        try Sinkhorn(epsilon: 0.03, stopping: .after(iterations))
          .transport(cost: cost, from: marginals[0], to: marginals[1]).plan
      }.recordedBytes
    }
    let each = (try bytes(40) - bytes(20)) / 20
    // Two arrays of 64 × 64, and a few per cent of bookkeeping.
    let arrays = 2 * 4096 * 8
    #expect(each >= arrays)
    #expect(Double(each) < 1.1 * Double(arrays))
  }

  @Test func namedErrors() throws {
    let sinkhorn = Sinkhorn(epsilon: 0.03)
    #expect(throws: ForwardSolverError.massesDiffer(row: 1, column: 2)) {
      _ = try sinkhorn.transport(
        cost: [[0, 1], [1, 0]], from: [0.5, 0.5], to: [1.5, 0.5])
    }
    for value in [0, -0.25] {
      #expect(throws: ForwardSolverError.massNotPositive(marginal: "b", index: 1, value: value)) {
        _ = try sinkhorn.transport(
          cost: Tensor.zeros([2, 2]), from: [0.5, 0.5], to: [1 - Tensor(value), Tensor(value)])
      }
    }
    let hole = cost + Tensor([.nan]).scattered([700], count: 4096).reshaped([64, 64])
    let error = #expect(throws: ForwardSolverError.self) {
      _ = try sinkhorn.transport(cost: hole, from: a, to: b)
    }
    guard case .notFinite(iteration: 0, let quantity) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(quantity.contains("[10, 60]"))
    let short = Sinkhorn(epsilon: 0.001, stopping: Stopping(maximumIterations: 100))
    let unfinished = #expect(throws: ForwardSolverError.self) {
      _ = try short.transport(cost: cost, from: a, to: b)
    }
    guard case .marginalsNotMet(100, let reached, 1e-10) = unfinished else {
      Issue.record("\(String(describing: unfinished))")
      return
    }
    #expect(reached > 1e-3)
  }
}
