/// The noise of a computed function, from tables of differences.
///
/// Nine values at equal distances are differenced again and again: smooth functions vanish quickly,
/// noise does not. From the `k`-th differences
/// ```
/// σₖ² = (k!)² / (2k)! · mean (Δᵏφ)²
/// ```
/// and where three neighbouring `σₖ` agree within a factor of 4, and the differences change sign, the
/// first of them is the noise. If none do, the distance was too long, and the table is made again
/// with a shorter one.
///
/// A table is made on either side of the point, so that a kink *at* the point is not mistaken for
/// noise, and the larger result counts. The wide distance meets the jumps that a solver makes when
/// its number of iterations changes.
///
/// Source: J. J. Moré and S. M. Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33
/// (2011), 1292–1314, (2.2) and section 6 (ECnoise).
enum NoiseEstimate {
  private static let intervals = 8

  /// Distances between the values of a table, relative to the scale of the argument.
  static let wide = 0x1p-7
  /// See `wide`.
  static let narrow = 0x1p-25

  /// `η`, never below the rounding of `φ(0)` itself.
  ///
  /// - Parameters:
  ///   - distance: the first one tried.
  ///   - function: `φ`, `nil` where it cannot be evaluated.
  static func noise(
    around center: Double, distance: Double, of function: (Double) -> Double?
  ) -> Double {
    let rounding = 0.5 * center.ulp
    var distance = distance
    for _ in 0..<4 {
      let sides = [distance, -distance].map { side -> Double? in
        var values = [center]
        for k in 1...intervals {
          guard let value = function(Double(k) * side) else { return nil }
          values.append(value)
        }
        return noise(of: values)
      }
      let found = sides.compactMap(\.self)
      if let largest = found.max() { return Swift.max(largest, rounding) }
      distance *= 0x1p-5
    }
    return rounding
  }

  /// The noise of equidistant values; `nil` when the differences do not settle.
  static func noise(of values: [Double]) -> Double? {
    var differences = values
    var levels: [Double] = []
    var changesSign: [Bool] = []
    var gamma = 1.0
    for k in 1..<values.count {
      differences = zip(differences.dropFirst(), differences).map { $0 - $1 }
      gamma *= 0.5 * Double(k) / Double(2 * k - 1)
      let mean = differences.reduce(0) { $0 + $1 * $1 } / Double(differences.count)
      levels.append((gamma * mean).squareRoot())
      changesSign.append((differences.min() ?? 0) < 0 && (differences.max() ?? 0) > 0)
    }
    if levels.allSatisfy({ $0 == 0 }) { return 0 }
    for k in 0..<levels.count - 2 {
      let window = levels[k...k + 2]
      let (low, high) = (window.min() ?? 0, window.max() ?? 0)
      if high <= 4 * low, changesSign[k] { return levels[k] }
    }
    return nil
  }
}
