import Measurement
import TracedTensors

/// A tensor operation with the operands it is tried on: one row of a table that the probe hashes
/// and the tests check against differences and naive loops.
package struct Operation: Sendable {
  /// What is called; several rows may share it and differ in their operands.
  package let name: String
  package let operands: [Operand]
  package let apply: @Sendable ([Tensor]) -> Tensor

  package init(
    _ name: String, _ operands: [Operand], _ apply: @escaping @Sendable ([Tensor]) -> Tensor
  ) {
    self.name = name
    self.operands = operands
    self.apply = apply
  }
}

/// The shape of an operand, and where its entries are drawn from.
package struct Operand: Sendable {
  package enum Domain: Sendable {
    /// Uniform between two numbers.
    case between(Double, Double)
    /// Uniform between two positive numbers, with either sign: away from a kink or a pole at 0.
    case eitherSign(Double, Double)
  }

  package let shape: [Int]
  package let domain: Domain

  package init(_ shape: [Int], _ domain: Domain = .between(-1, 1)) {
    self.shape = shape
    self.domain = domain
  }

  /// Seeded entries.
  package func draw(_ numbers: inout ProbeNumbers) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(shape: shape, (0..<count).map { _ in numbers.next(domain) })
  }
}

/// Numbers from a seed, for operands.
package struct ProbeNumbers {
  private var generator: SplitMix64

  package init(seed: UInt64) { generator = SplitMix64(seed: seed) }

  package mutating func nextBits() -> UInt64 { generator.next() }

  package mutating func next(_ domain: Operand.Domain) -> Double {
    let unit = generator.unit()
    switch domain {
    case .between(let low, let high):
      return low + (high - low) * unit
    case .eitherSign(let low, let high):
      let magnitude = low + (high - low) * unit
      return nextBits() & 1 == 0 ? magnitude : -magnitude
    }
  }
}

extension Operation: CustomStringConvertible {
  /// The name and the shapes: `* [2, 3] [3]`.
  package var description: String {
    ([name] + operands.map { "\($0.shape)" }).joined(separator: " ")
  }
}

/// The rows of the catalogue that share a name.
package struct OperationFamily: Sendable, CustomStringConvertible {
  package let name: String
  package private(set) var rows: [Operation] = []

  /// The catalogue by names, in its order.
  package static let all: [OperationFamily] = {
    var families: [OperationFamily] = []
    var places: [String: Int] = [:]
    for operation in Operation.catalogue {
      let place = places[operation.name, default: families.count]
      if place == families.count {
        families.append(OperationFamily(name: operation.name))
        places[operation.name] = place
      }
      families[place].rows.append(operation)
    }
    return families
  }()

  package var description: String { name }
}
