/// A sum that keeps what each addition rounds away, and adds it in the end.
///
/// Source: T. Ogita, S. M. Rump and S. Oishi, "Accurate Sum and Dot Product", SIAM J. Sci. Comput. 26
/// (2005), 1955–1988, algorithm 4.1.
package struct CompensatedSum {
  private var sum = 0.0
  private var lost = 0.0

  package init() {}

  package var value: Double { sum + lost }

  package mutating func add(_ term: Double) {
    let next = sum + term
    let part = next - sum
    lost += (sum - (next - part)) + (term - part)
    sum = next
  }
}
