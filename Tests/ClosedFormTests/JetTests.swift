import Testing

/// The arithmetic of the references against derivatives in 80 digits, by `references.py`.
@Suite struct JetTests {
  /// Tens of roundings.
  static let tolerance = 1e-14

  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let formula: @Sendable (_ a: Jet, _ b: Jet) -> Jet
    let value: Double
    let gradient: [Double]
    let hessian: [Double]
  }

  static let rows = [
    Row(
      testDescription: "arithmetic", formula: { a, b in (a - b) / (a * b + 2) + 3 * a },
      value: 3.01923076923076923076923076923,
      gradient: [3.85207100591715976331360946746, -0.970414201183431952662721893491],
      hessian: [
        0.524351388256713700500682749203, -1.16522530723714155666818388712,
        -1.16522530723714155666818388712, 0.895766954938552571688666363223,
      ]),
    Row(
      testDescription: "elementary functions",
      formula: { a, b in
        exponential(a * b) * logarithm(a) + squareRoot(a) * cubeRoot(a + 2)
      },
      value: 1.01559781727887818824367513942,
      gradient: [1.97119411182284455856836547478, -0.148290603072357543572322425652],
      hessian: [
        -2.56647740746253468081744806787, 0.563713776230674245568266984437,
        0.563713776230674245568266984437, -0.111217952304268157679241819239,
      ]),
    Row(
      testDescription: "elimination",
      formula: { a, b in eliminate([[a, 2, 0], [1, b, -1], [b, 0, a * b]], [1, a, b])[1] },
      value: 0.152892561983471074380165289256,
      gradient: [-0.557475582268970698722764838467, 0.0227443480636568540400245884844],
      hessian: [
        -0.419643466976299433098832046991, -0.0388200011176583815064793140061,
        -0.0388200011176583815064793140061, 0.00676691347348468384661888583007,
      ]),
  ]

  @Test("Values, gradients and Hessians", arguments: rows)
  func thirtyDigits(_ row: Row) {
    let x = Jet.inputs([0.75, -0.5])
    let jet = row.formula(x[0], x[1])
    #expect(gap([jet.value], [row.value]) <= Self.tolerance)
    #expect(gap(jet.gradient, row.gradient) <= Self.tolerance)
    #expect(gap(jet.hessian.flatMap { $0 }, row.hessian) <= Self.tolerance)
  }
}
