import Kernels

/// What a factorisation knows about how errors grow in its solutions.
public struct ConditionEvidence: Sendable {
  /// `‖Â‖₁ ‖Â⁻¹‖₁` of the *equilibrated* matrix `Â = R A C`: the factor between relative errors of
  /// the entries of `A` and those of a solution.
  public let conditionNumber: Double

  /// `‖Â⁻¹‖₁`, estimated (W. W. Hager 1984, N. J. Higham 1988): never too large, and hardly ever
  /// less than a third. For a band whose diagonal dominates its columns, a bound: never too small, and
  /// rarely more than a few times too large.
  public let inverseNorm: Double

  /// Whether `inverseNorm` is a bound, and no estimate, which may miss any number of decades.
  package let isBound: Bool

  /// A bound of `‖Â⁻¹‖₂`, if there is a better one than `√n ‖Â⁻¹‖₁`.
  private let spectralBound: Double?

  let scaling: Equilibration

  /// The units in which `A` was handed to the factorisation, if it was not as given.
  private(set) var units: SystemUnits?

  init(
    conditionNumber: Double, inverseNorm: Double, isBound: Bool = false,
    spectralBound: Double? = nil, scaling: Equilibration
  ) {
    self.conditionNumber = conditionNumber
    self.inverseNorm = inverseNorm
    self.isBound = isBound
    self.spectralBound = spectralBound
    self.scaling = scaling
  }

  /// The same for the matrix before it was put into units.
  func inUnits(_ units: SystemUnits) -> ConditionEvidence {
    var evidence = self
    evidence.units = units
    return evidence
  }

  /// Up to this condition number the bound by the diagonal takes the place of an estimate.
  static var dominatedLimit: Double { 64 }

  /// Before there are factors to ask.
  static let unknown = ConditionEvidence(
    conditionNumber: .infinity, inverseNorm: .infinity, scaling: Equilibration(identity: 0))

  /// Whether rows or columns were scaled differently, by more than a factor of four, beyond known units.
  /// Then the condition number says nothing of what a change of the *given* matrix does that is small
  /// against its largest entries only.
  package var isScaled: Bool {
    if scaling.isIdentity { return false }
    return [scaling.rows, scaling.columns].contains { factors in
      guard let low = factors.min(), let high = factors.max() else { return false }
      return high > 4 * low
    }
  }

  /// A bound of `‖A⁻¹ b‖₂ = ‖C Â⁻¹ R b‖₂` by the length of `b`, as good as that of `‖Â⁻¹‖₁`; `nil` for a
  /// matrix in units.
  package func solutionBound(forLength length: Double) -> Double? {
    guard units == nil else { return nil }
    let (row, column) = (scaling.rows.max() ?? 1, scaling.columns.max() ?? 1)
    let norm = spectralBound ?? inverseNorm * Double(scaling.count).squareRoot()
    return column * (norm * (row * length))
  }

  /// Whether `r = b − A x` is as small as the rounding of its terms, which no `x` makes smaller:
  /// `‖R r‖₁ ≤ 16 ε ‖Â‖₁ ‖C⁻¹ x‖₁`.
  package func isRounding(_ r: [Double], at x: [Double]) -> Bool {
    func sum(_ v: [Double], _ own: [Double], _ given: [Double]?, dividing: Bool) -> Double {
      if own.isEmpty && given == nil {
        return v.withUnsafeBufferPointer { v in
          v.baseAddress.map { Vector.sumOfMagnitudes($0, count: v.count) } ?? 0
        }
      }
      var sum = 0.0
      for i in v.indices {
        let factor = (own.isEmpty ? 1 : own[i]) * (given?[i] ?? 1)
        sum += (dividing ? v[i] / factor : v[i] * factor).magnitude
      }
      return sum
    }
    let size = sum(x, scaling.columns, units?.columns, dividing: true)
    let rest = sum(r, scaling.rows, units?.rows, dividing: false)
    return rest <= 16 * .ulpOfOne * (conditionNumber / inverseNorm) * size
  }

  /// The length by which a solution `x` changes, at most, for a relative change of one in the norm of
  /// the scaled system: `‖x‖₂` where nothing was scaled. With rows and columns in different units an
  /// error the size of the largest *scaled* entry may sit in any entry.
  package func length(of x: [Double], transposed: Bool) -> Double {
    if scaling.isIdentity && units == nil { return ProbeVector.norm(x) }
    var factors = transposed ? scaling.rows : scaling.columns
    if let units {
      let given = transposed ? units.rows : units.columns
      factors = scaling.isIdentity ? given : zip(factors, given).map { $0 * $1 }
    }
    let largest = zip(x, factors).reduce(0) { max($0, ($1.0 / $1.1).magnitude) }
    return max(largest * ProbeVector.norm(factors), ProbeVector.norm(x))
  }
}
