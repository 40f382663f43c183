import Kernels
import Synchronization

// What can be learned about an operator from a few products with seeded random vectors.
//
// An operator of the user's makes statements about itself: that `transposeMatvec` belongs to
// `matvec`, that nothing lies outside a band, that the entries are those of `denseMatrix()`; a method
// that is chosen states that `A` is symmetric, or definite. None is believed. A false one would hardly
// show in a residual that is computed with the same false product. Two linear maps that differ give
// different products with a random vector, almost surely: each statement costs one product, at most,
// when a solver is prepared. (Block products are not probed here: every column solved with them is
// tested on its own residual.)

extension LinearOperator {
  /// `|⟨A u, v⟩ − ⟨u, Aᵀ v⟩| / (‖A u‖‖v‖ + ‖u‖‖Aᵀ v‖)` for random `u`, `v`: rounding level if
  /// the two products belong to one matrix. Two products; the same for `A` and `α A`.
  public func adjointDefect(seed: UInt64 = 1) throws(LinearSolveError) -> Double {
    let u = ProbeVector.make(count: columnCount, seed: seed)
    let v = ProbeVector.make(count: rowCount, seed: seed &+ 1)
    return ProbeVector.defect(
      product: try applied(to: u), with: v, other: try transposeApplied(to: v), against: u)
  }

  /// `|⟨A u, v⟩ − ⟨u, A v⟩| / (‖A u‖‖v‖ + ‖u‖‖A v‖)` for random `u`, `v`: rounding level if `A`
  /// is symmetric, and almost surely `‖A − Aᵀ‖_F / (√n ‖A‖_F)` in size if it is not. Two products;
  /// the same for `A` and `α A`. Infinite unless `A` is square.
  public func symmetryDefect(seed: UInt64 = 1) throws(LinearSolveError) -> Double {
    guard isSquare else { return .infinity }
    let u = ProbeVector.make(count: columnCount, seed: seed)
    let v = ProbeVector.make(count: columnCount, seed: seed &+ 1)
    return ProbeVector.defect(
      product: try applied(to: u), with: v, other: try applied(to: v), against: u)
  }
}

extension LinearOperator {
  /// `‖Aᵀv‖ / ‖v‖` for a random vector, one that repeats itself every 509 numbers: where a size is
  /// wanted and nothing is to be proved, making a longer one would cost more than the product.
  package func transposedNormEstimate(seed: UInt64) throws(LinearSolveError) -> Double {
    let arena = VectorArena(vectors: 2, length: max(rowCount, columnCount))
    let pattern = ProbeVector.make(count: min(rowCount, 509), seed: seed)
    for first in stride(from: 0, to: rowCount, by: 509) {
      (arena[0] + first).update(from: pattern, count: min(509, rowCount - first))
    }
    let size = Vector.norm(arena[0], count: rowCount)
    if size == 0 { return 0 }
    try multiply(arena[0], into: arena[1], transposed: true)
    return Vector.norm(arena[1], count: columnCount) / size
  }
}

/// A relative defect above this is not rounding. A product errs by `ε √n` or so of its size, far
/// less than this for any `n` that fits into memory; one wrong entry in a matrix with `n` entries
/// of its size shows as `1/n`.
let probeTolerance = 1e-11

extension LinearOperator {
  /// Throws ``LinearSolveError/structureMismatch(declared:relativeDefect:)`` unless the products of
  /// `matrix`, made of the entries that this operator has stated, are its own: one product, and one
  /// with the transpose. Nothing is done for operators that need no probe.
  ///
  /// - Parameter tolerance: the defect to which the caller's answers may be wrong anyway.
  func requireProducts(
    of matrix: any LinearOperator, _ declared: DeclaredStructure, tolerance: Double
  ) throws(LinearSolveError) {
    guard needsProbe, rowCount > 0 else { return }
    let u = ProbeVector.make(count: columnCount, seed: 1)
    let product = try applied(to: u)
    try requireFiniteEntries(product, "a product with the operator")
    let defect = ProbeVector.difference(product, try matrix.applied(to: u))
    // `!(≤)` so that NaN is refused too.
    if !(defect <= max(probeTolerance, tolerance)) {
      throw .structureMismatch(declared: declared, relativeDefect: defect)
    }
    try requireTransposedProduct(product, of: u, tolerance: tolerance)
  }

  /// Throws ``LinearSolveError/structureMismatch(declared:relativeDefect:)`` unless
  /// `⟨A u, v⟩ = ⟨u, Aᵀ v⟩` for a random `v`, given `A u`: one product with the transpose. An operator
  /// without one is left alone; whoever needs it will be told.
  package func requireTransposedProduct(
    _ product: [Double], of u: [Double], tolerance: Double
  ) throws(LinearSolveError) {
    guard needsProbe, rowCount > 0 else { return }
    let tolerance = max(probeTolerance, tolerance)
    let v = ProbeVector.make(count: rowCount, seed: 2, weighing: product, tolerance: tolerance)
    let transposed: [Double]
    do throws(LinearSolveError) {
      transposed = try transposeApplied(to: v)
    } catch .productFailed {
      return
    }
    try requireFiniteEntries(transposed, "a product with the transpose of the operator")
    let defect = ProbeVector.defect(product: product, with: v, other: transposed, against: u)
    if !(defect <= tolerance) {
      let isSymmetric = (self as? ClosureOperator)?.isDeclaredSymmetric ?? false
      throw .structureMismatch(
        declared: isSymmetric ? .symmetric : .transposedProduct, relativeDefect: defect)
    }
  }

  /// The same, with a product of its own: for operators that are multiplied and not solved with.
  package func requireTransposedProduct(tolerance: Double) throws(LinearSolveError) {
    guard needsProbe, rowCount > 0, columnCount > 0 else { return }
    let u = ProbeVector.make(count: columnCount, seed: 1)
    let product: [Double]
    do throws(LinearSolveError) {
      product = try applied(to: u)
    } catch .productFailed {
      return
    }
    try requireFiniteEntries(product, "a product with the operator")
    try requireTransposedProduct(product, of: u, tolerance: tolerance)
  }
}

/// Seeded random vectors, the same on every machine.
package enum ProbeVector {
  /// `count` numbers of random sign and of size between ½ and 1: no entry is too small to count.
  ///
  /// The first ones do not depend on `count`, and the same few vectors are wanted over and over: up to
  /// `keptCount` numbers for each seed are made once.
  package static func make(count: Int, seed: UInt64) -> [Double] {
    if count > keptCount { return generate(count: count, seed: seed) }
    if let known = kept.withLock({ $0[seed] }), known.count >= count {
      return known.count == count ? known : Array(known[..<count])
    }
    let made = generate(count: count, seed: seed)
    kept.withLock { kept in
      if kept.count >= keptSeeds { kept.removeAll() }
      kept[seed] = made
    }
    return made
  }

  private static let kept = Mutex<[UInt64: [Double]]>([:])
  private static var keptCount: Int { 1 << 15 }
  private static var keptSeeds: Int { 32 }

  private static func generate(count: Int, seed: UInt64) -> [Double] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15
    return [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
      for i in 0..<count {
        // SplitMix64 (Steele, Lea and Flood 2014).
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z &>> 31
        let magnitude = 0.5 + Double(z &>> 12) * 0x1p-53
        buffer.initializeElement(at: i, to: z & 1 == 0 ? magnitude : -magnitude)
      }
      initialized = count
    }
  }

  /// The same, divided by the size of the entries of a product (by powers of two), so that rows in
  /// small units count as much as others: as far as the rounding of the product stays below the
  /// tolerance.
  static func make(
    count: Int, seed: UInt64, weighing product: [Double], tolerance: Double
  ) -> [Double] {
    let largest = PowerOfTwo.exponent(of: maximumMagnitude(product))
    let reach = max(0, PowerOfTwo.exponent(of: tolerance) + 52)
    return zip(make(count: count, seed: seed), product).map { v, p in
      let gap = p == 0 ? 0 : largest - PowerOfTwo.exponent(of: p.magnitude)
      return PowerOfTwo.scaled(v, by: min(gap, reach))
    }
  }

  /// `|⟨p, v⟩ − ⟨u, q⟩| / (‖p‖‖v‖ + ‖u‖‖q‖)`; zero if both products vanish.
  static func defect(
    product p: [Double], with v: [Double], other q: [Double], against u: [Double]
  ) -> Double {
    // p and q may be as large or as small as Double allows, so they are brought to size 1 first,
    // by one power of two for both.
    let size = max(maximumMagnitude(p), maximumMagnitude(q))
    guard size > 0 else { return 0 }
    guard size.isFinite else { return .nan }
    let scaledP = PowerOfTwo.scaled(p, by: -Int(size.exponent))
    let scaledQ = PowerOfTwo.scaled(q, by: -Int(size.exponent))
    let difference = abs(dot(scaledP, v) - dot(u, scaledQ))
    return difference / (norm(scaledP) * norm(v) + norm(u) * norm(scaledQ))
  }

  /// `‖p − q‖ / (‖p‖ + ‖q‖)`; zero if both vanish.
  static func difference(_ p: [Double], _ q: [Double]) -> Double {
    let size = max(maximumMagnitude(p), maximumMagnitude(q))
    guard size > 0 else { return 0 }
    guard size.isFinite else { return .nan }
    let scaledP = PowerOfTwo.scaled(p, by: -Int(size.exponent))
    let scaledQ = PowerOfTwo.scaled(q, by: -Int(size.exponent))
    return norm(zip(scaledP, scaledQ).map { $0 - $1 }) / (norm(scaledP) + norm(scaledQ))
  }

  package static func dot(_ x: [Double], _ y: [Double]) -> Double {
    x.withUnsafeBufferPointer { x in
      y.withUnsafeBufferPointer { y in
        guard let a = x.baseAddress, let b = y.baseAddress else { return 0 }
        return Vector.dot(a, b, count: x.count)
      }
    }
  }

  package static func norm(_ x: [Double]) -> Double {
    x.withUnsafeBufferPointer { x in
      guard let start = x.baseAddress else { return 0 }
      return Vector.norm(start, count: x.count)
    }
  }

  /// `max |xᵢ / yᵢ|` of two vectors of one length, where zero divided by zero counts as zero.
  package static func largestRatio(_ x: [Double], to y: [Double]) -> Double {
    x.withUnsafeBufferPointer { x in
      y.withUnsafeBufferPointer { y in
        guard let numerators = x.baseAddress, let denominators = y.baseAddress else { return 0 }
        return Vector.largestRatio(numerators, to: denominators, count: x.count)
      }
    }
  }

  package static func maximumMagnitude(_ x: [Double]) -> Double {
    x.withUnsafeBufferPointer { x in
      guard let start = x.baseAddress else { return 0 }
      return Vector.maximumMagnitude(start, count: x.count)
    }
  }
}
