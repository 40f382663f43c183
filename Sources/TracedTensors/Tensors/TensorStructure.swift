import Kernels

/// Something made of tensors: the several named inputs of a problem, or its several unknowns.
///
/// `Tensor`, arrays and optionals of structures conform. A struct conforms by listing its fields,
/// each a structure itself:
///
/// ```swift
/// struct Ridge: TensorStructure {
///   var logPenalties: Tensor
///   var features: Tensor
///   static var fields: [TensorField<Ridge>] {
///     [.init("logPenalties", \.logPenalties), .constant("features", \.features)]
///   }
/// }
/// ```
///
/// (A *computed* static property: Swift 6 does not allow a stored one here.) A field listed as
/// `.constant` is never differentiated and costs nothing: it gets no products, its part of a
/// tangent is ignored, and its part of a gradient is an empty tensor, which cannot be mistaken
/// for a derivative of zero.
///
/// `Double`, `[Double]` and tuples do not conform: they could not carry a trace.
public protocol TensorStructure: Sendable {
  /// The fields of a struct, in order. The other three requirements follow from it.
  static var fields: [TensorField<Self>] { get }

  /// Calls `body` with the name of every tensor (`"bounds.lower"`, `"layers[2]"`), the tensor, and
  /// whether it is constant, in order.
  func forEachTensor(
    named prefix: String, isConstant: Bool, _ body: (String, Tensor, Bool) -> Void)

  /// The same structure (same counts of arrays, same optionals present) with every tensor
  /// replaced by what `body` gives for it, in the order of `forEachTensor`.
  func mapTensors(
    isConstant: Bool, _ body: (_ tensor: Tensor, _ isConstant: Bool) -> Tensor
  ) -> Self
}

/// A field of a `TensorStructure`: its name, and how it is read and replaced.
public struct TensorField<Root> {
  private let name: String
  private let isConstant: Bool
  // One word behind the protocol: structures list their fields anew at each use, and closures would
  // take memory each time.
  private let place: any TensorFieldPlace<Root>

  /// A field that derivatives are taken of.
  public init<Value: TensorStructure>(_ name: String, _ path: WritableKeyPath<Root, Value>) {
    self.init(name, path, isConstant: false)
  }

  /// A field that is never differentiated and costs nothing.
  public static func constant<Value: TensorStructure>(
    _ name: String, _ path: WritableKeyPath<Root, Value>
  ) -> TensorField {
    TensorField(name, path, isConstant: true)
  }

  private init<Value: TensorStructure>(
    _ name: String, _ path: WritableKeyPath<Root, Value>, isConstant: Bool
  ) {
    self.name = name
    self.isConstant = isConstant
    place = KeyPathPlace(path: path)
  }

  /// Calls `body` for the tensors of this field of a structure.
  func forEach(
    _ root: Root, _ prefix: String, _ outer: Bool, _ body: (String, Tensor, Bool) -> Void
  ) {
    place.forEach(
      root, named: prefix.isEmpty ? name : "\(prefix).\(name)", isConstant: outer || isConstant,
      body)
  }

  /// Replaces the tensors of this field of a structure.
  func map(_ root: inout Root, _ outer: Bool, _ body: (Tensor, Bool) -> Tensor) {
    place.map(&root, isConstant: outer || isConstant, body)
  }
}

/// How a field of whatever type is reached from its structure.
private protocol TensorFieldPlace<Root> {
  associatedtype Root

  func forEach(
    _ root: Root, named name: String, isConstant: Bool, _ body: (String, Tensor, Bool) -> Void)
  func map(_ root: inout Root, isConstant: Bool, _ body: (Tensor, Bool) -> Tensor)
}

private struct KeyPathPlace<Root, Value: TensorStructure>: TensorFieldPlace {
  let path: WritableKeyPath<Root, Value>

  func forEach(
    _ root: Root, named name: String, isConstant: Bool, _ body: (String, Tensor, Bool) -> Void
  ) {
    root[keyPath: path].forEachTensor(named: name, isConstant: isConstant, body)
  }

  func map(_ root: inout Root, isConstant: Bool, _ body: (Tensor, Bool) -> Tensor) {
    root[keyPath: path] = root[keyPath: path].mapTensors(isConstant: isConstant, body)
  }
}

extension TensorStructure {
  /// The fields' tensors, one field after the other.
  public func forEachTensor(
    named prefix: String, isConstant: Bool, _ body: (String, Tensor, Bool) -> Void
  ) {
    for field in Self.fields { field.forEach(self, prefix, isConstant, body) }
  }

  /// A copy whose fields are mapped one after the other.
  public func mapTensors(
    isConstant: Bool, _ body: (_ tensor: Tensor, _ isConstant: Bool) -> Tensor
  ) -> Self {
    var copy = self
    for field in Self.fields { field.map(&copy, isConstant, body) }
    return copy
  }
}

extension Tensor: TensorStructure {
  /// A tensor has no fields: it is a leaf.
  public static var fields: [TensorField<Tensor>] { [] }

  /// Itself.
  public func forEachTensor(
    named prefix: String, isConstant: Bool, _ body: (String, Tensor, Bool) -> Void
  ) { body(prefix, self, isConstant) }

  /// What `body` gives for it.
  public func mapTensors(
    isConstant: Bool, _ body: (_ tensor: Tensor, _ isConstant: Bool) -> Tensor
  ) -> Tensor { body(self, isConstant) }
}

extension Array: TensorStructure where Element: TensorStructure {
  /// An array has elements instead of fields.
  public static var fields: [TensorField<[Element]>] { [] }

  /// The elements' tensors, in order.
  public func forEachTensor(
    named prefix: String, isConstant: Bool, _ body: (String, Tensor, Bool) -> Void
  ) {
    for (index, element) in enumerated() {
      element.forEachTensor(named: "\(prefix)[\(index)]", isConstant: isConstant, body)
    }
  }

  /// The array of the mapped elements.
  public func mapTensors(
    isConstant: Bool, _ body: (_ tensor: Tensor, _ isConstant: Bool) -> Tensor
  ) -> [Element] { map { $0.mapTensors(isConstant: isConstant, body) } }
}

extension Optional: TensorStructure where Wrapped: TensorStructure {
  /// An optional has at most one value instead of fields.
  public static var fields: [TensorField<Wrapped?>] { [] }

  /// The tensors of the value, if there is one.
  public func forEachTensor(
    named prefix: String, isConstant: Bool, _ body: (String, Tensor, Bool) -> Void
  ) { self?.forEachTensor(named: prefix, isConstant: isConstant, body) }

  /// The mapped value, if there is one.
  public func mapTensors(
    isConstant: Bool, _ body: (_ tensor: Tensor, _ isConstant: Bool) -> Tensor
  ) -> Wrapped? { map { $0.mapTensors(isConstant: isConstant, body) } }
}

extension TensorStructure {
  /// All tensors in order, constants included.
  public var tensors: [Tensor] {
    var result: [Tensor] = []
    forEachTensor(named: "", isConstant: false) { _, tensor, _ in result.append(tensor) }
    return result
  }

  /// The tensors that derivatives are taken of, in order.
  package var variables: [Tensor] {
    var result: [Tensor] = []
    forEachTensor(named: "", isConstant: false) { _, tensor, isConstant in
      if !isConstant { result.append(tensor) }
    }
    return result
  }

  /// The names of the tensors that derivatives are taken of, in order.
  public var variableNames: [String] {
    var result: [String] = []
    forEachTensor(named: "", isConstant: false) { name, _, isConstant in
      if !isConstant { result.append(name) }
    }
    return result
  }

  /// How many numbers derivatives are taken of.
  public var variableCount: Int {
    var count = 0
    forEachTensor(named: "", isConstant: false) { _, tensor, isConstant in
      if !isConstant { count += tensor.count }
    }
    return count
  }

  /// The numbers that derivatives are taken of, one tensor after the other.
  ///
  /// Stops when a tensor is traced.
  public func flattened() -> [Double] {
    var result: [Double] = []
    forEachTensor(named: "", isConstant: false) { _, tensor, isConstant in
      if !isConstant { tensor.appendScalars(to: &result) }
    }
    return result
  }

  /// The same structure with other numbers in its variables; constants keep theirs.
  ///
  /// - Throws: `DifferentiationError.sizeMismatch` when `numbers` has another count than
  ///   `variableCount`.
  public func rebuilt(from numbers: [Double]) throws(DifferentiationError) -> Self {
    if numbers.count != variableCount {
      throw .sizeMismatch(
        what: "the numbers to rebuild a structure from", expected: variableCount,
        found: numbers.count)
    }
    return refilled(numbers) { $0 }
  }

  /// The same structure with other numbers in its variables, as many as there are; what becomes of
  /// constants is up to `constant`.
  package func refilled(_ numbers: [Double], constant: (Tensor) -> Tensor) -> Self {
    numbers.withUnsafeBufferPointer { buffer in
      var place = 0
      return mapTensors(isConstant: false) { tensor, isConstant in
        if isConstant { return constant(tensor) }
        defer { place += tensor.count }
        guard let base = buffer.baseAddress else { return Tensor.zeros(tensor.shape) }
        return Tensor(Storage(base + place, count: tensor.count), tensor.dimensions)
      }
    }
  }

  /// The variables one after the other in one vector, traced where they are.
  package var flat: Tensor {
    let tensors = variables
    return tensors.count == 1
      ? tensors[0].flattened() : Tensor.concatenate(tensors.map { $0.flattened() })
  }

  /// The same structure with its variables cut from one vector, the inverse of `flat`.
  package func refilled(from flat: Tensor) -> Self {
    let shapes = variables.map(\.dimensions)
    if shapes.count == 1 { return replacingVariables(with: [flat.viewed(as: shapes[0])]) }
    var end = 0
    return replacingVariables(
      with: shapes.map { shape in
        defer { end += shape.count }
        return flat.slice(end..<(end + shape.count)).viewed(as: shape)
      })
  }

  /// The structure as the level below `trace` sees it.
  package func lowered(below trace: Trace) -> Self {
    mapTensors(isConstant: false) { tensor, isConstant in
      isConstant ? tensor : tensor.lowered(below: trace)
    }
  }

  /// The structure with its variables replaced one for one.
  package func replacingVariables(with tensors: [Tensor]) -> Self {
    var index = 0
    return mapTensors(isConstant: false) { tensor, isConstant in
      if isConstant { return tensor }
      defer { index += 1 }
      return tensors[index]
    }
  }

  /// The same numbers without traces.
  public var withoutDerivative: Self {
    mapTensors(isConstant: false) { tensor, _ in tensor.withoutDerivative }
  }
}
