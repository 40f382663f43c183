import Testing

import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

#if arch(x86_64) && canImport(Glibc)
  /// How far `result` is from the exact value, in units in the last place of what it should be.
  private func unitsInTheLastPlace(_ result: Double, _ exact: Float80) -> Double {
    let unit = max(Double(exact).ulp, 0x1p-1074)
    return Double(abs(Float80(result) - exact) / Float80(unit))
  }
#endif

@Suite("exp and log")
struct ElementaryTests {
  /// What is promised. (The worst seen are 0.80 and 0.84.)
  static let limit = 0.9

  /// Intervals of arguments of `exp`: everywhere, where results are near 1, near overflow, subnormal.
  static let exponents: [ClosedRange<Double>] = [
    -708...709, -1...1, -0.35...0.35, 700...709.78, -745.1...(-707),
  ]

  #if arch(x86_64) && canImport(Glibc)
    @Test("exp is within 0.9 units in the last place", arguments: exponents)
    func exponentialAccuracy(range: ClosedRange<Double>) {
      var numbers = SeededNumbers(seed: Int(range.lowerBound * 100))
      var worst = 0.0
      for _ in 0..<60_000 {
        let t = (numbers.next() + 1) / 2
        let x = range.lowerBound + t * (range.upperBound - range.lowerBound)
        worst = max(worst, unitsInTheLastPlace(Elementary.exp(x), expl(Float80(x))))
      }
      #expect(worst <= Self.limit)
      #expect(worst > 0.4)  // Half a unit cannot be avoided: less would mean we measure nothing.
    }

    @Test("log is within 0.9 units in the last place, over all bit patterns")
    func logarithmAccuracyEverywhere() {
      var numbers = SeededNumbers(seed: 1)
      var worst = 0.0
      for _ in 0..<120_000 {
        let x = Double(bitPattern: numbers.nextBits() >> 1)
        if !x.isFinite { continue }
        worst = max(worst, unitsInTheLastPlace(Elementary.log(x), logl(Float80(x))))
      }
      #expect(worst <= Self.limit)
      #expect(worst > 0.4)
    }

    @Test(
      "log is within 0.9 units in the last place near 1 and among subnormal numbers",
      arguments: [0.5...2, 0.99...1.01, 0x1p-1074...0x1p-1022])
    func logarithmAccuracy(range: ClosedRange<Double>) {
      var numbers = SeededNumbers(seed: 2)
      var worst = 0.0
      for _ in 0..<60_000 {
        let t = (numbers.next() + 1) / 2
        let x = range.lowerBound + t * (range.upperBound - range.lowerBound)
        worst = max(worst, unitsInTheLastPlace(Elementary.log(x), logl(Float80(x))))
      }
      #expect(worst <= Self.limit)
      #expect(worst > 0.4)
    }

    @Test(
      "logistic and softplus are within 3 units in the last place", arguments: [1.0, 30, 700, 745])
    func activationAccuracy(scale: Double) {
      var numbers = SeededNumbers(seed: 3)
      var (worstLogistic, worstSoftplus) = (0.0, 0.0)
      for _ in 0..<40_000 {
        let x = scale * numbers.next()
        let e = expl(-abs(Float80(x)))
        let logistic = (x < 0 ? e : 1) / (1 + e)
        let softplus = max(Float80(x), 0) + log1pl(e)
        worstLogistic = max(
          worstLogistic, unitsInTheLastPlace(Elementary.logistic(x), logistic))
        worstSoftplus = max(
          worstSoftplus, unitsInTheLastPlace(Elementary.softplus(x), softplus))
      }
      #expect(worstLogistic <= 3)
      #expect(worstSoftplus <= 3)
    }
  #endif

  @Test("exp at special arguments")
  func exponentialSpecial() {
    #expect(Elementary.exp(0) == 1)
    #expect(Elementary.exp(-0.0) == 1)
    #expect(Elementary.exp(1) == 0x1.5bf0a8b145769p1)
    #expect(Elementary.exp(.infinity) == .infinity)
    #expect(Elementary.exp(-.infinity) == 0)
    #expect(Elementary.exp(.nan).isNaN)
    #expect(Elementary.exp(.greatestFiniteMagnitude) == .infinity)
    #expect(Elementary.exp(-.greatestFiniteMagnitude) == 0)
    // The last arguments whose result is finite, and not zero.
    let logarithmOfLargest = 0x1.62e42fefa39efp9
    #expect(Elementary.exp(logarithmOfLargest).isFinite)
    #expect(Elementary.exp(logarithmOfLargest.nextUp) == .infinity)
    #expect(Elementary.exp(-0x1.74910d52d3051p9) == 0x1p-1074)
    #expect(Elementary.exp((-0x1.74910d52d3051p9).nextDown) == 0)
    #expect(Elementary.exp(0x1p-60) == 1)
    #expect(Elementary.exp(0x1p-1074) == 1)
  }

  @Test(
    "exp is continuous and increasing where its paths meet",
    arguments: [-708.0, 709, -744, 0.34657])
  func exponentialSeams(seam: Double) {
    var x = seam
    for _ in 0..<50 { x = x.nextDown }
    for _ in 0..<100 {
      // The next argument is |x| · 2⁻⁵² away at most: a few dozen units, so results must not fall.
      #expect(abs(x) < 1 || Elementary.exp(x.nextUp) >= Elementary.exp(x))
      x = x.nextUp
    }
  }

  @Test("log at special arguments")
  func logarithmSpecial() {
    #expect(Elementary.log(1).bitPattern == 0)
    #expect(Elementary.log(0) == -.infinity)
    #expect(Elementary.log(-0.0) == -.infinity)
    #expect(Elementary.log(.infinity) == .infinity)
    for x in [-1, -0x1p-1074, -.infinity, .nan] as [Double] { #expect(Elementary.log(x).isNaN) }
    #expect(Elementary.log(2) == 0x1.62e42fefa39efp-1)
    #expect(Elementary.log(0x1p-1074) == -0x1.74385446d71c3p9)
    #expect(Elementary.log(.greatestFiniteMagnitude) == 0x1.62e42fefa39efp9)
    // log(1 + h) = h − h²/2 + …
    #expect(Elementary.log(1.0.nextUp) == (0x1p-52).nextDown)
    #expect(Elementary.log(1.0.nextDown) == -0x1p-53)
  }

  @Test("softplus and logistic at special arguments")
  func activationsSpecial() {
    #expect(Elementary.logistic(0) == 0.5)
    #expect(Elementary.logistic(.infinity) == 1)
    #expect(Elementary.logistic(-.infinity) == 0)
    #expect(Elementary.logistic(.nan).isNaN)
    #expect(Elementary.logistic(-740) > 0)
    #expect(Elementary.logistic(800) == 1)
    #expect(Elementary.softplus(.infinity) == .infinity)
    #expect(Elementary.softplus(-.infinity) == 0)
    #expect(Elementary.softplus(.nan).isNaN)
    #expect(Elementary.softplus(1e300) == 1e300)
    #expect(Elementary.softplus(0) == 0x1.62e42fefa39efp-1)
    #expect(Elementary.softplus(-740) > 0)
  }
}
