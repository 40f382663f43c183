import Testing

import Kernels

@Suite("Functions of the C library")
struct ElementaryLibraryTests {
  /// A few units in the last place: what any C library in use keeps to.
  static let relativeTolerance = 8 * unitRoundoff

  struct Value: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let result: Double
    let exact: Double
  }

  /// Reference values to 20 digits, so that no function is taken for its neighbour.
  static let values = [
    Value(testDescription: "sin 1", result: Elementary.sin(1), exact: 0.84147098480789650665),
    Value(testDescription: "cos 1", result: Elementary.cos(1), exact: 0.54030230586813971740),
    Value(testDescription: "tan 1", result: Elementary.tan(1), exact: 1.5574077246549022305),
    Value(testDescription: "asin ½", result: Elementary.asin(0.5), exact: 0.52359877559829887308),
    Value(testDescription: "acos ½", result: Elementary.acos(0.5), exact: 1.0471975511965977462),
    Value(testDescription: "atan 2", result: Elementary.atan(2), exact: 1.1071487177940905030),
    Value(testDescription: "sinh 1", result: Elementary.sinh(1), exact: 1.1752011936438014569),
    Value(testDescription: "cosh 1", result: Elementary.cosh(1), exact: 1.5430806348152437785),
    Value(testDescription: "tanh 1", result: Elementary.tanh(1), exact: 0.76159415595576488812),
    Value(testDescription: "asinh 2", result: Elementary.asinh(2), exact: 1.4436354751788103425),
    Value(testDescription: "acosh 2", result: Elementary.acosh(2), exact: 1.3169578969248167086),
    Value(testDescription: "atanh ½", result: Elementary.atanh(0.5), exact: 0.54930614433405484570),
    Value(
      testDescription: "expm1 1e-10", result: Elementary.expm1(1e-10), exact: 1.00000000005e-10),
    Value(testDescription: "log1p 1e-10", result: Elementary.log1p(1e-10), exact: 9.9999999995e-11),
    Value(testDescription: "erf ½", result: Elementary.erf(0.5), exact: 0.52049987781304653768),
    Value(testDescription: "cbrt 3", result: Elementary.cbrt(3), exact: 1.4422495703074083823),
    Value(
      testDescription: "2.5^1.7", result: Elementary.pow(2.5, 1.7), exact: 4.7478612058273367169),
    Value(
      testDescription: "atan2(1, −2)", result: Elementary.atan2(1, -2), exact: 2.6779450445889871222
    ),
    Value(testDescription: "hypot(3, 4)", result: Elementary.hypot(3, 4), exact: 5),
  ]

  @Test("known values", arguments: values)
  func known(value: Value) {
    #expect(abs(value.result - value.exact) <= Self.relativeTolerance * abs(value.exact))
  }

  @Test("NaN and the ends of the domain")
  func special() {
    #expect(Elementary.sin(.infinity).isNaN)
    #expect(Elementary.acosh(0.5).isNaN)
    #expect(Elementary.asin(1.5).isNaN)
    #expect(Elementary.atanh(1) == .infinity)
    #expect(Elementary.log1p(-1) == -.infinity)
    #expect(Elementary.tanh(1e3) == 1)
    #expect(Elementary.hypot(1e300, 1e300).isFinite)
    #expect(Elementary.pow(-2, 0.5).isNaN)
    for f in [Elementary.sin, Elementary.cos, Elementary.tanh, Elementary.expm1, Elementary.cbrt] {
      #expect(f(.nan).isNaN)
    }
  }
}
