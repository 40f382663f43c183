import TracedTensors

/// Scales for the unknowns, rows, objective and right-hand sides of a quadratic program that bring
/// its data to the size of one, all of them powers of two, so that no digit changes.
///
/// With `y = t D ŷ`, rows of `A` multiplied by `E`, rows of `G` by `R`, and the objective by `k`:
/// ```
/// Q̂ = k t² D Q D   ĉ = k t D c   Â = E A D   b̂ = E b / t   Ĝ = R G D   ĥ = R h / t
/// ν = E ν̂ / (k t)   λ = R λ̂ / (k t)   s = t R⁻¹ ŝ
/// ```
/// Source: D. Ruiz, "A scaling algorithm to equilibrate both rows and columns norms in matrices",
/// Rutherford Appleton Laboratory RAL-TR-2001-034 (2001).
struct QuadraticProgramScaling {
  private(set) var unknowns: [Double]
  private(set) var equalities: [Double]
  private(set) var inequalities: [Double]
  /// `t`.
  private(set) var size = 1.0
  /// `k`.
  private(set) var objective = 1.0

  init(_ program: QuadraticProgramData) {
    let (n, p, m) = (
      program.unknownCount, program.equalityCount, program.inequalityCount
    )
    let data = program.plain
    let (Q, A, G) = (data.Q.scalars, data.A.scalars, data.G.scalars)
    var D = [Double](repeating: 1, count: n)
    var E = [Double](repeating: 1, count: p)
    var R = [Double](repeating: 1, count: m)
    for _ in 0..<4 {
      var columns = [Double](repeating: 0, count: n)
      for i in 0..<n {
        for j in 0..<n {
          columns[j] = Swift.max(columns[j], (D[i] * Q[i * n + j] * D[j]).magnitude)
        }
      }
      func scan(_ matrix: [Double], _ scales: [Double]) -> [Double] {
        scales.indices.map { i in
          var largest = 0.0
          for j in 0..<n {
            let entry = (scales[i] * matrix[i * n + j] * D[j]).magnitude
            largest = Swift.max(largest, entry)
            columns[j] = Swift.max(columns[j], entry)
          }
          return largest
        }
      }
      let (equalityRows, inequalityRows) = (scan(A, E), scan(G, R))
      for j in 0..<n { D[j] *= inverseRoot(columns[j]) }
      for i in 0..<p { E[i] *= inverseRoot(equalityRows[i]) }
      for i in 0..<m { R[i] *= inverseRoot(inequalityRows[i]) }
    }
    (unknowns, equalities, inequalities) = (D, E, R)

    func largest(_ values: [Double], _ scales: [Double]) -> Double {
      zip(values, scales).reduce(0) { Swift.max($0, ($1.0 * $1.1).magnitude) }
    }
    var curvature = 0.0
    for i in 0..<n {
      for j in 0..<n { curvature = Swift.max(curvature, (D[i] * Q[i * n + j] * D[j]).magnitude) }
    }
    let slope = largest(data.c.scalars, D)
    let sides = Swift.max(largest(data.b.scalars, E), largest(data.h.scalars, R))
    if sides > 0 {
      size = powerOfTwo(sides)
    } else if slope > 0, curvature > 0 {
      size = powerOfTwo(slope / curvature)
    }
    let steepness = Swift.max(size * size * curvature, size * slope)
    if steepness > 0 { objective = 1 / powerOfTwo(steepness) }
  }

  /// The program in scaled unknowns.
  func scaled(_ program: QuadraticProgramData) -> QuadraticProgramData {
    let (D, E, R) = (Tensor(unknowns), Tensor(equalities), Tensor(inequalities))
    let (n, p, m) = (unknowns.count, equalities.count, inequalities.count)
    let factor = objective * size
    return QuadraticProgramData(
      Q: (D.reshaped([n, 1]) * program.Q * D).scaled(by: factor * size),
      c: (D * program.c).scaled(by: factor),
      equalities: p == 0
        ? nil : (E.reshaped([p, 1]) * program.A * D, (E * program.b).scaled(by: 1 / size)),
      inequalities: m == 0
        ? nil : (R.reshaped([m, 1]) * program.G * D, (R * program.h).scaled(by: 1 / size)))
  }

  func point(_ scaled: Tensor) -> Tensor { (Tensor(unknowns) * scaled).scaled(by: size) }

  func equalityMultipliers(_ scaled: Tensor) -> Tensor {
    (Tensor(equalities) * scaled).scaled(by: 1 / (objective * size))
  }

  func inequalityMultipliers(_ scaled: Tensor) -> Tensor {
    (Tensor(inequalities) * scaled).scaled(by: 1 / (objective * size))
  }

  func slacks(_ scaled: Tensor) -> Tensor { (scaled / Tensor(inequalities)).scaled(by: size) }
}

/// The largest power of two that is not above `x > 0`.
private func powerOfTwo(_ x: Double) -> Double {
  Double(sign: .plus, exponent: Swift.max(Swift.min(x.exponent, 1000), -1000), significand: 1)
}

/// A power of two close to `1/√x`; 1 for 0.
private func inverseRoot(_ x: Double) -> Double {
  x > 0 ? 1 / powerOfTwo(powerOfTwo(x).squareRoot()) : 1
}
