/// The polynomial in every problem: a full linear part and sparse terms of degree two to four, so
/// that the Jacobian depends on the point.
///
/// Read as `rows` residuals, with `a = i mod n`, `b = i + 1 mod n`, `μ = i mod m`,
/// ```
/// Fᵢ = Σ Kᵢⱼ yⱼ + Σ Cᵢₖ xₖ + rᵢ + qᵢ y_a y_b + cᵢ y_a³ + gᵢ x_μ y_a
/// ```
/// or as an objective, with symmetric `K`,
/// ```
/// f = ½ yᵀKy + yᵀCx + rᵀy + Σ qᵢ y_a² y_b + cᵢ y_a⁴ + gᵢ x_μ y_a y_b.
/// ```
package struct Smooth: Sendable {
  package let rowCount: Int
  package let unknownCount: Int
  package let inputCount: Int
  /// `rowCount × unknownCount`.
  package var K: [Double]
  /// `rowCount × inputCount`.
  package var C: [Double]
  package var r: [Double]
  package var q: [Double]
  package var c: [Double]
  package var g: [Double]

  /// No linear part yet.
  init(rowCount: Int, unknownCount: Int, inputCount: Int, q: [Double], c: [Double], g: [Double]) {
    self.rowCount = rowCount
    self.unknownCount = unknownCount
    self.inputCount = inputCount
    K = [Double](repeating: 0, count: rowCount * unknownCount)
    C = [Double](repeating: 0, count: rowCount * inputCount)
    r = [Double](repeating: 0, count: rowCount)
    (self.q, self.c, self.g) = (q, c, g)
  }

  /// Adds the residuals to a system whose inputs begin at the variable `firstInput`.
  func addRows(to system: inout Equations, firstInput: Int) {
    for i in 0..<rowCount { addLinear(row: i, to: &system, firstInput) }
    for i in 0..<rowCount {
      let (a, b) = (i % unknownCount, (i + 1) % unknownCount)
      system.add(q[i], row: i, a, b)
      system.add(c[i], row: i, a, a, a)
      if inputCount > 0 { system.add(g[i], row: i, firstInput + i % inputCount, a) }
    }
  }

  /// Adds row `row` of the gradient of the objective. (The rows are asked for one by one, since at
  /// a bound another equation takes the place.)
  func addGradient(row: Int, to system: inout Equations, firstInput: Int) {
    addLinear(row: row, to: &system, firstInput)
    for i in 0..<rowCount {
      let (a, b) = (i, (i + 1) % unknownCount)
      if row == a {
        system.add(2 * q[i], row: a, a, b)
        system.add(4 * c[i], row: a, a, a, a)
        if inputCount > 0 { system.add(g[i], row: a, firstInput + i % inputCount, b) }
      }
      if row == b {
        system.add(q[i], row: b, a, a)
        if inputCount > 0 { system.add(g[i], row: b, firstInput + i % inputCount, a) }
      }
    }
  }

  private func addLinear(row i: Int, to system: inout Equations, _ firstInput: Int) {
    for j in 0..<unknownCount { system.add(K[i * unknownCount + j], row: i, j) }
    for k in 0..<inputCount { system.add(C[i * inputCount + k], row: i, firstInput + k) }
    system.add(r[i], row: i)
  }
}
