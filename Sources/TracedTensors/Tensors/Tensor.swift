import Kernels

/// A dense array of `Double` of any shape, row-major, with value semantics.
///
/// ```swift
/// let matrix = Tensor([[1, 2], [3, 4]])
/// let vector: Tensor = [10, 20]
/// print(matmul(matrix, vector) + 0.5)          // [50.5, 110.5]
/// ```
///
/// A scalar is a tensor of shape `[]`; number literals make one. In elementwise operations shapes
/// are aligned at the right and extents of 1 stretch, as in NumPy. Two shapes that do not fit stop
/// the program with both, like an array index out of range.
///
/// Inside a function that is being differentiated (`gradient(at:of:)`, the conditions of an
/// `ImplicitFunction`, an unrolled solver) a tensor may be *traced*: operations on it are recorded.
/// Comparisons and `isFinite` of traced tensors use their values, so that convergence tests work
/// in traced loops. Turning a traced tensor into plain numbers would lose its derivative in
/// silence, so `scalar`, `scalars` and subscripts stop with a sentence there;
/// `withoutDerivative` is the explicit way out.
///
/// A tensor has at most eight axes and 2³¹ − 1 entries. Making one costs one allocation; copies
/// share it.
public struct Tensor: @unchecked Sendable {
  // Unchecked, for the tag: a traced tensor must stay with the call that traces it. The trace
  // itself checks that at every use, and stops with a sentence.

  package let storage: Storage
  package let dimensions: Shape
  /// Where the tensor was recorded, if it is traced.
  var tag: Tag?

  package init(_ storage: Storage, _ dimensions: Shape, tag: Tag? = nil) {
    self.storage = storage
    self.dimensions = dimensions
    self.tag = tag
  }

  // MARK: Making tensors

  /// A vector.
  public init(_ values: [Double]) {
    self.init(Storage(values), Shape(vector: values.count))
  }

  /// A matrix, from its rows.
  ///
  /// Rows of different lengths stop the program.
  public init(_ rows: [[Double]]) {
    let columns = rows.first?.count ?? 0
    for (index, row) in rows.enumerated() where row.count != columns {
      stop("Row 0 of a matrix has \(columns) entries, row \(index) has \(row.count).")
    }
    self.init(Storage(Array(rows.joined())), Shape([rows.count, columns]))
  }

  /// A scalar: a tensor of shape `[]`.
  public init(_ value: Double) {
    self.init(Storage(repeating: value, count: 1), .scalar)
  }

  /// A tensor of the given shape from its entries in row-major order.
  ///
  /// A count of entries that does not fill the shape stops the program.
  public init(shape: [Int], _ values: [Double]) {
    let dimensions = Shape(shape)
    if dimensions.count != values.count {
      stop("The shape \(dimensions) has \(dimensions.count) entries; \(values.count) were given.")
    }
    self.init(Storage(values), dimensions)
  }

  /// A tensor of the given shape, every entry the same.
  public init(repeating value: Double, shape: [Int]) {
    let dimensions = Shape(shape)
    self.init(Storage(repeating: value, count: dimensions.count), dimensions)
  }

  /// A tensor of the given shape, every entry zero.
  public static func zeros(_ shape: [Int]) -> Tensor { Tensor(repeating: 0, shape: shape) }

  /// A tensor of the given shape, every entry one.
  public static func ones(_ shape: [Int]) -> Tensor { Tensor(repeating: 1, shape: shape) }

  /// The `n × n` identity matrix.
  public static func identity(_ n: Int) -> Tensor {
    Tensor(
      Storage(count: n * n) { entries in
        entries.update(repeating: 0, count: n * n)
        for i in 0..<n { entries[i * n + i] = 1 }
      }, Shape([n, n]))
  }

  // MARK: Shape

  /// The extents of the axes: `[]` for a scalar, `[n]` for a vector, `[rows, columns]` for a matrix.
  public var shape: [Int] { dimensions.extents }

  /// The number of axes.
  public var rank: Int { dimensions.rank }

  /// The number of entries.
  public var count: Int { dimensions.count }

  // MARK: Numbers

  /// The entries in row-major order.
  ///
  /// Stops when the tensor is traced: plain numbers carry no derivative.
  public var scalars: [Double] {
    refuseTraced("scalars")
    return rawScalars
  }

  /// The one entry of a tensor of one entry.
  ///
  /// Stops when there are more, or when the tensor is traced: a `Double` carries no derivative.
  public var scalar: Double {
    refuseTraced("scalar")
    if count != 1 {
      stop("Only a tensor of one entry is a number; this one has the shape \(dimensions).")
    }
    return storage.base[0]
  }

  /// One entry, by its index along each axis.
  ///
  /// Stops when an index is out of range, or when the tensor is traced.
  public subscript(_ indices: Int...) -> Double {
    refuseTraced("subscript")
    if indices.count != rank {
      stop("A tensor of shape \(dimensions) has \(rank) indices; \(indices.count) were given.")
    }
    var place = 0
    for axis in 0..<rank {
      let extent = dimensions[axis]
      guard indices[axis] >= 0, indices[axis] < extent else {
        stop("Index \(indices[axis]) is out of range along axis \(axis) of shape \(dimensions).")
      }
      place = place * extent + indices[axis]
    }
    return storage.base[place]
  }

  /// The same numbers as a constant: derivatives do not pass through. The explicit way from a
  /// traced tensor to plain numbers, for printing and for decisions.
  public var withoutDerivative: Tensor { Tensor(storage, dimensions) }

  /// Whether operations on this tensor are being recorded.
  public var isTraced: Bool { tag != nil }

  /// Whether every entry is a finite number. Works on traced tensors.
  public var isFinite: Bool { Vector.firstNonFinite(storage.values, count: count) == nil }

  /// Appends the entries, as `scalars` gives them.
  package func appendScalars(to numbers: inout [Double]) {
    refuseTraced("scalars")
    numbers.append(contentsOf: UnsafeBufferPointer(start: storage.values, count: count))
  }

  /// The entries, traced or not: for decisions that must not stop.
  package var rawScalars: [Double] {
    [Double](UnsafeBufferPointer(start: storage.values, count: count))
  }

  private func refuseTraced(_ member: String) {
    if tag != nil {
      stop(
        """
        `\(member)` of a traced tensor would lose its derivative in silence. Stay with tensors \
        (a comparison of tensors works on traced ones too), or write `.withoutDerivative` first \
        where the derivative is not wanted.
        """)
    }
  }
}

extension Tensor: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  /// A scalar.
  public init(floatLiteral value: Double) { self.init(value) }

  /// A scalar.
  public init(integerLiteral value: Int) { self.init(Double(value)) }
}

extension Tensor: ExpressibleByArrayLiteral {
  /// A vector of scalars, or a tensor stacked from slices of equal shape: `[[1, 2], [3, 4]]` is a
  /// matrix. The elements may be traced.
  public init(arrayLiteral elements: Tensor...) { self = Tensor.stack(elements) }
}

extension Tensor: Equatable {
  /// Equal shapes and equal numbers. Works on traced tensors, by their values.
  public static func == (a: Tensor, b: Tensor) -> Bool {
    guard a.dimensions == b.dimensions else { return false }
    for i in 0..<a.count where a.storage.base[i] != b.storage.base[i] { return false }
    return true
  }

  /// Compares two scalars by their values; works on traced ones. For entrywise comparison see
  /// `isLess(than:)`.
  public static func < (a: Tensor, b: Tensor) -> Bool { a.comparable("<") < b.comparable("<") }

  /// Compares two scalars by their values; works on traced ones.
  public static func <= (a: Tensor, b: Tensor) -> Bool { a.comparable("<=") <= b.comparable("<=") }

  /// Compares two scalars by their values; works on traced ones.
  public static func > (a: Tensor, b: Tensor) -> Bool { a.comparable(">") > b.comparable(">") }

  /// Compares two scalars by their values; works on traced ones.
  public static func >= (a: Tensor, b: Tensor) -> Bool { a.comparable(">=") >= b.comparable(">=") }

  private func comparable(_ operation: String) -> Double {
    if count != 1 {
      stop(
        "`\(operation)` compares two numbers; a tensor of shape \(dimensions) is not one. "
          + "Entrywise: `isLess(than:)`.")
    }
    noteBranch(self)
    return storage.base[0]
  }
}
