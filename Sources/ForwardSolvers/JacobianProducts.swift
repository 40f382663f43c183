import TracedTensors

/// Products with the Jacobian of a vector function at a point, on plain and on traced tensors.
///
/// On plain tensors the function is recorded once and replayed; on traced ones each product is a
/// forward sweep in tensor operations, so that it is recorded itself. The function is passed to
/// each call instead of being kept, so that it need not escape.
struct JacobianProducts {
  typealias Function = (Tensor) throws -> Tensor

  let point: Tensor
  /// `nil` when something is traced.
  let recorded: Linearization<Tensor, Tensor>?

  /// - Parameters:
  ///   - isTraced: whether values of `function` are traced by an enclosing derivative.
  init(at point: Tensor, isTraced: Bool, of function: Function) throws {
    self.point = point
    recorded = isTraced ? nil : try linearization(at: point, of: function)
  }

  /// What has been recorded already.
  init(_ recorded: Linearization<Tensor, Tensor>) {
    point = recorded.point
    self.recorded = recorded
  }

  /// `J tangent`.
  func product(_ tangent: Tensor, of function: Function) throws -> Tensor {
    if let recorded { return try recorded.pushforward(tangent) }
    return try valueAndPushforward(at: point, along: tangent, of: function).tangent
  }

  /// The Jacobian, by one product for each column unless its entries are at hand.
  func matrix(of function: Function) throws -> Tensor {
    if let jacobian = recorded?.jacobian {
      return Tensor(shape: [jacobian.rowCount, jacobian.columnCount], try jacobian.denseMatrix())
    }
    let columns = try point.withoutDerivative.scalars.indices.map { index in
      var unit = [Double](repeating: 0, count: point.count)
      unit[index] = 1
      return try product(Tensor(unit), of: function)
    }
    return Tensor.stack(columns).transposed()
  }
}
