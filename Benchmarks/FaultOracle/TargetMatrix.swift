/// The Jacobian that a problem is to have at its solution: singular values from 1 down to `1/κ`,
/// spread over all rows and columns by reflections, by operations that any language repeats to the
/// last bit.
struct TargetMatrix: Sendable {
  enum Form: Sendable {
    case general, definite, indefinite, tridiagonal
    /// Definite and tridiagonal, apart from entries of the size `ε` anywhere.
    case nearlyDefinite(Double), nearlyTridiagonal(Double)
  }

  let rowCount: Int
  let columnCount: Int
  /// Row-major.
  private(set) var entries: [Double]

  /// A direction that the matrix nearly annihilates: a solver that goes by residuals stops there
  /// too early.
  private(set) var soft: [Double]

  /// Orthogonal to all columns, up to rounding; zero for a square matrix.
  private(set) var outside: [Double]

  init(
    _ form: Form, rowCount: Int, columnCount: Int, octaves: Double, _ numbers: inout HuntNumbers
  ) {
    self.rowCount = rowCount
    self.columnCount = columnCount
    entries = [Double](repeating: 0, count: rowCount * columnCount)
    soft = [Double](repeating: 0, count: columnCount)
    outside = [Double](repeating: 0, count: rowCount)
    switch form {
    case .tridiagonal, .nearlyTridiagonal: fillTridiagonal(octaves, &numbers)
    default: fillReflected(form, octaves, &numbers)
    }
    switch form {
    case .nearlyDefinite(let size), .nearlyTridiagonal(let size):
      for k in entries.indices { entries[k] += size * numbers.symmetric() }
    default: break
    }
  }

  private mutating func fillReflected(
    _ form: Form, _ octaves: Double, _ numbers: inout HuntNumbers
  ) {
    let n = columnCount
    for i in 0..<n {
      let place = i == 0 ? 0 : i == n - 1 ? 1 : numbers.unit()
      var value = 1 / HuntNumbers.exponential(place * octaves)
      // Least squares: these are the eigenvalues of RᵀR.
      if rowCount > n { value = value.squareRoot() }
      if case .indefinite = form, i % 2 == 0 { value = -value }
      entries[i * n + i] = value
    }
    if n > 0 { soft[n - 1] = 1 }
    for i in n..<max(rowCount, n) { outside[i] = numbers.symmetric() }
    let isSymmetric =
      switch form {
      case .general: false
      default: true
      }
    for _ in 0..<min(rowCount, 8) {
      let left = numbers.symmetric(count: rowCount)
      let right = isSymmetric ? left : numbers.symmetric(count: columnCount)
      reflect(left, right)
    }
    if isSymmetric {
      for i in 0..<n { for j in 0..<i { entries[i * n + j] = entries[j * n + i] } }
    }
  }

  /// `(I − 2uuᵀ/uᵀu) M (I − 2vvᵀ/vᵀv)`.
  private mutating func reflect(_ u: [Double], _ v: [Double]) {
    let n = columnCount
    let (uFactor, vFactor) = (2 / sumOfProducts(u, u), 2 / sumOfProducts(v, v))
    for j in 0..<n {
      var sum = 0.0
      for i in 0..<rowCount { sum += u[i] * entries[i * n + j] }
      sum *= uFactor
      for i in 0..<rowCount { entries[i * n + j] -= sum * u[i] }
    }
    for i in 0..<rowCount {
      var sum = 0.0
      for j in 0..<n { sum += entries[i * n + j] * v[j] }
      sum *= vFactor
      for j in 0..<n { entries[i * n + j] -= sum * v[j] }
    }
    let (o, s) = (uFactor * sumOfProducts(u, outside), vFactor * sumOfProducts(v, soft))
    for i in 0..<rowCount { outside[i] -= o * u[i] }
    for j in 0..<n { soft[j] -= s * v[j] }
  }

  /// Rows that add up to `1/κ`.
  private mutating func fillTridiagonal(_ octaves: Double, _ numbers: inout HuntNumbers) {
    let n = columnCount
    for i in 0..<n {
      let below = i == 0 ? 0 : 0.5 + 0.5 * numbers.unit()
      let above = i == n - 1 ? 0 : 0.5 + 0.5 * numbers.unit()
      if i > 0 { entries[i * n + i - 1] = -below }
      if i < n - 1 { entries[i * n + i + 1] = -above }
      // One entry alone has no condition, but one lost digit for each that κ has.
      entries[i * n + i] = n == 1 ? 1 : below + above + 1 / HuntNumbers.exponential(octaves)
      soft[i] = 1
    }
  }

  /// The product with a matrix of `columns` columns, row-major.
  func multiplied(by W: [Double], columns: Int) -> [Double] {
    var result = [Double](repeating: 0, count: rowCount * columns)
    for i in 0..<rowCount {
      for k in 0..<columns {
        var sum = 0.0
        for j in 0..<columnCount { sum += entries[i * columnCount + j] * W[j * columns + k] }
        result[i * columns + k] = sum
      }
    }
    return result
  }
}

/// `Σ uᵢ vᵢ`, in the order of the indices.
func sumOfProducts(_ u: [Double], _ v: [Double]) -> Double {
  var sum = 0.0
  for i in u.indices { sum += u[i] * v[i] }
  return sum
}
