import ImplicitDifferentiation

/// The unit of each number of a point: the size of a change that matters to it. Steps of differences
/// are fractions of units.
///
/// Unless told otherwise, a number's unit is its own size or, if that is larger, the root mean
/// square of the tensor that it is in (an entry that happens to be near zero moves as far as its
/// neighbours), and one where all of the tensor is zero. So units scale with the tensor.
///
/// Source: J. E. Dennis and R. B. Schnabel, *Numerical Methods for Unconstrained Optimization and
/// Nonlinear Equations* (1983), section 5.4 (`max(|xⱼ|, typxⱼ)`).
struct DifferenceUnits: Sendable {
  let units: [Double]

  init<Point: TensorStructure>(_ point: Point, typical: Point?, _ what: String) throws {
    if let typical {
      units = typical.flattened()
      let count = point.variableCount
      if units.count != count {
        throw ComparisonError.sizeMismatch(what: what, expected: count, found: units.count)
      }
      if let unit = units.first(where: { !($0 > 0 && $0.isFinite) }) {
        throw ComparisonError.notFinite(what: what, value: unit)
      }
      return
    }
    units = point.variables.flatMap { tensor -> [Double] in
      let numbers = tensor.scalars
      let size = tensor.norm().scalar / Double(max(numbers.count, 1)).squareRoot()
      return numbers.map { size > 0 ? max($0.magnitude, size) : 1 }
    }
  }

  /// `t`, a power of two, such that `t v` moves no number by more than `relativeStep` of its unit,
  /// and one by more than half of that. A power of two leaves the digits of `v` as they are; where
  /// `v` is a unit vector the sum `x + t v` is then exact too, but for carries. Zero if `v` is.
  func step(along v: [Double], relativeStep: Double) -> Double {
    var largest = 0.0
    for (entry, unit) in zip(v, units) { largest = max(largest, entry.magnitude / unit) }
    let step = relativeStep / largest
    guard largest > 0, step.isNormal else { return 0 }
    return Double(sign: .plus, exponent: Int(step.exponent), significand: 1)
  }

  /// A direction that moves every number by its unit, to pseudo-random sides.
  var probe: [Double] {
    var generator = SplitMix64(seed: 17)
    return units.map { generator.next() & 1 == 0 ? $0 : -$0 }
  }

  /// The root mean square of the entries in their units.
  func norm(_ v: [Double]) -> Double {
    let squares = zip(v, units).reduce(0) { sum, pair in
      let ratio = pair.0 / pair.1
      return sum + ratio * ratio
    }
    return (squares / Double(max(units.count, 1))).squareRoot()
  }
}
