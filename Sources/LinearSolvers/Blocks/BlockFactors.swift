import Kernels

/// The factors of a scaled `BlockMatrix`: the pivots in the order in which they were taken, with the
/// blocks beside and below them, and the dense factors of the rest.
struct BlockFactors: Sendable {
  /// A pivot `P`, the blocks `U` right of it and `L` below it when it was taken.
  struct Step: Sendable {
    var row: Int
    var column: Int
    var pivot: PivotFactors
    var right: [Neighbour]
    var below: [Neighbour]
  }

  /// A block in the row or the column of a pivot, and the segment that it leads to.
  struct Neighbour: Sendable {
    var segment: Int
    var block: Block
  }

  private(set) var steps: [Step] = []

  /// The largest entry that elimination made, as a multiple of the largest one given; at least one.
  private(set) var growth = 1.0

  /// What was left, and the rows and columns of blocks that it consists of.
  private var rest: RestFactors?
  private var restRows: [Int] = []
  private var restColumns: [Int] = []

  /// Where the unknowns and equations of each segment are, and how many there are in all.
  private var rowSegments: Segments
  private var columnSegments: Segments
  private let total: Int

  /// What was done, in words: `"diagonal 1000, then dense LU 1×1"`.
  var description: String {
    let steps = steps.map(\.pivot.description).joined(separator: ", ")
    guard let rest else { return steps }
    let last = rest.factors.description
    return steps.isEmpty ? last : "\(steps), then \(last)"
  }

  /// Eliminates. Throws `singular` if the dense factorisation of the rest does.
  ///
  /// - Parameter scaling: that of the matrix.
  init(_ matrix: BlockMatrix, scaling: Equilibration) throws(LinearSolveError) {
    let layout = matrix.layout
    rowSegments = Segments(layout.rowCounts)
    columnSegments = Segments(layout.columnCounts)
    total = layout.rowCounts.reduce(0, +)
    var eliminator = BlockEliminator(matrix, rowSegments, columnSegments)
    let given = eliminator.largestEntry
    eliminator.eliminate()
    steps = eliminator.steps
    growth = given == 0 ? .infinity : max(1, eliminator.largestEntry / given)
    rowSegments = eliminator.rowSegments
    columnSegments = eliminator.columnSegments
    (restRows, restColumns) = (eliminator.plan.rows, eliminator.plan.columns)
    if !restRows.isEmpty {
      rest = try RestFactors(
        eliminator.rest(), count: eliminator.plan.count,
        columnFactors: scaling.isIdentity
          ? nil
          : zip(
            rowSegments.entries(of: restRows, in: scaling.rows),
            columnSegments.entries(of: restColumns, in: scaling.columns)
          ).map { $0 / $1 })
    }
  }

  /// How many unknowns the dense part has.
  var restCount: Int { rest?.factors.count ?? 0 }

  /// `b ← A⁻¹b`, or `A⁻ᵀb`, for the first `n` equations and unknowns, and for each of `k` columns.
  func solve(
    _ b: UnsafeMutablePointer<Double>, count n: Int, columns k: Int, transposed: Bool
  ) {
    let arena = VectorArena(vectors: 1, length: total * k)
    let all = arena[0]
    for j in 0..<k {
      (all + j * total).update(from: b + j * n, count: n)
      (all + j * total + n).update(repeating: 0, count: total - n)
    }
    solveAll(all, columns: k, transposed: transposed)
    for j in 0..<k { (b + j * n).update(from: all + j * total, count: n) }
  }

  /// `b ← M⁻¹b`, or `M⁻ᵀb`, for all equations and each of `k` columns, one after the other in memory.
  ///
  /// ```
  /// down:  t = P⁻¹ b_r,  b_i ← b_i − L_i t;    the rest;    up:  x_c = t − P⁻¹ Σ U_j x_j
  /// ```
  /// Transposed, rows and columns change places, and so do `L` and `U`.
  func solveAll(_ vectors: UnsafeMutablePointer<Double>, columns k: Int, transposed: Bool) {
    let arena = VectorArena(vectors: 2, length: total * k)
    let (b, x) = (arena[0], arena[1])
    for j in 0..<k { down(vectors + j * total, b + j * total, x + j * total, transposed) }
    solveRest(b, into: x, columns: k, transposed: transposed)
    for j in 0..<k {
      up(b + j * total, x + j * total, transposed)
      (transposed ? rowSegments : columnSegments).scatter(x + j * total, into: vectors + j * total)
    }
  }

  private func down(
    _ vector: UnsafePointer<Double>, _ b: UnsafeMutablePointer<Double>,
    _ x: UnsafeMutablePointer<Double>, _ transposed: Bool
  ) {
    let (equations, unknowns) =
      transposed ? (columnSegments, rowSegments) : (rowSegments, columnSegments)
    equations.gather(vector, into: b)
    for step in steps {
      let (equation, unknown) = transposed ? (step.column, step.row) : (step.row, step.column)
      let t = x + unknowns.starts[unknown]
      t.update(from: b + equations.starts[equation], count: equations.counts[equation])
      step.pivot.solve(t, transposed: transposed)
      for other in transposed ? step.right : step.below {
        other.block.subtractProduct(
          t, from: b + equations.starts[other.segment], transposed: transposed)
      }
    }
  }

  private func up(
    _ b: UnsafeMutablePointer<Double>, _ x: UnsafeMutablePointer<Double>, _ transposed: Bool
  ) {
    let (equations, unknowns) =
      transposed ? (columnSegments, rowSegments) : (rowSegments, columnSegments)
    for step in steps.reversed() {
      let (equation, unknown) = transposed ? (step.column, step.row) : (step.row, step.column)
      let others = transposed ? step.below : step.right
      if others.isEmpty { continue }
      // The equation has been used; its place is free.
      let n = equations.counts[equation]
      let sum = b + equations.starts[equation]
      sum.update(repeating: 0, count: n)
      for other in others {
        other.block.subtractProduct(
          x + unknowns.starts[other.segment], from: sum, transposed: transposed)
      }
      step.pivot.solve(sum, transposed: transposed)
      Vector.addScaled(1, sum, to: x + unknowns.starts[unknown], count: n)
    }
  }

  private func solveRest(
    _ b: UnsafePointer<Double>, into x: UnsafeMutablePointer<Double>, columns k: Int,
    transposed: Bool
  ) {
    guard let rest else { return }
    let n = rest.factors.count
    let arena = VectorArena(vectors: 1, length: n * k)
    let packed = arena[0]
    let (from, to) = transposed ? (columnSegments, rowSegments) : (rowSegments, columnSegments)
    for j in 0..<k {
      var place = packed + j * n
      for segment in transposed ? restColumns : restRows {
        place.update(from: b + j * total + from.starts[segment], count: from.counts[segment])
        place += from.counts[segment]
      }
    }
    rest.solve(packed, columns: k, transposed: transposed)
    for j in 0..<k {
      var place = packed + j * n
      for segment in transposed ? restRows : restColumns {
        (x + j * total + to.starts[segment]).update(from: place, count: to.counts[segment])
        place += to.counts[segment]
      }
    }
  }
}

/// What is left, factorised densely.
///
/// A symmetric `A` has been scaled to `R A C`, which need not be symmetric. With `T = R C⁻¹` the matrix
/// `R A R = S T` is, and Cholesky's method can be tried on that.
private struct RestFactors: Sendable {
  let factors: any Factorization
  /// `T`, powers of two; `nil` for one.
  private let columnFactors: [Double]?

  /// Throws `singular`.
  ///
  /// - Parameters:
  ///   - entries: `S`, row-major `n × n`.
  ///   - columnFactors: `T` by its diagonal; `nil` for one.
  init(_ entries: [Double], count n: Int, columnFactors: [Double]?) throws(LinearSolveError) {
    var symmetric = entries
    if let columnFactors {
      for i in 0..<n { for j in 0..<n { symmetric[i * n + j] *= columnFactors[j] } }
    }
    do {
      factors = try DenseCholesky(
        symmetric, count: n, symmetryTolerance: CholeskySolver().symmetryTolerance)
      self.columnFactors = columnFactors
    } catch {
      factors = try DenseLU(entries, count: n)
      self.columnFactors = nil
    }
  }

  /// `b ← S⁻¹b`, or `S⁻ᵀb`, for each of `k` columns.
  func solve(_ b: UnsafeMutablePointer<Double>, columns k: Int, transposed: Bool) {
    let n = factors.count
    if transposed { multiply(b, columns: k) }
    if k == 1 {
      factors.solveScaled(b, transposed: transposed)
    } else {
      for j in 0..<k { factors.scaling.scaleRightHandSide(b + j * n, transposed: transposed) }
      factors.solve(b, columns: k, transposed: transposed)
      for j in 0..<k { factors.scaling.scaleSolution(b + j * n, transposed: transposed) }
    }
    if !transposed { multiply(b, columns: k) }
  }

  /// `b ← T b`.
  private func multiply(_ b: UnsafeMutablePointer<Double>, columns k: Int) {
    guard let columnFactors else { return }
    let n = factors.count
    for j in 0..<k { for i in 0..<n { b[j * n + i] *= columnFactors[i] } }
  }
}

/// A pivot block, ready to be solved with.
enum PivotFactors: Sendable {
  case division([Double])
  case factorization(any Factorization)

  var description: String {
    switch self {
    case .division(let diagonal): "diagonal \(diagonal.count)"
    case .factorization(let factors): factors.description
    }
  }

  /// `b ← P⁻¹b`, or `P⁻ᵀb`.
  func solve(_ b: UnsafeMutablePointer<Double>, transposed: Bool) {
    switch self {
    case .division(let diagonal): for i in diagonal.indices { b[i] /= diagonal[i] }
    case .factorization(let factors): factors.solveScaled(b, transposed: transposed)
    }
  }

  /// `P⁻¹ U`.
  func solved(_ block: Block) -> Block {
    switch self {
    case .division(let diagonal): return block.dividingRows(by: diagonal)
    case .factorization(let factors):
      // Column by column, which are the rows of the transpose.
      var columns = block.dense.transposed
      let n = block.rowCount
      columns.entries.withUnsafeMutableBufferPointer { buffer in
        guard let start = buffer.baseAddress else { return }
        for j in 0..<block.columnCount { factors.solveScaled(start + j * n, transposed: false) }
      }
      return .dense(columns.transposed)
    }
  }
}

/// Segments of a vector, which change their order when some are split.
struct Segments: Sendable {
  private(set) var counts: [Int]
  /// Where each segment begins, one after the other.
  private(set) var starts: [Int]
  /// Where the entries of the rearranged vector stand in the given one, by segment; `nil` as long as
  /// nothing was rearranged.
  private var places: [[Int32]]?

  init(_ counts: [Int]) {
    self.counts = counts
    starts = counts.ranges.map(\.lowerBound)
  }

  /// Segment `k` keeps the entries `kept`; a new one at the end takes those in `rest`.
  mutating func split(_ k: Int, kept: [Int32], rest: [Int32]) {
    var all = places ?? counts.ranges.map { $0.map { Int32($0) } }
    let old = all[k]
    all[k] = kept.map { old[Int($0)] }
    all.append(rest.map { old[Int($0)] })
    places = all
    counts = all.map(\.count)
    starts = counts.ranges.map(\.lowerBound)
  }

  /// The entries of a vector that belong to some segments.
  func entries(of segments: [Int], in vector: [Double]) -> [Double] {
    segments.flatMap { k in
      places.map { $0[k].map { vector[Int($0)] } }
        ?? Array(vector[starts[k]..<starts[k] + counts[k]])
    }
  }

  func gather(_ vector: UnsafePointer<Double>, into result: UnsafeMutablePointer<Double>) {
    guard let places else {
      result.update(from: vector, count: counts.reduce(0, +))
      return
    }
    for (start, places) in zip(starts, places) {
      for (k, place) in places.enumerated() { result[start + k] = vector[Int(place)] }
    }
  }

  func scatter(_ vector: UnsafePointer<Double>, into result: UnsafeMutablePointer<Double>) {
    guard let places else {
      result.update(from: vector, count: counts.reduce(0, +))
      return
    }
    for (start, places) in zip(starts, places) {
      for (k, place) in places.enumerated() { result[Int(place)] = vector[start + k] }
    }
  }
}
