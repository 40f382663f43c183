import TensorChecks

@testable import TracedTensors

/// An array the slow and obvious way: an entry for each list of indices, no strides shared with
/// the library. References for the tests are written in it.
struct NaiveArray {
  let shape: [Int]
  private(set) var values: [Double]

  init(shape: [Int], _ values: [Double]) {
    self.shape = shape
    self.values = values
  }

  init(_ tensor: Tensor) { self.init(shape: tensor.shape, tensor.scalars) }

  /// The array with entry `f(indices)`, the last index running fastest.
  static func build(_ shape: [Int], _ f: ([Int]) -> Double) -> NaiveArray {
    NaiveArray(shape: shape, allIndices(shape).map(f))
  }

  static func scalar(_ value: Double) -> NaiveArray { NaiveArray(shape: [], [value]) }

  /// All lists of indices, in row-major order.
  static func allIndices(_ shape: [Int]) -> [[Int]] {
    var result: [[Int]] = [[]]
    for extent in shape {
      result = result.flatMap { prefix in (0..<extent).map { prefix + [$0] } }
    }
    return result
  }

  subscript(_ indices: [Int]) -> Double {
    get { values[place(indices)] }
    set { values[place(indices)] = newValue }
  }

  private func place(_ indices: [Int]) -> Int {
    zip(shape, indices).reduce(0) { $0 * $1.0 + $1.1 }
  }

  /// The entry at indices of a larger shape: axes aligned at the right, extents of 1 repeated.
  func stretched(_ indices: [Int]) -> Double {
    let own = indices.suffix(shape.count)
    return self[zip(shape, own).map { $0 == 1 ? 0 : $1 }]
  }

  static func stretchedShape(_ a: [Int], _ b: [Int]) -> [Int] {
    let rank = max(a.count, b.count)
    let p = [Int](repeating: 1, count: rank - a.count) + a
    let q = [Int](repeating: 1, count: rank - b.count) + b
    return zip(p, q).map { $0 == 1 ? $1 : $0 }
  }

  func map(_ f: (Double) -> Double) -> NaiveArray { NaiveArray(shape: shape, values.map(f)) }

  static func combine(
    _ a: NaiveArray, _ b: NaiveArray, _ f: (Double, Double) -> Double
  ) -> NaiveArray {
    build(stretchedShape(a.shape, b.shape)) { f(a.stretched($0), b.stretched($0)) }
  }

  /// `f` of the list of entries along an axis, for each place outside it.
  func reduced(alongAxis axis: Int, _ f: ([Double]) -> Double) -> NaiveArray {
    var rest = shape
    rest.remove(at: axis)
    return .build(rest) { indices in
      f(
        (0..<shape[axis]).map { k in
          var all = indices
          all.insert(k, at: axis)
          return self[all]
        })
    }
  }

  /// The entry where index `k` along an axis is `source(k)`; 0 where that is `nil`.
  func moved(alongAxis axis: Int, extent: Int, _ source: (Int) -> Int?) -> NaiveArray {
    var result = shape
    result[axis] = extent
    return .build(result) { indices in
      guard let k = source(indices[axis]) else { return 0 }
      var other = indices
      other[axis] = k
      return self[other]
    }
  }
}
