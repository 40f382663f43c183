/// One random implicit problem: its data, the point that a solver is said to have found, and what
/// is to be differentiated.
///
/// Everything is made of `seed` and `index`, so that a problem can be run again alone.
package struct HuntProblem: Sendable {
  package let seed: UInt64
  package let index: Int
  package let kind: ConditionKind
  package let plant: Plant
  /// `log₂ κ`, as drawn; the condition number that counts is measured.
  let octaves: Double

  package let smooth: Smooth
  package let constraints: Constraints?
  /// Powers of two: the unknowns of the library are `y / unknownScale`, its rows `rowScale · F`.
  package let unknownScale: [Double]
  package let rowScale: [Double]

  /// All numbers of the input, in the order of `flattened()`.
  package let input: [Double]
  /// The solution that the generator chose, in the library's units.
  package let planned: [Double]
  /// What the forward solver returns: `planned`, unless it stopped early.
  package let found: [Double]
  /// What binds at `planned`; see ``pieces``.
  package let piece: [Int]

  package let tangent: [Double]
  package let cotangent: [Double]
  /// The tangent and cotangent are handed over times `2^exponent`.
  package let exponent: Int
  package let solver: SolverChoice

  /// The linear solver that the caller names.
  package enum SolverChoice: String, CaseIterable, Sendable {
    case automatic, automaticIterative, eliminated, gmres, lsmr, declared

    /// Whether it promises to find every answer that its arithmetic allows.
    package var isAllPurpose: Bool {
      switch self {
      case .automatic, .automaticIterative, .eliminated: true
      default: false
      }
    }
  }

  package var unknownCount: Int { planned.count }

  /// The equations of the solution, once it is known what binds.
  ///
  /// `piece` has a number for each unknown that has a kink (lasso: the sign of the unknown, 0 off the
  /// support; box: −1 and 1 at the bounds) or for each inequality (1: active).
  func equations(_ piece: [Int]) -> Equations {
    let (n, N) = (smooth.unknownCount, unknownCount)
    var system = Equations(
      rowCount: kind == .leastSquares ? smooth.rowCount : N, unknownCount: N,
      inputCount: input.count, isLeastSquares: kind == .leastSquares)
    switch kind {
    case .root, .leastSquares, .linearSystem, .bandedSystem, .products:
      smooth.addRows(to: &system, firstInput: N)
    case .fixedPoint:
      smooth.addRows(to: &system, firstInput: N)
      for i in 0..<n { system.add(-1, row: i, i) }
    case .stationary:
      for i in 0..<n { smooth.addGradient(row: i, to: &system, firstInput: N) }
    case .lasso:
      let penalty = N + smooth.inputCount
      for i in 0..<n {
        if piece[i] == 0 {
          system.add(1, row: i, i)
        } else {
          smooth.addGradient(row: i, to: &system, firstInput: N)
          system.add(Double(piece[i]), row: i, penalty)
        }
      }
    case .box:
      let bound = N + smooth.inputCount
      for i in 0..<n {
        if piece[i] == 0 {
          smooth.addGradient(row: i, to: &system, firstInput: N)
        } else {
          system.add(1, row: i, i)
          system.add(-Double(piece[i]), row: i, bound)
        }
      }
    case .constrained: addConstrained(piece, to: &system)
    case .quadraticProgram: addProgram(piece, to: &system)
    }
    return system.scaled(unknowns: unknownScale, rows: rowScale)
  }

  /// `∇f + Eᵀν + Gᵀλ` over the active inequalities, the equalities, and `Gᵢ = 0` or `λᵢ = 0`.
  private func addConstrained(_ piece: [Int], to system: inout Equations) {
    guard let constraints else { return }
    let (n, m, N) = (smooth.unknownCount, smooth.inputCount, unknownCount)
    let (p, k) = (constraints.equalityCount, constraints.inequalityCount)
    for i in 0..<n { smooth.addGradient(row: i, to: &system, firstInput: N) }
    var active = constraints
    for i in 0..<k where piece[i] == 0 {
      active.h[i] = 0
      for j in 0..<n { active.G[i * n + j] = 0 }
      for j in 0..<m { active.Gx[i * m + j] = 0 }
      system.add(1, row: n + p + i, n + p + i)
    }
    for j in 0..<n {
      for i in 0..<p { system.add(active.E[i * n + j], row: j, n + i) }
      for i in 0..<k { system.add(active.G[i * n + j], row: j, n + p + i) }
    }
    active.addValues(to: &system, row: n, variableCount: n, inputCount: m, firstInput: N)
  }

  /// The same with all of `Q`, `c`, `A`, `b`, `G`, `h` as inputs.
  private func addProgram(_ piece: [Int], to system: inout Equations) {
    guard let constraints else { return }
    let (n, N) = (smooth.unknownCount, unknownCount)
    let (p, k) = (constraints.equalityCount, constraints.inequalityCount)
    let c = N + n * n
    let A = c + n
    let b = A + p * n
    let G = b + p
    let h = G + k * n
    for i in 0..<n {
      for j in 0..<n {
        system.add(0.5, row: i, N + i * n + j, j)
        system.add(0.5, row: i, N + j * n + i, j)
      }
      system.add(1, row: i, c + i)
      for l in 0..<p { system.add(1, row: i, A + l * n + i, n + l) }
      for l in 0..<k where piece[l] == 1 { system.add(1, row: i, G + l * n + i, n + p + l) }
    }
    for l in 0..<p {
      for j in 0..<n { system.add(1, row: n + l, A + l * n + j, j) }
      system.add(-1, row: n + l, b + l)
    }
    for l in 0..<k {
      if piece[l] == 0 {
        system.add(1, row: n + p + l, n + p + l)
        continue
      }
      for j in 0..<n { system.add(1, row: n + p + l, G + l * n + j, j) }
      system.add(-1, row: n + p + l, h + l)
    }
  }

  /// A hash of the bits of all numbers (FNV-1a over words), by which two generators are compared.
  package var fingerprint: UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ numbers: [Double]) {
      for number in numbers { hash = (hash ^ number.bitPattern) &* 0x100_0000_01b3 }
    }
    for part in [smooth.K, smooth.C, smooth.r, smooth.q, smooth.c, smooth.g] { add(part) }
    if let constraints {
      for part in [
        constraints.E, constraints.Ex, constraints.e, constraints.G, constraints.Gx, constraints.h,
      ] {
        add(part)
      }
    }
    for part in [unknownScale, rowScale, input, planned, found, tangent, cotangent] { add(part) }
    return hash
  }
}

extension HuntProblem: CustomStringConvertible {
  package var description: String {
    let size = HuntNumbers.exponential(octaves)
    return "problem \(index) of seed \(seed): \(kind.rawValue), \(unknownCount) unknowns, "
      + "\(input.count) inputs, κ drawn \(short(size)), plant: \(plant), "
      + "linear solver: \(solver.rawValue)"
      + (unknownScale.contains { $0 != 1 } ? ", badly scaled" : "")
      + (exponent == 0 ? "" : ", tangents times 2^\(exponent)")
  }
}

/// Three digits.
package func short(_ x: Double) -> String {
  guard x.isFinite, x != 0 else { return "\(x)" }
  var (mantissa, exponent) = (x.magnitude, 0)
  while mantissa >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
  while mantissa < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
  let digits = Int((mantissa * 100).rounded())
  let tail = digits % 100 < 10 ? "0\(digits % 100)" : "\(digits % 100)"
  return "\(x < 0 ? "-" : "")\(digits / 100).\(tail)e\(exponent)"
}
