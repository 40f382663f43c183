/// Polynomial equations `F(x, y) = 0`, or `Rᵀr = 0` for the residuals `r` of least squares: what a
/// problem of any type comes to once it is known which inequalities bind.
///
/// A list of terms, each a coefficient times up to three variables of `v = (y, x)`: slow, and so
/// plain that it can be trusted. Nothing of the library is used here.
package struct Equations: Sendable {
  struct Term: Sendable {
    var row: Int
    var coefficient: Double
    /// Variables of `(y, x)`, `n` unknowns first, which may repeat.
    var factors: [Int]
  }

  /// Of `F`, or of the residuals of least squares.
  let rowCount: Int
  /// `n`.
  let unknownCount: Int
  /// `m`.
  let inputCount: Int
  var isLeastSquares = false
  private(set) var terms: [Term] = []

  init(rowCount: Int, unknownCount: Int, inputCount: Int, isLeastSquares: Bool = false) {
    self.rowCount = rowCount
    self.unknownCount = unknownCount
    self.inputCount = inputCount
    self.isLeastSquares = isLeastSquares
  }

  mutating func add(_ coefficient: Double, row: Int, _ factors: Int...) {
    if coefficient != 0 {
      terms.append(Term(row: row, coefficient: coefficient, factors: factors))
    }
  }

  /// The same equations in unknowns `ỹ` with `y = scale ∘ ỹ`, row `i` multiplied by `rows[i]`. With
  /// powers of two nothing is rounded.
  func scaled(unknowns: [Double], rows: [Double]) -> Equations {
    var result = self
    for k in terms.indices {
      result.terms[k].coefficient *= rows[terms[k].row]
      for variable in terms[k].factors where variable < unknownCount {
        result.terms[k].coefficient *= unknowns[variable]
      }
    }
    return result
  }

  // MARK: Values and derivatives of the rows, in any arithmetic

  /// The rows at `v = (y, x)`.
  func rows<Number: OracleNumber>(at v: [Number]) -> [Number] {
    var result = [Number](repeating: Number(0), count: rowCount)
    for term in terms {
      var value = Number(term.coefficient)
      for variable in term.factors { value = value * v[variable] }
      result[term.row] = result[term.row] + value
    }
    return result
  }

  /// Calls `body(row, variable, value)` for every part of every partial derivative.
  private func forEachPartial<Number: OracleNumber>(
    at v: [Number], _ body: (Int, Int, Number) -> Void
  ) {
    for term in terms {
      for k in term.factors.indices {
        var value = Number(term.coefficient)
        for l in term.factors.indices where l != k { value = value * v[term.factors[l]] }
        body(term.row, term.factors[k], value)
      }
    }
  }

  /// Calls `body(row, variable, other variable, value)` for every part of every second derivative.
  private func forEachSecondPartial<Number: OracleNumber>(
    at v: [Number], _ body: (Int, Int, Int, Number) -> Void
  ) {
    for term in terms {
      for k in term.factors.indices {
        for l in term.factors.indices where l != k {
          var value = Number(term.coefficient)
          for p in term.factors.indices where p != k && p != l {
            value = value * v[term.factors[p]]
          }
          body(term.row, term.factors[k], term.factors[l], value)
        }
      }
    }
  }

  /// `∂rows/∂y`, row-major.
  func rowsJacobian<Number: OracleNumber>(at v: [Number]) -> [Number] {
    let n = unknownCount
    var result = [Number](repeating: Number(0), count: rowCount * n)
    forEachPartial(at: v) { row, variable, value in
      if variable < n { result[row * n + variable] = result[row * n + variable] + value }
    }
    return result
  }

  // MARK: The equations

  /// `F(x, y)`, as many numbers as unknowns.
  func residual<Number: OracleNumber>(at v: [Number]) -> [Number] {
    let values = rows(at: v)
    return isLeastSquares ? transposedProduct(rowsJacobian(at: v), values) : values
  }

  /// `A = ∂F/∂y`, row-major `n × n`.
  func jacobian<Number: OracleNumber>(at v: [Number]) -> [Number] {
    let R = rowsJacobian(at: v)
    guard isLeastSquares else { return R }
    let n = unknownCount
    let values = rows(at: v)
    var result = [Number](repeating: Number(0), count: n * n)
    for k in 0..<rowCount {
      for i in 0..<n {
        for j in 0..<n { result[i * n + j] = result[i * n + j] + R[k * n + i] * R[k * n + j] }
      }
    }
    forEachSecondPartial(at: v) { row, first, second, value in
      if first < n, second < n {
        result[first * n + second] = result[first * n + second] + values[row] * value
      }
    }
    return result
  }

  /// `B ẋ`, `B = ∂F/∂x`.
  func inputProduct<Number: OracleNumber>(at v: [Number], _ tangent: [Number]) -> [Number] {
    let n = unknownCount
    var change = [Number](repeating: Number(0), count: rowCount)
    forEachPartial(at: v) { row, variable, value in
      if variable >= n { change[row] = change[row] + value * tangent[variable - n] }
    }
    guard isLeastSquares else { return change }
    var result = transposedProduct(rowsJacobian(at: v), change)
    let values = rows(at: v)
    forEachSecondPartial(at: v) { row, first, second, value in
      if first < n, second >= n {
        result[first] = result[first] + values[row] * value * tangent[second - n]
      }
    }
    return result
  }

  /// `Bᵀ u`.
  func transposedInputProduct<Number: OracleNumber>(at v: [Number], _ u: [Number]) -> [Number] {
    let n = unknownCount
    var weights = u
    if isLeastSquares {
      let R = rowsJacobian(at: v)
      weights = (0..<rowCount).map { k in
        var sum = Number(0)
        for j in 0..<n { sum = sum + R[k * n + j] * u[j] }
        return sum
      }
    }
    var result = [Number](repeating: Number(0), count: inputCount)
    forEachPartial(at: v) { row, variable, value in
      if variable >= n { result[variable - n] = result[variable - n] + value * weights[row] }
    }
    guard isLeastSquares else { return result }
    let values = rows(at: v)
    forEachSecondPartial(at: v) { row, first, second, value in
      if first < n, second >= n {
        result[second - n] = result[second - n] + values[row] * value * u[first]
      }
    }
    return result
  }

  /// `Rᵀ w`, for `R` of `rowCount × n`.
  private func transposedProduct<Number: OracleNumber>(_ R: [Number], _ w: [Number]) -> [Number] {
    let n = unknownCount
    var result = [Number](repeating: Number(0), count: n)
    for k in 0..<rowCount {
      for j in 0..<n { result[j] = result[j] + R[k * n + j] * w[k] }
    }
    return result
  }
}
