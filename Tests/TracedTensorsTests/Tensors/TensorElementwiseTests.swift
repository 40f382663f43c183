import Foundation
import Testing

@testable import TracedTensors

/// Kinks, poles, infinities: what the documentation of the entrywise functions promises.
@Suite struct TensorElementwiseTests {
  static let nan = Double.nan

  private func slope(_ x: Double, _ f: (Tensor) -> Tensor) -> Double {
    gradient(at: Tensor(x), of: f).scalar
  }

  @Test("|x| has the slope 0 at its kink")
  func magnitude() {
    #expect([-2.0, -0.0, 0, 3].map { slope($0) { abs($0) } } == [-1, 0, 0, 1])
    #expect(abs(Tensor([-.infinity, -0.0])).scalars == [.infinity, 0])
  }

  @Test("max and min take the slope of the first where both are equal")
  func extrema() {
    func slopes(_ f: (Tensor, Tensor) -> Tensor, _ a: Double, _ b: Double) -> [Double] {
      gradient(at: [Tensor(a), Tensor(b)]) { f($0[0], $0[1]) }.map(\.scalar)
    }
    #expect(
      slopes(max, 1, 1) == [1, 0] && slopes(max, 2, 1) == [1, 0] && slopes(max, 1, 2) == [0, 1])
    #expect(
      slopes(min, 1, 1) == [1, 0] && slopes(min, 2, 1) == [0, 1] && slopes(min, 1, 2) == [1, 0])
    for (a, b) in [(Self.nan, 1.0), (1.0, Self.nan)] {
      #expect(max(Tensor(a), Tensor(b)).scalar.isNaN && min(Tensor(a), Tensor(b)).scalar.isNaN)
    }
    #expect(max(Tensor(-.infinity), 3) == 3 && min(Tensor(.infinity), 3) == 3)
  }

  @Test("clamp has the slope of x at its limits and inside, 0 outside")
  func clamping() {
    #expect([-3.0, -1, 0, 2, 5].map { slope($0) { clamp($0, -1, 2) } } == [0, 1, 1, 1, 0])
  }

  @Test("The largest of several has the slope of the first, whole or along an axis")
  func largest() {
    #expect(gradient(at: Tensor([1, 3, 3])) { $0.max() } == [0, 1, 0])
    #expect(gradient(at: Tensor([3, 1, 1])) { $0.min() } == [0, 1, 0])
    #expect(
      gradient(at: Tensor([[1, 1], [2, 0]])) { $0.max(alongAxis: 0).sum() } == [[0, 1], [1, 0]])
    #expect(gradient(at: Tensor([-2, 2])) { $0.norm(.infinity) } == [-1, 0])
    #expect(Tensor([1, Self.nan, 2]).max().scalar.isNaN)
  }

  @Test("A selected entry counts, the other does not, be it NaN")
  func selection() {
    let mask = Tensor([1, 0, 2])
    #expect(
      select(mask, [1, Self.tensorNaN, 3], [Self.tensorNaN, 5, Self.tensorNaN]) == [1, 5, 3])
    let slopes = gradient(at: [Tensor([1, 2, 3]), Tensor([4, 5, 6])]) {
      select(mask, $0[0] * $0[0], $0[1] * $0[1]).sum()
    }
    #expect(slopes == [[2, 0, 6], [0, 10, 0]])
    // The documented trap, and the documented way around it.
    let x = Tensor([0, 4])
    let isPositive = Tensor(0).isLess(than: x)
    #expect(!gradient(at: x) { select(isPositive, sqrt($0), 0).sum() }.isFinite)
    #expect(
      gradient(at: x) { select(isPositive, sqrt(select(isPositive, $0, 1)), 0).sum() } == [0, 0.25])
  }

  static let tensorNaN = Tensor(nan)

  @Test("Comparisons entry by entry are constants; with NaN they do not hold")
  func comparisons() {
    let (a, b) = (Tensor([1, 2, 3, Self.nan]), Tensor([2, 2, 2, 2]))
    #expect(a.isLess(than: b) == [1, 0, 0, 0])
    #expect(a.isLess(than: b, orEqual: true) == [1, 1, 0, 0])
    #expect(Tensor([[1], [3]]).isLess(than: [0, 2, 4]) == [[0, 1, 1], [0, 0, 1]])
    #expect(gradient(at: Tensor([1, 5])) { $0.isLess(than: 2).sum() } == [0, 0])
  }

  @Test("Powers: by products for whole exponents, documented at 0")
  func powers() {
    let x = Tensor([-1.7, 0.3, 2.9, 1e-200, 1e160])
    #expect(pow(x, 2) == x * x && pow(x, 1) == x && pow(x, -1) == reciprocal(x))
    #expect(pow(x, 3) == x * x * x)
    #expect(pow(Tensor(0), 0) == 1 && slope(0) { pow($0, 0) } == 0)
    #expect(slope(0) { pow($0, 1) } == 1 && slope(0) { pow($0, 2) } == 0)
    #expect(pow(Tensor(-8), Tensor(1.0 / 3)).scalar.isNaN && pow(Tensor(-2), Tensor(3)) == -8)
    // The derivative in the exponent, xʸ log x, is 0 at x = 0.
    #expect(gradient(at: Tensor(2)) { pow(Tensor(0), $0) } == 0)
    #expect(gradient(at: Tensor(2)) { pow(Tensor([0, Foundation.exp(1)]), $0).sum() }.isFinite)
    // 0ʸ has the slope 0 in x for y > 1, and x⁰ everywhere.
    #expect(slope(0) { pow($0, Tensor(2)) } == 0)
    #expect(slope(0) { pow($0, Tensor(0)) } == 0)
  }

  @Test("No overflow in logistic and softplus, and their slopes")
  func saturation() {
    let x = Tensor([-1000, -40, 0, 40, 1000])
    #expect(logistic(x).scalars.first == 0 && logistic(x).scalars.last == 1)
    #expect(softplus(x).scalars.first == 0 && softplus(x).scalars.last == 1000)
    for f in [logistic, softplus, tanh] as [(Tensor) -> Tensor] {
      let (first, second) = (
        gradient(at: x) { f($0).sum() },
        gradient(at: x) { gradient(at: $0) { f($0).sum() }.sum() }
      )
      #expect(first.isFinite && second.isFinite)
    }
    // The tail of softplus keeps its digits: log(1 + e⁻⁴⁰) = e⁻⁴⁰.
    #expect(Swift.abs(softplus(-40).scalar / Foundation.exp(-40) - 1) <= 1e-15)
  }

  @Test("Poles and domains give infinities and NaN, which `isFinite` sees")
  func poles() {
    #expect(log(Tensor([0, -1])).scalars.map(\.isNaN) == [false, true])
    #expect(log(Tensor(0)).scalar == -.infinity && slope(0) { log($0) } == .infinity)
    #expect(sqrt(Tensor(-1)).scalar.isNaN && slope(0) { sqrt($0) } == .infinity)
    #expect((Tensor(1) / 0).scalar == .infinity && reciprocal(Tensor(-0.0)).scalar == -.infinity)
    #expect(!log(Tensor([0, 1])).isFinite)
  }
}
