import FaultHunt
import FaultOracle
import Testing

@Suite("The oracle of the fault hunt")
struct OracleTests {
  /// The solution has an error of `κ · 2⁻¹⁰⁴`, which changes `A`, and by that the derivative `κ α`
  /// times as much, with `α` the curvature. With `κ² α` below 2⁵³, or rounding the data would have
  /// moved the solution over a fold, that is 2⁻⁵¹ at the very worst, for each term of a sum.
  static func tolerance(count n: Int) -> Double { 0x1p-51 * Double(n) }

  @Test("Problems have the bits of those that the stored references belong to")
  func fingerprints() throws {
    let references = try StoredProblems.references.get()
    #expect(references.count == 500)
    for reference in references {
      let problem = HuntProblem(seed: StoredProblems.seed, index: reference.index)
      #expect(problem.fingerprint == reference.fingerprint, "\(problem)")
    }
  }

  @Test("Derivatives agree with references of 30 digits, made in another language")
  func references() throws {
    for reference in try StoredProblems.references.get() {
      let problem = HuntProblem(seed: StoredProblems.seed, index: reference.index)
      let oracle = Oracle(problem)
      #expect((oracle == nil) == (reference.derivatives == nil), "\(problem)")
      guard let oracle, let stored = reference.derivatives else { continue }
      var signs = StoredReference.signs(seed: StoredProblems.seed, index: reference.index)
      let forward = stored.forward.deviation(of: oracle.forward, signs: &signs)
      signs = StoredReference.signs(seed: StoredProblems.seed, index: reference.index)
      let reverse = stored.reverse.deviation(of: oracle.reverse, signs: &signs)
      let tolerance = OracleTests.tolerance(count: problem.unknownCount)
      #expect(forward <= tolerance, "\(problem)")
      #expect(reverse <= tolerance, "\(problem)")
    }
  }

  @Test("Sums with random signs see an error in one entry")
  func deviations() throws {
    let reference = try StoredProblems.references.get()[4]
    let stored = try #require(reference.derivatives)
    let problem = HuntProblem(seed: StoredProblems.seed, index: reference.index)
    var vector = try #require(Oracle(problem)).forward
    vector[0] = vector[0] + DoubleDouble(1e-6 * stored.forward.norm.high)
    var signs = StoredReference.signs(seed: StoredProblems.seed, index: reference.index)
    let deviation = stored.forward.deviation(of: vector, signs: &signs)
    #expect((deviation - 1e-6).magnitude < 1e-12)
  }

  @Test("A row that does not fit is refused")
  func unreadable() {
    #expect(throws: UnreadableRow.self) { try StoredReference.rows(of: "heading\n1,2,3\n") }
    #expect(throws: UnreadableRow.self) {
      try StoredReference.rows(of: "heading\n0,ff,1,1,1,1,1,1,1,1,1,x\n")
    }
  }
}
