import ForwardSolvers
import ImplicitDifferentiation

/// `Σ 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)²`: a curved valley, minimum 0 at `(1, …, 1)`.
/// H. H. Rosenbrock, Computer J. 3 (1960), 175–184.
func rosenbrock(_ x: Tensor) -> Tensor {
  let n = x.count
  let head = x.slice(0..<n - 1)
  let step = x.slice(1..<n) - head * head
  return 100 * step.squaredNorm() + (1 - head).squaredNorm()
}

/// `Σ λᵢ (xᵢ − 1)² / 2` with `λ` from 1 up to `condition`, in equal ratios.
func quadratic(_ x: Tensor, condition: Double) -> Tensor {
  let n = x.count
  var values = [1.0]
  // The (n−1)-th root by bisection.
  var (low, high) = (1.0, condition)
  for _ in 0..<100 {
    let middle = (low + high) / 2
    var power = 1.0
    for _ in 1..<n { power *= middle }
    if power > condition { high = middle } else { low = middle }
  }
  for _ in 1..<n { values.append((values.last ?? 1) * low) }
  return (Tensor(values) * (x - 1) * (x - 1)).sum() / 2
}

/// A point of two tensors and a constant.
struct TwoParts: TensorStructure {
  var matrix: Tensor
  var scalar: Tensor
  var offset: Tensor

  static var fields: [TensorField<TwoParts>] {
    [.init("matrix", \.matrix), .constant("offset", \.offset), .init("scalar", \.scalar)]
  }

  /// Least at `matrix = offset`, `scalar = 1`.
  var objective: Tensor {
    (matrix - offset).squaredNorm() + pow(scalar - 1, 4) + (scalar - 1) * (scalar - 1)
  }

  static let start = TwoParts(
    matrix: .zeros([2, 2]), scalar: 3, offset: Tensor([[1, 2], [3, 4]]))
}
