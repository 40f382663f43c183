import ImplicitDifferentiation
import Kernels
import Synchronization

/// How products with `A = ∂F/∂y` are made of differences.
public enum DifferenceProducts: Sendable {
  /// The columns of `A` are differenced once, with `2n` evaluations, and kept, `n²` numbers. All
  /// products are those of one matrix: exactly linear, transposes of each other to the last bit but
  /// rounding, good for any solver.
  case columns

  /// Each product `A v` is a difference along `v`, 2 evaluations and no memory: for many
  /// unknowns and few iterations. Such a product is linear to about nine digits only, so an
  /// iterative solver has to be named, with a tolerance that can be reached: 1e-8, say.
  /// `Automatic`'s, 1e-12, cannot. Products `Aᵀ u` still need the columns.
  case directional
}

/// A Jacobian known by central differences of a function of flat vectors,
/// ```
/// J v ≈ (f(z + t v) − f(z − t v)) / 2t,   error  t²f‴[v,v,v]/6 + η/t
/// ```
/// with `t` such that `t v` moves the numbers by a fraction of their units, and `η` the rounding of
/// `f`. Transposed products go by the columns `J eⱼ`, `2n` evaluations made when first needed and
/// kept. Which product is made how does not depend on what was asked before.
///
/// Source: D. A. Knoll and D. E. Keyes, "Jacobian-free Newton–Krylov methods", J. Comput. Phys. 193
/// (2004), 357–397, section 2 (products by differences); Dennis and Schnabel as in `DifferenceUnits`.
final class DifferenceJacobian: LinearOperator {
  let rowCount: Int
  let columnCount: Int
  let units: DifferenceUnits
  private let point: [Double]
  private let function: @Sendable ([Double]) throws -> [Double]
  private let relativeStep: Double
  private let products: DifferenceProducts
  private let what: String
  private let cache = Mutex<Result<DenseOperator, LinearSolveError>?>(nil)

  /// - Parameters:
  ///   - point: `z`.
  ///   - rowCount: the length of `f(z)`.
  ///   - relativeStep: the fraction.
  ///   - what: the numbers of the point, for error messages.
  init(
    at point: [Double], rowCount: Int, units: DifferenceUnits, relativeStep: Double,
    products: DifferenceProducts, _ what: String,
    of function: @escaping @Sendable ([Double]) throws -> [Double]
  ) {
    self.point = point
    self.rowCount = rowCount
    columnCount = point.count
    self.units = units
    self.relativeStep = relativeStep
    self.products = products
    self.what = what
    self.function = function
  }

  /// The central difference along `v` with a step `factor` times as long as usual.
  func difference(along v: [Double], factor: Double = 1) throws -> [Double] {
    let t = factor * units.step(along: v, relativeStep: relativeStep)
    if t == 0 { return [Double](repeating: 0, count: rowCount) }
    let right = try value(at: t, along: v)
    let left = try value(at: -t, along: v)
    let scale = 0.5 / t
    return zip(right, left).map { ($0 - $1) * scale }
  }

  private func value(at t: Double, along v: [Double]) throws -> [Double] {
    let result = try function(zip(point, v).map { $0 + t * $1 })
    if result.count != rowCount {
      throw DifferentiationError.sizeMismatch(
        what: "the residual (one equation for each unknown)", expected: rowCount,
        found: result.count)
    }
    if let index = result.firstIndex(where: { !$0.isFinite }) {
      throw DifferentiationError.notFinite(
        what: "the residual a step of \(what) away", index: index, value: result[index])
    }
    return result
  }

  /// The columns, made by whoever asks first; others wait for it.
  func matrix() throws(LinearSolveError) -> DenseOperator {
    let result = cache.withLock { cache in
      if let cache { return cache }
      let made: Result<DenseOperator, LinearSolveError>
      do throws(LinearSolveError) { made = .success(try columns()) } catch {
        made = .failure(error)
      }
      cache = made
      return made
    }
    return try result.get()
  }

  private func columns() throws(LinearSolveError) -> DenseOperator {
    let (m, n) = (rowCount, columnCount)
    var entries = [Double](repeating: 0, count: m * n)
    var unit = [Double](repeating: 0, count: n)
    for j in 0..<n {
      unit[j] = 1
      let column = try product(unit)
      unit[j] = 0
      for i in 0..<m { entries[i * n + j] = column[i] }
    }
    return try DenseOperator(rowCount: m, columnCount: n, entries: entries)
  }

  private func product(_ v: [Double]) throws(LinearSolveError) -> [Double] {
    do { return try difference(along: v) } catch { throw .productFailed("\(error)") }
  }

  func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError) {
    try requireSizes(x.count, y.count, transposed: false)
    switch products {
    case .columns: try matrix().matvec(x, into: &y)
    case .directional:
      let result = try product(x.indices.map { x[$0] })
      for i in result.indices { y[i] = result[i] }
    }
  }

  func transposeMatvec(
    _ x: Span<Double>, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try matrix().transposeMatvec(x, into: &y)
  }

  func denseMatrix() throws(LinearSolveError) -> [Double] { try matrix().entries }
}

extension DifferenceJacobian: ProvenOperator {
  /// All products belong to the columns, or are known to differ from them by the error of a difference,
  /// which conditions by differences estimate and state themselves.
  var isProven: Bool { true }
}
