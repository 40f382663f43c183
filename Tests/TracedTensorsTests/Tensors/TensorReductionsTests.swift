import Foundation
import TensorChecks
import Testing

@testable import TracedTensors

/// Reductions where plain formulas overflow, cancel or have a kink.
@Suite struct TensorReductionsTests {
  @Test("logSumExp of shifted entries is shifted", arguments: [-1000.0, -700, 0, 700, 1000, 1e8])
  func shiftOfLogSumExp(_ shift: Double) {
    let x = Tensor([0.5, -1, 2])
    let plain = Foundation.log(x.scalars.reduce(0) { $0 + Foundation.exp($1) })
    let value = (x + Tensor(shift)).logSumExp().scalar
    // The shifted entries are rounded to their own last place, and so is the sum.
    #expect(abs(value - shift - plain) <= 2 * max(1, abs(shift)).ulp)
    let weights = (x + Tensor(shift)).softmax()
    let exact = x.scalars.map { Foundation.exp($0 - plain) }
    let tolerance = max(1e-15, 2 * abs(shift).ulp)
    #expect(largestDifference(weights.scalars, exact) <= tolerance)
    #expect(
      largestDifference(gradient(at: x + Tensor(shift)) { $0.logSumExp() }.scalars, exact)
        <= tolerance)
  }

  @Test("softmax sums to one to the last places, whatever the size of its entries")
  func softmaxSumsToOne() {
    for shift in [0.0, 1000, -1000, 1e6] {
      let x = Tensor([0.5, -1, 2, 1.75]) + Tensor(shift)
      #expect(abs(x.softmax().sum().scalar - 1) <= 4 * 0x1p-52, "shift \(shift)")
      let slope = gradient(at: x) { $0.logSumExp() }
      #expect(abs(slope.sum().scalar - 1) <= 4 * 0x1p-52, "shift \(shift)")
    }
  }

  @Test("Axes without entries")
  func noEntries() {
    let none = Tensor.zeros([2, 0])
    #expect(none.softmax(alongAxis: 1).shape == [2, 0])
    #expect(none.logSumExp(alongAxis: 1).scalars == [-.infinity, -.infinity])
    #expect(Tensor.zeros([0, 2]).max(alongAxis: 1).shape == [0])
  }

  @Test("−∞ is an entry of weight zero; only −∞ gives −∞; NaN gives NaN")
  func infinities() {
    let x = Tensor([-.infinity, 0, -.infinity])
    #expect(x.logSumExp() == 0 && x.softmax() == [0, 1, 0])
    #expect(gradient(at: x) { $0.logSumExp() } == [0, 1, 0])
    #expect(Tensor([-.infinity, -.infinity]).logSumExp().scalar == -.infinity)
    #expect(Tensor([1, .infinity]).logSumExp().scalar == .infinity)
    #expect(Tensor([1, .nan]).logSumExp().scalar.isNaN)
    let matrix = Tensor([[0, -.infinity], [-.infinity, 3]])
    #expect(matrix.logSumExp(alongAxis: 1) == [0, 3])
    #expect(matrix.softmax(alongAxis: 1) == [[1, 0], [0, 1]])
  }

  @Test("The Hessian of logSumExp is diag(p) − p pᵀ, at ordinary and at huge entries")
  func hessianOfLogSumExp() throws {
    for shift in [0.0, 1000] {
      let x = Tensor([0.5, -1, 2]) + Tensor(shift)
      let p = x.softmax().scalars
      let hessian = try linearization(at: x) { gradient(at: $0) { $0.logSumExp() } }
        .jacobian.denseMatrix()
      for i in 0..<3 {
        for j in 0..<3 {
          #expect(abs(hessian[3 * i + j] - ((i == j ? p[i] : 0) - p[i] * p[j])) <= 1e-12)
        }
      }
    }
  }

  @Test("Norms neither overflow nor underflow, and have an element of the subdifferential at 0")
  func norms() {
    for scale in [1e-200, 1e-308, 1, 1e200, 1e307] {
      let x = Tensor([3 * scale, -4 * scale])
      #expect(abs(x.norm().scalar / (5 * scale) - 1) <= 1e-15)
      #expect(largestDifference(gradient(at: x) { $0.norm() }.scalars, [0.6, -0.8]) <= 1e-15)
      #expect(abs(x.norm(.one).scalar / (7 * scale) - 1) <= 1e-15)
      #expect(x.norm(.infinity).scalar == 4 * scale)
    }
    for kind in [Tensor.Norm.one, .two] {
      #expect(gradient(at: Tensor([0, 0])) { $0.norm(kind) } == [0, 0])
    }
    #expect(Tensor([Double]()).norm() == 0 && Tensor([Double]()).norm(.one) == 0)
    #expect(Tensor([1, .infinity]).norm().scalar == .infinity)
    #expect(Tensor([1, .nan]).norm().scalar.isNaN)
    // The Hessian of ‖x‖ is (I − n nᵀ)/‖x‖ with n = x/‖x‖.
    let x = Tensor([3, -4])
    let row = gradient(at: x) { gradient(at: $0) { $0.norm() }.at(0) }
    #expect(largestDifference(row.scalars, [(1 - 0.36) / 5, 0.48 / 5]) <= 1e-15)
  }

  @Test("Sums and means of nothing")
  func empty() {
    let none = Tensor([Double]())
    #expect(none.sum() == 0 && none.dot(none) == 0)
    #expect(none.mean().scalar.isNaN)
    #expect(Tensor.zeros([0, 2]).sum(alongAxis: 0) == [0, 0])
    #expect(Tensor.zeros([0, 2]).mean(alongAxis: 0).scalars.allSatisfy { $0.isNaN })
    #expect(Tensor.zeros([2, 0]).sum(alongAxis: 0).shape == [0])
    #expect(none.logSumExp().scalar == -.infinity)
  }
}
