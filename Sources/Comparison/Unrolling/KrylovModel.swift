import ImplicitDifferentiation

/// A small model of the sequence `tⱼ = C Aʲ d` on the space spanned by `d, Ad, A²d, …`.
///
/// Arnoldi's method gives an orthonormal basis `V` of it, `m` vectors for `m` products, and the
/// `m × m` matrix `H = VᵀAV`. Then `‖tⱼ‖ ≈ ‖CV Hʲe₁‖ ‖d‖`: exact for `j < m`, and for all `j` once the
/// space is closed under `A`. For symmetric `A` the largest Ritz value converges much faster than
/// a power iteration with as many products.
///
/// Source: W. E. Arnoldi, "The principle of minimized iterations in the solution of the matrix
/// eigenvalue problem", Quart. Appl. Math. 9 (1951), 17–29.
struct KrylovModel {
  /// `H`, `m × m`.
  let matrix: Tensor

  /// `(CV)ᵀ(CV)`, `m × m`: lengths of terms in the coordinates of the basis.
  let gram: Tensor

  /// The coordinates of `d`.
  let start: Tensor

  /// Products with `A`.
  let products: Int

  /// Whether `A` leads nowhere out of the space.
  let isComplete: Bool

  /// Bytes of basis and terms while the model was made.
  let bytes: Int

  /// - Parameter apply: `v ↦ (A v, C v)`.
  init(
    from d: [Double], products limit: Int,
    _ apply: ([Double]) throws -> (next: [Double], term: [Double])
  ) throws {
    let length = Tensor(d).norm().scalar
    guard length > 0, length.isFinite else {
      (matrix, gram, start) = (.zeros([1, 1]), .zeros([1, 1]), .zeros([1]))
      (products, isComplete, bytes) = (0, length == 0, 0)
      return
    }
    var basis = [Tensor(d).scaled(by: 1 / length)]
    var terms: [Tensor] = []
    var columns: [[Double]] = []
    var isComplete = false
    while columns.count < Swift.min(limit, d.count) {
      let (next, term) = try apply(basis[columns.count].scalars)
      terms.append(Tensor(term))
      var rest = Tensor(next)
      let size = rest.norm().scalar
      var column = [Double](repeating: 0, count: basis.count)
      // Twice, or rounding leaves parts of the basis in what should be orthogonal to it.
      for _ in 0..<2 {
        for (index, vector) in basis.enumerated() {
          let part = vector.dot(rest).scalar
          column[index] += part
          rest -= vector.scaled(by: part)
        }
      }
      let left = rest.norm().scalar
      columns.append(column)
      // What is left is rounding: the space is closed.
      if !(left > 1e-14 * Double(d.count) * size) || columns.count == d.count {
        isComplete = true
        break
      }
      columns[columns.count - 1].append(left)
      basis.append(rest.scaled(by: 1 / left))
    }
    let m = columns.count
    var entries = [Double](repeating: 0, count: m * m)
    for (j, column) in columns.enumerated() {
      for (i, value) in column.prefix(m).enumerated() { entries[i * m + j] = value }
    }
    matrix = Tensor(shape: [m, m], entries)
    let stacked = Tensor.stack(terms)
    gram = matmul(stacked, stacked.transposed())
    var first = [Double](repeating: 0, count: m)
    first[0] = length
    start = Tensor(first)
    products = m
    self.isComplete = isComplete
    bytes = (basis.count * d.count + stacked.count) * MemoryLayout<Double>.stride
  }

  /// The coordinates of `A v`, from those of `v`.
  func next(_ coordinates: Tensor) -> Tensor { matmul(matrix, coordinates) }

  /// `‖C v‖`.
  func termNorm(_ coordinates: Tensor) -> Double {
    Swift.max(coordinates.dot(matmul(gram, coordinates)).scalar, 0).squareRoot()
  }

  /// `ρ(H) = lim ‖Hᵏ‖^(1/k)` (Gelfand's formula), for `k = 2⁴⁰` by squaring: neither complex pairs
  /// nor Jordan blocks need care.
  var spectralRadius: Double {
    var power = matrix
    var sizes: [Double] = []
    for _ in 0..<40 {
      let size = power.norm().scalar
      guard size > 0, size.isFinite else { return size == 0 ? 0 : .infinity }
      sizes.append(size)
      let scaled = power.scaled(by: 1 / size)
      power = matmul(scaled, scaled)
    }
    // ‖H^(2ᵖ)‖^(1/2ᵖ) = s₀ √(s₁ √(s₂ …))
    return sizes.dropLast().reversed().reduce(sizes[sizes.count - 1]) { rest, size in
      size * rest.squareRoot()
    }
  }
}
