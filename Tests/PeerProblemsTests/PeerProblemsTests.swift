import Measurement
import PeerProblems
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct PeerProblemsTests {
  @Test func theGeneratorIsAsPublished() {
    #expect(SplitMix64.isAsPublished)
  }

  @Test("The exponent of a power is found, and noise moves it little", arguments: [1.0, 1.5, 3.0])
  func exponents(power: Double) {
    let sizes = [1e3, 1e4, 1e5, 1e6]
    func values(_ noise: [Double]) -> [(n: Double, value: Double)] {
      zip(sizes, noise).map { n, noise in (n, 2e-7 * pow(n, power) * noise) }
    }
    #expect(abs(fittedExponent(values([1, 1, 1, 1])) - power) < 1e-12)
    // In units of a decade the sizes are −3/2, −1/2, 1/2, 3/2 around their mean, with squares that sum
    // to 5.
    #expect(
      abs(fittedExponent(values([1, 1, 1, 2])) - power - 1.5 * 0.301029995663981 / 5) < 1e-12)
    #expect(fittedExponent([(10, 1)]).isNaN)
  }

  /// An array of a problem with ten unknowns, as `Benchmarks/peers/problems.py` draws it.
  struct Expected: Sendable, CustomTestStringConvertible {
    let problem: String
    let array: String
    let first: Double
    let last: Double
    /// From left to right.
    let sum: Double

    init(_ problem: String, _ array: String, _ first: Double, _ last: Double, _ sum: Double) {
      (self.problem, self.array, self.first, self.last, self.sum) = (
        problem, array, first, last, sum
      )
    }

    var testDescription: String { "\(array) of \(problem)" }
  }

  /// What `problems.py` prints: another implementation, in another language.
  static let expected = [
    Expected("ridge", "X", 0.6328824011969005, 0.9707870170529316, 16.456338597734046),
    Expected("ridge", "y", 0.46457695817686506, 0.11854688560014304, 1.8582764969454177),
    Expected("ridge", "Xv", -0.3370025810981272, -0.9722186840542757, -1.3058276485255025),
    Expected("ridge", "yv", -0.23198730365981968, -0.9717080214215779, -0.3167698192477455),
    Expected("qp", "Q", 1.327309973434414, 1.1178458703865854, 14.179303846228283),
    Expected("qp", "c", 0.7772562956183096, -0.6387795234486873, 1.9011445856869533),
    Expected("qp", "A", -0.8937638117605453, 0.2805697578096631, 1.7123304787540643),
    Expected("qp", "G", 0.031220342722147798, 0.8818771124671676, -2.0646950995257587),
    Expected("qp", "h", 0.15882130261182129, 0.4044805104762821, 2.569129194071023),
    Expected("qp", "v", 0.044371806854927476, -0.32102749203408365, -0.4210290072931031),
    Expected("sinkhorn", "C", 0.4037935059625498, 0.16142235697187415, 35.457228690547424),
    Expected("sinkhorn", "a", 0.1160702619622365, 0.06896337237785433, 1.0),
    Expected("sinkhorn", "b", 0.13525943397624007, 0.08907866370093638, 1.0),
    Expected("sinkhorn", "W", 0.0603369773199709, -0.22885631354191838, -2.394322715388835),
    Expected("bratu", "lambda", 1.0683781457564197, 1.4056985505886528, 13.00370799287971),
    Expected("bratu", "v", -0.22304800992005092, 0.9716382561140058, -0.6498229421702473),
    Expected("softmax", "x", 0.38762868905651904, 1.6581276379946401, 2.7385519301745775),
    Expected("softmax", "v", 0.8272503518337777, -0.5999456736654962, 1.139051278266539),
    Expected("softmax-mirror", "x", 0.38762868905651904, 1.6581276379946401, 2.7385519301745775),
    Expected("softmax-mirror", "v", 0.8272503518337777, -0.5999456736654962, 1.139051278266539),
    Expected("tridiagonal", "y", 0.9469695239044313, 0.7716484114916508, 1.2142486739835001),
    Expected("tridiagonal", "v", 0.23713621488008907, -0.015968229396057243, 1.3243822408244754),
    Expected("tridiagonal", "x", 4.625134820172242, 4.490720021393195, 4.991345952926018),
    Expected(
      "tridiagonal-symmetric", "y", 0.9469695239044313, 0.7716484114916508, 1.2142486739835001),
    Expected(
      "tridiagonal-symmetric", "v", 0.23713621488008907, -0.015968229396057243, 1.3243822408244754),
    Expected("tridiagonal-symmetric", "x", 4.613195413432006, 4.490720021393195, 4.857706377899847),
    Expected("ridge-mechanism", "X", 0.6328824011969005, 0.9707870170529316, 16.456338597734046),
    Expected("ridge-mechanism", "y", 0.46457695817686506, 0.11854688560014304, 1.8582764969454177),
    Expected(
      "ridge-mechanism", "Xv", -0.3370025810981272, -0.9722186840542757, -1.3058276485255025),
    Expected(
      "ridge-mechanism", "yv", -0.23198730365981968, -0.9717080214215779, -0.3167698192477455),
    Expected(
      "ridge-mechanism", "c", -0.09765017460089243, -0.060816938969999956, 0.6674274737013006),
  ]

  /// To the last bit: all contestants solve the same problem.
  @Test(arguments: expected)
  func theArraysAreThoseOfPython(_ expected: Expected) throws {
    let problem = try #require(peerProblems.first { $0.name == expected.problem })
    let data = problem.init(count: 10).data
    let values = try #require(data.first { $0.name == expected.array }).values
    #expect(values.first == expected.first)
    #expect(values.last == expected.last)
    #expect(values.reduce(0, +) == expected.sum)
  }

  @Test func everyArrayIsCompared() {
    let names = peerProblems.flatMap { problem in
      problem.init(count: 3).data.map { "\(problem.name)/\($0.name)" }
    }
    #expect(names == Self.expected.map { "\($0.problem)/\($0.array)" })
  }

  /// The library's answer against loops that do not use it. Forward solvers end at 1e-11 or, relative to
  /// the start, at 1e-9 after a step of Newton's method that squares the error.
  @Test(arguments: peerProblems.map { $0.name }, [2, 11])
  func theDerivativesAreThoseOfTheReferences(_ name: String, _ n: Int) throws {
    let problem = try #require(peerProblems.first { $0.name == name })
    for task in try problem.init(count: n).tasks {
      #expect(relativeError(try task.run(), try task.reference()) < 1e-9, "\(task.clock)")
    }
  }
}
