import TracedTensors

/// The data of a quadratic program, `min ½ yᵀQ y + cᵀy` subject to `A y = b`, `G y ≤ h`, with every
/// block present: one that the user left out has no rows.
struct QuadraticProgramData {
  /// `n × n`, symmetric.
  var Q: Tensor
  /// Length `n`.
  var c: Tensor
  /// `p × n`.
  var A: Tensor
  /// Length `p`.
  var b: Tensor
  /// `m × n`.
  var G: Tensor
  /// Length `m`.
  var h: Tensor

  var unknownCount: Int { c.count }
  var equalityCount: Int { b.count }
  var inequalityCount: Int { h.count }

  var tensors: [Tensor] { [Q, c, A, b, G, h] }
  var isTraced: Bool { tensors.contains { $0.isTraced } }

  /// The same numbers as constants.
  var plain: QuadraticProgramData {
    QuadraticProgramData(
      Q: Q.withoutDerivative, c: c.withoutDerivative, A: A.withoutDerivative,
      b: b.withoutDerivative, G: G.withoutDerivative, h: h.withoutDerivative)
  }

  private init(Q: Tensor, c: Tensor, A: Tensor, b: Tensor, G: Tensor, h: Tensor) {
    (self.Q, self.c, self.A, self.b, self.G, self.h) = (Q, c, A, b, G, h)
  }

  /// Blocks whose sizes are known to fit.
  init(Q: Tensor, c: Tensor, equalities: (Tensor, Tensor)?, inequalities: (Tensor, Tensor)?) {
    let empty = (Tensor.zeros([0, c.count]), Tensor.zeros([0]))
    let (A, b) = equalities ?? empty
    let (G, h) = inequalities ?? empty
    self.init(Q: Q, c: c, A: A, b: b, G: G, h: h)
  }

  /// What the user gave, checked: sizes, and NaN or infinity by name. Of `Q` the symmetric part is
  /// taken, which is all that `yᵀQ y` depends on.
  init(
    checking Q: Tensor?, c: Tensor, A: Tensor?, b: Tensor?, G: Tensor?, h: Tensor?
  ) throws(ForwardSolverError) {
    let n = c.count
    try requireEqualCounts(c.rank, 1, "the axes of `c`")
    if n == 0 { throw .sizeMismatch(what: "`c` (one for each unknown)", expected: 1, found: 0) }
    let blocks = [("Q", Q), ("c", c), ("A", A), ("b", b), ("G", G), ("h", h)]
    for (name, tensor) in blocks {
      guard let tensor else { continue }
      try requireFiniteEntries(tensor, "`\(name)`")
    }
    if let Q {
      try requireEqualCounts(Q.rank, 2, "the axes of `Q`")
      try requireEqualCounts(Q.shape[0], n, "the rows of `Q`")
      try requireEqualCounts(Q.shape[1], n, "the columns of `Q`")
    }
    func pair(
      _ matrix: Tensor?, _ side: Tensor?, _ names: (String, String)
    ) throws(ForwardSolverError) -> (Tensor, Tensor)? {
      guard let matrix else {
        try requireEqualCounts(side?.count ?? 0, 0, "`\(names.1)` (there is no `\(names.0)`)")
        return nil
      }
      try requireEqualCounts(matrix.rank, 2, "the axes of `\(names.0)`")
      try requireEqualCounts(matrix.shape[1], n, "the columns of `\(names.0)`")
      try requireEqualCounts(
        side?.count ?? 0, matrix.shape[0], "`\(names.1)` (one for each row of `\(names.0)`)")
      guard let side, side.count > 0 else { return nil }
      return (matrix, side.flattened())
    }
    self.init(
      Q: Q.map { 0.5 * ($0 + $0.transposed()) } ?? .zeros([n, n]), c: c,
      equalities: try pair(A, b, ("A", "b")), inequalities: try pair(G, h, ("G", "h")))
  }

  /// `½ yᵀQ y + cᵀy`.
  func value(at y: Tensor) -> Tensor { 0.5 * y.dot(matmul(Q, y)) + c.dot(y) }

  /// `Q y + c + Aᵀν + Gᵀλ`.
  func stationarity(_ y: Tensor, _ nu: Tensor, _ lambda: Tensor) -> Tensor {
    var gradient = matmul(Q, y) + c
    if equalityCount > 0 { gradient += matmul(A, nu, transposingLeft: true) }
    if inequalityCount > 0 { gradient += matmul(G, lambda, transposingLeft: true) }
    return gradient
  }
}

/// Throws `ForwardSolverError.sizeMismatch` unless the counts agree.
func requireEqualCounts(
  _ found: Int, _ expected: Int, _ what: String
) throws(ForwardSolverError) {
  if found != expected { throw .sizeMismatch(what: what, expected: expected, found: found) }
}

/// Throws `ForwardSolverError.notFinite` naming the first entry that is NaN or infinite.
func requireFiniteEntries(_ tensor: Tensor, _ name: String) throws(ForwardSolverError) {
  if tensor.isFinite { return }
  let numbers = tensor.withoutDerivative.scalars
  guard var place = numbers.firstIndex(where: { !$0.isFinite }) else { return }
  let value = numbers[place]
  var indices: [Int] = []
  for extent in tensor.shape.reversed() {
    indices.insert(place % extent, at: 0)
    place /= extent
  }
  let entry = indices.map(String.init).joined(separator: ", ")
  let described = indices.isEmpty ? "" : "entry [\(entry)] of "
  throw .notFinite(iteration: 0, quantity: "\(described)\(name), which is \(value),")
}

/// `max |aᵢ|` as a plain number, 0 for no entries.
func plainMaximum(_ a: Tensor) -> Double {
  a.count == 0 ? 0 : a.withoutDerivative.norm(.infinity).scalar
}
