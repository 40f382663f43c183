import Kernels
import LinearOperators

// Hessians of penalised sums of squares are recorded as `Σ Xᵀ D X + diag(θ)`: a product with a matrix, perhaps
// with weights, and then with the transpose of the same matrix, beside a diagonal.
//
// They say of themselves that they are definite: what is written as squares has no negative eigenvalue,
// and the diagonal bounds all of them from below. And their entries cost half of a product of matrices.

extension LinearProgram {
  /// The least entry of the diagonal, if it is positive and all else are squares; else `nil`. Reads the
  /// diagonals and weights, and no matrix.
  var leastEigenvalueBound: Double? {
    guard let (squares, diagonal) = penalizedSquares,
      squares.allSatisfy({ $0.factor > 0 && $0.weights?.allSatisfy { $0 >= 0 } ?? true }),
      diagonal.allSatisfy(\.isFinite), let least = diagonal.min(), least > 0
    else { return nil }
    return least
  }

  /// The same operator with its matrices in single precision.
  ///
  /// - Parameter limit: the numbers in the matrices from which on that is worth while.
  /// - Returns: `nil` for smaller matrices, for other programs, and where the largest entry of a matrix is
  ///   far from the middle of the range of single precision.
  func roundedForm(from limit: Int = roundedCount) -> RoundedNormalOperator? {
    let n = inputCount
    guard coefficients.reduce(0, { $0 + $1.count }) >= limit,
      let (squares, diagonal) = penalizedSquares,
      squares.reduce(0, { $0 + $1.rowCount * n }) >= limit
    else { return nil }
    var rounded: [RoundedNormalOperator.Square] = []
    for square in squares {
      guard square.columnStride == 1 else { return nil }
      let made = RoundedNormalOperator.Square(
        matrix: NumberBuffer(uninitializedCount: (square.rowCount * n + 1) / 2),
        rowCount: square.rowCount, weights: square.weights, factor: square.factor)
      let size = Dense.round(
        square.matrix, rows: square.rowCount, columns: n, rowStride: square.rowStride,
        into: made.numbers)
      guard Self.isModerate(size) else { return nil }
      rounded.append(made)
    }
    return RoundedNormalOperator(squares: rounded, diagonal: diagonal)
  }

  /// 32 MB of doubles: what caches of the third level do not hold, or share with others.
  static var roundedCount: Int { 1 << 22 }

  /// Whether a number is in the middle of the range of single precision. NaN is not.
  private static func isModerate(_ x: Double) -> Bool { x > 0x1p-60 && x < 0x1p60 }

  /// All of the program as squares and a diagonal; `nil` if there is more in it.
  private var penalizedSquares: (squares: [NormalProduct], diagonal: [Double])? {
    guard inputCount == outputCount, let (direct, chains) = pathsToOutput else { return nil }
    var squares: [NormalProduct] = []
    for chain in chains {
      guard let square = normalProduct(of: chain) else { return nil }
      squares.append(square)
    }
    var diagonal = [Double](repeating: 0, count: inputCount)
    for index in direct {
      let term = terms[index]
      guard self.diagonal(of: term) == 0 else { return nil }
      diagonal.withUnsafeMutableBufferPointer { buffer in
        if let start = buffer.baseAddress { addEntries(of: term, term.geometry, to: start) }
      }
    }
    return (squares, diagonal)
  }

  /// The terms that lead from the input straight to the output, and the chains of terms that do so
  /// through nodes that nothing else reads or writes; `nil` if there are other ways.
  private var pathsToOutput: (direct: [Int], chains: [[Int]])? {
    guard maps.isEmpty, inputs.count == 1, outputs.count == 1, inputs != outputs else { return nil }
    let (input, output) = (inputs[0], outputs[0])
    // The only term that writes a node; −2 for several.
    var writer = [Int](repeating: -1, count: counts.count)
    var readers = [Int](repeating: 0, count: counts.count)
    for (index, term) in terms.enumerated() {
      let destination = Int(term.destination)
      writer[destination] = writer[destination] == -1 ? index : -2
      readers[Int(term.source)] += 1
    }
    var (direct, chains): ([Int], [[Int]]) = ([], [])
    for (index, term) in terms.enumerated() where term.destination == output {
      var chain = [index]
      var node = term.source
      while node != input {
        guard node != output, readers[Int(node)] == 1, writer[Int(node)] >= 0 else { return nil }
        chain.append(writer[Int(node)])
        node = terms[writer[Int(node)]].source
      }
      if chain.count == 1 { direct.append(index) } else { chains.append(chain) }
    }
    return (direct, chains)
  }

  /// `c Xᵀ X` or `c Xᵀ D X`.
  private struct NormalProduct {
    let matrix: UnsafePointer<Double>
    let rowStride: Int
    let columnStride: Int
    let rowCount: Int
    let factor: Double
    let weights: [Double]?
  }

  /// Whether a factor is of an ordinary size. The factors of a chain are multiplied with one another here,
  /// and not with the numbers between them as in the program: they must not leave the range, or a sign
  /// would be lost, and with it what is not positive definite.
  private static func isOrdinary(_ factor: Double) -> Bool {
    factor.magnitude > 0x1p-500 && factor.magnitude < 0x1p500
  }

  /// The product that a chain of terms, the last one first, is; `nil` if it is none.
  private func normalProduct(of chain: [Int]) -> NormalProduct? {
    guard let last = chain.first, let first = chain.last, chain.count <= 3 else { return nil }
    let (left, right) = (terms[last].transposed, terms[first])
    let g = right.geometry
    guard left.isStrided, right.isStrided, left.geometry == g, left.coefficient >= 0,
      right.coefficient >= 0, left.bias == 0, right.bias == 0,
      coefficients[Int(left.coefficient)].storage === coefficients[Int(right.coefficient)].storage,
      g.extents[2] == 1, g.extents[3] == 1, Int(g.extents[1]) == inputCount, g.input.base == 0,
      g.output.base == 0, g.input.strides[0] == 0, g.input.strides[1] == 1,
      g.output.strides[0] == 1, g.output.strides[1] == 0,
      g.extents[0] == counts[Int(right.destination)]
    else { return nil }
    let factor = left.scale * right.scale
    guard Self.isOrdinary(factor) else { return nil }
    var weights: [Double]?
    if chain.count == 3 {
      let term = terms[chain[1]]
      guard diagonal(of: term) == 0, counts[Int(term.destination)] == g.extents[0] else {
        return nil
      }
      var entries = [Double](repeating: 0, count: Int(g.extents[0]))
      entries.withUnsafeMutableBufferPointer { buffer in
        if let start = buffer.baseAddress { addEntries(of: term, term.geometry, to: start) }
      }
      guard
        entries.allSatisfy({ $0 == 0 || Self.isOrdinary($0) && Self.isOrdinary(factor * $0) })
      else { return nil }
      weights = entries
    }
    return NormalProduct(
      matrix: coefficients[Int(right.coefficient)].storage.values + Int(g.coefficient.base),
      rowStride: Int(g.coefficient.strides[0]), columnStride: Int(g.coefficient.strides[1]),
      rowCount: Int(g.extents[0]), factor: factor, weights: weights)
  }

  /// The entries, row-major, of normal matrices and what is beside them; `nil` for other programs.
  var normalEntries: [Double]? {
    let n = inputCount
    guard n == outputCount, let (direct, chains) = pathsToOutput, !chains.isEmpty,
      direct.allSatisfy({ terms[$0].table < 0 })
    else { return nil }
    var products: [NormalProduct] = []
    for chain in chains {
      guard let product = normalProduct(of: chain) else { return nil }
      products.append(product)
    }
    var entries = [Double](repeating: 0, count: n * n)
    entries.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      for product in products {
        let m = product.rowCount
        let workspace = NumberBuffer(
          uninitializedCount: Dense.workspaceCount(rows: n, inner: m, columns: n))
        Dense.multiplyNormal(
          product.matrix, rows: m, columns: n, rowStride: product.rowStride,
          columnStride: product.columnStride, weights: product.weights, intoLower: start,
          rowStride: n, scaledBy: product.factor, adding: true, workspace: workspace.base)
      }
      Dense.reflectLower(start, count: n)
      for index in direct {
        addEntries(of: terms[index], terms[index].geometry, to: start, rowStride: n)
      }
    }
    return entries
  }
}
