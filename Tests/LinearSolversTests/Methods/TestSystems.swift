@testable import LinearSolvers

/// Seeded random numbers in −1…1.
struct SeededNumbers {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  mutating func next() -> Double {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    var z = state
    z = (z ^ (z >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    z ^= z >> 33
    return 2 * (Double(z >> 11) * 0x1p-53) - 1
  }

  mutating func vector(_ n: Int) -> [Double] { (0..<n).map { _ in next() } }
}

/// Row-major square matrices with prescribed singular values or eigenvalues.
enum TestMatrix {
  /// `U diag(values) Vᵀ` with orthogonal `U`, `V`, each a product of three reflections. With
  /// `symmetric`, `V = U`, and the values are the eigenvalues.
  static func spectral(_ values: [Double], symmetric: Bool, seed: UInt64) -> [Double] {
    let n = values.count
    var numbers = SeededNumbers(seed: seed)
    var a = [Double](repeating: 0, count: n * n)
    for i in 0..<n { a[i * n + i] = values[i] }
    for _ in 0..<3 {
      let left = numbers.vector(n)
      let right = symmetric ? left : numbers.vector(n)
      a = reflectRows(a, n, left)
      a = transpose(reflectRows(transpose(a, n), n, right), n)
    }
    if symmetric {
      for i in 0..<n {
        for j in 0..<i { a[i * n + j] = a[j * n + i] }  // no rounding between the triangles
      }
    }
    return a
  }

  /// `largest · ratio^(−k/(n−1))`, from `largest` down to `largest / condition`.
  static func geometric(_ n: Int, condition: Double) -> [Double] {
    var values = [Double](repeating: 1, count: n)
    // The (n−1)-th root of the condition number by bisection: no elementary function is needed.
    var (low, high) = (1.0, condition)
    for _ in 0..<200 {
      let middle = (low + high) / 2
      var power = 1.0
      for _ in 1..<max(n, 2) { power *= middle }
      if power > condition { high = middle } else { low = middle }
    }
    for k in 1..<n { values[k] = values[k - 1] / low }
    return values
  }

  static func transpose(_ a: [Double], _ n: Int) -> [Double] {
    (0..<n * n).map { a[($0 % n) * n + $0 / n] }
  }

  static func multiply(_ a: [Double], _ x: [Double]) -> [Double] {
    let n = x.count
    return (0..<a.count / n).map { i in (0..<n).reduce(0) { $0 + a[i * n + $1] * x[$1] } }
  }

  /// `(I − 2vvᵀ/vᵀv) A`.
  private static func reflectRows(_ a: [Double], _ n: Int, _ v: [Double]) -> [Double] {
    let scale = 2 / v.reduce(0) { $0 + $1 * $1 }
    var result = a
    for j in 0..<n {
      let projection = (0..<n).reduce(0) { $0 + v[$1] * a[$1 * n + j] } * scale
      for i in 0..<n { result[i * n + j] -= projection * v[i] }
    }
    return result
  }
}

/// `‖x‖₂`, for entries of any size.
func norm(_ x: [Double]) -> Double {
  let size = x.reduce(0) { max($0, abs($1)) }
  if size == 0 { return 0 }
  return size * x.reduce(0) { $0 + ($1 / size) * ($1 / size) }.squareRoot()
}

/// `‖x − y‖ / ‖y‖`.
func relativeError(_ x: [Double], _ y: [Double]) -> Double {
  norm(zip(x, y).map { $0 - $1 }) / norm(y)
}

func denseOperator(_ entries: [Double]) throws -> DenseOperator {
  let n = Int(Double(entries.count).squareRoot())
  return try DenseOperator(rowCount: n, columnCount: n, entries: entries)
}

extension LinearSolveError {
  /// The case without its numbers.
  enum Name: Sendable {
    case notSquare, notBanded, sizeMismatch, notFinite, underflow
    case singular, notPositiveDefinite, notSymmetric
    case notConverged, stagnated, diverged, breakdown, inconsistent, illConditioned, inaccurate
    case productFailed, notNullVector, inconsistentWithGauge, exhausted, structureMismatch
    case singularityProbeFailed
  }

  var name: Name {
    switch self {
    case .notSquare: .notSquare
    case .notBanded: .notBanded
    case .sizeMismatch: .sizeMismatch
    case .notFinite: .notFinite
    case .underflow: .underflow
    case .singular: .singular
    case .notPositiveDefinite: .notPositiveDefinite
    case .notSymmetric: .notSymmetric
    case .notConverged: .notConverged
    case .stagnated: .stagnated
    case .diverged: .diverged
    case .breakdown: .breakdown
    case .inconsistent: .inconsistent
    case .illConditioned: .illConditioned
    case .inaccurate: .inaccurate
    case .productFailed: .productFailed
    case .notNullVector: .notNullVector
    case .inconsistentWithGauge: .inconsistentWithGauge
    case .exhausted: .exhausted
    case .structureMismatch: .structureMismatch
    case .singularityProbeFailed: .singularityProbeFailed
    }
  }
}

/// The error thrown by `body`, or `nil`.
func linearSolveError(_ body: () throws -> some Any) -> LinearSolveError? {
  do {
    _ = try body()
    return nil
  } catch {
    return error as? LinearSolveError
  }
}
