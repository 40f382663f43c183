import TracedTensors

/// A structure with everything that a structure can have.
package struct Named: TensorStructure, Equatable {
  package var weights: Tensor
  package var biases: [Tensor]
  package var extra: Tensor?
  package var data: Tensor

  package init(weights: Tensor, biases: [Tensor], extra: Tensor?, data: Tensor) {
    self.weights = weights
    self.biases = biases
    self.extra = extra
    self.data = data
  }

  package static var fields: [TensorField<Named>] {
    [
      .init("weights", \.weights), .init("biases", \.biases), .init("extra", \.extra),
      .constant("data", \.data),
    ]
  }
}
