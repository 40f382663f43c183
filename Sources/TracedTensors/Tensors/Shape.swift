import Kernels

/// The extents of a tensor, row-major: the last axis is the one whose entries lie side by side.
///
/// At most eight axes, at most 2³¹ − 1 entries. Kept inline, so that making a tensor allocates
/// nothing but its numbers.
package struct Shape: Equatable, Hashable, Sendable {
  static let maximumRank = 8

  private var low = SIMD4<Int32>(repeating: 1)
  private var high = SIMD4<Int32>(repeating: 1)
  private(set) var rank: Int
  private(set) var count: Int

  static let scalar = Shape()

  init() {
    rank = 0
    count = 1
  }

  package init(vector n: Int) {
    rank = 1
    count = n
    low[0] = Shape.extent(n)
  }

  package init(_ extents: some Collection<Int>) {
    if extents.count > Shape.maximumRank {
      stop(
        "A tensor has at most \(Shape.maximumRank) axes; the shape \(Array(extents)) has \(extents.count)."
      )
    }
    rank = extents.count
    count = 1
    for (axis, extent) in extents.enumerated() {
      self[axis: axis] = Shape.extent(extent)
      count *= extent
    }
    if count > Int(Int32.max) {
      stop("A tensor has at most 2³¹ − 1 entries; the shape \(Array(extents)) has \(count).")
    }
  }

  private static func extent(_ n: Int) -> Int32 {
    guard n >= 0, let extent = Int32(exactly: n) else {
      stop("An extent of a tensor is between 0 and 2³¹ − 1; this one is \(n).")
    }
    return extent
  }

  private subscript(axis axis: Int) -> Int32 {
    get { axis < 4 ? low[axis] : high[axis - 4] }
    set { if axis < 4 { low[axis] = newValue } else { high[axis - 4] = newValue } }
  }

  /// The extent of an axis; 1 for the axes that broadcasting adds.
  subscript(_ axis: Int) -> Int { Int(self[axis: axis]) }

  var extents: [Int] { (0..<rank).map { self[$0] } }

  /// Steps, in entries, between neighbours along each axis.
  var strides: [Int] {
    var strides = [Int](repeating: 0, count: rank)
    var step = 1
    for axis in stride(from: rank - 1, through: 0, by: -1) {
      strides[axis] = step
      step *= self[axis]
    }
    return strides
  }

  /// The shape of `a ∘ b` for an elementwise operation: axes are aligned at the right, and an
  /// extent of 1 stretches. `nil` when they do not fit.
  package static func broadcast(_ a: Shape, _ b: Shape) -> Shape? {
    if a == b { return a }
    if b.rank == 0 { return a }
    if a.rank == 0 { return b }
    var extents = [Int](repeating: 1, count: Swift.max(a.rank, b.rank))
    for back in 1...extents.count {
      let p = back <= a.rank ? a[a.rank - back] : 1
      let q = back <= b.rank ? b[b.rank - back] : 1
      guard p == q || p == 1 || q == 1 else { return nil }
      extents[extents.count - back] = p == 1 ? q : p
    }
    return Shape(extents)
  }

  /// The strides with which a tensor of this shape is read as one of shape `larger`: zero where it
  /// stretches.
  func strides(broadcastTo larger: Shape) -> [Int] {
    var result = [Int](repeating: 0, count: larger.rank)
    let own = strides
    for axis in 0..<rank where self[axis] != 1 {
      result[axis + larger.rank - rank] = own[axis]
    }
    return result
  }

  /// The extents as those of a term, 1 for axes that are not there; `nil` for more than four axes.
  var box: SIMD4<Int32>? { rank <= 4 ? low : nil }

  /// The same steps as ``strides(broadcastTo:)``, of at most four axes.
  func boxStrides(broadcastTo larger: Shape) -> SIMD4<Int32> {
    let own = boxStrides
    var result = SIMD4<Int32>.zero
    for axis in 0..<rank where low[axis] != 1 { result[axis + larger.rank - rank] = own[axis] }
    return result
  }

  /// The same steps as `strides`, of at most four axes.
  var boxStrides: SIMD4<Int32> {
    var result = SIMD4<Int32>.zero
    var step: Int32 = 1
    for axis in stride(from: rank - 1, through: 0, by: -1) {
      result[axis] = step
      step *= low[axis]
    }
    return result
  }

  /// This shape without one of its axes.
  func removing(axis: Int) -> Shape {
    var extents = extents
    extents.remove(at: axis)
    return Shape(extents)
  }
}

extension Shape: CustomStringConvertible {
  package var description: String { "[\(extents.map(String.init).joined(separator: "×"))]" }
}
