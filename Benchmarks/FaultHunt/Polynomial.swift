import FaultOracle
import ImplicitDifferentiation

/// The polynomial of a problem in the tensor operations of the library; see `Smooth` for the
/// formulas. Written once more, so that the hunt does not compare a mistake with itself.
struct Polynomial: Sendable {
  private let n: Int
  private let K: Tensor
  private let C: Tensor
  private let r: Tensor
  private let q: Tensor
  private let c: Tensor
  private let g: Tensor
  private let first: [Int]
  private let second: [Int]
  private let inputs: [Int]
  private let unknownScale: Tensor
  private let rowScale: Tensor

  init(_ problem: HuntProblem, isPoisoned: Bool) {
    let smooth = problem.smooth
    let (rows, m) = (smooth.rowCount, smooth.inputCount)
    n = smooth.unknownCount
    var entries = smooth.K
    if isPoisoned { entries[(n / 2) * n + n / 2] = .nan }
    K = Tensor(shape: [rows, n], entries)
    C = Tensor(shape: [rows, m], smooth.C)
    (r, q, c, g) = (Tensor(smooth.r), Tensor(smooth.q), Tensor(smooth.c), Tensor(smooth.g))
    first = (0..<rows).map { [n] in $0 % n }
    second = (0..<rows).map { [n] in ($0 + 1) % n }
    inputs = (0..<rows).map { m == 0 ? 0 : $0 % m }
    unknownScale = Tensor(Array(problem.unknownScale.prefix(n)))
    rowScale = Tensor(Array(problem.rowScale.prefix(rows)))
  }

  func unscaled(_ y: Tensor) -> Tensor { unknownScale * y }

  // MARK: As residuals

  /// The residuals at unknowns in the units of the polynomial.
  func rows(_ x: Tensor, _ y: Tensor) -> Tensor {
    let (a, b) = (y.gathered(first), y.gathered(second))
    return matmul(K, y) + matmul(C, x) + r + q * a * b + c * a * a * a + g * x.gathered(inputs) * a
  }

  /// The residuals in the units of the library.
  func scaledRows(_ x: Tensor, _ y: Tensor) -> Tensor { rowScale * rows(x, unscaled(y)) }

  /// `K(x)` of a linear system.
  func matrix(_ x: Tensor) -> Tensor {
    rowScale.expanded(atAxis: 1) * (K + (g * x.gathered(inputs)).diagonal()) * unknownScale
  }

  /// `b(x)` of a linear system.
  func rightHandSide(_ x: Tensor) -> Tensor { -(rowScale * (matmul(C, x) + r)) }

  /// `K(x) y` for a tridiagonal `K`, diagonal by diagonal.
  func bandedProduct(_ x: Tensor, _ y: Tensor) -> Tensor {
    let y = unscaled(y)
    let entries = K.scalars
    func diagonal(_ offset: Int) -> Tensor {
      Tensor(
        (0..<n).map { i in
          (0..<n).contains(i + offset) ? entries[i * n + i + offset] : 0
        })
    }
    let main = diagonal(0) + g * x.gathered(inputs)
    return rowScale
      * (diagonal(-1) * y.shifted(by: 1) + main * y + diagonal(1) * y.shifted(by: -1))
  }

  // MARK: Products by hand

  /// The coefficients of `v_a` and `v_b` in row `i` of `A v`.
  private func slopes(_ x: Tensor, _ y: Tensor) -> (first: Tensor, second: Tensor) {
    let y = unscaled(y)
    let (a, b) = (y.gathered(first), y.gathered(second))
    return (q * b + 3 * c * a * a + g * x.gathered(inputs), q * a)
  }

  func product(_ x: Tensor, _ y: Tensor, _ v: Tensor) -> Tensor {
    let v = unscaled(v)
    let slopes = slopes(x, y)
    return rowScale
      * (matmul(K, v) + slopes.first * v.gathered(first) + slopes.second * v.gathered(second))
  }

  func transposedProduct(_ x: Tensor, _ y: Tensor, _ u: Tensor) -> Tensor {
    let u = rowScale * u
    let slopes = slopes(x, y)
    return unknownScale
      * (matmul(K, u, transposingLeft: true) + (slopes.first * u).scattered(first, count: n)
        + (slopes.second * u).scattered(second, count: n))
  }

  func inputProduct(_ x: Tensor, _ y: Tensor, _ v: Tensor) -> Tensor {
    rowScale * (matmul(C, v) + g * unscaled(y).gathered(first) * v.gathered(inputs))
  }

  func transposedInputProduct(_ x: Tensor, _ y: Tensor, _ u: Tensor) -> Tensor {
    let u = rowScale * u
    return matmul(C, u, transposingLeft: true)
      + (g * unscaled(y).gathered(first) * u).scattered(inputs, count: x.count)
  }

  // MARK: As an objective

  func objective(_ x: Tensor, _ y: Tensor) -> Tensor {
    let y = unscaled(y)
    let b = y.gathered(second)
    let quadratic = 0.5 * y.dot(matmul(K, y)) + y.dot(matmul(C, x)) + r.dot(y)
    let rest = q * y * y * b + c * y * y * y * y + g * x.gathered(inputs) * y * b
    return quadratic + rest.sum()
  }
}
